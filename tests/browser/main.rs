//! The page, as people see it: Debian's Chromium looks at a real service with real reports.
//!
//! Pictures of what it saw are in `target/browser/`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod history;
mod pages;
mod past;
mod pictures;

use std::{env, fs, path::Path, process::Command};

use milepost_api::{NewToken, Scope};
use milepost_testkit::Server;
use serde_json::{Value, json};

const HOST: &str = "web1.brno.example.com";
/// What a hostile machine sends; none of it may be more than text.
const MARKUP: &str = "<img src=x onerror=alert(1)><b>bold</b>\u{1b}[2J\u{202e}";

/// A service with a rack that comes up: hosts in every state, one of which has failed after it was booted twice. And where that
/// one reports to.
fn rack() -> (Server, String) {
    let server = Server::start();
    let reports_to = rack_at(&server);
    (server, reports_to)
}

/// The same hosts, at a service that knows others already.
fn rack_at(server: &Server) -> String {
    for i in 2..=40 {
        let build = open(server, &format!("node{i}.praha.example.com"), "praha");
        report(server, &build, &json!({"label": "get_ks", "status": "done"}));
        report(
            server,
            &build,
            &json!({"label": "packages", "status": "init", "message": format!("{i} packages")}),
        );
    }
    // One of each look, for the contrast of all of them.
    for (i, state) in [(2, "completed"), (3, "installed"), (4, "canceled")] {
        let build = open(server, &format!("db{i}.praha.example.com"), "praha");
        let _ = server
            .manage()
            .patch(&format!("/api/v2/builds/{}", build["id"].as_str().unwrap()), &json!({"state": state}))
            .expect(200);
    }
    let _ = open(server, "db5.praha.example.com", "praha");
    let build = open(server, HOST, "brno");
    let refused = json!({"token": build["token"], "label": "packges"});
    let _ = server.anyone().post("/unattended/step", &refused).expect(422);
    for (label, status) in [("get_ks", "done"), ("storage", "init"), ("storage", "done"), ("get_ks", "init")]
    {
        report(server, &build, &json!({"label": label, "status": status, "message": MARKUP}));
    }
    let lines: Vec<String> = (1..=400).map(|line| format!("line {line} of the log")).collect();
    let log = lines.join("\n");
    report(
        server,
        &build,
        &json!({"label": "packages", "status": "failed", "message": "no space left on device",
            "logs": format!("{log}\n{MARKUP}\nthe very last line\n")}),
    );
    format!("{}/unattended/step/{}", server.url, build["token"].as_str().unwrap())
}

fn open(server: &Server, name: &str, location: &str) -> Value {
    let host = json!({"name": name, "location": location, "model": "R650"});
    server.manage().post("/api/v2/builds", &json!({"host": host, "workflow": "kickstart"})).expect(201).json()
}

fn report(server: &Server, build: &Value, fields: &Value) {
    let mut fields = fields.clone();
    fields["token"] = build["token"].clone();
    let _ = server.anyone().post("/unattended/step", &fields).expect(200);
}

/// Has Chromium do what `web/test/NAME.mjs` says, with what that is told by the environment.
#[track_caller]
fn play(script: &str, environment: &[(&str, &str)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert!(root.join("web/dist/index.html").exists(), "the page is not built: make web");
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser");
    fs::create_dir_all(&pictures).unwrap();
    let status = Command::new("node")
        .arg(root.join(format!("web/test/{script}.mjs")))
        .envs(environment.iter().copied())
        .env("PICTURES", &pictures)
        .status()
        .unwrap();
    assert!(
        status.success(),
        "web/test/{script}.mjs ended with {status}; pictures are in {}",
        pictures.display()
    );
}

/// A link that signs a browser in.
fn link(server: &Server, scope: Scope) -> String {
    let token = server.keys.mint_link(&NewToken::of(scope, chrono::Duration::try_minutes(10))).unwrap();
    format!("{}/sign-in?link={token}", server.url)
}

/// The binary that cargo built beside this test.
fn binary() -> String {
    let test = env::current_exe().unwrap();
    let binary = test.parent().and_then(Path::parent).unwrap().join("milepost");
    assert!(binary.is_file(), "{} is missing; build it first: cargo build -p milepost-cli", binary.display());
    binary.to_str().unwrap().to_owned()
}

#[test]
fn people_sign_in_look_over_the_fleet_and_find_what_failed() {
    let (server, reports_to) = rack();
    let link = link(&server, Scope::Read);
    play("browser", &[("MILEPOST_URL", &server.url), ("MILEPOST_LINK", &link), ("REPORTS_TO", &reports_to)]);
}

#[test]
fn a_host_is_seen_whole_and_judged_by_those_who_may() {
    let server = history::experienced();
    let build = open(&server, HOST, "brno");
    for (label, status) in [("get_ks", "done"), ("packages", "init")] {
        report(&server, &build, &json!({"label": label, "status": status, "message": "412 packages"}));
    }
    let reports_to = format!("{}/unattended/step/{}", server.url, build["token"].as_str().unwrap());
    let manage = link(&server, Scope::Manage);
    let token = server.token(Scope::Manage);
    play(
        "host",
        &[
            ("MILEPOST_URL", &server.url),
            ("MILEPOST_LINK", &manage),
            ("MILEPOST_TOKEN", &token),
            ("REPORTS_TO", &reports_to),
        ],
    );
}

#[test]
fn the_page_keeps_up_whatever_lies_between_it_and_the_service() {
    play("live", &[("MILEPOST_BIN", &binary())]);
}

#[test]
fn behind_nginx_as_it_is_written_down_the_page_is_whole() {
    play("nginx", &[("MILEPOST_BIN", &binary())]);
}
