//! Hooks of several nodes, one of which is killed, and in a terminal.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use diesel::{QueryableByName, RunQueryDsl as _, sql_query, sql_types};
use milepost_testkit::{Api, Behaviour, Database, Received, Receiver};
use serde_json::{Value, json};

use crate::place::{Opened, Place, Said, Service, open, report, text};

const SIGNING: &str = "a secret of these two nodes, for tests alone";
/// The part of a receiver's URL that is a secret of its own.
const IN_THE_URL: &str = "marked-path-of-the-receiver";

#[derive(QueryableByName)]
struct Letter {
    #[diesel(sql_type = sql_types::Text)]
    id: String,
    #[diesel(sql_type = sql_types::Text)]
    build: String,
    #[diesel(sql_type = sql_types::Text)]
    topic: String,
}

/// What was written down to be told, in its order.
fn outbox(database: &Database) -> Vec<Letter> {
    let sql = "SELECT id::text AS id, build_id::text AS build, topic FROM outbox ORDER BY id";
    sql_query(sql).load(&mut database.connect()).unwrap()
}

/// A node of a service on that database, that looks each second and says all there is to say.
fn node(place: &Place, database: &Database) -> Service {
    let mut command = place.serve();
    command.args(["--log", "trace", "--hooks-sweep-seconds", "1"]);
    Service::start(command.env("DATABASE_URL", &database.url).env("MILEPOST_SECRET", SIGNING))
}

fn token(place: &Place, scope: &str) -> String {
    let mut command = place.milepost(["token", "create", "--scope", scope]);
    Said::by(command.env("MILEPOST_SECRET", SIGNING)).token()
}

#[track_caller]
fn comes_true(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::yield_now();
    }
}

fn complete(service: &Service, build: &Opened) {
    for step in ["get_ks/done", "packages/done", "built/done", "first_boot/done"] {
        let _ = report(service, build, step).expect(200);
    }
}

fn ids(received: &[Received]) -> BTreeSet<String> {
    received.iter().map(|one| one.headers["webhook-id"].clone()).collect()
}

#[test]
fn each_event_is_written_down_once_and_none_is_missing_when_the_node_that_looks_is_killed() {
    let (database, receiver) = (Database::new(), Receiver::start());
    let (here, there) = (Place::new(), Place::new());
    let first = node(&here, &database);
    let admin = token(&here, "admin");
    let api = |service: &Service| Api::new(&service.url, Some(admin.clone()));
    let url = receiver.url(&format!("/{IN_THE_URL}"));
    let hook = api(&first).post("/api/v2/hooks", &json!({"url": url})).expect(201).json();
    let last_sweep = |service: &Service| {
        api(service).get("/api/v2/status").expect(200).json()["announcing"]["last_sweep_at"].clone()
    };
    comes_true("the first node looks", || last_sweep(&first).is_string());
    let second = node(&there, &database);

    // The receiver fails now and then, so that some wait for their next try when the node dies.
    receiver.then([Behaviour::Answer(204), Behaviour::Answer(500), Behaviour::HangUp]);
    let mut builds = Vec::new();
    for number in 0..12 {
        let build = open(&api(&second), &format!("web{number}.example.com"));
        match number % 3 {
            0 => complete(&second, &build),
            1 => drop(report(&second, &build, "packages/failed").expect(200)),
            _ => {}
        }
        builds.push(build);
        if number == 5 {
            let _ = receiver.wait("the first node sends", |received| !received.is_empty());
        }
    }
    let (_, said) = first.end_by("KILL");
    for build in builds.iter().skip(1).step_by(3) {
        complete(&second, build);
    }
    for build in builds.iter().skip(2).step_by(3) {
        let _ = api(&second)
            .patch(&format!("/api/v2/builds/{}", build.id), &json!({"state": "canceled"}))
            .expect(200);
    }
    let expected = |at: usize| if at % 3 == 2 { "build.canceled" } else { "build.completed" };
    let told = || {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for letter in outbox(&database) {
            told.entry(letter.build).or_default().push(letter.topic);
        }
        told
    };
    comes_true("the second node has told of every build", || {
        let told = told();
        builds.iter().enumerate().all(|(at, build)| {
            told.get(&build.id).is_some_and(|topics| topics.iter().any(|topic| topic == expected(at)))
        })
    });
    // What follows from that is told in the same transaction.
    let told = told();
    for (at, build) in builds.iter().enumerate() {
        let topics = &told[&build.id];
        let count = |topic: &str| topics.iter().filter(|one| *one == topic).count();
        assert_eq!((count("build.opened"), count(expected(at))), (1, 1), "{topics:?}");
        assert_eq!(topics[0], "build.opened");
        assert_eq!(count("signal.failed_step.began"), count("signal.failed_step.cleared"), "{topics:?}");
        let without_signals: BTreeSet<&String> =
            topics.iter().filter(|topic| topic.starts_with("build.")).collect();
        assert_eq!(
            without_signals.len(),
            topics.iter().filter(|topic| topic.starts_with("build.")).count(),
            "{topics:?}"
        );
    }
    // The second node sends what the first one left, too; both failures are tried again after five seconds.
    let written: BTreeSet<String> = outbox(&database).into_iter().map(|letter| letter.id).collect();
    let received = receiver.wait("all of it is sent", |received| ids(received).len() == written.len());
    assert_eq!(ids(&received), written);
    let metrics = second.anyone().get("/metrics").expect(200).text;
    let heartbeat =
        metrics.lines().find_map(|line| line.strip_prefix("milepost_sweeper_last_run_timestamp_seconds "));
    assert!(heartbeat.unwrap().parse::<i64>().unwrap() > 1_700_000_000, "{metrics}");

    let secret = text(&hook["secret"]);
    let secret = secret.trim_start_matches("whsec_");
    let said: Vec<String> = said.into_iter().chain(second.stop()).collect();
    assert!(said.iter().any(|line| line.contains("TRACE")), "everything is logged");
    for line in &said {
        assert!(!line.contains(secret) && !line.contains(IN_THE_URL), "a secret in the log: {line}");
    }
}

#[test]
fn hooks_are_made_seen_tried_and_ended_in_a_terminal() {
    let (place, receiver) = (Place::new(), Receiver::start());
    let service = place.start();
    let said = |words: &[&str]| Said::by(place.milepost(["hooks"]).args(words));
    let nothing = said(&["list"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), ""));
    assert!(nothing.err.contains("milepost hooks create"), "{}", nothing.err);
    let url = receiver.url("/in");
    let made =
        said(&["create", &url, "--name", "chat", "--event", "signal.*", "--search", "location = brno"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.out.starts_with("whsec_") && made.out.lines().count() == 1, "{}", made.out);
    assert!(made.err.contains("chat") && !made.err.contains("whsec_"), "{}", made.err);
    let list = said(&["list"]).success();
    assert!(list.lines().nth(1).unwrap().starts_with("chat "), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 100), "{list}");
    assert!(said(&["test", "chat"]).success().starts_with("hook chat took the test: 204 in "));
    assert_eq!(receiver.received().len(), 1);
    receiver.then([Behaviour::Answer(500)]);
    let refusal = said(&["test", "chat"]).refusal();
    assert!(refusal.contains("did not take the test: answered 500"), "{refusal}");
    let shown = said(&["show", "chat"]).success();
    for words in ["signal.*", "location = brno", "hook.test", "answered 500", "delivered", "well"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let json: Value = serde_json::from_str(&said(&["show", "chat", "--json"]).success()).unwrap();
    let id = text(&json["hook"]["id"]);
    assert_eq!(said(&["disable", &id]).success(), "hook chat: disabled\n");
    assert_eq!(said(&["enable", "chat"]).success(), "hook chat: enabled\n");
    assert!(said(&["secret", "chat"]).success().starts_with("whsec_"));
    assert!(said(&["create", "ftp://x", "--event", "nothing"]).refusal().contains("build.completed"));
    assert!(said(&["show", "none"]).refusal().contains("milepost hooks list"));
    assert_eq!(said(&["delete", "chat"]).success(), "hook chat: deleted\n");
    service.stop();
}
