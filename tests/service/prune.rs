//! Old data goes by itself and by hand, also beside a running service.

use std::fs;

use chrono::{DateTime, Duration, Utc};
use milepost_store::{PgConnection, connect, partition};

use crate::place::{Place, Said, Service, open, progress, report, text};

const NOTHING: &str =
    "Nothing to remove: reports are kept for 31 days, builds for 400 days after they ended.\n";

/// The database of a service that runs here.
fn database(place: &Place) -> PgConnection {
    let said = fs::read_to_string(place.file("postgres/postmaster.pid")).unwrap();
    let socket = said.lines().nth(4).unwrap().replace('/', "%2F");
    connect(&format!("postgresql://milepost@/milepost?host={socket}&port=5432")).unwrap()
}

/// When the service was started, on its own clock.
fn started(place: &Place, service: &Service) -> DateTime<Utc> {
    let status = place.api(service, "read").get("/api/v2/status").expect(200).json();
    text(&status["started_at"]).parse().unwrap()
}

/// Makes the partitions of two days that are so long ago.
fn make_old(place: &Place, service: &Service, days: i64) {
    let then = started(place, service) - Duration::days(days);
    assert_eq!(partition::ensure(&mut database(place), then, 0).unwrap().made.len(), 4);
}

fn prune(place: &Place, arguments: &[&str]) -> String {
    Said::by(place.milepost(["prune"]).args(arguments)).success()
}

#[test]
fn a_service_has_partitions_before_it_can_be_used() {
    let place = Place::new();
    let service = place.start();
    let build = open(&place.api(&service, "manage"), "web1.example.com");
    let _ = report(&service, &build, "get_ks/done").expect(200);
    let status = place.api(&service, "read").get("/api/v2/status").expect(200).json();
    let storage = &status["storage"];
    assert_eq!(storage["default_rows_estimate"], 0, "{storage}");
    let tomorrow = started(&place, &service).date_naive().succ_opt().unwrap().to_string();
    assert!(text(&storage["newest_day"]) > tomorrow, "{storage}");
    // Nothing to look after, and so not a word of it.
    Said::by(&mut place.milepost(["status"])).success();
    service.stop();
}

#[test]
fn what_is_old_goes_by_hand_beside_a_running_service() {
    let place = Place::new();
    let service = place.start();
    let build = open(&place.api(&service, "manage"), "web1.example.com");
    let _ = report(&service, &build, "get_ks/done").expect(200);
    assert_eq!(prune(&place, &["--dry-run"]), NOTHING);
    make_old(&place, &service, 60);

    let would = prune(&place, &["--dry-run"]);
    assert_eq!(would.lines().count(), 1 + 4 + 1 + 1, "{would}");
    assert!(would.lines().all(|line| line.chars().count() <= 80), "{would}");
    assert!(would.contains("Would drop 4 partitions of "), "{would}");
    assert_eq!(prune(&place, &["--dry-run"]), would, "the first time did nothing");
    // The settings say otherwise for this once.
    assert!(prune(&place, &["--retention-reports-days", "90"]).starts_with("Nothing to remove"));

    let did = prune(&place, &[]);
    assert_eq!(did, would.replace("Would drop", "Dropped"));
    assert_eq!(prune(&place, &[]), NOTHING);

    assert_eq!(report(&service, &build, "packages/done").expect(200).text, "recorded\n");
    let shown = progress(&place.api(&service, "read"), "web1.example.com");
    assert_eq!((&shown["state"], &shown["build"]["reports"]), (&"running".into(), &2.into()));
    // Looking at what a migration would do disturbs it as little.
    let migrations = Said::by(&mut place.milepost(["migrate", "--dry-run"])).success();
    assert_eq!(migrations, "the database is up to date\n");
    service.stop();
}

#[test]
fn a_service_lets_go_by_itself_what_is_old() {
    let place = Place::new();
    let service = place.start();
    make_old(&place, &service, 10);
    service.stop();
    place.configure("[retention]\nreports_days = 7\n");
    let mut service = place.start();
    // It does so beside all else, and may have said it before it listened.
    let dropped = |line: &str| line.contains("Dropped 4 partitions of ");
    if !service.said().iter().any(|line| dropped(line)) {
        service.read_until(dropped);
    }
    service.stop();
}

#[test]
fn without_a_service_its_database_is_started_for_that() {
    let place = Place::new();
    let said = prune(&place, &[]);
    assert!(said.starts_with("There is no database in "), "{said}");
    assert!(!place.data().exists(), "looking makes nothing");

    let service = place.start();
    make_old(&place, &service, 60);
    service.stop();
    assert!(prune(&place, &[]).contains("Dropped 4 partitions of "));
    assert_eq!(place.postmaster(), None);
}

#[test]
fn settings_that_would_keep_reports_without_their_builds_are_refused() {
    let place = Place::new();
    for (file, arguments) in [
        ("[retention]\nreports_days = 500\n", &[][..]),
        ("[retention]\nreports_days = 0\n", &[][..]),
        ("", &["--retention-builds-days", "30"][..]),
    ] {
        place.configure(file);
        for mut command in [place.milepost(["prune"]), place.milepost(["serve", "--print-config"])] {
            let refusal = Said::by(command.args(arguments)).refusal();
            assert!(refusal.contains("retention.reports_days"), "{refusal}");
        }
    }
    place.configure("[retention]\nreports_days = 0\nbuilds_days = 0\n");
    Said::by(&mut place.milepost(["serve", "--print-config"])).success();
}

#[test]
fn a_database_of_an_older_version_is_not_touched() {
    let place = Place::new();
    let database = milepost_testkit::empty_database();
    let refusal = Said::by(place.milepost(["prune"]).env("DATABASE_URL", &database.url)).refusal();
    assert!(refusal.contains("milepost migrate"), "{refusal}");
}
