//! Clients generated from the published document in Ruby, Python and TypeScript do the main job.

use std::{path::Path, process::Command};

use milepost_api::Scope;
use milepost_testkit::Server;

#[test]
fn generated_clients_do_the_main_job() {
    let server = Server::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/run.sh");
    let status = Command::new("sh")
        .arg(script)
        .env("MILEPOST_URL", &server.url)
        .env("MILEPOST_TOKEN", server.token(Scope::Manage))
        .env("MILEPOST_READ_TOKEN", server.token(Scope::Read))
        .status()
        .unwrap();
    assert!(status.success(), "tests/clients/run.sh ended with {status}");
}
