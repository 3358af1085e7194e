//! Wrong credentials, and who is not listened to for them.

use milepost_api::{LimitSettings, Scope, Settings};
use milepost_testkit::{Answer, Server};
use serde_json::json;

use crate::support::{ACCEPT_JSON, SENDS_JSON, announced, open, refused, server, sign_in};

const WRONG: &str = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55";

/// Three wrong words a minute are forgiven; who asks is what a trusted proxy says.
fn wary() -> Server {
    server(Settings {
        limits: LimitSettings { guesses_per_minute: 3, ..LimitSettings::default() },
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    })
}

#[track_caller]
fn from(server: &Server, address: &str, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", address), ACCEPT_JSON];
    server.anyone().send("GET", path, &headers, None)
}

const REPORT: &str = "/unattended/step?label=get_ks";
const LIST: &str = "/api/v2/builds";

#[test]
fn who_guesses_is_not_listened_to_while_good_tokens_pass() {
    let server = wary();
    let opened = open(&server, "web1.example.com");
    let (_, announced) = announced("web2.example.com");
    let read = server.token(Scope::Read);
    // Guesses count together, wherever they are tried.
    for (path, token) in [(REPORT, WRONG), (LIST, "x.y.z"), (LIST, &opened.token), (REPORT, &read)] {
        refused(&from(&server, "192.0.2.1", path, token), 401, "unauthenticated");
    }
    for (path, token) in [(REPORT, WRONG), (LIST, "x.y.z"), (REPORT, "eyJh.eyJi.c")] {
        let deaf = from(&server, "192.0.2.1", path, token);
        refused(&deaf, 429, "too_many_requests");
        let seconds: u32 = deaf.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    // A site's hosts may all come from one address: whoever is good is heard.
    assert_eq!(from(&server, "192.0.2.1", REPORT, &opened.token).status, 200);
    assert_eq!(from(&server, "192.0.2.1", REPORT, &announced).status, 200);
    assert_eq!(from(&server, "192.0.2.1", LIST, &read).status, 200);
    // And from elsewhere a mistake is just that.
    refused(&from(&server, "192.0.2.2", REPORT, WRONG), 401, "unauthenticated");
    let metrics = server.anyone().get("/metrics").expect(200).text;
    assert!(metrics.lines().any(|line| line.ends_with("credentials_refused_total 5")), "{metrics}");
}

#[test]
fn a_token_of_foremans_that_is_remembered_is_heard_and_one_to_look_up_is_not() {
    let server = wary();
    let register = |host: &str, token: &str| {
        let input = json!({"host": {"name": host}, "workflow": "kickstart", "token": token}).to_string();
        let _ = server.manage().send("POST", LIST, &[SENDS_JSON], Some(input.as_bytes())).expect(201);
    };
    register("web1.example.com", "4d0c9a51-6f3c-4f3f-8c55-0a7f2a6e8a3e");
    // Registered by another node: this one has to ask the database.
    let there = server.beside(milepost_testkit::Options::default());
    let input = json!({"host": {"name": "web2.example.com"}, "workflow": "kickstart",
        "token": "9a516f3c-1f3f-4c55-8a7f-2a6e8a3e4d0c"});
    let _ = there.manage().post(LIST, &input).expect(201);
    for _ in 0..4 {
        refused(&from(&server, "192.0.2.1", REPORT, WRONG), 401, "unauthenticated");
    }
    let (known, unknown) = ("4d0c9a51-6f3c-4f3f-8c55-0a7f2a6e8a3e", "9a516f3c-1f3f-4c55-8a7f-2a6e8a3e4d0c");
    assert_eq!(from(&server, "192.0.2.1", REPORT, known).status, 200);
    assert_eq!(from(&server, "192.0.2.1", REPORT, unknown).status, 429, "what a guesser would gain");
    assert_eq!(from(&server, "192.0.2.2", REPORT, unknown).status, 200);
    assert_eq!(from(&server, "192.0.2.1", REPORT, unknown).status, 200, "now it is remembered");
}

#[test]
fn the_page_to_sign_in_counts_guesses_too() {
    let server = wary();
    let guess = || sign_in(&server, "nobody", &[("x-forwarded-for", "192.0.2.1")]);
    for _ in 0..4 {
        assert_eq!(guess().status, 401);
    }
    let deaf = guess();
    assert_eq!(deaf.status, 429);
    assert!(deaf.header("retry-after").is_some(), "it says when to try again");
    let good = server.token(Scope::Read);
    assert_eq!(sign_in(&server, &good, &[("x-forwarded-for", "192.0.2.1")]).status, 303);
}

#[test]
fn a_token_that_ran_out_is_no_guess() {
    let server = wary();
    for _ in 0..20 {
        refused(
            &from(&server, "192.0.2.1", LIST, &server.expired_token(Scope::Read)),
            401,
            "credential_expired",
        );
    }
    refused(&from(&server, "192.0.2.1", REPORT, WRONG), 401, "unauthenticated");
}
