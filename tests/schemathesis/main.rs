//! Requests that are made from the published document, sent to a running service.

use std::{path::Path, process::Command};

use milepost_api::{LimitSettings, Scope, Settings};
use milepost_testkit::{Options, Server};
use serde_json::json;

#[test]
fn whatever_the_document_allows_is_answered_as_it_says() {
    let limits = LimitSettings {
        build_reports_per_second: 0,
        address_requests_per_second: 0,
        guesses_per_minute: 0,
        ..LimitSettings::default()
    };
    let api_update = vec!["127.0.0.0/8".parse().unwrap()];
    let settings = Settings { limits, api_update, ..Settings::default() };
    let server = Server::with(Options { settings, ..Options::default() });
    let input = json!({"host": {"name": "web1.example.com"}, "workflow": "kickstart"});
    let build = server.manage().post("/api/v2/builds", &input).expect(201).json();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis/run.sh");
    let status = Command::new("sh")
        .arg(script)
        .env("MILEPOST_URL", &server.url)
        .env("MILEPOST_TOKEN", server.token(Scope::Admin))
        .env("MILEPOST_BUILD_TOKEN", build["token"].as_str().unwrap())
        .status()
        .unwrap();
    assert!(status.success(), "tests/schemathesis/run.sh ended with {status}");
}
