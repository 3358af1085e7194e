//! OAuth 1.0 PLAINTEXT, byte for byte as cloud-init and curtin write it.

use chrono::{DateTime, TimeDelta, Utc};
use milepost_api::Settings;
use milepost_testkit::{Answer, Server};
use serde_json::json;

use crate::support::{
    ACCEPT_JSON, SENDS_JSON, announced, now, open, refused, report_with, reports_of, server,
};

const HOST: &str = "web1.example.com";

/// The header, in the order of the library that both use; a consumer without a secret is the usual.
fn header(token: &str, at: DateTime<Utc>) -> String {
    format!(
        "OAuth oauth_nonce=\"63405391827364518\", oauth_timestamp=\"{}\", oauth_version=\"1.0\", \
         oauth_signature_method=\"PLAINTEXT\", oauth_consumer_key=\"milepost\", oauth_token=\"build\", \
         oauth_signature=\"%26{token}\"",
        at.timestamp()
    )
}

#[track_caller]
fn send(server: &Server, authorization: &str) -> Answer {
    let headers = [("authorization", authorization), SENDS_JSON, ACCEPT_JSON];
    let body = json!({"label": "get_ks", "status": "done"}).to_string();
    server.anyone().send("POST", "/unattended/step", &headers, Some(body.as_bytes()))
}

#[test]
fn the_secret_of_the_token_is_the_builds_token() {
    let server = server(Settings::default());
    let opened = open(&server, HOST);
    let (_, announced) = announced("web2.example.com");
    for token in [&opened.token, &announced] {
        assert_eq!(send(&server, &header(token, now())).status, 200);
    }
    assert_eq!((reports_of(&server, HOST), reports_of(&server, "web2.example.com")), (json!(1), json!(1)));
}

#[test]
fn a_wrong_clock_is_told_apart_and_mended_by_the_date_of_the_answer() {
    let server = server(Settings::default());
    let opened = open(&server, HOST);
    for wrong in [now() - TimeDelta::days(3_650), now() + TimeDelta::hours(1)] {
        let answer = send(&server, &header(&opened.token, wrong));
        refused(&answer, 401, "clock_skew");
        // What cloud-init does then: by how much am I off? It adds that from now on.
        let date = DateTime::parse_from_rfc2822(answer.header("date").unwrap()).unwrap();
        let mended = wrong + (date.to_utc() - wrong);
        assert_eq!(send(&server, &header(&opened.token, mended)).status, 200);
    }
}

#[test]
fn anything_else_that_calls_itself_oauth_is_refused() {
    let server = server(Settings::default());
    let opened = open(&server, HOST);
    let good = header(&opened.token, now());
    for (from, to) in [
        ("PLAINTEXT", "HMAC-SHA1"),
        ("%26", ""),
        ("%26", "%26x"),
        ("oauth_timestamp", "oauth_time"),
        ("oauth_signature=", "oauth_sign="),
    ] {
        refused(&send(&server, &good.replace(from, to)), 401, "unauthenticated");
    }
    assert_eq!(reports_of(&server, HOST), 0);
    assert_eq!(send(&server, &good).status, 200);
    // A program is no machine, whatever it wraps its token in.
    let read = server.token(milepost_api::Scope::Read);
    refused(&send(&server, &header(&read, now())), 401, "unauthenticated");
    assert_eq!(report_with(&server, &opened.token).status, 200);
}
