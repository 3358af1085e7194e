//! What is known of many builds: how long one will still take, how long steps take, and what came of all.

use chrono::{DateTime, TimeDelta, Utc};
use milepost_domain::Status;
use milepost_testkit::{Api, Options, Server};
use serde_json::{Value, json};

use crate::support::{
    bound_to, each, encode, open, open_as, open_at, progress, report, report_at, server_time, step, text,
};

/// A service that has seen five builds go well, of 1000 seconds each, and the time of the last one's start.
fn experienced() -> (Server, DateTime<Utc>) {
    let novice = Server::start();
    let began = server_time(&novice) - TimeDelta::hours(2);
    for number in 0..5 {
        let at = began + TimeDelta::seconds(number);
        let build = open_at(&novice, &format!("old{number}.example.com"), at);
        for (step, after) in [("get_ks", 100), ("packages", 700), ("built", 800), ("first_boot", 1000)] {
            report_at(&novice, build, step, Status::Done, at + TimeDelta::seconds(after));
        }
    }
    // Unlike learning on, it waits for a node that is at it.
    let mut connection = milepost_store::connect(&novice.database.url).unwrap();
    assert_eq!(milepost_store::timing::rebuild(&mut connection).unwrap(), 5);
    // What is known is read when a node starts.
    (novice.beside(Options::default()), began)
}

#[test]
fn a_build_tells_how_long_it_will_still_take_and_from_what_it_knows() {
    let (server, _) = experienced();
    let fresh = open(&server, "web1.example.com");
    let shown = progress(&server, "web1.example.com");
    let eta = &shown["eta"];
    assert_eq!(eta["basis"], "from 5 builds of kickstart");
    let seconds = |member: &str| eta[member].as_u64().unwrap();
    assert!((900..=1000).contains(&seconds("seconds")), "{eta}");
    assert!(
        seconds("low_seconds") < seconds("seconds") && seconds("seconds") < seconds("high_seconds"),
        "{eta}"
    );
    assert!(eta.get("overdue").is_none(), "{eta}");
    for path in [
        format!("builds/{}", fresh.id),
        "builds".to_owned(),
        "hosts?search=name%3Dweb1.example.com".to_owned(),
    ] {
        let answer = server.read().get(&format!("/api/v2/{path}")).expect(200).json();
        let found = answer.get("results").map_or(answer.clone(), |results| results[0].clone());
        let build = found.get("build").unwrap_or(&found);
        assert_eq!(build["eta"]["basis"], eta["basis"], "{path}");
    }
    assert_eq!(step(&shown, "packages")["typical_seconds"], 600);
    assert!(step(&shown, "post").get("typical_seconds").is_none(), "nobody has reported it yet");
    report(&server, &fresh, "get_ks/done");
    let left = progress(&server, "web1.example.com")["eta"]["seconds"].as_u64().unwrap();
    assert!(left < seconds("seconds"), "{left}, and {eta} before");
}

#[test]
fn what_takes_longer_than_in_other_builds_is_overdue() {
    let (server, began) = experienced();
    let build = open_at(&server, "web1.example.com", began + TimeDelta::seconds(30));
    report_at(&server, build, "get_ks", Status::Done, began + TimeDelta::seconds(130));
    let overdue = &progress(&server, "web1.example.com")["eta"]["overdue"];
    assert_eq!(overdue["usually_seconds"], 600);
    // Two hours less what it took to get there.
    assert!(overdue["by_seconds"].as_u64().unwrap() > 6000, "{overdue}");
}

#[test]
fn what_has_ended_or_failed_or_is_not_known_has_no_estimate() {
    let (server, _) = experienced();
    let build = open(&server, "web1.example.com");
    report(&server, &build, "packages/failed");
    assert!(progress(&server, "web1.example.com").get("eta").is_none());
    let _ = open_as(&server, &json!({"name": "web2.example.com"}), "preseed");
    assert!(progress(&server, "web2.example.com").get("eta").is_none());
    assert!(progress(&server, "old1.example.com").get("eta").is_none());
}

#[test]
fn what_was_learned_is_listed_and_searched() {
    let (server, _) = experienced();
    let list = server.read().get("/api/v2/timings").expect(200).json();
    assert_eq!((&list["total"], each(&list, "key")), (&json!(1), vec!["kickstart".to_owned()]));
    let kickstart = &list["results"][0];
    assert_eq!((&kickstart["builds"], &kickstart["is_enough"]), (&json!(5), &json!(true)));
    assert!(kickstart.get("hostgroup").is_none() && kickstart.get("model").is_none());
    let packages =
        kickstart["steps"].as_array().unwrap().iter().find(|step| step["label"] == "packages").unwrap();
    assert_eq!(
        *packages,
        json!({"label": "packages", "median_seconds": 600.0, "p90_seconds": 600.0, "share": 1.0})
    );
    let search = encode("workflow = preseed");
    let none = server.read().get(&format!("/api/v2/timings?search={search}")).expect(200).json();
    assert_eq!((&none["total"], &none["subtotal"]), (&json!(1), &json!(0)));
    let _ = server.read().get("/api/v2/timings?search=owner%3Dme").expect(400);
}

#[test]
fn statistics_count_what_the_caller_may_see() {
    let server = Server::start();
    for (name, location, step) in
        [("a", "brno", "packages/failed"), ("b", "brno", "built/done"), ("c", "praha", "get_ks/done")]
    {
        let host = json!({"name": format!("{name}.example.com"), "location": location});
        let build = open_as(&server, &host, "kickstart");
        report(&server, &build, step);
    }
    let all = server.read().get("/api/v2/statistics").expect(200).json();
    assert_eq!(all["builds"], 3);
    assert_eq!(
        all["days"].as_array().unwrap().iter().map(|day| day["builds"].as_i64().unwrap()).sum::<i64>(),
        3
    );
    let kickstart = &all["workflows"][0];
    assert_eq!((&kickstart["installed"], &kickstart["failed"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&all["failing_steps"][0]["label"], &all["failing_hosts"][0]["name"]),
        (&json!("packages"), &json!("a.example.com"))
    );
    let day = |member: &str| text(&all[member]).parse::<chrono::NaiveDate>().unwrap();
    assert_eq!((day("until") - day("from")).num_days(), 29);

    let of = |client: &Api, query: &str| -> Value {
        client.get(&format!("/api/v2/statistics{query}")).expect(200).json()
    };
    assert_eq!(of(&bound_to(&server, "praha"), "")["builds"], 1);
    assert_eq!(of(&bound_to(&server, "praha"), "")["failing_hosts"], json!([]));
    assert_eq!(of(&server.read(), "?search=state%3Dfailed")["builds"], 1);
    assert_eq!(of(&server.read(), "?from=2020-01-01&until=2020-12-31")["days"], json!([]));
}

#[test]
fn days_that_are_none_or_too_many_are_refused() {
    let server = Server::start();
    for query in [
        "from=yesterday",
        "until=2026-02-30",
        "from=2026-11-22&until=2026-11-21",
        "from=2020-01-01&until=2026-01-01",
    ] {
        let problem = server.read().get(&format!("/api/v2/statistics?{query}")).expect(400).json();
        assert_eq!(problem["code"], "malformed_request", "{query}");
    }
    let _ = server.read().get("/api/v2/statistics?search=colour%3Dred").expect(400);
}
