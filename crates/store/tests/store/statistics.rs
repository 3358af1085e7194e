//! What the installations of some days came to, counted from builds that are known one by one.

use chrono::NaiveDate;
use milepost_domain::{Bounds, BuildId, State};
use milepost_store::{
    Store, list,
    statistics::{self, FailingStep, Outcome, Query, Statistics},
};
use milepost_testkit::Database;

use crate::support::{DONE, FAILED, INIT, at, label, open, opening, record, report, store};

const DAY: i64 = 86_400;

fn day(days: i64) -> NaiveDate {
    at(days * DAY).date_naive()
}

/// Of the first three days.
fn query(search: &str) -> Query {
    let search = milepost_domain::search::parse(search, list::FIELDS, at(0)).unwrap();
    Query { from: day(0), until: day(3), search, bounds: Bounds::default(), now: at(3 * DAY) }
}

#[track_caller]
fn counted(store: &Store, query: &Query) -> Statistics {
    store.read(|connection| statistics::of(connection, query)).unwrap()
}

/// A build that is opened so many days after the start, with what is reported of it so many seconds later.
fn heard(
    store: &Store,
    host: &str,
    days: i64,
    reports: &[(&str, Option<milepost_domain::Status>, i64)],
) -> BuildId {
    let build = open(store, &opening(store, host, days * DAY)).build.id;
    for (step, status, after) in reports {
        record(store, build, &[report(step, *status, days * DAY + after)]);
    }
    build
}

/// On the first day two are installed and one fails, on the second one fails and is repeated, on the
/// fourth, which is not asked for, one fails as well.
fn fleet(store: &Store) {
    for (host, packages) in [("web1", 100), ("web2", 300)] {
        let ends = [("get_ks", DONE, 10), ("packages", DONE, 10 + packages), ("built", DONE, 20 + packages)];
        heard(store, host, 0, &ends);
    }
    heard(store, "db1", 0, &[("get_ks", DONE, 10), ("storage", FAILED, 20)]);
    heard(
        store,
        "db1",
        1,
        &[("get_ks", DONE, 10), ("storage", FAILED, 20), ("storage", INIT, 30), ("storage", DONE, 40)],
    );
    heard(store, "db1", 3, &[("storage", FAILED, 20)]);
}

#[test]
fn builds_are_counted_by_the_day_they_were_opened_and_what_became_of_them() {
    let store = store(&Database::new());
    fleet(&store);
    // Nobody hears of it, and its token runs out.
    heard(&store, "web3", 2, &[]);
    let outcome = |days, state, builds| Outcome { day: day(days), state, builds };
    assert_eq!(
        counted(&store, &query("")).days,
        [
            outcome(0, State::Failed, 1),
            outcome(0, State::Installed, 2),
            outcome(1, State::Superseded, 1),
            outcome(2, State::Expired, 1),
        ]
    );
}

#[test]
fn times_of_workflows_run_to_the_end_of_the_installer_and_those_of_steps_from_the_end_before() {
    let store = store(&Database::new());
    fleet(&store);
    let counted = counted(&store, &query("name ~ web"));
    let [kickstart] = &counted.workflows[..] else { panic!("{:?}", counted.workflows) };
    assert_eq!((kickstart.builds, kickstart.installed, kickstart.failed), (2, 2, 0));
    // Of 120 and 320 seconds.
    assert_eq!((kickstart.median_seconds, kickstart.p90_seconds), (Some(220.0), Some(300.0)));
    let steps: Vec<(&str, i64, f64)> = counted
        .slowest_steps
        .iter()
        .map(|step| (step.label.as_str(), step.builds, step.median_seconds))
        .collect();
    assert_eq!(steps, [("packages", 2, 200.0), ("built", 2, 10.0), ("get_ks", 2, 10.0)]);
    assert!((counted.slowest_steps[0].p90_seconds - 280.0).abs() < 1e-6, "{:?}", counted.slowest_steps[0]);
    assert_eq!(counted.failing_steps, []);
    assert_eq!(counted.failing_hosts, []);
}

#[test]
fn steps_and_hosts_that_fail_most_come_first_and_a_retry_that_went_well_is_none() {
    let store = store(&Database::new());
    fleet(&store);
    heard(&store, "db2", 0, &[("packages", FAILED, 10)]);
    heard(&store, "db2", 1, &[("packages", FAILED, 10)]);
    let counted = counted(&store, &query(""));
    let steps: Vec<(&str, i64, i64)> =
        counted.failing_steps.iter().map(|step| (step.label.as_str(), step.failed, step.builds)).collect();
    assert_eq!(steps, [("packages", 2, 4), ("storage", 1, 2)]);
    assert_eq!(
        counted.failing_steps[1],
        FailingStep {
            workflow: label("kickstart"),
            label: label("storage"),
            name: Some("Partitioning".to_owned()),
            builds: 2,
            failed: 1
        }
    );
    let hosts: Vec<(&str, i64, i64)> =
        counted.failing_hosts.iter().map(|host| (host.name.as_str(), host.failed, host.builds)).collect();
    assert_eq!(hosts, [("db2", 2, 2), ("db1", 1, 2)]);
    assert_eq!(counted.failing_hosts[0].last_failed_at, Some(at(DAY)));
}

#[test]
fn a_search_and_the_days_narrow_everything() {
    let store = store(&Database::new());
    fleet(&store);
    let nothing = counted(&store, &query("name = nobody"));
    assert_eq!(nothing, Statistics::default());
    let later = Query { from: day(3), until: day(4), ..query("") };
    let later = counted(&store, &later);
    assert_eq!(later.days.len(), 1);
    assert_eq!((later.workflows[0].failed, later.failing_hosts.len(), later.failing_steps.len()), (1, 1, 1));
    assert_eq!(later.slowest_steps, []);
    assert_eq!(counted(&store, &query("state = failed")).days.len(), 1);
}
