//! How the service says that it is doing.

use chrono::{DateTime, Duration, Utc};
use milepost_api::Settings;
use milepost_store::{connect, partition, retention::Policy};
use milepost_testkit::{Options, Server};
use serde_json::Value;

use crate::support::{open, report, server_time};

fn storage(server: &Server) -> Value {
    server.read().get("/api/v2/status").expect(200).json()["storage"].clone()
}

fn ensure(server: &Server, now: DateTime<Utc>) {
    let mut connection = connect(&server.database.url).unwrap();
    assert!(partition::ensure(&mut connection, now, 3).unwrap().left.is_empty());
}

#[test]
fn it_tells_how_much_room_the_data_takes_and_how_long_it_is_kept() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    report(&server, &build, "get_ks/done");
    let caught = storage(&server);
    assert_eq!(caught["partitions"], 0);
    assert_eq!(caught["default_rows_estimate"], 1, "no partition was there for it");
    assert!(caught.get("oldest_day").is_none() && caught.get("newest_day").is_none(), "{caught}");
    assert_eq!(
        (&caught["reports_retention_days"], &caught["builds_retention_days"]),
        (&31.into(), &400.into())
    );

    let now = server_time(&server);
    ensure(&server, now);
    let placed = storage(&server);
    assert_eq!((&placed["partitions"], &placed["default_rows_estimate"]), (&10.into(), &0.into()));
    let day = |days| Value::from((now + Duration::days(days)).date_naive().to_string());
    assert_eq!((&placed["oldest_day"], &placed["newest_day"]), (&day(-1), &day(3)));
    let size = |member: &str| placed[member].as_i64().unwrap();
    assert!(0 < size("reports_bytes") && size("reports_bytes") < size("database_bytes"), "{placed}");
}

#[test]
fn what_is_kept_for_ever_has_no_number_of_days() {
    let retention = Policy { reports_days: None, builds_days: None };
    let settings = Settings { retention, ..Settings::default() };
    let storage = storage(&Server::with(Options { settings, ..Options::default() }));
    assert!(storage.get("reports_retention_days").is_none(), "{storage}");
    assert!(storage.get("builds_retention_days").is_none(), "{storage}");
}
