//! Builds: opened, superseded, judged; their tokens shown once.

use std::thread;

use milepost_api::Settings;
use milepost_testkit::{Options, Server};
use serde_json::{Value, json};

use crate::support::{build_of, expiring, labels, open, open_as, progress, report, text, time};

const FOREMANS_TOKEN: &str = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55";

fn with_token(host: &str, token: &str) -> Value {
    json!({"host": {"name": host}, "workflow": "kickstart", "token": token})
}

#[test]
fn an_opened_build_says_what_it_is_and_where_to_report() {
    let server = Server::start();
    let host = json!({
        "name": "web1.brno.example.com", "foreman_id": 42, "mac": "52:54:00:12:34:56", "ip": "10.1.2.3",
        "location": "brno", "organization": "acme", "hostgroup": "web", "operatingsystem": "RedHat 9.4",
        "model": "R650",
    });
    let answer =
        server.manage().post("/api/v2/builds", &json!({"host": host, "workflow": "kickstart"})).expect(201);
    let opened = answer.json();
    let (url, id, token) = (&server.url, text(&opened["id"]), text(&opened["token"]));
    assert_eq!(answer.header("location").unwrap(), format!("{url}/api/v2/builds/{id}"));
    assert_eq!(
        (&opened["state"], &opened["attempt"], &opened["workflow"], &opened["percent"]),
        (&json!("pending"), &json!(1), &json!("kickstart"), &json!(0))
    );
    assert_eq!(time(&opened["expires_at"]) - time(&opened["started_at"]), Settings::default().token_duration);
    assert_eq!(opened["report_url"], json!(format!("{url}/unattended/step/{token}")));
    assert_eq!(
        opened["report_urls"],
        json!({
            "path": format!("{url}/unattended/step/{token}"),
            "form": format!("{url}/unattended/step"),
            "batch": format!("{url}/unattended/batch"),
            "built": format!("{url}/unattended/built?token={token}"),
            "failed": format!("{url}/unattended/failed?token={token}"),
        })
    );
    for (member, value) in host.as_object().unwrap() {
        assert_eq!(opened["host"][member], *value, "{member}");
    }
    let got = server.read().get(&format!("/api/v2/builds/{id}")).expect(200).json();
    assert_eq!(got["host"], opened["host"]);
}

#[test]
fn urls_are_handed_out_as_the_service_is_reached_from_outside() {
    let settings =
        Settings { public_url: Some("https://milepost.example.com".to_owned()), ..Settings::default() };
    let server = Server::with(Options { settings, ..Options::default() });
    let input = json!({"host": {"name": "web1.example.com"}, "workflow": "kickstart"});
    let answer = server.manage().post("/api/v2/builds", &input).expect(201);
    let (id, token) = (text(&answer.json()["id"]), text(&answer.json()["token"]));
    assert_eq!(
        answer.header("location").unwrap(),
        format!("https://milepost.example.com/api/v2/builds/{id}")
    );
    assert_eq!(
        answer.json()["report_url"],
        json!(format!("https://milepost.example.com/unattended/step/{token}"))
    );
}

#[test]
fn a_token_opens_its_build_and_no_later_answer_shows_it() {
    let server = Server::start();
    let build = open_as(&server, &json!({"name": "web1.example.com", "foreman_id": 42}), "kickstart");
    report(&server, &build, "get_ks/done");
    let id = &build.id;
    for path in [
        "/api/v2/builds".to_owned(),
        format!("/api/v2/builds/{id}"),
        format!("/api/v2/builds/{id}/reports"),
        "/api/v2/hosts".to_owned(),
        "/api/v2/hosts/42/builds".to_owned(),
        "/api/v2/hosts/42/progress".to_owned(),
        "/api/v2/hosts/42/reports".to_owned(),
    ] {
        let answer = server.manage().get(&path).expect(200);
        assert!(answer.text.contains(id), "{path} is about this build");
        assert!(!answer.text.contains(&build.token), "{path} shows the token");
    }
    let patched =
        server.manage().patch(&format!("/api/v2/builds/{id}"), &json!({"state": "canceled"})).expect(200);
    assert!(!patched.text.contains(&build.token));
    let wrong =
        server.anyone().get(&format!("/unattended/step/{}/no_such_step/done", build.token)).expect(422);
    assert!(!wrong.text.contains(&build.token));
}

#[test]
fn opening_again_supersedes_the_build_under_way() {
    let server = Server::start();
    let first = open(&server, "web1.example.com");
    report(&server, &first, "get_ks/done");
    let second = open(&server, "web1.example.com");
    let superseded = build_of(&server, &first);
    assert_eq!(superseded["state"], "superseded");
    assert_eq!(superseded["ended_at"], build_of(&server, &second)["started_at"]);
    assert_eq!(build_of(&server, &second)["state"], "pending");
    let shown = progress(&server, "web1.example.com");
    assert_eq!(shown["build"]["id"], json!(second.id));
}

#[test]
fn of_many_openings_at_once_one_is_left_open() {
    let server = Server::start();
    let input = json!({"host": {"name": "web1.example.com", "foreman_id": 42}, "workflow": "kickstart"});
    thread::scope(|scope| {
        for _ in 0..8 {
            let _ = scope.spawn(|| server.manage().post("/api/v2/builds", &input).expect(201));
        }
    });
    for (state, count) in [("pending", 1), ("superseded", 7)] {
        let found = server.read().get(&format!("/api/v2/builds?search=state={state}")).expect(200).json();
        assert_eq!(found["subtotal"], count, "{state}");
    }
    assert_eq!(server.read().get("/api/v2/hosts").expect(200).json()["total"], 1);
}

#[test]
fn a_late_report_of_a_superseded_build_is_recorded_and_changes_no_state() {
    let server = Server::start();
    let first = open(&server, "web1.example.com");
    report(&server, &first, "get_ks/done");
    let second = open(&server, "web1.example.com");
    let before = build_of(&server, &first);
    for late in ["packages/failed", "built/done", "first_boot/done"] {
        report(&server, &first, late);
    }
    let after = build_of(&server, &first);
    assert_eq!((&after["state"], &after["ended_at"]), (&json!("superseded"), &before["ended_at"]));
    assert_eq!(labels(&server, &first), ["get_ks", "packages", "built", "first_boot"]);
    assert_eq!(build_of(&server, &second)["state"], "pending");
    assert_eq!(labels(&server, &second), [""; 0]);
}

#[test]
fn a_build_that_came_to_something_keeps_its_state_when_the_next_one_opens() {
    let server = Server::start();
    for (host, reports, state) in [
        ("failed.example.com", &["get_ks/done", "packages/failed"][..], "failed"),
        ("installed.example.com", &["get_ks/done", "built/done"], "installed"),
        ("completed.example.com", &["get_ks/done", "built/done", "first_boot/done"], "completed"),
    ] {
        let first = open(&server, host);
        for step in reports {
            report(&server, &first, step);
        }
        let second = open(&server, host);
        let closed = build_of(&server, &first);
        assert_eq!(closed["state"], state);
        assert!(closed["ended_at"].is_string(), "{state} has ended");
        report(&server, &first, "packages/init");
        assert_eq!(build_of(&server, &first)["state"], state, "a late report does not reopen it");
        assert_eq!(build_of(&server, &second)["state"], "pending");
    }
}

#[test]
fn opening_again_with_the_same_token_answers_the_same_build() {
    let server = Server::start();
    let input = with_token("web1.example.com", FOREMANS_TOKEN);
    let first = server.manage().post("/api/v2/builds", &input).expect(201).json();
    assert_eq!(first["token"], FOREMANS_TOKEN);
    let _ = server.anyone().get(&format!("/unattended/step/{FOREMANS_TOKEN}/get_ks/done")).expect(200);
    let again = server.manage().post("/api/v2/builds", &input).expect(200).json();
    assert_eq!((&again["id"], &again["state"]), (&first["id"], &json!("running")));
    assert_eq!(again["report_url"], first["report_url"]);
    assert_eq!(server.read().get("/api/v2/builds").expect(200).json()["total"], 1);
}

#[test]
fn a_token_of_another_hosts_build_is_refused_and_nothing_is_made() {
    let server = Server::start();
    let _ =
        server.manage().post("/api/v2/builds", &with_token("web1.example.com", FOREMANS_TOKEN)).expect(201);
    let problem = server
        .manage()
        .post("/api/v2/builds", &with_token("web2.example.com", FOREMANS_TOKEN))
        .expect(409)
        .json();
    assert_eq!(problem["code"], "conflict");
    assert_eq!(server.read().get("/api/v2/hosts").expect(200).json()["total"], 1);
    assert_eq!(server.read().get("/api/v2/builds").expect(200).json()["total"], 1);
}

#[test]
fn a_pending_build_whose_token_ran_out_is_expired() {
    let server = expiring();
    let build = open(&server, "web1.example.com");
    let shown = build_of(&server, &build);
    assert_eq!((&shown["state"], &shown["ended_at"]), (&json!("expired"), &shown["expires_at"]));
    assert_eq!(progress(&server, "web1.example.com")["state"], "expired");
    for (state, count) in [("expired", 1), ("pending", 0)] {
        let found = server.read().get(&format!("/api/v2/builds?search=state={state}")).expect(200).json();
        assert_eq!(found["subtotal"], count, "{state}");
    }
}

#[test]
fn a_build_is_judged_and_saying_so_again_is_no_error() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let path = format!("/api/v2/builds/{}", build.id);
    for (state, since) in [("installed", "installed_at"), ("completed", "ended_at")] {
        let first = server.manage().patch(&path, &json!({"state": state})).expect(200).json();
        assert_eq!(first["state"], state);
        let again = server.manage().patch(&path, &json!({"state": state})).expect(200).json();
        assert_eq!((&again["state"], &again[since]), (&json!(state), &first[since]));
    }
    assert_eq!(build_of(&server, &build)["percent"], 100);
}

#[test]
fn a_build_is_called_off_and_its_reports_do_not_bring_it_back() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    report(&server, &build, "get_ks/done");
    let path = format!("/api/v2/builds/{}", build.id);
    let first = server.manage().patch(&path, &json!({"state": "canceled"})).expect(200).json();
    assert_eq!(first["state"], "canceled");
    let again = server.manage().patch(&path, &json!({"state": "canceled"})).expect(200).json();
    assert_eq!(again["ended_at"], first["ended_at"]);
    report(&server, &build, "packages/init");
    assert_eq!(build_of(&server, &build)["state"], "canceled");
    for state in ["installed", "completed"] {
        let problem = server.manage().patch(&path, &json!({"state": state})).expect(409).json();
        assert_eq!(problem["code"], "conflict", "{state}");
    }
}

#[test]
fn an_installed_build_cannot_be_called_off() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    report(&server, &build, "built/done");
    let path = format!("/api/v2/builds/{}", build.id);
    for state in ["installed", "completed"] {
        assert_eq!(server.manage().patch(&path, &json!({"state": state})).expect(200).json()["state"], state);
        let problem = server.manage().patch(&path, &json!({"state": "canceled"})).expect(409).json();
        assert_eq!(problem["code"], "conflict");
        assert!(text(&problem["detail"]).contains("installed already"));
        assert_eq!(build_of(&server, &build)["state"], state);
    }
}

#[test]
fn a_superseded_build_cannot_be_judged() {
    let server = Server::start();
    let first = open(&server, "web1.example.com");
    let _ = open(&server, "web1.example.com");
    for state in ["installed", "completed", "canceled"] {
        let answer = server.manage().patch(&format!("/api/v2/builds/{}", first.id), &json!({"state": state}));
        assert_eq!(answer.expect(409).json()["code"], "conflict", "{state}");
    }
    assert_eq!(build_of(&server, &first)["state"], "superseded");
    assert_eq!(build_of(&server, &first)["reports"], 0);
}
