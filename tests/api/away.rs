//! What callers get while the database is away, and when it is back.

use std::{path::Path, time::Duration};

use milepost_store::ingest::{self, SpoolSettings};
use milepost_testkit::{Api, Options, Server};
use serde_json::{Value, json};

use crate::support::{Opened, open};

/// A service with a spool of that size.
fn spooling(directory: &Path, bytes: u64) -> Server {
    let spool = SpoolSettings { directory: directory.to_owned(), bytes, age: Duration::from_secs(3600) };
    let ingest = ingest::Settings { spool: Some(spool), ..ingest::Settings::default() };
    // Whoever needs the database does not wait long for it here.
    let store = milepost_store::Settings {
        wait: Duration::from_millis(300),
        ingest,
        ..milepost_store::Settings::default()
    };
    Server::with(Options { store, ..Options::default() })
}

fn step(server: &Server, build: &Opened, form: &str) -> milepost_testkit::Answer {
    let body = format!("token={}&{form}", build.token);
    server.anyone().send("POST", "/unattended/step", &[], Some(body.as_bytes()))
}

/// Asks until the answer is one that `is_it` likes; bounded by its own patience.
#[track_caller]
fn until(api: &Api, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let answer = api.get(path);
        if answer.status == 200 && is_it(&answer.json()) {
            return answer.json();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it never came: {}", answer.text);
        std::thread::yield_now();
    }
}

#[test]
fn reports_are_taken_while_the_database_is_away_and_readers_are_told_as_of_when() {
    let place = tempfile::tempdir().unwrap();
    let server = spooling(&place.path().join("spool"), 1 << 20);
    let build = open(&server, "web1.example.com");
    let _ = step(&server, &build, "label=get_ks&status=done").expect(200);
    let page = "/api/v2/hosts/web1.example.com/progress";
    let before = server.read().get(page).expect(200).json();
    assert_eq!(before.get("as_of"), None);

    server.database.set_open(false);
    for number in 1..=3 {
        let report = format!("label=packages&status=init&message=number+{number}&id={number}");
        assert_eq!(step(&server, &build, &report).expect(200).text, "recorded\n");
    }
    assert!(step(&server, &build, "label=packges").expect(422).text.contains("'packages'"));
    let ready = server.anyone().get("/readyz").expect(200).json();
    assert_eq!((&ready["status"], &ready["spool"]["reports"]), (&json!("spooling"), &json!(4)));
    assert!(ready["spool"]["oldest_at"].is_string() && ready["reason"].is_string());
    let metrics = server.anyone().get("/metrics").expect(200).text;
    for line in ["milepost_database_up 0", "milepost_spool_reports 4", "milepost_reports_spooled_total 4"] {
        assert!(metrics.lines().any(|said| said == line), "{line} is not in\n{metrics}");
    }
    let meanwhile = server.read().get(page).expect(200).json();
    assert!(meanwhile["as_of"].is_string(), "{meanwhile}");
    assert_eq!(meanwhile["current_step"]["label"], "get_ks", "as it was");
    assert_eq!(server.read().get("/api/v2/builds").expect(503).json()["code"], "unavailable");

    server.database.set_open(true);
    let _ = until(&server.anyone(), "/readyz", |ready| ready["status"] == "ok");
    let after = until(&server.read(), page, |page| page.get("as_of").is_none());
    assert_eq!((&after["last_message"], &after["build"]["reports"]), (&json!("number 3"), &json!(4)));
    assert_eq!(after["build"]["rejected_reports"], 1);
    assert_eq!(step(&server, &build, "label=packages&id=2").expect(200).text, "repeated\n");
}

#[test]
fn a_spool_that_fills_up_is_said_before_it_is_full_and_a_full_one_is_no_503_to_an_installer() {
    let place = tempfile::tempdir().unwrap();
    let server = spooling(&place.path().join("spool"), 8 * 1024);
    let build = open(&server, "web1.example.com");
    let _ = step(&server, &build, "label=get_ks").expect(200);
    server.database.set_open(false);
    let mut was_warned = false;
    let taken = (0..200)
        .take_while(|number| {
            was_warned |= server.anyone().get("/readyz").status == 503;
            step(&server, &build, &format!("label=packages&message={number}")).status == 200
        })
        .count();
    assert!((5..200).contains(&taken), "{taken}");
    assert!(was_warned, "before it was full");
    let _ = step(&server, &build, "label=packages").expect(500);
    let told = server.anyone().get("/readyz").expect(503).json();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("% full") && detail.contains("reports wait"), "{detail}");

    server.database.set_open(true);
    let _ = until(&server.anyone(), "/readyz", |ready| ready["status"] == "ok");
    let path = format!("/api/v2/builds/{}", build.id);
    assert_eq!(server.read().get(&path).expect(200).json()["reports"], json!(taken + 1));
}

#[test]
fn without_a_spool_an_installer_is_refused_and_the_service_is_not_ready() {
    let server = Server::with(Options {
        store: milepost_store::Settings { wait: Duration::from_millis(300), ..Default::default() },
        ..Options::default()
    });
    let build = open(&server, "web1.example.com");
    server.database.set_open(false);
    let _ = step(&server, &build, "label=get_ks").expect(500);
    let _ = server.anyone().get("/readyz").expect(503);
    let _ = server.anyone().get("/healthz").expect(200);
    server.database.set_open(true);
    let _ = until(&server.anyone(), "/readyz", |ready| ready["status"] == "ok");
    let _ = step(&server, &build, "label=get_ks").expect(200);
}
