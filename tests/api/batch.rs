//! Many reports in one POST.

use milepost_testkit::{Answer, Server};
use serde_json::{Value, json};

use crate::support::{ACCEPT_JSON, Opened, SENDS_JSON, build_of, labels, open, post_form, progress, step};

/// POSTs with the token in the query.
#[track_caller]
fn post(server: &Server, build: &Opened, body: &str) -> Answer {
    let path = format!("/unattended/batch?token={}", build.token);
    server.anyone().send("POST", &path, &[ACCEPT_JSON], Some(body.as_bytes()))
}

fn three() -> Vec<Value> {
    vec![
        json!({"label": "get_ks", "status": "done", "id": "1"}),
        json!({"label": "packages", "status": "init", "id": "2", "message": "412 packages"}),
        json!({"label": "packages", "status": "done", "id": "3"}),
    ]
}

fn outcomes(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|one| one["result"].as_str().unwrap()).collect()
}

#[test]
fn a_batch_is_an_object_a_list_or_lines() {
    let server = Server::start();
    let object = json!({"reports": three()}).to_string();
    let list = Value::from(three()).to_string();
    let lines: Vec<String> = three().iter().map(Value::to_string).collect();
    let (unix, dos) = (lines.join("\n") + "\n", lines.join("\r\n") + "\r\n\r\n");
    let forms = [
        "label=get_ks&status=done&id=1",
        "label=packages&status=init&id=2&message=412+packages",
        "status=done&id=3&label=packages",
    ];
    let (unix_forms, dos_forms) = (forms.join("\n") + "\n", forms.join("\r\n") + "\r\n");
    for (at, body) in [object, list, unix, dos, unix_forms, dos_forms].iter().enumerate() {
        let host = format!("web{at}.example.com");
        let build = open(&server, &host);
        let answer = post(&server, &build, body).expect(200).json();
        let recorded = json!({"result": "recorded"});
        assert_eq!(
            answer,
            json!({"recorded": 3, "repeated": 0, "refused": 0, "results": [recorded, recorded, recorded]}),
            "{body}"
        );
        assert_eq!(labels(&server, &build), ["get_ks", "packages", "packages"]);
        let shown = progress(&server, &host);
        assert_eq!(step(&shown, "packages")["state"], "done");
        assert_eq!(shown["last_message"], "412 packages");
    }
}

#[test]
fn a_single_line_is_a_batch_of_one() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    for line in ["{\"label\": \"get_ks\"}\n", "label=pre&message=a%0Ab+c"] {
        assert_eq!(post(&server, &build, line).expect(200).json()["recorded"], 1);
    }
    assert_eq!(labels(&server, &build), ["get_ks", "pre"]);
}

#[test]
fn the_token_may_stand_in_body_query_or_header() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let reports = json!([{"label": "get_ks"}]);
    let in_body = json!({"token": build.token, "reports": reports}).to_string();
    let bearer = format!("Bearer {}", build.token);
    let bare = reports.to_string();
    let query = format!("/unattended/batch?token={}", build.token);
    for (path, headers, body) in [
        ("/unattended/batch", &[SENDS_JSON][..], &in_body),
        ("/unattended/batch", &[("authorization", bearer.as_str())], &bare),
        (query.as_str(), &[SENDS_JSON], &bare),
    ] {
        let answer = server.anyone().send("POST", path, headers, Some(body.as_bytes())).expect(200);
        assert_eq!(answer.text, "1 recorded, 0 repeated, 0 refused\n");
    }
    assert_eq!(labels(&server, &build).len(), 3);
}

#[test]
fn a_bad_report_is_refused_alone() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let batch = json!({"reports": [
        {"label": "get_ks", "status": "done"}, {"label": "packages", "percentage": 101}, {"status": "done"},
        "text", {"label": "packagez"}, {"label": "packages", "status": "init"},
    ]});
    let answer = post(&server, &build, &batch.to_string()).expect(200).json();
    assert_eq!(
        (&answer["recorded"], &answer["repeated"], &answer["refused"]),
        (&json!(2), &json!(0), &json!(4))
    );
    assert_eq!(outcomes(&answer), ["recorded", "refused", "refused", "refused", "refused", "recorded"]);
    for (at, word) in [(1, "percentage"), (2, "label"), (3, "object"), (4, "'packages'")] {
        let detail = answer["results"][at]["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{detail}");
    }
    assert_eq!(labels(&server, &build), ["get_ks", "packages"]);
    assert_eq!(build_of(&server, &build)["rejected_reports"], 1, "only the unknown step counts");
}

#[test]
fn the_line_for_installers_says_the_first_reason() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let path = format!("/unattended/batch?token={}", build.token);
    let body = r#"[{"label": "get_ks"}, {"label": "packages", "status": "ok"}]"#;
    let answer = server.anyone().send("POST", &path, &[], Some(body.as_bytes())).expect(200);
    assert_eq!(
        answer.text,
        "1 recorded, 0 repeated, 1 refused; first: status: status must be one of init, done, failed, not 'ok'\n"
    );
}

#[test]
fn a_batch_that_is_sent_again_is_all_repeated() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let body = json!({"reports": three()}).to_string();
    let _ = post(&server, &build, &body).expect(200);
    let before = build_of(&server, &build);
    let again = post(&server, &build, &body).expect(200).json();
    assert_eq!(outcomes(&again), ["repeated"; 3]);
    assert_eq!((&again["recorded"], &again["repeated"]), (&json!(0), &json!(3)));
    let after = build_of(&server, &build);
    assert_eq!(
        (&after["reports"], &after["last_report_at"]),
        (&before["reports"], &before["last_report_at"])
    );
    assert_eq!(labels(&server, &build).len(), 3);
}

#[test]
fn a_repeat_is_known_within_a_batch_and_across_forms() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let _ = post_form(&server, &build, "label=get_ks&id=1").expect(200);
    let body = json!([{"label": "get_ks", "id": 1}, {"label": "packages", "id": "x"}, {"label": "packages", "id": "x"}]);
    let answer = post(&server, &build, &body.to_string()).expect(200).json();
    assert_eq!(outcomes(&answer), ["repeated", "recorded", "repeated"]);
    assert_eq!(labels(&server, &build), ["get_ks", "packages"]);
}

#[test]
fn a_batch_puts_its_numbered_reports_into_order() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let body = json!([
        {"label": "packages", "status": "done", "seq": 3}, {"label": "get_ks", "status": "done", "seq": 1},
        {"label": "packages", "status": "init", "seq": 2},
    ]);
    let _ = post(&server, &build, &body.to_string()).expect(200);
    let shown = progress(&server, "web1.example.com");
    assert_eq!(step(&shown, "packages")["state"], "done");
    assert_eq!(step(&shown, "get_ks")["state"], "done");
}

#[test]
fn a_thousand_reports_are_a_batch_and_one_more_is_not() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let of =
        |count: usize| Value::from(vec![json!({"label": "packages", "status": "init"}); count]).to_string();
    let problem = post(&server, &build, &of(1001)).expect(400).json();
    assert_eq!(problem["code"], "malformed_request");
    assert!(problem["detail"].as_str().unwrap().contains("at most 1000"));
    assert_eq!(build_of(&server, &build)["reports"], 0);
    assert_eq!(post(&server, &build, &of(1000)).expect(200).json()["recorded"], 1000);
    assert_eq!(build_of(&server, &build)["reports"], 1000);
}

#[test]
fn an_empty_batch_records_nothing() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let answer = post(&server, &build, "[]").expect(200).json();
    assert_eq!(answer, json!({"recorded": 0, "repeated": 0, "refused": 0, "results": []}));
}

#[test]
fn what_is_no_batch_is_malformed() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    for body in ["{\"lines\": []}", "{\"reports\": {}}", "Error: disk full", ""] {
        let problem = post(&server, &build, body).expect(400).json();
        assert_eq!(problem["code"], "malformed_request", "{body}");
    }
    assert_eq!(labels(&server, &build), [""; 0]);
}
