//! What is too long, too large, too much or by whom it may not be sent; and that none of it
//! changes anything.

use milepost_domain::registry::Mode;
use milepost_testkit::{Options, Server};
use serde_json::{Value, json};

use crate::support::{
    ACCEPT_JSON, Opened, SENDS_FORM, SENDS_JSON, SENDS_TEXT, at_rest, expiring, open, pointers, post_form,
    progress, report, stream, text,
};

const HOST: &str = "web1.example.com";

/// A service that takes any label, so that only the limits are in the way.
fn loose() -> Server {
    Server::with(Options { registry: Mode::Loose, ..Options::default() })
}

#[test]
fn each_field_has_its_limit() {
    let server = loose();
    let build = open(&server, HOST);
    for (field, fits, too_much) in [
        ("label", "a".repeat(128), "a".repeat(129)),
        ("label", "a.b:c-d_9".to_owned(), "Packages".to_owned()),
        ("name", "\u{17e}".repeat(255), "\u{17e}".repeat(256)),
        ("message", "a".repeat(4096), "a".repeat(4097)),
        ("message", "\u{17e}".repeat(2048), "\u{17e}".repeat(2049)),
        ("percentage", "100".to_owned(), "101".to_owned()),
        ("percentage", "0".to_owned(), "-1".to_owned()),
        ("percentage", "99.99".to_owned(), "100.01".to_owned()),
        ("percentage", "42 %".to_owned(), "many".to_owned()),
        ("priority", "10000".to_owned(), "10001".to_owned()),
        ("priority", "0".to_owned(), "-1".to_owned()),
        ("seq", "9223372036854775807".to_owned(), "9223372036854775808".to_owned()),
        ("seq", "0".to_owned(), "-1".to_owned()),
        ("id", "a".repeat(128), "a".repeat(129)),
        ("boot_id", "a".repeat(64), "a".repeat(65)),
        ("status", "DONE".to_owned(), "ok".to_owned()),
    ] {
        let send = |value: &str| {
            let mut body = json!({"token": build.token, "label": "site_step"});
            body[field] = json!(value);
            let headers = [SENDS_JSON, ACCEPT_JSON];
            server.anyone().send("POST", "/unattended/step", &headers, Some(body.to_string().as_bytes()))
        };
        let count = stream(&server, &build).len();
        let problem = send(&too_much).expect(422).json();
        assert_eq!((&problem["code"], pointers(&problem)), (&json!("invalid"), vec![field]), "{too_much}");
        assert_eq!(stream(&server, &build).len(), count, "{field} is refused");
        let _ = send(&fits).expect(200);
        assert_eq!(stream(&server, &build).len(), count + 1, "{field} is taken");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let server = Server::start();
    let build = open(&server, HOST);
    let problem =
        post_form(&server, &build, "label=Get+KS&status=ok&percentage=120&priority=x&seq=y").expect(422);
    assert_eq!(pointers(&problem.json()), ["label", "status", "priority", "percentage", "seq"]);
    let missing = post_form(&server, &build, "status=done").expect(422).json();
    assert_eq!(pointers(&missing), ["label"]);
    assert!(text(&missing["error"]["errors"]["label"][0]).contains("missing"));
}

#[test]
fn a_long_log_is_kept_by_its_end_and_says_what_was_cut() {
    let server = Server::start();
    let line = "an ordinary line of a log\n";
    let log = line.repeat(70 * 1024 / line.len()) + "Error: no space left on device\n";
    for (host, as_field) in [("web1.example.com", true), ("web2.example.com", false)] {
        let build = open(&server, host);
        let answer = if as_field {
            let body = json!({"token": build.token, "label": "packages", "status": "failed", "logs": log});
            server.anyone().post("/unattended/step", &body)
        } else {
            let path = format!("/unattended/step/{}/packages/failed", build.token);
            server.anyone().send("POST", &path, &[SENDS_TEXT], Some(log.as_bytes()))
        };
        let _ = answer.expect(200);
        let recorded = &stream(&server, &build)[0];
        let kept = usize::try_from(recorded["log_bytes"].as_u64().unwrap()).unwrap();
        assert!(kept <= 64 * 1024 && kept > 63 * 1024, "{kept} bytes are kept");
        let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, text(&recorded["id"]));
        let answer = server.read().get(&path).expect(200);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let (mark, rest) = answer.text.split_once('\n').unwrap();
        assert_eq!(mark, format!("[... {} bytes cut ...]", log.len() - kept));
        assert_eq!(rest.len(), kept);
        assert!(log.ends_with(rest) && rest.starts_with(line), "cut at a line");
    }
}

#[test]
fn a_log_that_is_no_text_is_kept_as_text() {
    let server = Server::start();
    let build = open(&server, HOST);
    let path = format!("/unattended/step/{}/packages/failed", build.token);
    let _ = server.anyone().send("POST", &path, &[], Some(b"caf\xe9 \x1b[31mred\x1b[0m\x00\r\n")).expect(200);
    let recorded = &stream(&server, &build)[0];
    let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, text(&recorded["id"]));
    assert_eq!(server.read().get(&path).expect(200).text, "caf\u{fffd} red\n");
}

#[test]
fn a_body_over_a_mebibyte_is_too_large_wherever_it_goes() {
    let server = Server::start();
    let build = open(&server, HOST);
    let token = &build.token;
    let body = vec![b'x'; 1024 * 1024 + 1];
    for path in [
        format!("/unattended/step?token={token}&label=packages"),
        format!("/unattended/step/{token}/packages"),
        format!("/unattended/step/{token}/packages/failed"),
        format!("/unattended/batch?token={token}"),
        format!("/unattended/failed?token={token}"),
        format!("/unattended/built?token={token}"),
    ] {
        let answer = server.anyone().send("POST", &path, &[ACCEPT_JSON], Some(&body)).expect(413);
        assert_eq!(answer.json()["code"], "body_too_large", "{path}");
    }
    assert_eq!(stream(&server, &build).len(), 0);
    let path = format!("/unattended/step/{token}/packages/failed");
    let _ = server.anyone().send("POST", &path, &[], body.get(1..)).expect(200);
}

/// A status, the method and path that meet it, a body and headers; `TOKEN` stands for the build's
/// token.
type Refused = (u16, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

fn refused() -> Vec<Refused> {
    vec![
        (422, "GET", "/unattended/step?token=TOKEN", "", &[]),
        (422, "GET", "/unattended/step/TOKEN/Packages/done", "", &[]),
        (422, "GET", "/unattended/step/TOKEN/packages/finished", "", &[]),
        (422, "POST", "/unattended/step", "token=TOKEN&label=packages&percentage=101", &[SENDS_FORM]),
        (400, "POST", "/unattended/step?token=TOKEN", "{\"label\":", &[SENDS_JSON]),
        (
            415,
            "POST",
            "/unattended/step?token=TOKEN&label=get_ks",
            "--x",
            &[("content-type", "multipart/form-data; boundary=x")],
        ),
        (401, "GET", "/unattended/step?token=TOKENx&label=packages", "", &[]),
        (401, "GET", "/unattended/step?token=short&label=packages", "", &[]),
        (401, "GET", "/unattended/step?label=packages", "", &[]),
        (400, "POST", "/unattended/batch?token=TOKEN", "{\"lines\": []}", &[]),
        (401, "POST", "/unattended/batch", "[{\"label\": \"packages\"}]", &[]),
        (404, "POST", "/unattended/built?token=TOKENx", "", &[]),
        (404, "GET", "/unattended/failed", "", &[]),
    ]
}

#[test]
fn what_is_refused_changes_nothing() {
    let server = Server::start();
    let build = open(&server, HOST);
    report(&server, &build, "get_ks/done");
    let before = at_rest(progress(&server, HOST));
    for (status, method, path, body, headers) in refused() {
        let (path, body) = (path.replace("TOKEN", &build.token), body.replace("TOKEN", &build.token));
        let body = (!body.is_empty()).then_some(body.as_bytes());
        let answer = server.anyone().send(method, &path, headers, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert_eq!(at_rest(progress(&server, HOST)), before, "{method} {path}");
        assert_eq!(stream(&server, &build).len(), 1, "{method} {path}");
    }
}

/// The problem that a report with that token meets.
#[track_caller]
fn turned_away(server: &Server, path: &str) -> Value {
    let answer = server.anyone().send("GET", path, &[ACCEPT_JSON], None).expect(401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"milepost\""));
    answer.json()
}

#[test]
fn a_token_that_opens_no_build_is_not_let_in_nor_repeated() {
    let server = Server::start();
    let _ = open(&server, HOST);
    for token in ["mpb_00000000000000", "short", "with%20space", "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"] {
        let problem = turned_away(&server, &format!("/unattended/step?label=get_ks&token={token}"));
        assert_eq!(problem["code"], "unauthenticated", "{token}");
        assert_eq!(problem["detail"], "this token opens no build");
        assert!(!problem.to_string().contains(token), "{token}");
    }
    for path in ["/unattended/step?label=get_ks", "/unattended/step?label=get_ks&token="] {
        let problem = turned_away(&server, path);
        assert!(text(&problem["detail"]).starts_with("no token came"), "{path}");
    }
}

#[test]
fn a_token_that_ran_out_is_told_so() {
    let server = expiring();
    let build = open(&server, HOST);
    let problem = turned_away(&server, &format!("/unattended/step/{}/get_ks/done", build.token));
    assert_eq!(problem["code"], "credential_expired");
    let detail = text(&problem["detail"]);
    assert!(detail.contains("ran out at") && detail.contains("open a new build"), "{detail}");
    let body = json!({"token": build.token, "reports": [{"label": "get_ks"}]}).to_string();
    let batch = server.anyone().send("POST", "/unattended/batch", &[], Some(body.as_bytes())).expect(401);
    assert!(batch.text.contains("ran out at"), "{}", batch.text);
    assert_eq!(stream(&server, &build).len(), 0);
}

#[test]
fn the_token_of_the_path_is_the_one_that_counts() {
    let server = Server::start();
    let mine: Opened = open(&server, HOST);
    let other = open(&server, "web2.example.com");
    let path = format!("/unattended/step/{}/get_ks/done?token={}", mine.token, other.token);
    let body = format!("token={}&message=here", other.token);
    let _ = server.anyone().send("POST", &path, &[SENDS_FORM], Some(body.as_bytes())).expect(200);
    assert_eq!((stream(&server, &mine).len(), stream(&server, &other).len()), (1, 0));
}
