//! Reports as a stream: filtered, and followed by a cursor.

use chrono::TimeDelta;
use milepost_domain::Status;
use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::support::{
    Opened, each, encode, open, open_as, open_at, post_form, report, report_at, server_time, text,
};

#[track_caller]
fn list(server: &Server, path: &str) -> Value {
    server.read().get(path).expect(200).json()
}

/// A build with four reports.
fn reported(server: &Server) -> Opened {
    let build = open_as(server, &json!({"name": "web1.example.com", "foreman_id": 42}), "kickstart");
    report(server, &build, "get_ks");
    let _ = post_form(server, &build, "label=packages&status=init&message=412+packages").expect(200);
    let _ = post_form(server, &build, "label=packages&status=done&boot_id=b0").expect(200);
    let _ = post_form(server, &build, "label=post&status=failed&message=No+such+file&logs=oh").expect(200);
    build
}

#[test]
fn a_stream_is_filtered_by_what_its_reports_say() {
    let server = Server::start();
    let build = reported(&server);
    for (query, expected) in [
        ("", &["get_ks", "packages", "packages", "post"][..]),
        ("status = failed", &["post"]),
        ("status ^ (init, done)", &["packages", "packages"]),
        ("null? status", &["get_ks"]),
        ("step = packages", &["packages", "packages"]),
        ("label ~ p*", &["packages", "packages", "post"]),
        ("step = packages and status = done", &["packages"]),
        ("412", &["packages"]),
        ("message ~ \"no such\"", &["post"]),
        ("has log", &["post"]),
        ("log_bytes = 2", &["post"]),
        ("boot_id = b0", &["packages"]),
        ("attempt > 1", &[]),
        ("received_at > \"1 hour ago\"", &["get_ks", "packages", "packages", "post"]),
        ("received_at < \"1 hour ago\"", &[]),
        ("null? reported_at", &["get_ks", "packages", "packages", "post"]),
    ] {
        for path in [
            format!("/api/v2/builds/{}/reports", build.id),
            "/api/v2/hosts/42/reports".to_owned(),
            "/api/v2/hosts/web1.example.com/reports".to_owned(),
            format!("/api/v2/hosts/{}/reports", build.host_id),
        ] {
            let found = list(&server, &format!("{path}?search={}", encode(query)));
            assert_eq!(each(&found, "label"), expected, "{path} {query}");
            assert_eq!((&found["total"], &found["subtotal"]), (&json!(4), &json!(expected.len())));
        }
    }
}

#[test]
fn a_stream_is_filtered_by_the_servers_time() {
    let server = Server::start();
    let now = server_time(&server);
    let build = open_at(&server, "web1.example.com", now - TimeDelta::hours(5));
    report_at(&server, build, "get_ks", Status::Done, now - TimeDelta::hours(4));
    report_at(&server, build, "packages", Status::Init, now - TimeDelta::hours(1));
    for (query, expected) in [
        ("received_at < \"2 hours ago\"", "get_ks"),
        ("received_at > \"2 hours ago\"", "packages"),
        ("time after \"2 hours ago\" and time before now", "packages"),
    ] {
        let path = format!("/api/v2/builds/{build}/reports?search={}", encode(query));
        assert_eq!(each(&list(&server, &path), "label"), [expected], "{query}");
    }
}

#[test]
fn a_stream_can_be_read_newest_first() {
    let server = Server::start();
    let build = reported(&server);
    let path = format!("/api/v2/builds/{}/reports?order=received_at%20DESC&per_page=3", build.id);
    let newest = list(&server, &path);
    assert_eq!(each(&newest, "label"), ["post", "packages", "packages"]);
    let next =
        list(&server, &format!("/api/v2/builds/{}/reports?after={}", build.id, text(&newest["cursor"])));
    assert_eq!(each(&next, "label"), [""; 0], "the cursor stands behind the newest");
}

#[test]
fn a_stream_is_followed_by_its_cursor() {
    let server = Server::start();
    let build = reported(&server);
    let path = format!("/api/v2/builds/{}/reports", build.id);
    let first = list(&server, &format!("{path}?per_page=3"));
    assert_eq!(each(&first, "label"), ["get_ks", "packages", "packages"]);
    let second = list(&server, &format!("{path}?per_page=3&after={}", text(&first["cursor"])));
    assert_eq!(each(&second, "label"), ["post"]);
    let end = format!("{path}?per_page=3&after={}", text(&second["cursor"]));
    let nothing = list(&server, &end);
    assert_eq!((each(&nothing, "label").len(), &nothing["cursor"]), (0, &second["cursor"]));
    report(&server, &build, "register/done");
    report(&server, &build, "built/done");
    let new = list(&server, &end);
    assert_eq!(each(&new, "label"), ["register", "built"]);
    let rest = list(&server, &format!("{path}?after={}", text(&new["cursor"])));
    assert_eq!(each(&rest, "label"), [""; 0]);
}

#[test]
fn a_filtered_stream_is_followed_too() {
    let server = Server::start();
    let build = reported(&server);
    let path = format!("/api/v2/builds/{}/reports?search=status%20%3D%20failed", build.id);
    let first = list(&server, &path);
    report(&server, &build, "updates/done");
    report(&server, &build, "config_agent/failed");
    let next = list(&server, &format!("{path}&after={}", text(&first["cursor"])));
    assert_eq!(each(&next, "label"), ["config_agent"]);
}

#[test]
fn the_stream_of_a_host_goes_on_in_its_next_build() {
    let server = Server::start();
    let first = reported(&server);
    let path = "/api/v2/hosts/42/reports";
    let seen = list(&server, path);
    let second = open_as(&server, &json!({"name": "web1.example.com"}), "kickstart");
    report(&server, &second, "get_ks/done");
    let next = list(&server, &format!("{path}?after={}", text(&seen["cursor"])));
    assert_eq!(each(&next, "build_id"), [second.id.as_str()]);
    let all = list(&server, path);
    assert_eq!(all["total"], 5);
    assert_eq!(each(&all, "build_id").first(), Some(&first.id));
}

#[test]
fn a_stream_without_reports_has_no_cursor_yet() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let empty = list(&server, &format!("/api/v2/builds/{}/reports", build.id));
    assert_eq!((&empty["total"], empty.get("cursor")), (&json!(0), None));
    let whole = list(&server, &format!("/api/v2/builds/{}/reports?after=", build.id));
    assert_eq!(whole["total"], 0);
}

#[test]
fn a_cursor_that_is_none_is_refused() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let foreign = "0193b0a0-0000-7000-8000-000000000001";
    for after in ["1", ".", "x.1", &format!("{foreign}."), &format!("{foreign}.-1"), foreign] {
        let path = format!("/api/v2/builds/{}/reports?after={after}", build.id);
        assert_eq!(server.read().get(&path).expect(400).json()["code"], "malformed_request", "{after}");
    }
}
