//! One report, in every form an installer can send it.

use std::thread;

use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::support::{
    ACCEPT_JSON, Opened, SENDS_FORM, SENDS_JSON, SENDS_TEXT, build_of, labels, open, post_form, progress,
    report, step, stream, text,
};

/// A method, what follows the build's step URL or is a path of its own, headers and a body, in
/// which `TOKEN` stands for the token.
type Form<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

#[track_caller]
fn send(server: &Server, build: &Opened, form: &Form<'_>) -> milepost_testkit::Answer {
    let (method, path, headers, body) = form;
    let with_token = |text: &str| text.replace("TOKEN", &build.token);
    let headers: Vec<(&str, String)> =
        headers.iter().map(|(name, value)| (*name, with_token(value))).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = with_token(body);
    let body = (!body.is_empty()).then_some(body.as_bytes());
    server.anyone().send(method, &with_token(path), &headers, body)
}

#[track_caller]
fn log_of(server: &Server, build: &Opened, report: &Value) -> String {
    let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, text(&report["id"]));
    server.read().get(&path).expect(200).text
}

const BEARER: (&str, &str) = ("authorization", "Bearer TOKEN");

#[test]
fn every_form_is_the_same_report() {
    let server = Server::start();
    let json = r#"{"token":"TOKEN","label":"packages","status":"init","message":"412 packages"}"#;
    let without_token = r#"{"label":"packages","status":"init","message":"412 packages"}"#;
    let form = "token=TOKEN&label=packages&status=init&message=412+packages";
    let query = "/unattended/step?token=TOKEN&label=packages&status=init&message=412%20packages";
    let by_path = "/unattended/step/TOKEN/packages/init";
    let forms: &[Form<'_>] = &[
        ("GET", query, &[], ""),
        ("POST", query, &[], ""),
        ("POST", "/unattended/step", &[SENDS_FORM], form),
        ("POST", "/unattended/step", &[], form),
        ("POST", "/unattended/step", &[SENDS_TEXT], form),
        ("POST", "/unattended/step", &[SENDS_JSON], json),
        ("POST", "/unattended/step", &[], json),
        ("POST", "/unattended/step", &[SENDS_FORM], json),
        ("POST", "/unattended/step", &[BEARER, SENDS_JSON], without_token),
        ("POST", "/unattended/step?label=packages&status=INIT", &[BEARER], "message=412+packages"),
        ("GET", "/unattended/step?label=packages&status=init&message=412+packages", &[BEARER], ""),
        ("GET", "/unattended/step/TOKEN/packages/init?message=412+packages", &[], ""),
        ("GET", "/unattended/step/TOKEN/packages?status=init&message=412+packages", &[], ""),
        ("POST", by_path, &[], "message=412+packages"),
        ("POST", by_path, &[SENDS_JSON], r#"{"message":"412 packages"}"#),
        ("POST", "/unattended/step/TOKEN/packages", &[], "status=init&message=412+packages"),
    ];
    for (at, form) in forms.iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let answer = send(&server, &build, form).expect(200);
        assert_eq!(answer.text, "recorded\n", "{form:?}");
        let recorded = stream(&server, &build);
        assert_eq!(recorded.len(), 1, "{form:?}");
        for (member, value) in [
            ("label", json!("packages")),
            ("status", json!("init")),
            ("message", json!("412 packages")),
            ("name", json!("Package installation")),
            ("priority", json!(300)),
            ("position", json!(1)),
            ("attempt", json!(1)),
            ("log_bytes", json!(0)),
        ] {
            assert_eq!(recorded[0][member], value, "{member} of {form:?}");
        }
    }
}

#[test]
fn the_simple_form_says_that_a_step_happened() {
    let server = Server::start();
    let forms: &[Form<'_>] = &[
        ("GET", "/unattended/step?token=TOKEN&label=get_ks", &[], ""),
        ("GET", "/unattended/step/TOKEN/get_ks", &[], ""),
        ("POST", "/unattended/step/TOKEN/get_ks", &[], ""),
        ("POST", "/unattended/step", &[SENDS_FORM], "token=TOKEN&label=get_ks"),
        ("POST", "/unattended/step", &[SENDS_FORM], "token=TOKEN&label=get_ks&status=&message="),
    ];
    for (at, form) in forms.iter().enumerate() {
        let host = format!("web{at}.example.com");
        let build = open(&server, &host);
        let _ = send(&server, &build, form).expect(200);
        assert!(stream(&server, &build)[0].get("status").is_none(), "{form:?}");
        let shown = progress(&server, &host);
        assert_eq!(step(&shown, "get_ks")["state"], "done", "{form:?}");
        assert_eq!(shown["state"], "running");
    }
}

#[test]
fn a_body_that_is_no_form_is_the_log() {
    let server = Server::start();
    let log = "Installing: a=1\nError: no space left on device\n";
    let forms: &[Form<'_>] = &[
        ("POST", "/unattended/step?token=TOKEN&label=packages&status=failed", &[], log),
        ("POST", "/unattended/step?label=packages&status=failed", &[BEARER, SENDS_TEXT], log),
        // curl --data-binary says that everything is a form.
        ("POST", "/unattended/step?token=TOKEN&label=packages&status=failed", &[SENDS_FORM], log),
        ("POST", "/unattended/step/TOKEN/packages/failed", &[SENDS_FORM], log),
        ("POST", "/unattended/step/TOKEN/packages?status=failed", &[SENDS_TEXT], log),
    ];
    for (at, form) in forms.iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let _ = send(&server, &build, form).expect(200);
        let recorded = &stream(&server, &build)[0];
        assert_eq!((&recorded["label"], &recorded["status"]), (&json!("packages"), &json!("failed")));
        assert_eq!(recorded["log_bytes"], json!(log.len()), "{form:?}");
        assert_eq!(log_of(&server, &build, recorded), log);
    }
}

#[test]
fn a_log_may_also_be_a_field() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let _ = post_form(&server, &build, "label=packages&status=failed&logs=first%0Asecond%09tab%00%1B%5B2J")
        .expect(200);
    let recorded = &stream(&server, &build)[0];
    assert_eq!(log_of(&server, &build, recorded), "first\nsecond\ttab", "and cannot move a cursor");
}

#[test]
fn everything_that_a_report_says_is_kept() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let body = json!({
        "token": build.token, "label": "packages", "status": "init", "name": "Packages of the base",
        "priority": 301, "percentage": 42.5, "message": "412\u{1b}[31m packages\n", "id": "r-1", "seq": 7,
        "reported_at": "2026-11-22T19:00:00+01:00", "boot_id": "b0", "unknown": {"ignored": true},
    });
    let _ = server.anyone().post("/unattended/step", &body).expect(200);
    let recorded = &stream(&server, &build)[0];
    for (member, value) in [
        ("name", json!("Packages of the base")),
        ("priority", json!(301)),
        ("percentage", json!(42.5)),
        ("message", json!("412 packages")),
        ("seq", json!(7)),
        ("reported_at", json!("2026-11-22T18:00:00Z")),
        ("boot_id", json!("b0")),
        ("build_id", json!(build.id)),
    ] {
        assert_eq!(recorded[member], value, "{member}");
    }
}

#[test]
fn a_sender_that_cannot_tell_the_time_is_heard_nevertheless() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    for (at, kept) in [("1700000000", true), ("1700000000.25", true), ("yesterday", false), ("-1", true)] {
        let _ = post_form(&server, &build, &format!("label=get_ks&reported_at={at}")).expect(200);
        let last = stream(&server, &build).pop().unwrap();
        assert_eq!(last.get("reported_at").is_some(), kept, "{at}");
    }
}

#[test]
fn an_answer_is_json_only_for_who_accepts_json() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let path = format!("/unattended/step/{}/get_ks/done", build.token);
    for accept in ["application/json", "application/json,version=2", "text/html, application/json;q=0.9"] {
        let answer = server.anyone().send("GET", &path, &[("accept", accept)], None).expect(200);
        assert_eq!(answer.json(), json!({"result": "recorded"}), "{accept}");
        assert_eq!(answer.header("content-type").unwrap(), "application/json");
    }
    for accept in ["*/*", "text/plain", "text/html"] {
        let answer = server.anyone().send("GET", &path, &[("accept", accept)], None).expect(200);
        assert_eq!(answer.text, "recorded\n", "{accept}");
        assert_eq!(answer.header("content-type").unwrap(), "text/plain; charset=utf-8");
    }
}

#[test]
fn a_report_that_is_sent_twice_is_stored_once() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let _ = post_form(&server, &build, "label=packages&status=init&id=one").expect(200);
    let before = build_of(&server, &build);
    for again in ["label=packages&status=init&id=one", "label=built&status=failed&id=one&message=other"] {
        let answer = post_form(&server, &build, again).expect(200);
        assert_eq!(answer.json(), json!({"result": "repeated"}), "{again}");
    }
    let text =
        server.anyone().get(&format!("/unattended/step/{}/packages/init?id=one", build.token)).expect(200);
    assert_eq!(text.text, "repeated\n");
    let after = build_of(&server, &build);
    for member in ["state", "reports", "last_report_at"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(labels(&server, &build), ["packages"]);
    assert_eq!(
        post_form(&server, &build, "label=packages&status=done&id=two").expect(200).json()["result"],
        "recorded"
    );
}

#[test]
fn a_report_that_is_sent_many_times_at_once_is_stored_once() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let recorded = thread::scope(|scope| {
        let send = || post_form(&server, &build, "label=get_ks&id=one").expect(200).json()["result"].take();
        let senders: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        senders.into_iter().filter_map(|sender| sender.join().ok()).filter(|word| word == "recorded").count()
    });
    assert_eq!((recorded, labels(&server, &build).len()), (1, 1));
}

#[test]
fn the_same_id_of_two_builds_is_two_reports() {
    let server = Server::start();
    for host in ["web1.example.com", "web2.example.com"] {
        let build = open(&server, host);
        let answer = post_form(&server, &build, "label=get_ks&id=one").expect(200);
        assert_eq!(answer.json()["result"], "recorded", "{host}");
    }
}

#[test]
fn numbered_reports_end_alike_in_whatever_order_they_come() {
    let server = Server::start();
    let reports = [
        "label=get_ks&status=done&seq=1",
        "label=packages&status=init&seq=2&message=412+packages",
        "label=packages&status=done&seq=3&message=all+there",
        "label=post&status=failed&seq=4&message=no+such+file",
    ];
    let ends: Vec<Value> = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [0, 3, 1, 2]]
        .iter()
        .enumerate()
        .map(|(at, order)| {
            let host = format!("web{at}.example.com");
            let build = open(&server, &host);
            for which in order {
                let _ = post_form(&server, &build, reports[*which]).expect(200);
            }
            let shown = progress(&server, &host);
            let steps: Vec<Value> = shown["steps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| json!([step["label"], step["state"], step["attempts"], step.get("message")]))
                .collect();
            json!([
                shown["state"],
                shown["current_step"]["label"],
                shown["last_message"],
                shown["build"]["attempt"],
                steps
            ])
        })
        .collect();
    assert_eq!(ends[0][0], "failed");
    assert_eq!(ends[0][1], "post");
    for end in &ends {
        assert_eq!(*end, ends[0]);
    }
}

#[test]
fn a_build_hears_only_its_own_reports() {
    let server = Server::start();
    let mine = open(&server, "web1.example.com");
    let other = open(&server, "web2.example.com");
    report(&server, &mine, "get_ks/done");
    assert_eq!(labels(&server, &mine), ["get_ks"]);
    assert_eq!(labels(&server, &other), [""; 0]);
    assert_eq!(build_of(&server, &other)["state"], "pending");
    let log = format!("/api/v2/builds/{}/reports/{}/log", other.id, text(&stream(&server, &mine)[0]["id"]));
    let _ = server.read().get(&log).expect(404);
}

#[test]
fn a_builds_token_opens_nothing_else_and_a_persons_token_reports_nothing() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let machine = milepost_testkit::Api::new(&server.url, Some(build.token.clone()));
    for path in ["/api/v2/builds", "/api/v2/hosts", "/api/v2/steps", "/api/v2/status"] {
        assert_eq!(machine.get(path).expect(401).json()["code"], "unauthenticated", "{path}");
    }
    let answer = server.manage().send("GET", "/unattended/step?label=get_ks", &[ACCEPT_JSON], None);
    assert_eq!(answer.expect(401).json()["code"], "unauthenticated");
    assert_eq!(labels(&server, &build), [""; 0]);
}
