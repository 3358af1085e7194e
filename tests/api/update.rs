//! `/api/update`: what the daemons that sites wrote for themselves are told.

use milepost_api::Settings;
use milepost_testkit::{Answer, Options, Server};
use serde_json::{Value, json};

use crate::support::{SENDS_JSON, build_of, labels, open, pointers, progress, report, step, text};

const HOST: &str = "web1.brno.example.com";

fn server_for(networks: &[&str]) -> Server {
    let api_update = networks.iter().map(|network| network.parse().unwrap()).collect();
    let settings = Settings { api_update, ..Settings::default() };
    Server::with(Options { settings, ..Options::default() })
}

/// A service that takes updates from this machine.
fn open_to_us() -> Server {
    server_for(&["127.0.0.0/8"])
}

#[track_caller]
fn update(server: &Server, body: &Value) -> Answer {
    server.anyone().post("/api/update", body)
}

#[track_caller]
fn builds(server: &Server) -> Value {
    server.read().get(&format!("/api/v2/hosts/{HOST}/builds")).expect(200).json()["total"].clone()
}

#[test]
fn nobody_may_update_unless_their_network_is_named() {
    for server in [Server::start(), server_for(&["10.0.0.0/8", "2001:db8::/32"])] {
        let problem = update(&server, &json!({"name": HOST, "percentage": 1})).expect(403).json();
        assert_eq!(problem["code"], "forbidden");
        assert!(text(&problem["detail"]).contains("[compat] api_update"));
        let forwarded = [SENDS_JSON, ("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")];
        let body = json!({"name": HOST}).to_string();
        let _ = server.anyone().send("POST", "/api/update", &forwarded, Some(body.as_bytes())).expect(403);
        assert_eq!(server.read().get("/api/v2/hosts").expect(200).json()["total"], 0);
    }
}

#[test]
fn a_host_is_made_on_first_sight() {
    let server = open_to_us();
    let body = json!({
        "name": HOST, "datacenter_name": "brno", "action": "Installing packages", "status": "running",
        "percentage": "42",
    });
    assert_eq!(update(&server, &body).expect(200).json(), json!({"result": "recorded"}));
    let shown = progress(&server, HOST);
    assert_eq!(
        (&shown["host"]["name"], &shown["host"]["location"], &shown["state"], &shown["percent"]),
        (&json!(HOST), &json!("brno"), &json!("running"), &json!(42))
    );
    let current = &shown["current_step"];
    assert_eq!(
        (&current["label"], &current["name"], &current["state"], &current["message"]),
        (&json!("installing_packages"), &json!("Installing packages"), &json!("running"), &json!("running"))
    );
    assert!(shown["build"].get("token").is_none());
}

#[test]
fn a_percentage_is_a_number_or_a_string_and_shown_as_it_came() {
    let server = open_to_us();
    for (percentage, shown) in [
        (json!("42"), 42),
        (json!(43), 43),
        (json!("44.9"), 44),
        (json!(45.5), 45),
        (json!("46 %"), 46),
        (json!(""), 46),
        (Value::Null, 46),
    ] {
        let body = json!({"name": HOST, "action": "Install", "percentage": percentage});
        let _ = update(&server, &body).expect(200);
        assert_eq!(progress(&server, HOST)["percent"], shown, "{percentage}");
    }
    assert_eq!(builds(&server), 1);
}

#[test]
fn a_word_for_failure_fails_the_build_and_another_update_goes_on() {
    let server = open_to_us();
    for word in ["failed", "ERROR", "aborted by user", "kernel crash", "Failure"] {
        let _ = update(&server, &json!({"name": HOST, "action": "Disk", "status": word})).expect(200);
        let shown = progress(&server, HOST);
        assert_eq!((&shown["state"], &shown["last_message"]), (&json!("failed"), &json!(word)));
        for goes_on in ["running", "started", "in progress"] {
            let _ = update(&server, &json!({"name": HOST, "action": "Disk", "status": goes_on})).expect(200);
            assert_eq!(progress(&server, HOST)["state"], "running", "{goes_on}");
        }
    }
    assert_eq!(builds(&server), 1);
}

#[test]
fn a_hundred_completes_and_the_next_update_opens_a_new_build() {
    let server = open_to_us();
    let _ = update(&server, &json!({"name": HOST, "action": "Install", "percentage": 50})).expect(200);
    let _ = update(&server, &json!({"name": HOST, "action": "Install", "percentage": "100"})).expect(200);
    let done = progress(&server, HOST);
    assert_eq!((&done["state"], &done["percent"]), (&json!("completed"), &json!(100)));
    assert_eq!(builds(&server), 1);
    let _ = update(&server, &json!({"name": HOST, "action": "Install", "percentage": 5})).expect(200);
    let next = progress(&server, HOST);
    assert_eq!((&next["state"], &next["percent"]), (&json!("running"), &json!(5)));
    assert_ne!(next["build"]["id"], done["build"]["id"]);
    assert_eq!(next["host"]["id"], done["host"]["id"]);
    assert_eq!(builds(&server), 2);
    let first = format!("/api/v2/builds/{}", text(&done["build"]["id"]));
    assert_eq!(server.read().get(&first).expect(200).json()["state"], "completed");
}

#[test]
fn a_build_that_somebody_opened_is_updated_and_not_superseded() {
    let server = open_to_us();
    let build = open(&server, HOST);
    report(&server, &build, "get_ks/done");
    let before = build_of(&server, &build);
    let body = json!({"name": HOST, "action": "Site step", "status": "running", "percentage": 90});
    let _ = update(&server, &body).expect(200);
    let after = build_of(&server, &build);
    for member in ["state", "workflow", "percent", "started_at"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(builds(&server), 1);
    assert_eq!(labels(&server, &build), ["get_ks", "site_step"]);
    assert_eq!(step(&progress(&server, HOST), "site_step")["state"], "running");
    report(&server, &build, "packages/init");
    assert_eq!(progress(&server, HOST)["current_step"]["label"], "packages", "its token still works");
}

#[test]
fn a_build_that_is_called_off_or_completed_is_not_updated() {
    let server = open_to_us();
    for state in ["canceled", "completed"] {
        let build = open(&server, HOST);
        let path = format!("/api/v2/builds/{}", build.id);
        let _ = server.manage().patch(&path, &json!({"state": state})).expect(200);
        let _ = update(&server, &json!({"name": HOST, "action": "Install", "percentage": 5})).expect(200);
        assert_eq!(build_of(&server, &build)["state"], state);
        let latest = progress(&server, HOST);
        assert_eq!(latest["build"]["workflow"], "update", "{state}");
    }
}

#[test]
fn every_bad_member_of_an_update_is_named_at_once() {
    let server = open_to_us();
    let bad = json!({
        "name": "web 1", "datacenter_name": "x".repeat(256), "action": "¿?", "status": "x".repeat(4097),
        "percentage": true,
    });
    let problem = update(&server, &bad).expect(422).json();
    let mut found = pointers(&problem);
    found.sort_unstable();
    assert_eq!(found, ["/action", "/datacenter_name", "/name", "/percentage", "/status"]);
    for percentage in [json!(101), json!("101"), json!(-1), json!("many")] {
        let problem = update(&server, &json!({"name": HOST, "percentage": percentage})).expect(422).json();
        assert_eq!(pointers(&problem), ["/percentage"], "{percentage}");
    }
    let _ = server.anyone().send("POST", "/api/update", &[SENDS_JSON], Some(b"{")).expect(400);
    assert_eq!(server.read().get("/api/v2/hosts").expect(200).json()["total"], 0);
}

#[test]
fn a_name_alone_is_an_update() {
    let server = open_to_us();
    let _ = update(&server, &json!({"name": HOST, "unknown": [1]})).expect(200);
    let shown = progress(&server, HOST);
    assert_eq!((&shown["state"], &shown["current_step"]["label"]), (&json!("running"), &json!("update")));
    assert!(shown.get("percent").is_none());
}
