//! Foreman's own callbacks: `built` and `failed`.

use milepost_testkit::Server;
use serde_json::json;

use crate::support::{
    ACCEPT_JSON, SENDS_FORM, build_of, expiring, open, open_as, progress, report, step, stream, text,
};

#[test]
fn built_installs_by_post_and_by_get() {
    let server = Server::start();
    for (host, method) in [("web1.example.com", "POST"), ("web2.example.com", "GET")] {
        let build = open(&server, host);
        report(&server, &build, "get_ks/done");
        let path = format!("/unattended/built?token={}", build.token);
        let answer = server.anyone().send(method, &path, &[], None).expect(201);
        assert_eq!(answer.text, "recorded\n");
        let installed = build_of(&server, &build);
        assert_eq!(installed["state"], "installed", "{method}");
        assert_eq!(installed["installed_at"], installed["last_report_at"]);
    }
}

#[test]
fn failed_marks_the_step_at_work_by_post_and_by_get() {
    let server = Server::start();
    for (host, method) in [("web1.example.com", "POST"), ("web2.example.com", "GET")] {
        let build = open(&server, host);
        report(&server, &build, "get_ks/done");
        report(&server, &build, "packages/init");
        let path = format!("/unattended/failed?token={}", build.token);
        let answer = server.anyone().send(method, &path, &[ACCEPT_JSON], None).expect(201);
        assert_eq!(answer.json(), json!({"result": "recorded"}));
        let shown = progress(&server, host);
        assert_eq!(shown["state"], "failed", "{method}");
        assert_eq!(step(&shown, "packages")["state"], "failed", "{method}");
        assert_eq!(step(&shown, "get_ks")["state"], "done", "{method}");
    }
}

#[test]
fn the_token_may_stand_in_the_header() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let bearer = format!("Bearer {}", build.token);
    let headers = [("authorization", bearer.as_str())];
    let _ = server.anyone().send("POST", "/unattended/built", &headers, None).expect(201);
    assert_eq!(build_of(&server, &build)["state"], "installed");
}

#[test]
fn a_token_that_opens_nothing_is_not_found_as_foreman_has_it() {
    let server = Server::start();
    for path in ["/unattended/built", "/unattended/failed"] {
        for token in ["", "?token=", "?token=short", "?token=0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"] {
            for method in ["GET", "POST"] {
                let answer = server.anyone().send(method, &format!("{path}{token}"), &[ACCEPT_JSON], None);
                assert_eq!(answer.expect(404).json()["code"], "not_found", "{method} {path}{token}");
            }
        }
    }
}

#[test]
fn saying_again_that_it_is_built_is_no_error() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let path = format!("/unattended/built?token={}", build.token);
    let _ = server.anyone().send("POST", &path, &[], None).expect(201);
    let first = build_of(&server, &build);
    let _ = server.anyone().send("POST", &path, &[], None).expect(201);
    report(&server, &build, "first_boot/done");
    let _ = server.anyone().get(&path).expect(201);
    let last = build_of(&server, &build);
    assert_eq!((&last["state"], &last["installed_at"]), (&json!("completed"), &first["installed_at"]));
}

#[test]
fn failed_keeps_the_end_of_a_long_log() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let log = "a=1&b=2 is no form here\n".repeat(10_000) + "Error: no space left on device\n";
    let path = format!("/unattended/failed?token={}", build.token);
    let _ = server.anyone().send("POST", &path, &[SENDS_FORM], Some(log.as_bytes())).expect(201);
    let recorded = &stream(&server, &build)[0];
    assert_eq!((&recorded["label"], &recorded["status"]), (&json!("built"), &json!("failed")));
    let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, text(&recorded["id"]));
    let shown = server.read().get(&path).expect(200).text;
    let (mark, rest) = shown.split_once('\n').unwrap();
    assert_eq!(mark, format!("[... {} bytes cut ...]", log.len() - rest.len()));
    assert!(rest.len() <= 64 * 1024 && log.ends_with(rest));
}

#[test]
fn built_and_failed_forgive_a_token_that_ran_out() {
    let server = expiring();
    for (callback, state) in [("built", "installed"), ("failed", "failed")] {
        let build = open(&server, &format!("{callback}.example.com"));
        assert_eq!(build_of(&server, &build)["state"], "expired");
        let path = format!("/unattended/{callback}?token={}", build.token);
        let _ = server.anyone().send("POST", &path, &[], None).expect(201);
        assert_eq!(build_of(&server, &build)["state"], state);
    }
}

#[test]
fn a_workflow_without_the_step_is_built_too() {
    let server = Server::start();
    let workflow = json!({"title": "Appliance", "steps": [{"label": "get_ks"}, {"label": "first_boot"}]});
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let build = open_as(&server, &json!({"name": "web1.example.com"}), "appliance");
    let path = format!("/unattended/built?token={}", build.token);
    let _ = server.anyone().send("POST", &path, &[], None).expect(201);
    assert_eq!(build_of(&server, &build)["state"], "installed");
}
