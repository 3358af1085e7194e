//! What happens to reports while the database is away, hangs, or refuses one of them.

use std::{collections::HashSet, time::Duration};

use milepost_domain::{Report, registry::Mode};
use milepost_store::{
    Error, Settings, Store,
    ingest::{self, Receipt, SpoolSettings},
};
use milepost_testkit::Database;

use crate::{
    sql::{count, lines, run},
    support::{DONE, INIT, assert_complete, at, open_kickstart, record, report, store, stored},
};

const LONG: Duration = Duration::from_secs(60);
/// Longer than whatever comes after a hang takes, also where the machine has much else to do.
const PATIENCE: Duration = Duration::from_secs(1);

fn node(database: &Database, ingest: ingest::Settings) -> Store {
    Store::connect(&database.url, &Settings { connections: 2, ingest, ..Settings::default() }, Mode::Strict)
        .unwrap()
}

fn spooling(directory: &std::path::Path, bytes: u64) -> ingest::Settings {
    let spool = SpoolSettings { directory: directory.to_owned(), bytes, age: Duration::from_secs(3600) };
    ingest::Settings { spool: Some(spool), ..ingest::Settings::default() }
}

/// Holds every build's row, as a database that hangs does, while `work` runs.
pub(crate) fn while_it_hangs<T>(database: &Database, work: impl FnOnce() -> T) -> T {
    let mut connection = database.connect();
    run(&mut connection, "BEGIN");
    run(&mut connection, "LOCK TABLE builds IN ACCESS EXCLUSIVE MODE");
    let done = work();
    run(&mut connection, "ROLLBACK");
    done
}

#[test]
fn a_report_that_the_database_refuses_fails_alone() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    run(&mut database.connect(), "ALTER TABLE reports ADD CHECK (message <> 'poison')");
    let mut batch: Vec<Report> = (1..=9).map(|second| report("packages", INIT, second)).collect();
    batch[4].message = Some("poison".parse().unwrap());
    let receipts = store.record(build, &batch, None).unwrap();
    for (at, receipt) in receipts.iter().enumerate() {
        match receipt {
            Receipt::Failed(why) => assert!(at == 4 && why.contains("check"), "{at}: {why}"),
            other => assert!(at != 4 && *other == Receipt::Recorded, "{at}: {other:?}"),
        }
    }
    assert_complete(&store, build, 8);
    let kept: Vec<_> = stored(&store, build).iter().map(|stored| stored.report.id).collect();
    let sent: Vec<_> = batch.iter().map(|report| report.id).filter(|id| *id != batch[4].id).collect();
    assert_eq!(kept, sent, "in their order");
}

#[test]
fn a_database_that_hangs_counts_as_away_and_nothing_is_stored_twice_when_it_goes_on() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let node = node(&database, ingest::Settings { patience: PATIENCE, ..spooling(spool.path(), 1 << 20) });
    let build = open_kickstart(&node, "web1");
    let first = report("get_ks", DONE, 1);
    let late = report("packages", INIT, 2);
    while_it_hangs(&database, || {
        record(&node, build, &[first.clone(), late.clone()]);
        let condition = node.condition();
        assert!(condition.away.is_some());
        assert_eq!((condition.reports, condition.oldest), (2, Some(at(1))));
    });
    assert!(node.wait_until_back(LONG));
    assert_complete(&node, build, 2);
    assert_eq!(node.record(build, &[late, first], None).unwrap(), [Receipt::Repeated, Receipt::Repeated]);
}

#[test]
fn a_step_that_is_not_known_is_refused_while_the_database_is_away_too_and_counted_once() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let node = node(&database, ingest::Settings { patience: PATIENCE, ..spooling(spool.path(), 1 << 20) });
    let build = open_kickstart(&node, "web1");
    record(&node, build, &[report("get_ks", DONE, 1)]);
    while_it_hangs(&database, || {
        record(&node, build, &[report("packages", INIT, 2)]);
        let refused = node.record(build, &[report("pakcages", INIT, 3)], None).unwrap();
        assert!(matches!(&refused[..], [Receipt::Refused(why)] if why.label.as_str() == "pakcages"));
    });
    assert!(node.wait_until_back(LONG));
    let known = crate::support::load(&node, build);
    assert_eq!((known.rejections.count, known.course.reports), (1, 2));
}

#[test]
fn a_step_that_is_not_known_is_refused_as_well_when_the_connections_broke() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let node = node(&database, spooling(spool.path(), 1 << 20));
    let build = open_kickstart(&node, "web1");
    record(&node, build, &[report("get_ks", DONE, 1)]);
    database.set_open(false);
    record(&node, build, &[report("packages", INIT, 2)]);
    let refused = node.record(build, &[report("pakcages", INIT, 3)], None).unwrap();
    assert!(matches!(&refused[..], [Receipt::Refused(why)] if why.label.as_str() == "pakcages"));
    database.set_open(true);
    assert!(node.wait_until_back(LONG));
    let known = crate::support::load(&node, build);
    assert_eq!((known.rejections.count, known.course.reports), (1, 2));
}

#[test]
fn a_full_spool_refuses_and_forgets_nothing_of_what_it_took() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let node = node(&database, ingest::Settings { patience: PATIENCE, ..spooling(spool.path(), 8 * 1024) });
    let build = open_kickstart(&node, "web1");
    let taken = while_it_hangs(&database, || {
        let take = |second: &i64| node.record(build, &[report("packages", INIT, *second)], None).is_ok();
        let taken = (1..200).take_while(take).count();
        let refused = node.record(build, &[report("packages", INIT, 500)], None).unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
        assert!(node.condition().fullness(at(1)) >= 1.0, "whoever asks learns of it");
        taken
    });
    assert!(node.wait_until_back(LONG));
    assert!((10..199).contains(&taken), "{taken}");
    assert!(node.condition().fullness(at(1)) < 1.0, "what was full is empty again");
    record(&node, build, &[report("packages", DONE, 600)]);
    // On a busy machine this one may have gone by way of the disk, too.
    assert!(node.wait_until_back(LONG));
    assert_complete(&node, build, taken + 1);
}

#[test]
fn without_a_spool_reports_are_refused_until_the_database_is_back() {
    let database = Database::new();
    let node = node(&database, ingest::Settings { patience: PATIENCE, ..ingest::Settings::default() });
    let build = open_kickstart(&node, "web1");
    let sent = report("get_ks", DONE, 1);
    while_it_hangs(&database, || {
        let refused = node.record(build, std::slice::from_ref(&sent), None).unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    });
    let receipts = node.record(build, std::slice::from_ref(&sent), None).unwrap();
    assert!(matches!(receipts[..], [Receipt::Recorded | Receipt::Repeated]));
    assert_complete(&node, build, 1);
}

#[test]
fn what_does_not_fit_into_the_queue_is_refused_at_once() {
    let database = Database::new();
    let node = node(
        &database,
        ingest::Settings { queue: 2, batch: 1, patience: LONG, ..ingest::Settings::default() },
    );
    let build = open_kickstart(&node, "web1");
    let tickets = while_it_hangs(&database, || {
        // One is being written, two wait, and perhaps one was just taken.
        let submit = |second| node.submit(build, vec![report("packages", INIT, second)], None, None);
        let answers: Vec<_> = (1..=8).map(submit).collect();
        assert!(answers.iter().any(|answer| matches!(answer, Err(Error::Busy))));
        answers.into_iter().flatten().collect::<Vec<_>>()
    });
    let taken = tickets.len();
    assert!((2..=4).contains(&taken), "{taken}");
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap(), [Receipt::Recorded]);
    }
    assert_complete(&node, build, taken);
}

#[test]
fn a_report_of_a_build_that_is_gone_is_set_aside_when_it_is_brought_in() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let node = node(&database, ingest::Settings { patience: PATIENCE, ..spooling(spool.path(), 1 << 20) });
    let build = open_kickstart(&node, "web1");
    let mut connection = database.connect();
    run(&mut connection, "BEGIN");
    run(&mut connection, "LOCK TABLE builds IN ACCESS EXCLUSIVE MODE");
    record(&node, build, &[report("get_ks", DONE, 1)]);
    run(&mut connection, "DELETE FROM builds");
    run(&mut connection, "COMMIT");
    assert!(node.wait_until_back(LONG));
    assert_eq!(count(&mut connection, "reports"), 0);
    let aside = std::fs::read_to_string(spool.path().join("set-aside.jsonl")).unwrap();
    assert!(aside.lines().count() == 1 && aside.contains("get_ks"), "{aside}");
}

#[test]
fn connections_that_died_while_they_lay_idle_are_in_nobodys_way() {
    let database = Database::new();
    let node = node(&database, ingest::Settings::default());
    let first = open_kickstart(&node, "web1");
    // More than one lies idle.
    node.read(|_| node.read(|_| Ok(()))).unwrap();
    database.break_connections();
    assert_eq!(crate::support::load(&node, first).course.reports, 0);
    database.break_connections();
    assert_ne!(open_kickstart(&node, "web2"), first);
}

/// Has each report that is stored run into `what`.
fn each_report(database: &Database, what: &str) {
    let mut connection = database.connect();
    run(
        &mut connection,
        &format!(
            "CREATE OR REPLACE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NEW; END $$"
        ),
    );
    run(
        &mut connection,
        "CREATE OR REPLACE TRIGGER meet BEFORE INSERT ON reports FOR EACH ROW EXECUTE FUNCTION meet()",
    );
}

#[test]
fn a_database_that_cannot_write_is_away_and_no_report_is_blamed_for_it() {
    for (code, message) in [
        ("53100", "could not extend file \"base/5/16384\": No space left on device"),
        ("53200", "out of memory"),
        ("57014", "canceling statement due to statement timeout"),
        ("25006", "cannot execute INSERT in a read-only transaction"),
    ] {
        let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
        let node = node(&database, spooling(spool.path(), 1 << 20));
        let build = open_kickstart(&node, "web1");
        each_report(&database, &format!("RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = '{message}'"));
        record(&node, build, &[report("get_ks", DONE, 1), report("packages", INIT, 2)]);
        assert!(node.condition().away.is_some(), "{message}");
        each_report(&database, "NULL");
        assert!(node.wait_until_back(LONG));
        assert!(!spool.path().join("set-aside.jsonl").exists(), "{message}");
        assert_complete(&node, build, 2);
    }
}

#[test]
fn a_database_that_hangs_is_not_filled_with_connections() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let node = node(&database, ingest::Settings { patience: PATIENCE, ..spooling(spool.path(), 1 << 20) });
    let build = open_kickstart(&node, "web1");
    let mut looking = database.connect();
    while_it_hangs(&database, || {
        record(&node, build, &[report("get_ks", DONE, 1)]);
        let mut tried: HashSet<String> = HashSet::new();
        // Each try has a connection of its own; those before it must have gone.
        while tried.len() < 5 {
            let waiting = lines(
                &mut looking,
                "SELECT pid::text AS line FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock'",
            );
            assert!(waiting.len() < 3, "{waiting:?} wait all together");
            tried.extend(waiting);
        }
    });
    assert!(node.wait_until_back(LONG));
    assert_complete(&node, build, 1);
}

#[test]
fn a_backlog_that_takes_longer_than_the_patience_is_brought_in_in_parts() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let patience = Duration::from_millis(200);
    let node = node(&database, ingest::Settings { patience, ..spooling(spool.path(), 1 << 20) });
    let build = open_kickstart(&node, "web1");
    while_it_hangs(&database, || {
        for second in 1..=60 {
            record(&node, build, &[report("packages", INIT, second)]);
        }
        each_report(&database, "PERFORM pg_sleep(0.02)");
    });
    assert!(node.wait_until_back(LONG));
    assert_complete(&node, build, 60);
}
