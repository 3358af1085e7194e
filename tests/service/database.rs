//! Another database than the embedded one, and what becomes of a database's schema.

use milepost_testkit::empty_database;

use crate::place::{Place, Said, Service, open, progress, report};

/// The migrations of the repository, in their order.
fn migrations() -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn would_apply() -> String {
    format!("would apply {}\n", migrations().join("\nwould apply "))
}

/// Whether each migration was applied, and said so.
fn all_applied(said: &str) -> bool {
    said.lines().count() == migrations().len() && said.lines().all(|line| line.starts_with("applied "))
}

#[test]
fn a_database_of_the_site_is_used_instead_of_an_embedded_one() {
    let place = Place::new();
    let database = empty_database();
    let start = || Service::start(place.serve().env("DATABASE_URL", &database.url));
    let service = start();
    let build = open(&place.api(&service, "manage"), "web1.example.com");
    let _ = report(&service, &build, "get_ks/done").expect(200);
    assert!(!place.file("postgres").exists(), "no embedded one is made");
    let said = service.stop();
    assert!(!said.iter().any(|line| line.contains(&database.url)), "{said:#?}");

    let service = start();
    assert_eq!(progress(&place.api(&service, "read"), "web1.example.com")["state"], "running");
    service.stop();
    assert!(!place.file("postgres").exists());
}

#[test]
fn a_trial_run_says_what_would_be_done_and_does_nothing() {
    let place = Place::new();
    let database = empty_database();
    let migrate = |dry_run: bool| {
        let mut command = place.milepost(["migrate"]);
        Said::by(command.args(dry_run.then_some("--dry-run")).env("DATABASE_URL", &database.url)).success()
    };
    let up_to_date = "the database is up to date\n";
    assert_eq!(migrate(true), would_apply());
    assert_eq!(migrate(true), would_apply(), "the first time did nothing");
    let applied = migrate(false);
    assert!(all_applied(&applied), "{applied}");
    assert_eq!(migrate(false), up_to_date);
    assert_eq!(migrate(true), up_to_date);
    assert!(!place.data().exists(), "another database needs nothing here");
}

#[test]
fn the_embedded_database_is_migrated_and_stopped() {
    let place = Place::new();
    let migrate = || Said::by(&mut place.milepost(["migrate"])).success();
    let applied = migrate();
    assert!(all_applied(&applied), "{applied}");
    assert_eq!(place.postmaster(), None);
    assert_eq!(migrate(), "the database is up to date\n");
    assert_eq!(place.postmaster(), None);
    let service = place.start();
    let _ = open(&place.api(&service, "manage"), "web1.example.com");

    // It belongs to the service now.
    let refusal = Said::by(&mut place.milepost(["migrate"])).refusal();
    assert!(refusal.contains(&format!("pid {}", service.pid())), "{refusal}");
    let _ = service.anyone().get("/readyz").expect(200);
    service.stop();
}

#[test]
fn the_document_that_is_printed_is_the_published_one() {
    let printed = Said::by(&mut crate::place::milepost(["openapi"])).success();
    assert!(printed == include_str!("../../openapi/milepost.json"), "it is not openapi/milepost.json");
}
