//! Who may do what, and what every answer has in common.

use milepost_api::{LimitSettings, Scope, Settings};
use milepost_testkit::{Answer, Api, Contract, Options, Server};
use serde_json::{Value, json};

use crate::support::{ACCEPT_JSON, SENDS_JSON, open, text};

/// An operation that needs a token.
struct Operation {
    method: String,
    path: String,
    has_body: bool,
    scope: Scope,
}

impl Operation {
    #[track_caller]
    fn call(&self, api: &Api) -> Answer {
        let (headers, body): (&[(&str, &str)], _) =
            if self.has_body { (&[SENDS_JSON], Some(&b"{}"[..])) } else { (&[], None) };
        api.send(&self.method, &self.path, headers, body)
    }
}

/// Every operation of the document under `/api/v2`, all of which need a token.
fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in Contract::published().document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|_| path.starts_with("/api/v2")) {
            assert!(operation["security"][0].get("token").is_some(), "{method} {path} needs no token");
            let scope = operation["x-scope"].as_str().and_then(|scope| scope.parse().ok());
            let scope = scope.unwrap_or_else(|| panic!("{method} {path} has no scope"));
            let concrete: Vec<&str> = path
                .split('/')
                .map(|part| match part {
                    "{id}" | "{report}" => "0193b0a0-0000-7000-8000-000000000001",
                    part if part.starts_with('{') => "no_such",
                    part => part,
                })
                .collect();
            found.push(Operation {
                method: method.to_uppercase(),
                path: concrete.join("/"),
                has_body: operation.get("requestBody").is_some(),
                scope,
            });
        }
    }
    found
}

#[test]
fn every_operation_of_the_api_needs_a_valid_token() {
    let limits = LimitSettings { guesses_per_minute: 0, ..LimitSettings::default() };
    let settings = Settings { limits, ..Settings::default() };
    let server = Server::with(Options { settings, ..Options::default() });
    let other = Server::start();
    let build = open(&server, "web1.example.com");
    let operations = operations();
    assert!(operations.iter().any(|operation| operation.scope == Scope::Manage && operation.has_body));
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.\
        eyJhdWQiOiJtaWxlcG9zdCIsInNjb3BlIjoibWFuYWdlIiwianRpIjoiMSIsImlhdCI6MX0.";
    for (token, code) in [
        (None, "unauthenticated"),
        (Some(server.expired_token(Scope::Manage)), "credential_expired"),
        (Some(other.token(Scope::Manage)), "unauthenticated"),
        (Some(build.token.clone()), "unauthenticated"),
        (Some("x.y.z".to_owned()), "unauthenticated"),
        (Some(unsigned.to_owned()), "unauthenticated"),
    ] {
        let caller = Api::new(&server.url, token);
        for operation in &operations {
            let answer = operation.call(&caller).expect(401);
            assert_eq!(answer.json()["code"], code, "{} {}", operation.method, operation.path);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"milepost\""));
        }
    }
}

#[test]
fn each_scope_does_what_it_may_and_nothing_else() {
    let server = Server::start();
    for operation in operations() {
        let name = format!("{} {}", operation.method, operation.path);
        for scope in [Scope::Read, Scope::Manage, Scope::Admin] {
            let answer = operation.call(&Api::new(&server.url, Some(server.token(scope))));
            if scope < operation.scope {
                assert_eq!(answer.expect(403).json()["code"], "forbidden", "{name} by {scope}");
            } else {
                assert!(
                    matches!(answer.status, 200 | 404 | 422),
                    "{name} answered {scope} {}",
                    answer.status
                );
            }
        }
        assert_eq!(
            operation.scope == Scope::Read,
            operation.method == "GET" && operation.scope != Scope::Admin,
            "{name}"
        );
    }
}

#[test]
fn a_token_comes_as_a_bearer_in_any_case_and_no_other_way() {
    let server = Server::start();
    let token = server.token(Scope::Read);
    let status = |header: &str| {
        server.anyone().send("GET", "/api/v2/builds", &[("authorization", header)], None).status
    };
    for (header, expected) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (format!("Basic {token}"), 401),
        (token.clone(), 401),
        ("Bearer ".to_owned(), 401),
    ] {
        assert_eq!(status(&header), expected, "{header}");
    }
    assert_eq!(server.anyone().get(&format!("/api/v2/builds?token={token}")).status, 401);
}

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
