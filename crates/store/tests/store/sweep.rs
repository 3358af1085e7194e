//! What changed is written down to be told: each change once, whoever looks, and whoever dies.

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::Duration;
use diesel::PgConnection;
use milepost_domain::{BuildId, Id, Progress, State, Time};
use milepost_store::{
    Store,
    build::{HostBuild, Verdict},
    hook::{self, Format, Hook, Secret},
    retention,
    sweep::{self, Eyes, Sweeper, Swept},
};
use milepost_testkit::Database;
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    sql::{count, lines, run},
    support::{
        DONE, FAILED, at, entry, fresh_id, name, node, open, open_kickstart, opening, record, report, start,
        store,
    },
};

/// Sweeps so many seconds after the start.
#[track_caller]
fn sweep(sweeper: &mut Sweeper, seconds: i64) -> Option<Swept> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let now = at(seconds);
    let signals = |found: &HostBuild| Progress::of(&found.build, now).signals;
    let words = |_: &HostBuild, news: &milepost_domain::News, _: &[milepost_domain::Signal]| {
        let mut random = [0; 10];
        random[1..5].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Ok((Id::<()>::at(now, random).uuid(), news.sentence.clone()))
    };
    sweeper.sweep(&Eyes { now, signals: &signals, words: &words }).unwrap()
}

/// What was written down of a build, in its order.
fn told(connection: &mut PgConnection, build: BuildId) -> Vec<String> {
    lines(connection, &format!("SELECT topic AS line FROM outbox WHERE build_id = '{build}' ORDER BY id"))
}

pub(crate) fn hook(events: &str, search: Option<&str>, now: Time) -> Hook {
    Hook {
        id: fresh_id::<()>(now).uuid(),
        name: name("chat"),
        url: "http://127.0.0.1:9/".to_owned(),
        format: Format::Standard,
        events: vec![events.parse().unwrap()],
        search: search.map(ToOwned::to_owned),
        bounds: milepost_domain::Bounds::default(),
        secret: Secret("whsec_c2VjcmV0".to_owned()),
        old_secret: None,
        is_enabled: true,
        disabled_reason: None,
        created_at: now,
        created_by: "somebody".to_owned(),
        failing_since: None,
        failures: 0,
    }
}

pub(crate) fn insert(store: &Store, hook: &Hook) {
    store.write(|connection| hook::insert(connection, hook, start(), &entry())).unwrap();
}

#[test]
fn what_came_and_went_between_two_sweeps_is_told_and_nothing_twice() {
    let database = Database::new();
    let store = store(&database);
    let mut connection = database.connect();
    let mut sweeper = store.sweeper();
    let gone = open_kickstart(&store, "web1");
    for (second, step) in [(1, "get_ks"), (2, "packages"), (3, "built"), (4, "first_boot")] {
        record(&store, gone, &[report(step, DONE, second)]);
    }
    let failed = open_kickstart(&store, "web2");
    record(&store, failed, &[report("storage", FAILED, 5)]);
    assert_eq!(sweep(&mut sweeper, 10), Some(Swept { builds: 2, news: 5 }));
    assert_eq!(told(&mut connection, gone), ["build.opened", "build.completed"]);
    let of_failed = ["build.opened", "build.failed", "signal.failed_step.began"];
    assert_eq!(told(&mut connection, failed), of_failed);
    assert_eq!(sweep(&mut sweeper, 11).unwrap().news, 0);
    // Another node knows nothing of what this one has looked at.
    drop(sweeper);
    let mut other = node(&database, milepost_domain::registry::Mode::Strict).sweeper();
    assert_eq!(sweep(&mut other, 12).unwrap().news, 0);
    record(&store, failed, &[report("storage", DONE, 13)]);
    sweep(&mut other, 14);
    assert_eq!(told(&mut connection, failed)[3..], ["build.running", "signal.failed_step.cleared"]);
    // One that has ended begins anew, and ends anew before anybody looks.
    for (second, step) in [(20, "get_ks"), (21, "packages"), (22, "built"), (23, "first_boot")] {
        record(&store, gone, &[report(step, DONE, second)]);
    }
    sweep(&mut other, 30);
    assert_eq!(told(&mut connection, gone)[2..], ["build.completed"], "of the second attempt");
    assert_eq!(sweep::last_run(&mut connection).unwrap(), Some(at(30)));
}

#[test]
fn what_the_clock_alone_brings_about_is_told_and_shown_to_those_who_follow() {
    let database = Database::new();
    let store = store(&database);
    let mut connection = database.connect();
    let mut sweeper = store.sweeper();
    let build = open_kickstart(&store, "web1");
    record(&store, build, &[report("get_ks", DONE, 1)]);
    sweep(&mut sweeper, 2);
    let _ = crate::support::load(&store, build);
    store.watch(true);
    let _ = store.take_changed();
    // It rests for a part of its silence, so the limit itself may pass unseen, and a day may not.
    sweep(&mut sweeper, 86_400);
    assert!(told(&mut connection, build).contains(&"signal.stalled.began".to_owned()));
    assert_eq!(store.take_changed(), Some(vec![build]), "a stream is told");
    let unheard = open(&store, &opening(&store, "web2", 86_400)).build.id;
    sweep(&mut sweeper, 86_401);
    sweep(&mut sweeper, 86_400 + 6 * 3600 + 1);
    assert_eq!(told(&mut connection, unheard)[0], "build.opened");
    assert!(told(&mut connection, unheard).contains(&"build.expired".to_owned()));
}

#[test]
fn a_silent_build_is_not_looked_at_each_time_and_one_that_reports_is() {
    let database = Database::new();
    let store = store(&database);
    let mut sweeper = store.sweeper();
    let build = open_kickstart(&store, "web1");
    record(&store, build, &[report("get_ks", DONE, 1)]);
    assert_eq!(sweep(&mut sweeper, 601).unwrap().builds, 1);
    assert_eq!(sweep(&mut sweeper, 605).unwrap().builds, 0, "a sixtieth of ten minutes has not passed");
    record(&store, build, &[report("packages", DONE, 606)]);
    assert_eq!(sweep(&mut sweeper, 607).unwrap().builds, 1);
    assert_eq!(sweep(&mut sweeper, 608).unwrap().builds, 1, "it was heard a moment ago");
}

#[test]
fn one_node_sweeps_and_another_goes_on_when_its_session_dies() {
    let database = Database::new();
    let (here, there) = (store(&database), store(&database));
    let (mut first, mut second) = (here.sweeper(), there.sweeper());
    let build = open_kickstart(&here, "web1");
    assert!(sweep(&mut first, 1).is_some());
    assert_eq!(sweep(&mut second, 2), None);
    record(&here, build, &[report("get_ks", DONE, 3)]);
    assert_eq!(sweep(&mut second, 4), None);
    drop(first);
    // The server notices that a session is gone when it next looks at it.
    crate::support::comes_true("the lock is free", || sweep(&mut second, 5).is_some());
    let mut connection = database.connect();
    assert_eq!(told(&mut connection, build), ["build.opened", "build.running"]);
}

#[test]
fn words_that_fail_leave_nothing_behind_and_are_tried_again() {
    let database = Database::new();
    let store = store(&database);
    let mut connection = database.connect();
    let mut sweeper = store.sweeper();
    let builds = ["web1", "web2"].map(|host| open_kickstart(&store, host));
    let now = at(1);
    let refuse = |found: &HostBuild, _: &milepost_domain::News, _: &[milepost_domain::Signal]| {
        if found.build.id == builds[1] {
            return Err(milepost_store::Error::Database("no words".to_owned()));
        }
        Ok((fresh_id::<()>(now).uuid(), String::new()))
    };
    let nothing = |_: &HostBuild| Vec::new();
    assert!(sweeper.sweep(&Eyes { now, signals: &nothing, words: &refuse }).is_err());
    assert_eq!(
        (count(&mut connection, "outbox"), count(&mut connection, "told WHERE state IS NOT NULL")),
        (0, 0)
    );
    crate::support::comes_true("it is elected again", || sweep(&mut sweeper, 2).is_some());
    for build in builds {
        assert_eq!(told(&mut connection, build), ["build.opened"]);
    }
}

#[test]
fn hooks_are_told_what_they_ask_for_of_whom_their_maker_may_see() {
    let database = Database::new();
    let store = store(&database);
    let everything = hook("*", None, start());
    let failures = hook("build.failed", Some("location = brno"), start());
    let mut elsewhere = hook("*", None, start());
    elsewhere.bounds.organizations.insert(name("globex"));
    let off = Hook { is_enabled: false, ..hook("*", None, start()) };
    for hook in [&everything, &failures, &elsewhere, &off] {
        insert(&store, hook);
    }
    let mut opening = opening(&store, "web1", 0);
    opening.host.location = Some(name("brno"));
    opening.host.organization = Some(name("acme"));
    let build = open(&store, &opening).build.id;
    record(&store, build, &[report("storage", FAILED, 5)]);
    open_kickstart(&store, "elsewhere");
    sweep(&mut store.sweeper(), 10);
    let mut connection = database.connect();
    let mut sent = |hook: &Hook| {
        let sql = format!(
            "SELECT topic AS line FROM deliveries JOIN outbox ON id = event_id WHERE hook_id = '{}' ORDER BY id",
            hook.id
        );
        lines(&mut connection, &sql)
    };
    assert_eq!(
        sent(&everything),
        ["build.opened", "build.failed", "signal.failed_step.began", "build.opened"]
    );
    assert_eq!(sent(&failures), ["build.failed"]);
    assert!(sent(&elsewhere).is_empty() && sent(&off).is_empty());
}

#[test]
fn builds_of_before_are_no_news_and_what_was_told_goes_with_time_and_with_its_build() {
    let database = Database::new();
    let store = store(&database);
    let mut connection = database.connect();
    let build = open_kickstart(&store, "web1");
    store.judge(build, Verdict::Canceled, at(1), &entry()).unwrap();
    insert(&store, &hook("*", None, start()));
    sweep(&mut store.sweeper(), 2);
    assert_eq!(told(&mut connection, build), ["build.opened", "build.canceled"]);
    let mut retire = |days| {
        retention::retire(
            &mut connection,
            start() + Duration::days(days),
            &retention::Policy::default(),
            false,
        )
        .unwrap();
        ["outbox", "deliveries", "told"].map(|table| count(&mut connection, table))
    };
    assert_eq!(retire(6), [2, 2, 1]);
    assert_eq!(retire(8), [0, 0, 1]);
    assert_eq!(retire(500), [0, 0, 0]);
}

/// What befalls builds, in an order that chance decides.
#[derive(Debug, Clone)]
enum Deed {
    Report(usize, &'static str, bool),
    Cancel(usize),
    Reopen(usize),
    Sweep(usize),
    /// The session of the one who sweeps is gone.
    Die(usize),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let step = prop::sample::select(vec!["get_ks", "packages", "built", "first_boot"]);
    let deed = prop_oneof![
        6 => (0..2_usize, step, any::<bool>()).prop_map(|(host, step, fails)| Deed::Report(host, step, fails)),
        1 => (0..2_usize).prop_map(Deed::Cancel),
        1 => (0..2_usize).prop_map(Deed::Reopen),
        4 => (0..2_usize).prop_map(Deed::Sweep),
        1 => (0..2_usize).prop_map(Deed::Die),
    ];
    prop::collection::vec(deed, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn whoever_sweeps_and_dies_in_between_the_last_word_is_what_is_and_nothing_is_said_twice(deeds in deeds()) {
        let database = Database::new();
        let nodes = [store(&database), store(&database)];
        let mut sweepers = nodes.each_ref().map(Store::sweeper);
        let mut builds: Vec<BuildId> = ["web1", "web2"].map(|host| open_kickstart(&nodes[0], host)).to_vec();
        let (mut current, mut second) = ([0, 1], 0);
        for deed in deeds {
            second += 1;
            match deed {
                Deed::Report(host, step, fails) => {
                    let status = if fails { FAILED } else { DONE };
                    let _ = nodes[0].record(builds[current[host]], &[report(step, status, second)], None).unwrap();
                }
                // Not every build can be called off any more.
                Deed::Cancel(host) => drop(nodes[1].judge(builds[current[host]], Verdict::Canceled, at(second), &entry())),
                Deed::Reopen(host) => {
                    let opened = open(&nodes[0], &opening(&nodes[0], ["web1", "web2"][host], second));
                    current[host] = builds.len();
                    builds.push(opened.build.id);
                }
                Deed::Sweep(which) => drop(sweep(&mut sweepers[which], second)),
                Deed::Die(which) => sweepers[which] = nodes[which].sweeper(),
            }
        }
        // Whichever of them is free to: all that happened is told by then.
        drop(sweepers);
        let mut last = nodes[1].sweeper();
        crate::support::comes_true("the lock is free", || sweep(&mut last, second + 1).is_some());
        prop_assert_eq!(sweep(&mut last, second + 2).unwrap().news, 0);
        let mut connection = database.connect();
        for &build in &builds {
            let told = told(&mut connection, build);
            let states: Vec<&String> = told.iter().filter(|topic| topic.starts_with("build.")).collect();
            prop_assert_eq!(states[0], "build.opened");
            prop_assert_eq!(states.iter().filter(|topic| **topic == "build.opened").count(), 1);
            let is = crate::support::load(&nodes[0], build);
            let expected = if is.course.state == State::Pending { "build.opened".to_owned() } else { format!("build.{}", is.course.state) };
            prop_assert_eq!(*states.last().unwrap(), &expected);
            for kind in milepost_domain::signal::SignalKind::ALL {
                let mut stands = false;
                for topic in told.iter().filter(|topic| topic.starts_with(&format!("signal.{kind}."))) {
                    let begins = *topic == format!("signal.{kind}.began");
                    prop_assert!(begins != stands, "{:?}", told);
                    stands = begins;
                }
                let signals = Progress::of(&is, at(second + 2)).signals;
                prop_assert_eq!(stands, signals.iter().any(|signal| signal.kind == *kind), "{}: {:?}", kind, told);
            }
        }
        prop_assert_eq!(count(&mut connection, "outbox"), i64::try_from(lines(&mut connection, "SELECT id::text AS line FROM outbox").len()).unwrap());
    }
}

/// How often each table that grows was read from end to end, and by an index, by sessions that are over.
fn reads(connection: &mut PgConnection, how: &str) -> Vec<String> {
    let tables = "'builds', 'step_runs', 'told', 'outbox', 'deliveries'";
    let sql = format!(
        "SELECT relname || ' ' || coalesce({how}, 0) AS line FROM pg_stat_user_tables WHERE relname IN ({tables}) ORDER BY 1"
    );
    lines(connection, &sql)
}

#[test]
fn more_builds_than_a_page_are_all_told_of_and_no_table_that_grows_is_read_from_end_to_end() {
    let database = Database::new();
    let store = store(&database);
    insert(&store, &hook("build.opened", None, start()));
    let builds: Vec<BuildId> =
        (0..600).map(|number| open_kickstart(&store, &format!("web{number}"))).collect();
    let mut connection = database.connect();
    let (scans, looks) = (reads(&mut connection, "seq_scan"), reads(&mut connection, "idx_scan"));
    let mut sweeper = store.sweeper();
    assert_eq!(sweep(&mut sweeper, 1), Some(Swept { builds: 600, news: 600 }));
    assert_eq!(sweep(&mut sweeper, 2).unwrap().news, 0);
    drop(sweeper);
    crate::support::comes_true("the server has counted", || {
        reads(&mut connection, "idx_scan")[0] != looks[0]
    });
    assert_eq!(reads(&mut connection, "seq_scan"), scans);
    assert_eq!(count(&mut connection, "deliveries"), 600);
    assert_eq!(told(&mut connection, builds[599]), ["build.opened"]);
}

#[test]
fn what_a_frozen_node_holds_is_taken_over_by_its_session_s_end() {
    let database = Database::new();
    let store = store(&database);
    let (mut first, mut second) = (store.sweeper(), store.sweeper());
    open_kickstart(&store, "web1");
    assert!(sweep(&mut first, 1).is_some());
    run(
        &mut database.connect(),
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    crate::support::comes_true("the lock is free", || sweep(&mut second, 2).is_some());
    // It notices at the latest when it next sweeps, and tells nothing.
    let nothing = |_: &HostBuild| Vec::new();
    let words = |_: &HostBuild, _: &milepost_domain::News, _: &[milepost_domain::Signal]| {
        Ok((Uuid::nil(), String::new()))
    };
    assert!(first.sweep(&Eyes { now: at(3), signals: &nothing, words: &words }).is_err());
    assert_eq!(sweep(&mut first, 4), None);
}
