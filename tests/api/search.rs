//! The query language of `docs/search.md`, over HTTP.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use milepost_testkit::{Api, Server};
use serde_json::{Value, json};

use crate::support::{bound_to, encode, open_as, open_at, pointers, post_form, report, server_time, text};

/// Five builds, each its own in what it is searched by: `old` was opened three hours ago and is of
/// a host of which only the name is known.
fn fleet() -> Server {
    let server = Server::start();
    let now = server_time(&server);
    let _ = open_at(&server, "old.brno.example.com", now - TimeDelta::hours(3));
    let failed = json!({
        "name": "web1.brno.example.com", "foreman_id": 1, "location": "brno", "organization": "acme",
        "hostgroup": "web/front", "model": "R650", "operatingsystem": "RedHat 9.4",
        "mac": "52:54:00:12:34:56", "ip": "10.1.2.3",
    });
    let failed = open_as(&server, &failed, "kickstart");
    report(&server, &failed, "get_ks/done");
    let _ = post_form(&server, &failed, "label=packages&status=failed&message=No+space+left").expect(200);
    let running =
        json!({"name": "web2.brno.example.com", "foreman_id": 2, "location": "brno", "model": "R750"});
    let running = open_as(&server, &running, "kickstart");
    report(&server, &running, "packages/init");
    let pending = json!({"name": "db1.praha.example.com", "foreman_id": 3, "location": "praha"});
    let _ = open_as(&server, &pending, "preseed");
    let completed =
        json!({"name": "db2.praha.example.com", "foreman_id": 4, "location": "praha", "model": "R650"});
    let completed = open_as(&server, &completed, "kickstart");
    let _ = post_form(&server, &completed, "label=no_such_step").expect(422);
    report(&server, &completed, "built/done");
    report(&server, &completed, "first_boot/done");
    server
}

/// The first part of the name of each host that `list` finds.
#[track_caller]
fn found(reader: &Api, list: &str, query: &str) -> BTreeSet<String> {
    let path = format!("/api/v2/{list}?per_page=all&search={}", encode(query));
    let answer = reader.get(&path).expect(200).json();
    assert_eq!((&answer["search"], &answer["total"]), (&json!(query), &json!(5)));
    let results = answer["results"].as_array().unwrap();
    assert_eq!(answer["subtotal"], json!(results.len()), "{query}");
    let short = |entry: &Value| text(&entry["host"]["name"]).split('.').next().unwrap().to_owned();
    results.iter().map(short).collect()
}

const ALL: &[&str] = &["web1", "web2", "db1", "db2", "old"];

/// Each operator and each way to join conditions, with the hosts it finds.
const QUERIES: &[(&str, &[&str])] = &[
    ("state = failed", &["web1"]),
    ("STATE == Failed", &["web1"]),
    ("state at failed", &["web1"]),
    ("state = failed and location = brno", &["web1"]),
    ("state = failed and location = praha", &[]),
    ("host = web1.brno.example.com", &["web1"]),
    ("host = WEB1.brno.example.com", &[]),
    ("location != brno", &["db1", "db2", "old"]),
    ("location <> brno and has location", &["db1", "db2"]),
    ("host ~ web", &["web1", "web2"]),
    ("host ~ WEB", &["web1", "web2"]),
    ("name ~ web*.brno.example.com", &["web1", "web2"]),
    ("name ~ %2.%", &["web2", "db2"]),
    ("name ~ web*.brno", &[]),
    ("state ~ ed", &["web1", "db2"]),
    ("name !~ web", &["db1", "db2", "old"]),
    ("model !~ R6*", &["web2", "db1", "old"]),
    ("model ^ (R650, R750)", &["web1", "web2", "db2"]),
    ("state ^ (running, pending) location = brno", &["web2"]),
    ("workflow !^ (preseed, image)", &["web1", "web2", "db2", "old"]),
    ("foreman_id ^ (1, 4)", &["web1", "db2"]),
    ("foreman_id = 3", &["db1"]),
    ("foreman_id != 3", &["web1", "web2", "db2", "old"]),
    ("foreman_id > 2", &["db1", "db2"]),
    ("foreman_id >= 2", &["web2", "db1", "db2"]),
    ("foreman_id < 2", &["web1"]),
    ("foreman_id <= 2", &["web1", "web2"]),
    ("foreman_id > -1", &["web1", "web2", "db1", "db2"]),
    ("started_at > \"2 hours ago\"", &["web1", "web2", "db1", "db2"]),
    ("started_at after \"2 hours ago\"", &["web1", "web2", "db1", "db2"]),
    ("started_at < \"2 hours ago\"", &["old"]),
    ("started_at before \"120 minutes ago\"", &["old"]),
    ("started_at >= yesterday", ALL),
    ("started_at <= tomorrow", ALL),
    ("started_at < 2020-01-01", &[]),
    ("started_at > 2020-01-01T00:00:00+01:00", ALL),
    ("started_at = \"2020-01-01 10:00\"", &[]),
    ("has ended_at", &["db2"]),
    ("set? model", &["web1", "web2", "db2"]),
    ("null? model", &["db1", "old"]),
    ("null? last_report_at", &["db1", "old"]),
    ("rejected_reports >= 1", &["db2"]),
    ("attempt = 1", ALL),
    ("step = packages", &["web1", "web2"]),
    ("os = \"RedHat 9.4\"", &["web1"]),
    ("datacenter = praha", &["db1", "db2"]),
    ("organization = acme", &["web1"]),
    ("hostgroup ~ web/", &["web1"]),
    ("mac ~ 52:54:00:*", &["web1"]),
    ("ip ~ 10.1.2.*", &["web1"]),
    ("not state = pending", &["web1", "web2", "db2"]),
    ("! state = pending", &["web1", "web2", "db2"]),
    ("-(state = pending or state = failed)", &["web2", "db2"]),
    ("! has location", &["old"]),
    ("web", &["web1", "web2"]),
    ("brno", &["web1", "web2", "old"]),
    ("web not model ~ R6*", &["web2"]),
    ("web, brno", &["web1", "web2"]),
    ("location = brno & state = failed", &["web1"]),
    ("location = brno && state = failed", &["web1"]),
    ("state = failed | state = running", &["web1", "web2"]),
    ("state = failed || state = running", &["web1", "web2"]),
    ("(workflow = kickstart or workflow = preseed) and rejected_reports > 0", &["db2"]),
    // `and` binds tighter than `or`.
    ("location = praha state = completed or state = failed", &["db2", "web1"]),
    ("location = praha (state = completed or state = failed)", &["db2"]),
    ("name ~ we_1", &[]),
    ("name ~ \"100%' OR true --\"", &[]),
    ("location = \"'; DROP TABLE builds; --\"", &[]),
];

#[test]
fn every_operator_finds_builds_and_hosts_alike() {
    let server = fleet();
    let reader = server.read();
    for (query, expected) in QUERIES {
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        for list in ["builds", "hosts"] {
            assert_eq!(found(&reader, list, query), expected, "{list}: {query}");
        }
    }
}

#[test]
fn a_search_that_cannot_be_read_is_refused_with_its_position() {
    let server = Server::start();
    let (reader, long) = (server.read(), "a".repeat(2049));
    for (query, position, sentence) in [
        ("stat = failed", 0, "unknown field 'stat' at position 0; did you mean 'state'?"),
        ("location = brno and stat = failed", 20, "did you mean 'state'?"),
        ("state = faild", 8, "did you mean 'failed'?"),
        ("žluť = 1", 0, "unknown field"),
        ("žluť and stat = 1", 9, "unknown field"),
        ("state > failed", 6, "state"),
        ("foreman_id = many", 13, "not a whole number"),
        ("started_at > soon", 13, "soon"),
        ("web and", 7, "end of the query"),
        ("(state = failed", 0, "("),
        ("state = failed)", 14, ")"),
        ("name = \"open", 7, ""),
        ("> 5", 0, ""),
        (&long, 2048, "at most 2048"),
    ] {
        for list in ["builds", "hosts"] {
            let path = format!("/api/v2/{list}?search={}", encode(query));
            let problem = reader.get(&path).expect(400).json();
            assert_eq!(problem["code"], "invalid_search", "{query}");
            assert_eq!(pointers(&problem), ["search"], "{query}");
            assert_eq!(problem["errors"][0]["position"], position, "{query}: {}", problem["detail"]);
            assert!(text(&problem["detail"]).contains(sentence), "{query}: {}", problem["detail"]);
        }
    }
}

#[test]
fn an_order_that_cannot_be_read_is_refused_with_its_position() {
    let server = Server::start();
    for (order, position) in [("colour", 0), ("name SIDEWAYS", 5), ("name ASC state", 9), ("mac", 0)] {
        let path = format!("/api/v2/builds?order={}", encode(order));
        let problem = server.read().get(&path).expect(400).json();
        assert_eq!((&problem["code"], pointers(&problem)), (&json!("invalid_search"), vec!["order"]));
        assert_eq!(problem["errors"][0]["position"], position, "{order}");
    }
}

#[test]
fn the_fields_are_named_with_the_values_that_the_caller_may_see() {
    let server = fleet();
    let fields = |client: &Api| client.get("/api/v2/search_fields").expect(200).json()["fields"].clone();
    let field = |fields: &Value, name: &str| {
        let found = fields.as_array().unwrap().iter().find(|field| field["name"] == name);
        found.cloned().unwrap()
    };
    let all = fields(&server.read());
    assert_eq!(
        field(&all, "location"),
        json!({"name": "location", "aliases": ["datacenter"], "kind": "text",
            "operators": ["=", "!=", "~", "!~", "^", "!^"], "values": ["brno", "praha"], "sortable": true})
    );
    assert_eq!(field(&all, "model")["values"], json!(["R650", "R750"]));
    assert_eq!(field(&all, "state")["values"][0], "pending");
    assert!(field(&all, "workflow")["values"].as_array().unwrap().contains(&json!("kickstart")));
    assert!(field(&all, "step")["values"].as_array().unwrap().contains(&json!("packages")));
    assert_eq!(field(&all, "started_at")["kind"], "time");
    // Too many, and each its own.
    assert_eq!(field(&all, "name")["values"], json!([]));
    let seen = fields(&bound_to(&server, "praha"));
    assert_eq!(
        (&field(&seen, "location")["values"], &field(&seen, "hostgroup")["values"]),
        (&json!(["praha"]), &json!([]))
    );
    // Each operator that is named can be used.
    for known in all.as_array().unwrap() {
        let (name, kind) = (text(&known["name"]), text(&known["kind"]));
        let value = match kind.as_str() {
            "number" => "1",
            "time" => "today",
            "boolean" => "true",
            "choice" => known["values"][0].as_str().unwrap(),
            _ => "x",
        };
        for operator in known["operators"].as_array().unwrap() {
            let operator = operator.as_str().unwrap();
            let value = if operator.ends_with('^') { format!("({value})") } else { value.to_owned() };
            let search = encode(&format!("{name} {operator} {value}"));
            let _ = server.read().get(&format!("/api/v2/builds?search={search}")).expect(200);
        }
    }
}
