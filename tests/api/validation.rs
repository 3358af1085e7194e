//! What cannot be read or breaks a rule when a build is opened or judged.

use chrono::TimeDelta;
use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::support::{SENDS_JSON, open, pointers, server_time, text, time};

const BUILDS: &str = "/api/v2/builds";

fn input() -> Value {
    json!({"host": {"name": "web1.example.com"}, "workflow": "kickstart"})
}

#[track_caller]
fn nothing_was_made(server: &Server) {
    assert_eq!(server.read().get(BUILDS).expect(200).json()["total"], 0);
    assert_eq!(server.read().get("/api/v2/hosts").expect(200).json()["total"], 0);
}

#[test]
fn every_bad_field_is_named_at_once() {
    let server = Server::start();
    let long = "x".repeat(256);
    let bad = json!({
        "host": {
            "name": "web 1", "foreman_id": 0, "mac": "52:54", "ip": "300.1.1.1", "organization": long,
            "location": long, "hostgroup": "a\u{7}b", "operatingsystem": long, "model": long,
        },
        "workflow": "Kick Start", "token": "short", "expires_at": "tomorrow",
    });
    let problem = server.manage().post(BUILDS, &bad).expect(422).json();
    assert_eq!(problem["code"], "invalid");
    let mut found = pointers(&problem);
    found.sort_unstable();
    let expected = [
        "/expires_at",
        "/host/foreman_id",
        "/host/hostgroup",
        "/host/ip",
        "/host/location",
        "/host/mac",
        "/host/model",
        "/host/name",
        "/host/operatingsystem",
        "/host/organization",
        "/token",
        "/workflow",
    ];
    assert_eq!(found, expected);
    let foreman = &problem["error"];
    assert_eq!(foreman["message"], problem["detail"]);
    let fields: Vec<&str> = foreman["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    let dotted: Vec<String> =
        expected.iter().map(|pointer| pointer.trim_start_matches('/').replace('/', ".")).collect();
    assert_eq!(fields, dotted);
    let sentences = foreman["full_messages"].as_array().unwrap();
    assert_eq!(sentences.len(), expected.len());
    for fault in problem["errors"].as_array().unwrap() {
        let field = text(&fault["pointer"]).trim_start_matches('/').replace('/', ".");
        assert_eq!(foreman["errors"][&field], json!([fault["detail"]]), "{field}");
        assert!(sentences.contains(&json!(format!("{field}: {}", text(&fault["detail"])))), "{field}");
    }
    assert!(!problem["detail"].as_str().unwrap().contains("short"), "a token is never repeated");
    nothing_was_made(&server);
}

#[test]
fn a_value_of_another_type_is_named_by_its_pointer() {
    let server = Server::start();
    for (body, pointer) in [
        (json!({"host": {"name": 5}, "workflow": "kickstart"}), "/host/name"),
        (
            json!({"host": {"name": "a.example.com", "foreman_id": "x"}, "workflow": "kickstart"}),
            "/host/foreman_id",
        ),
        (json!({"host": {"name": "a.example.com"}, "workflow": ["kickstart"]}), "/workflow"),
        (json!({"host": {}, "workflow": "kickstart"}), "/host/name"),
    ] {
        let problem = server.manage().post(BUILDS, &body).expect(422).json();
        assert_eq!(pointers(&problem), [pointer], "{body}");
    }
    nothing_was_made(&server);
}

#[test]
fn a_name_that_reads_like_an_id_is_refused() {
    let server = Server::start();
    for name in ["42", "0193b0a0-0000-7000-8000-000000000001", "", "  ", "a/b", &"a".repeat(256)] {
        let body = json!({"host": {"name": name}, "workflow": "kickstart"});
        let problem = server.manage().post(BUILDS, &body).expect(422).json();
        assert_eq!(pointers(&problem), ["/host/name"], "{name}");
    }
    nothing_was_made(&server);
}

#[test]
fn unknown_members_are_ignored() {
    let server = Server::start();
    let body = json!({
        "host": {"name": "web1.example.com", "puppet_ca": true}, "workflow": "kickstart", "comment": [1],
    });
    let opened = server.manage().post(BUILDS, &body).expect(201).json();
    assert_eq!(opened["host"]["name"], "web1.example.com");
}

#[test]
fn an_unknown_workflow_is_answered_with_the_known_ones() {
    let server = Server::start();
    let body = json!({"host": {"name": "web1.example.com"}, "workflow": "kikstart"});
    let problem = server.manage().post(BUILDS, &body).expect(422).json();
    assert_eq!(pointers(&problem), ["/workflow"]);
    let known = server.read().get("/api/v2/workflows").expect(200).json();
    let names = crate::support::each(&known, "name");
    assert!(names.len() >= 8);
    assert!(text(&problem["detail"]).ends_with(&format!("known are {}", names.join(", "))));
    nothing_was_made(&server);
}

#[test]
fn what_is_not_json_is_malformed() {
    let server = Server::start();
    for body in ["", "{", "host=web1", "\u{feff}{}"] {
        let answer = server.manage().send("POST", BUILDS, &[SENDS_JSON], Some(body.as_bytes()));
        assert_eq!(answer.expect(400).json()["code"], "malformed_request", "{body}");
    }
    nothing_was_made(&server);
}

#[test]
fn a_body_that_does_not_say_json_is_of_an_unsupported_type() {
    let server = Server::start();
    let body = input().to_string();
    for headers in [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/xml")]] {
        let answer = server.manage().send("POST", BUILDS, headers, Some(body.as_bytes())).expect(415);
        assert_eq!(answer.json()["code"], "unsupported_media_type", "{headers:?}");
    }
    nothing_was_made(&server);
    let headers = [("content-type", "Application/JSON; charset=utf-8")];
    let _ = server.manage().send("POST", BUILDS, &headers, Some(body.as_bytes())).expect(201);
}

#[test]
fn a_body_over_a_mebibyte_is_too_large() {
    let server = Server::start();
    let of_size = |size: usize| {
        let body = input().to_string();
        let padding = " ".repeat(size - body.len());
        server.manage().send("POST", BUILDS, &[SENDS_JSON], Some((body + &padding).as_bytes()))
    };
    let problem = of_size(1024 * 1024 + 1).expect(413).json();
    assert_eq!(problem["code"], "body_too_large");
    nothing_was_made(&server);
    let _ = of_size(1024 * 1024).expect(201);
}

#[test]
fn a_token_must_run_out_in_the_future_and_within_a_year() {
    let server = Server::start();
    let now = server_time(&server);
    for (at, fits) in [
        (now - TimeDelta::seconds(1), false),
        (now + TimeDelta::hours(1), true),
        (now + TimeDelta::days(365), true),
        (now + TimeDelta::days(367), false),
    ] {
        let mut body = input();
        body["expires_at"] = json!(at.to_rfc3339());
        let answer = server.manage().post(BUILDS, &body);
        if fits {
            assert_eq!(time(&answer.expect(201).json()["expires_at"]), at);
        } else {
            assert_eq!(pointers(&answer.expect(422).json()), ["/expires_at"], "{at}");
        }
    }
}

#[test]
fn a_time_may_be_written_as_foreman_and_as_ruby_write_it() {
    let server = Server::start();
    let at = server_time(&server) + TimeDelta::hours(2);
    for format in ["%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S +0000", "%Y-%m-%dT%H:%M:%SZ"] {
        let mut body = input();
        body["expires_at"] = json!(at.format(format).to_string());
        let opened = server.manage().post(BUILDS, &body).expect(201).json();
        assert_eq!(time(&opened["expires_at"]).timestamp(), at.timestamp(), "{format}");
    }
}

#[test]
fn only_installed_completed_and_canceled_can_be_recorded() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let path = format!("/api/v2/builds/{}", build.id);
    for state in ["failed", "running", "superseded", ""] {
        let problem = server.manage().patch(&path, &json!({"state": state})).expect(422).json();
        assert_eq!(pointers(&problem), ["/state"], "{state}");
    }
    let empty = server.manage().patch(&path, &json!({})).expect(422).json();
    assert!(text(&empty["detail"]).contains("state"));
    assert_eq!(crate::support::build_of(&server, &build)["state"], "pending");
}
