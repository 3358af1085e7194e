//! Mutes: marked in every place that shows signals, counted apart, searched for, and over by themselves.

use chrono::TimeDelta;
use milepost_api::{NewToken, Scope};
use milepost_testkit::{Api, Options, Server};
use serde_json::{Value, json};

use crate::support::{each, encode, open, open_as, pointers, progress, report, server_time, text, time};

const HOST: &str = "web1.example.com";

/// Three hosts that have failed, in two locations.
fn failing() -> Server {
    let server = Server::start();
    for (name, location) in [(HOST, "brno"), ("db1.example.com", "brno"), ("db2.example.com", "praha")] {
        let build = open_as(&server, &json!({"name": name, "location": location}), "kickstart");
        report(&server, &build, "packages/failed");
    }
    server
}

#[track_caller]
fn mute(server: &Server, input: &Value) -> Value {
    let mut input = input.clone();
    input["reason"] = json!("new firmware");
    server.manage().post("/api/v2/mutes", &input).expect(201).json()
}

/// The names of the hosts whose builds a search finds.
#[track_caller]
fn found(server: &Server, search: &str) -> Vec<String> {
    let path = format!("/api/v2/builds?order=name&search={}", encode(search));
    let list = server.read().get(&path).expect(200).json();
    let names: Vec<String> =
        list["results"].as_array().unwrap().iter().map(|build| text(&build["host"]["name"])).collect();
    assert_eq!(list["subtotal"], json!(names.len()), "{search}");
    names
}

/// How many failed steps are counted, and how many of them are muted.
#[track_caller]
fn counted(server: &Server) -> (Value, Value) {
    let status = server.read().get("/api/v2/status").expect(200).json();
    let kinds = status["signals"].as_array().unwrap().iter();
    let failed = kinds.clone().find(|count| count["kind"] == "failed_step").unwrap();
    assert_eq!(kinds.count(), milepost_domain::signal::SignalKind::ALL.len(), "every kind is listed");
    (failed["count"].clone(), failed["muted"].clone())
}

#[test]
fn what_is_muted_says_so_wherever_it_is_shown() {
    let server = failing();
    let made = mute(&server, &json!({"host": HOST, "for_seconds": 3600}));
    assert_eq!((&made["host"]["name"], &made["reason"]), (&json!(HOST), &json!("new firmware")));
    let left = time(&made["until"]) - time(&made["created_at"]);
    assert_eq!(left, TimeDelta::hours(1));
    let page = progress(&server, HOST);
    let build = text(&page["build"]["id"]);
    let muted = &page["muted"];
    assert_eq!((&muted["id"], &muted["reason"]), (&made["id"], &json!("new firmware")));
    assert_eq!((&muted["by"], &muted["until"]), (&made["by"], &made["until"]));
    let one = server.read().get(&format!("/api/v2/builds/{build}")).expect(200).json();
    let listed = server.read().get(&format!("/api/v2/builds?search=name%3D{HOST}")).expect(200).json();
    let hosts = server.read().get(&format!("/api/v2/hosts?search=name%3D{HOST}")).expect(200).json();
    for shown in [&page, &one, &listed["results"][0], &hosts["results"][0]["build"]] {
        assert_eq!(shown["muted"], *muted);
        assert_eq!(shown["signals"][0]["kind"], "failed_step", "it is still worked out");
        assert_eq!(shown["signals"][0]["muted"], *muted);
    }
    let other = progress(&server, "db1.example.com");
    assert!(other.get("muted").is_none() && other["signals"][0].get("muted").is_none(), "{other}");
    assert_eq!(counted(&server), (json!(2), json!(1)));

    let path = format!("/api/v2/mutes/{}", text(&made["id"]));
    let ended = server.manage().delete(&path).expect(200).json();
    assert_eq!(ended["id"], made["id"]);
    assert!(progress(&server, HOST).get("muted").is_none(), "the page is not shown again as it was");
    assert_eq!(counted(&server), (json!(3), json!(0)));
    let _ = server.manage().delete(&path).expect(404);
}

#[test]
fn a_search_mutes_what_it_finds_now_and_later() {
    let server = failing();
    let _ = mute(&server, &json!({"search": "location = brno and state = failed", "for_seconds": 60}));
    assert_eq!(found(&server, "muted = true"), ["db1.example.com", HOST]);
    assert_eq!(found(&server, "signal = failed_step and muted = false"), ["db2.example.com"]);
    let late = open_as(&server, &json!({"name": "late.example.com", "location": "brno"}), "kickstart");
    assert!(progress(&server, "late.example.com").get("muted").is_none(), "it has not failed");
    report(&server, &late, "packages/failed");
    assert_eq!(progress(&server, "late.example.com")["muted"]["reason"], "new firmware");
}

#[test]
fn builds_and_hosts_are_found_by_their_signals_page_by_page() {
    let server = failing();
    let _ = open(&server, "quiet.example.com");
    let ended = open(&server, "ended.example.com");
    let answer = server.anyone().get(&format!("/unattended/step/{}/no_such_step", ended.token));
    assert_eq!(answer.status, 422);
    assert_eq!(
        found(&server, "has signal"),
        ["db1.example.com", "db2.example.com", "ended.example.com", HOST]
    );
    assert_eq!(found(&server, "signal = rejected_reports"), ["ended.example.com"]);
    assert_eq!(
        found(&server, "signal ^ (rejected_reports, failed_step) and name ~ ended"),
        ["ended.example.com"]
    );
    assert_eq!(found(&server, "signal != failed_step"), ["ended.example.com", "quiet.example.com"]);
    assert_eq!(found(&server, "null? signal"), ["quiet.example.com"]);
    let patch = json!({"state": "canceled"});
    let _ = server.manage().patch(&format!("/api/v2/builds/{}", ended.id), &patch).expect(200);
    assert!(found(&server, "signal = rejected_reports").is_empty(), "what has ended needs nobody");
    let mut names = Vec::new();
    for page in 1..=3 {
        let path = format!("/api/v2/hosts?search=signal%3Dfailed_step&per_page=1&page={page}");
        let list = server.read().get(&path).expect(200).json();
        assert_eq!((&list["total"], &list["subtotal"]), (&json!(5), &json!(3)));
        names.push(text(&list["results"][0]["host"]["name"]));
    }
    assert_eq!(names, ["db1.example.com", "db2.example.com", HOST]);
    let _ = server.read().get("/api/v2/builds?search=signal%3Dtired").expect(400);
    // Days are of builds that are over as well, of which nothing is worked out.
    let _ = server.read().get("/api/v2/statistics?search=has+signal").expect(400);
}

#[test]
fn another_node_hears_of_a_mute_and_of_its_end() {
    let server = failing();
    let other = server.beside(Options::default());
    let shows = |is_muted: bool| {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while progress(&other, HOST).get("muted").is_some() != is_muted {
            assert!(std::time::Instant::now() < until, "it never hears of it");
            std::thread::yield_now();
        }
    };
    let made = mute(&server, &json!({"host": HOST, "for_seconds": 3600}));
    shows(true);
    let _ = server.manage().delete(&format!("/api/v2/mutes/{}", text(&made["id"]))).expect(200);
    shows(false);
}

#[test]
fn what_is_in_force_is_listed_searched_and_sorted() {
    let server = failing();
    let _ = mute(&server, &json!({"host": HOST, "for_seconds": 7200}));
    let at = (server_time(&server) + TimeDelta::hours(1)).to_rfc3339();
    let _ = mute(&server, &json!({"search": "hostgroup ~ db", "until": at}));
    let list = server.read().get("/api/v2/mutes").expect(200).json();
    assert_eq!((&list["total"], each(&list, "reason").len()), (&json!(2), 2));
    assert_eq!(list["results"][0]["search"], "hostgroup ~ db", "it ends first");
    let list = server.read().get("/api/v2/mutes?order=until+DESC&search=has+host").expect(200).json();
    assert_eq!((&list["subtotal"], &list["results"][0]["host"]["name"]), (&json!(1), &json!(HOST)));
}

#[test]
fn a_mute_that_does_not_hold_together_is_refused_and_says_why() {
    let server = failing();
    let reason = "new firmware";
    let past = (server_time(&server) - TimeDelta::hours(1)).to_rfc3339();
    for (input, pointer) in [
        (json!({"for_seconds": 60, "reason": reason}), "/host"),
        (json!({"host": HOST, "search": "name = x", "for_seconds": 60, "reason": reason}), "/search"),
        (json!({"search": "signal = stalled", "for_seconds": 60, "reason": reason}), "/search"),
        (json!({"search": "colour = red", "for_seconds": 60, "reason": reason}), "/search"),
        (json!({"host": HOST, "reason": reason}), "/until"),
        (json!({"host": HOST, "until": past, "reason": reason}), "/until"),
        (json!({"host": HOST, "until": "tonight", "reason": reason}), "/until"),
        (json!({"host": HOST, "until": past, "for_seconds": 60, "reason": reason}), "/for_seconds"),
        (json!({"host": HOST, "for_seconds": 0, "reason": reason}), "/for_seconds"),
        (json!({"host": HOST, "for_seconds": i64::MAX, "reason": reason}), "/for_seconds"),
        (json!({"host": HOST, "for_seconds": 60, "reason": " "}), "/reason"),
    ] {
        let problem = server.manage().post("/api/v2/mutes", &input).expect(422).json();
        assert_eq!(pointers(&problem), [pointer], "{input}");
    }
    let nobody = json!({"host": "nobody.example.com", "for_seconds": 60, "reason": reason});
    let _ = server.manage().post("/api/v2/mutes", &nobody).expect(404);
    let _ = server
        .read()
        .post("/api/v2/mutes", &json!({"host": HOST, "for_seconds": 60, "reason": reason}))
        .expect(403);
    assert_eq!(server.read().get("/api/v2/mutes").expect(200).json()["total"], 0);
}

#[test]
fn there_are_as_many_mutes_by_search_as_can_be_asked_for_each_build() {
    let server = Server::start();
    for number in 0..100 {
        let _ = mute(&server, &json!({"search": format!("name = web{number}"), "for_seconds": 3600}));
    }
    let one_more = json!({"search": "name = web", "for_seconds": 60, "reason": "one more"});
    let problem = server.manage().post("/api/v2/mutes", &one_more).expect(409).json();
    assert!(text(&problem["detail"]).contains("mute single hosts"), "{problem}");
}

#[test]
fn whoever_is_bound_mutes_nothing_beyond() {
    let server = failing();
    let bound = |location: &str| {
        let mut new = NewToken::of(Scope::Manage, Some(TimeDelta::hours(1)));
        new.bounds.locations.insert(location.parse().unwrap());
        Api::new(&server.url, Some(server.keys.mint(&new).unwrap()))
    };
    let (brno, praha) = (bound("brno"), bound("praha"));
    let all = json!({"search": "name ~ *", "for_seconds": 60, "reason": "ours"});
    let made = brno.post("/api/v2/mutes", &all).expect(201).json();
    assert_eq!(made["locations"], json!(["brno"]));
    assert_eq!(found(&server, "muted = true"), ["db1.example.com", HOST]);
    let theirs = json!({"host": "db2.example.com", "for_seconds": 60, "reason": "ours"});
    let _ = brno.post("/api/v2/mutes", &theirs).expect(404);
    let _ = praha.post("/api/v2/mutes", &theirs).expect(201);
    assert_eq!(praha.get("/api/v2/mutes").expect(200).json()["total"], 1);
    let _ = praha.delete(&format!("/api/v2/mutes/{}", text(&made["id"]))).expect(404);
    assert_eq!(server.read().get("/api/v2/mutes").expect(200).json()["total"], 2);
    let status = praha.get("/api/v2/status").expect(200).json();
    let failed =
        status["signals"].as_array().unwrap().iter().find(|count| count["kind"] == "failed_step").unwrap();
    assert_eq!((&failed["count"], &failed["muted"]), (&json!(0), &json!(1)), "what lies within is counted");
}
