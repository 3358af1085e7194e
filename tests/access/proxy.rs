//! Users whom a reverse proxy has authenticated: believed from the addresses that are named, only.

use milepost_api::{Proxy, Scope, Settings};
use milepost_testkit::{Answer, Server};
use serde_json::json;

use crate::support::{FROM_OURS, SENDS_JSON, refused, server};

fn behind(network: &str, scope: Scope) -> Server {
    server(Settings {
        trusted_proxies: vec![network.parse().unwrap()],
        proxy_user: Some(Proxy { header: "x-remote-user".to_owned(), scope }),
        ..Settings::default()
    })
}

const ALICE: (&str, &str) = ("x-remote-user", "alice");

#[track_caller]
fn session(server: &Server, headers: &[(&str, &str)]) -> Answer {
    server.anyone().send("GET", "/api/v2/session", headers, None)
}

#[test]
fn a_user_is_believed_from_a_trusted_proxy_and_from_nobody_else() {
    let server = behind("127.0.0.0/8", Scope::Read);
    let known = session(&server, &[ALICE]).expect(200).json();
    assert_eq!((&known["name"], &known["scope"]), (&json!("user alice"), &json!("read")));
    let too_long = "a".repeat(256);
    for nobody in ["", "  ", &too_long] {
        refused(&session(&server, &[(ALICE.0, nobody)]), 401, "unauthenticated");
    }
    refused(&session(&server, &[("remote-user", "alice")]), 401, "unauthenticated");
    let elsewhere = behind("10.0.0.0/8", Scope::Admin);
    refused(&session(&elsewhere, &[ALICE]), 401, "unauthenticated");
    // Nor does it help to claim to come from there.
    refused(&session(&elsewhere, &[ALICE, ("x-forwarded-for", "10.0.0.1")]), 401, "unauthenticated");
    // By default nobody is believed.
    let usual = crate::support::server(Settings {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    });
    refused(&session(&usual, &[ALICE]), 401, "unauthenticated");
}

#[test]
fn a_credential_that_is_wrong_is_not_mended_by_the_proxy() {
    let server = behind("127.0.0.0/8", Scope::Admin);
    for (name, value) in [("authorization", "Bearer x.y.z"), ("cookie", "milepost_session=x.y.z")] {
        refused(&session(&server, &[ALICE, (name, value)]), 401, "unauthenticated");
    }
}

#[test]
fn a_page_of_somebody_else_does_not_act_as_the_user() {
    let server = behind("127.0.0.0/8", Scope::Manage);
    let change = |headers: &[(&str, &str)]| {
        let headers = [&[ALICE, SENDS_JSON], headers].concat();
        let body = json!({"name": "A step", "priority": 500, "weight_seconds": 60}).to_string();
        server.anyone().send("PUT", "/api/v2/steps/site_step", &headers, Some(body.as_bytes()))
    };
    for headers in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example.com")] {
        refused(&change(&[headers]), 403, "forbidden");
    }
    assert_eq!(change(&[FROM_OURS]).status, 200);
    let trail = server.admin().get("/api/v2/audit").expect(200).json();
    assert_eq!(trail["results"][0]["actor"], "user alice");
}
