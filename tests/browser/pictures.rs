//! What is made for the documents: pictures of a fleet, and figures of ten thousand rows. Not checked by `make test`.

use std::{fs, path::Path, process::Command, sync::Arc};

use chrono::TimeDelta;
use milepost_api::Scope;
use milepost_domain::{HostFacts, Id, Label, registry::Mode};
use milepost_store::{Settings, Store, build::Opening};
use milepost_testkit::Server;
use serde_json::json;

use crate::{binary, link, open, past, play, report};

const HOSTS: u64 = 10_000;
/// The pictures that documents show; the test's own stay where they are.
const SHOWN: [&str; 6] = ["fleet", "host", "statistics", "workflows", "dark", "phone"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
#[ignore = "make screenshots: takes the pictures of README and docs"]
fn pictures_are_taken_of_a_fleet_that_is_played() {
    let server = past::month();
    let mut demo = Command::new(binary())
        .args(["demo", "--hosts", "24", "--speed", "30", "--url", &server.url])
        .env("MILEPOST_TOKEN", server.token(Scope::Manage))
        .spawn()
        .unwrap();
    play("screenshots", &[("MILEPOST_URL", &server.url), ("MILEPOST_LINK", &link(&server, Scope::Read))]);
    demo.kill().unwrap();
    let _ = demo.wait().unwrap();
    let taken = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser");
    for name in SHOWN {
        let _ = fs::copy(taken.join(format!("{name}.png")), root().join(format!("docs/images/{name}.png")))
            .unwrap();
    }
}

#[test]
#[ignore = "make web-measure: measures, and writes docs/web.md"]
fn ten_thousand_rows_are_measured() {
    let server = Server::start();
    let store = Store::connect(&server.database.url, &Settings::default(), Mode::Strict).unwrap();
    let now = milepost_api::now() - TimeDelta::hours(1);
    let workflow: Label = "kickstart".parse().unwrap();
    let plan = Arc::new(store.registry().plan(&workflow));
    for number in 0..HOSTS {
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&number.to_be_bytes());
        let opening = Opening {
            is_announced: false,
            host: HostFacts::named(format!("node{number:05}.example.com").parse().unwrap()),
            workflow: workflow.clone(),
            plan: Arc::clone(&plan),
            credential: None,
            now,
            expires_at: now + TimeDelta::hours(6),
            build_id: Id::at(now, bytes),
            host_id: Id::at(now, bytes),
        };
        let _ = store.open(&opening, None).unwrap();
    }
    // The newest are on top, where they are seen.
    let urls: Vec<String> = (0..5)
        .map(|number| {
            let build = open(&server, &format!("seen{number}.example.com"), "brno");
            report(&server, &build, &json!({"label": "get_ks", "status": "done"}));
            format!("{}/unattended/step/{}", server.url, build["token"].as_str().unwrap())
        })
        .collect();
    play(
        "measure",
        &[
            ("MILEPOST_URL", &server.url),
            ("MILEPOST_LINK", &link(&server, Scope::Read)),
            ("REPORTS_TO", &urls.join(" ")),
            ("HOSTS", &HOSTS.to_string()),
            ("RESULTS", root().join("docs/web.md").to_str().unwrap()),
        ],
    );
}
