//! What every answer has in common: its id, the looks of a problem, one line for an installer.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use milepost_testkit::{Answer, Server};
use serde_json::{Value, json};

use crate::support::{ACCEPT_JSON, open, text};

#[test]
fn health_needs_no_token() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.anyone().get(path).expect(200).json()["status"], "ok", "{path}");
    }
}

#[test]
fn a_request_keeps_its_id_and_gets_one_where_it_has_none() {
    let server = Server::start();
    let get = |path: &str, id: &str| server.read().send("GET", path, &[("x-request-id", id)], None);
    let longest = "a".repeat(64);
    for id in ["4711", "0193b0a0-0000-7000-8000-000000000001", &longest] {
        assert_eq!(get("/api/v2/builds", id).expect(200).header("x-request-id"), Some(id));
        let problem = get("/api/v2/builds/1", id).expect(404);
        assert_eq!(problem.header("x-request-id"), Some(id));
        assert_eq!(problem.json()["instance"], id);
    }
    let too_long = "a".repeat(65);
    for id in ["", "a b", "a\"b", "../x", &too_long] {
        let problem = get("/api/v2/builds/1", id).expect(404);
        let given = problem.header("x-request-id").unwrap().to_owned();
        assert_eq!((given.len(), problem.json()["instance"].as_str()), (36, Some(given.as_str())), "{id}");
    }
    let first = server.anyone().get("/healthz").expect(200);
    let second = server.anyone().get("/healthz").expect(200);
    assert_ne!(first.header("x-request-id").unwrap(), second.header("x-request-id").unwrap());
}

/// A problem as every one of them is.
#[track_caller]
fn is_problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["status"], &problem["type"]),
        (&json!(code), &json!(status), &json!(format!("urn:milepost:error:{code}")))
    );
    assert_eq!(problem["error"]["message"], problem["detail"]);
    assert_eq!(problem["instance"].as_str(), answer.header("x-request-id"));
    problem
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let server = Server::start();
    for path in
        ["/nothing", "/api/v2", "/api/v2/nothing", "/api/v3/builds", "/api/v2/builds/", "/favicon.ico"]
    {
        for method in ["GET", "POST", "DELETE"] {
            let answer = server.manage().send_undocumented(method, path, &[], None);
            is_problem(&answer, 404, "not_found");
        }
    }
    for path in ["/unattended", "/unattended/nothing", "/unattended/step/a/b/c/d"] {
        let answer = server.anyone().send_undocumented("GET", path, &[ACCEPT_JSON], None);
        is_problem(&answer, 404, "not_found");
    }
}

#[test]
fn a_method_that_does_not_fit_is_said_to() {
    let server = Server::start();
    for (method, path) in [
        ("PUT", "/api/v2/builds"),
        ("DELETE", "/api/v2/builds/0193b0a0-0000-7000-8000-000000000001"),
        ("POST", "/api/v2/hosts"),
        ("POST", "/api/v2/hosts/web1/progress"),
        ("GET", "/api/v2/steps/packages"),
        ("GET", "/api/update"),
        ("POST", "/healthz"),
    ] {
        let answer = server.manage().send_undocumented(method, path, &[], None);
        let problem = is_problem(&answer, 405, "method_not_allowed");
        assert!(text(&problem["detail"]).starts_with(method), "{method} {path}");
    }
    let answer = server.anyone().send_undocumented("PUT", "/unattended/step", &[ACCEPT_JSON], None);
    is_problem(&answer, 405, "method_not_allowed");
}

#[test]
fn an_installer_is_told_in_one_line_of_text() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let token = &build.token;
    let large = vec![b'x'; 1024 * 1024 + 1];
    for (status, method, path, body) in [
        (401, "GET", "/unattended/step?label=get_ks".to_owned(), None),
        (422, "GET", format!("/unattended/step?token={token}&label=a%0Ab%0D&status=x"), None),
        (422, "GET", format!("/unattended/step/{token}/packagez/done"), None),
        (413, "POST", format!("/unattended/step/{token}/packages"), Some(large.as_slice())),
        (400, "POST", format!("/unattended/batch?token={token}"), Some(&b"{\"no\": 1}"[..])),
        (404, "POST", "/unattended/built".to_owned(), None),
        (404, "GET", "/unattended/nothing".to_owned(), None),
        (405, "DELETE", "/unattended/step".to_owned(), None),
    ] {
        let answer = server.anyone().send_undocumented(method, &path, &[], body);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{path}");
        assert!(answer.text.len() > 10 && answer.text.ends_with('\n'), "{path}");
        assert!(!answer.text.trim_end_matches('\n').contains(char::is_control), "{path}: {}", answer.text);
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
}

/// GRUB takes the length of an answer from a header of that spelling alone, and waits for more for half a minute
/// where it finds none.
#[test]
fn an_installer_that_knows_one_spelling_alone_reads_how_long_an_answer_is() {
    let server = Server::start();
    let token = open(&server, "web1.example.com").token;
    let address = server.url.strip_prefix("http://").unwrap();
    for (path, status, length) in [
        (format!("/unattended/step/{token}/boot_files/init"), "200 OK", Some(9)),
        (format!("/unattended/step/{token}/packagez/init"), "422 Unprocessable Entity", None),
        ("/unattended/nothing".to_owned(), "404 Not Found", None),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = length.unwrap_or(body.len());
        assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{path}: {head}");
        assert_eq!(body.len(), length, "{path}");
    }
}
