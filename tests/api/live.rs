//! What changes, as it changes.

use std::io::{BufRead as _, BufReader};

use milepost_api::{NewToken, Scope};
use milepost_domain::Bounds;
use milepost_testkit::{Api, Options, Server};
use serde_json::{Value, json};

use crate::support::{Opened, open, open_as, report, text};

/// A stream that is read event by event.
struct Stream {
    lines: std::io::Lines<BufReader<Box<dyn std::io::Read>>>,
}

#[derive(Debug, PartialEq)]
struct Event {
    kind: String,
    id: String,
    data: Value,
}

impl Stream {
    #[track_caller]
    fn open(api: &Api, query: &str, last: Option<&str>) -> Self {
        let headers: Vec<(&str, &str)> = last.map(|id| ("last-event-id", id)).into_iter().collect();
        let body = api.open_stream(&format!("/api/v2/events{query}"), &headers);
        Self { lines: BufReader::new(body).lines() }
    }

    /// The next event; what is none, and that the stream goes on, is passed over.
    #[track_caller]
    fn next(&mut self) -> Event {
        let (mut kind, mut id) = (String::new(), String::new());
        loop {
            let line = self.lines.next().unwrap().unwrap();
            if let Some(rest) = line.strip_prefix("event: ") {
                rest.clone_into(&mut kind);
            } else if let Some(rest) = line.strip_prefix("id: ") {
                rest.clone_into(&mut id);
            } else if let Some(data) = line.strip_prefix("data: ")
                && kind != "beat"
            {
                return Event { kind, id, data: serde_json::from_str(data).unwrap() };
            }
        }
    }

    /// The next event of that kind.
    #[track_caller]
    fn until_kind(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next();
            if event.kind == kind {
                return event;
            }
        }
    }

    /// The next event of that build on which `found` holds: others may come before.
    #[track_caller]
    fn until(&mut self, build: &Opened, found: impl Fn(&Value) -> bool) -> Event {
        loop {
            let event = self.next();
            assert_eq!(event.kind, "build");
            if text(&event.data["id"]) == build.id && found(&event.data) {
                return event;
            }
        }
    }
}

#[test]
fn whoever_looks_is_told_what_changes_on_every_node() {
    let server = Server::start();
    let other = server.beside(Options::default());
    let mut stream = Stream::open(&server.read(), "", None);
    assert_eq!(stream.next().kind, "hello");
    let build = open(&server, "web1.example.com");
    let _ = stream.until(&build, |build| build["state"] == "pending");
    report(&server, &build, "get_ks/done");
    let _ = stream.until(&build, |build| build["state"] == "running");
    report(&other, &build, "packages/init");
    let event = stream.until(&build, |build| build["current_step"]["label"] == "packages");
    let shown = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
    assert_eq!(event.data["current_step"], shown["current_step"]);
    assert_eq!(event.data["host"], shown["host"]);
}

#[test]
fn a_stream_goes_on_from_the_last_event_that_was_seen() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let mut first = Stream::open(&server.read(), "", None);
    let hello = first.next();
    drop(first);
    report(&server, &build, "get_ks/done");
    for mut stream in [
        Stream::open(&server.read(), "", Some(&hello.id)),
        Stream::open(&server.read(), &format!("?after={}", hello.id), None),
    ] {
        let _ = stream.until(&build, |build| build["state"] == "running");
    }
    let _ = server.read().get("/api/v2/events?after=yesterday").expect(400);
}

#[test]
fn a_stream_tells_of_what_is_searched_for_and_may_be_seen_and_of_nothing_else() {
    let server = Server::start();
    let bounds = Bounds { locations: ["brno".parse().unwrap()].into(), ..Bounds::default() };
    let new = NewToken { bounds, ..NewToken::of(Scope::Read, chrono::Duration::try_hours(1)) };
    let bound = Api::new(&server.url, Some(server.keys.mint(&new).unwrap()));
    let mut searched = Stream::open(&server.read(), "?search=name+%3D+web2.example.com", None);
    let mut bound = Stream::open(&bound, "", None);
    assert_eq!((searched.next().kind, bound.next().kind), ("hello".to_owned(), "hello".to_owned()));
    let manage = server.manage();
    for (name, location) in
        [("web1.example.com", "prague"), ("web2.example.com", "prague"), ("web3.example.com", "brno")]
    {
        let input = json!({"host": {"name": name, "location": location}, "workflow": "kickstart"});
        let _ = manage.post("/api/v2/builds", &input).expect(201);
    }
    let found = searched.until_kind("build");
    assert_eq!(found.data["host"]["name"], "web2.example.com");
    assert_eq!(bound.next().data["host"]["name"], "web3.example.com");
    let _ = server.read().get("/api/v2/events?search=nmae+%3D+x").expect(400);
}

#[test]
fn what_is_not_searched_for_any_more_leaves() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let mut stream = Stream::open(&server.read(), "?search=state+%3D+pending", None);
    let hello = stream.next();
    report(&server, &build, "get_ks/done");
    assert_eq!(stream.until_kind("left").data, json!({"ids": [build.id]}));
    // Whoever was away hears of it as well.
    let mut again = Stream::open(&server.read(), "?search=state+%3D+pending", Some(&hello.id));
    assert_eq!(again.until_kind("left").data, json!({"ids": [build.id]}));
}

#[test]
fn a_stream_of_one_host_tells_of_no_other() {
    let server = Server::start();
    let host = json!({"name": "web1.example.com", "foreman_id": 42});
    let wanted = open_as(&server, &host, "kickstart");
    let other = open(&server, "web2.example.com");
    let hosts = ["WEB1.example.com", "42", &wanted.host_id];
    let mut streams = hosts.map(|host| {
        let mut stream = Stream::open(&server.read(), &format!("?host={host}"), None);
        assert_eq!(stream.next().kind, "hello");
        stream
    });
    report(&server, &other, "get_ks/done");
    report(&server, &wanted, "get_ks/done");
    for stream in &mut streams {
        let _ = stream.until(&wanted, |build| build["state"] == "running");
    }
}

#[test]
fn a_stream_ends_with_the_token_that_opened_it() {
    let server = Server::start();
    let token = server.admin().post("/api/v2/tokens", &json!({"scope": "read"})).expect(201).json();
    let mut stream = Stream::open(&server.with_token(text(&token["token"])), "", None);
    assert_eq!(stream.next().kind, "hello");
    let _ = server.admin().delete(&format!("/api/v2/tokens/{}", text(&token["id"]))).expect(200);
    let _ = open(&server, "web1.example.com");
    let told: Vec<String> = stream.lines.map(Result::unwrap).filter(|line| !line.is_empty()).collect();
    assert_eq!(told, [""; 0], "nothing of what came after");
}

#[test]
fn a_service_that_ends_does_not_wait_for_those_who_look() {
    let server = Server::start();
    let mut stream = Stream::open(&server.read(), "", None);
    assert_eq!(stream.next().kind, "hello");
    drop(server);
    assert!(stream.lines.all(|line| line.is_ok()), "it ends, and does not break off");
}
