//! How a build is going, as a picture.

use milepost_testkit::{Answer, Server};

use crate::support::{open, report};

#[track_caller]
fn badge(server: &Server, headers: &[(&str, &str)]) -> Answer {
    server.read().send("GET", "/api/v2/hosts/web1.example.com/badge.svg", headers, None)
}

#[test]
fn a_badge_says_how_its_host_is_and_is_sent_again_only_when_that_changes() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let pending = badge(&server, &[]).expect(200);
    assert_eq!(pending.header("content-type"), Some("image/svg+xml"));
    assert_eq!(pending.header("cache-control"), Some("private, no-cache"));
    assert_eq!(pending.header("content-security-policy"), Some("default-src 'none'"));
    assert!(pending.text.contains("<title>web1.example.com: pending</title>"), "{}", pending.text);
    let etag = pending.header("etag").unwrap();
    assert_eq!(badge(&server, &[("if-none-match", etag)]).expect(304).text, "");
    report(&server, &build, "packages/failed");
    let failed = badge(&server, &[("if-none-match", etag)]).expect(200);
    assert!(failed.text.contains("<title>web1.example.com: failed "), "{}", failed.text);
    let missing = server.read().get("/api/v2/hosts/web2.example.com/badge.svg").expect(404);
    assert_eq!(missing.json()["code"], "not_found");
}
