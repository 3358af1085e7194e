//! What is old goes, all of it and nothing else.

use chrono::Duration;
use diesel::{Connection as _, PgConnection};
use milepost_domain::{BuildId, State, Time, host::HostRef};
use milepost_store::{
    Store, build, connect, host,
    partition::{self, DAYS_AHEAD},
    retention::{Policy, Retired, retire},
};
use milepost_testkit::Database;

use crate::{
    partitions::caught,
    sql::{count, lines, run},
    support::{
        DONE, FAILED, at, at_once, entry, load, open, open_kickstart, opening, record, report, start, store,
        token,
    },
};

const DAY: i64 = 86_400;
const REPORTS: Policy = Policy { reports_days: Some(31), builds_days: None };
const BUILDS: Policy = Policy { reports_days: None, builds_days: Some(400) };

/// So many days after the start, at the same time of day.
fn later(days: i64) -> Time {
    at(days * DAY)
}

#[track_caller]
fn retired(connection: &mut PgConnection, now: Time, policy: &Policy) -> Retired {
    retire(connection, now, policy, false).unwrap()
}

/// A build with a report that has a log, opened so many days after the start.
fn heard(store: &Store, host: &str, days: i64) -> BuildId {
    let build = open(store, &opening(store, host, days * DAY)).build.id;
    let mut report = report("get_ks", DONE, days * DAY + 5);
    report.log = milepost_domain::Log::from_bytes(&b"a long log\n".repeat(60));
    record(store, build, &[report]);
    build
}

/// Everything that is stored, and where.
fn everything_there(connection: &mut PgConnection) -> Vec<String> {
    lines(
        connection,
        "SELECT relname::text AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace
         UNION ALL SELECT tableoid::regclass || reports::text FROM reports
         UNION ALL SELECT tableoid::regclass || report_logs::text FROM report_logs
         UNION ALL SELECT builds::text FROM builds UNION ALL SELECT step_runs::text FROM step_runs
         UNION ALL SELECT credentials::text FROM credentials ORDER BY line",
    )
}

#[test]
fn a_partition_goes_when_the_whole_of_its_day_is_old_and_the_builds_stay() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    partition::ensure(&mut connection, start(), DAYS_AHEAD).unwrap();
    let old = heard(&store, "old", 0);
    let young = heard(&store, "young", 1);
    let before = load(&store, old);

    // The last moment of the 22nd is not 31 days ago yet.
    let end: Time = "2026-12-24T00:00:00Z".parse().unwrap();
    let early = retired(&mut connection, end - Duration::milliseconds(1), &REPORTS);
    let names: Vec<&str> = early.dropped.iter().map(|dropped| dropped.partition.as_str()).collect();
    assert_eq!(names, ["reports_20261121", "report_logs_20261121"], "it was empty");
    assert_eq!((early.all_reports(), early.unfinished), (0, false));

    let due = retired(&mut connection, end, &REPORTS);
    let names: Vec<&str> = due.dropped.iter().map(|dropped| dropped.partition.as_str()).collect();
    assert_eq!(names, ["reports_20261122", "report_logs_20261122"]);
    assert_eq!((due.all_reports(), due.left.len()), (1, 0));
    assert!(due.bytes() > 0 && due.dropped.iter().all(|dropped| dropped.rows == 1), "{due:?}");

    assert_eq!(count(&mut connection, "reports"), 1);
    assert_eq!(count(&mut connection, "report_logs"), 1);
    assert_eq!(count(&mut connection, &format!("reports WHERE build_id = '{young}'")), 1);
    // What the build came to, and how long its steps took, is kept.
    assert_eq!(load(&store, old), before);
    assert_eq!(before.course.runs.len(), 1);
    assert!(retired(&mut connection, end, &REPORTS).is_nothing());
}

#[test]
fn old_rows_of_the_default_partitions_go_chunk_by_chunk() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    let old = heard(&store, "old", 0);
    let young = heard(&store, "young", 2);
    caught(&mut connection, old, 104_999);
    caught(&mut connection, young, 50);
    let mut all = retired(&mut connection, later(33), &REPORTS);
    assert_eq!((all.reports, all.logs, all.unfinished), (100_000, 1, true));
    all.add(retired(&mut connection, later(33), &REPORTS));
    assert_eq!((all.reports, all.logs, all.unfinished), (105_000, 1, false));
    assert_eq!((all.all_reports(), all.bytes()), (105_000, 0));
    assert_eq!(count(&mut connection, "reports"), 51);
    assert_eq!(count(&mut connection, &format!("reports WHERE build_id = '{young}'")), 51);
    assert_eq!(count(&mut connection, "report_logs"), 1);
}

#[test]
fn old_builds_that_have_ended_go_and_no_other() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    let verdict = |build, verdict, days| {
        store.judge(build, verdict, later(days), &entry()).unwrap();
    };
    let ended = heard(&store, "ended", 0);
    verdict(ended, build::Verdict::Completed, 1);
    let ended_later = heard(&store, "later", 0);
    verdict(ended_later, build::Verdict::Canceled, 2);
    let running = heard(&store, "running", 0);
    let failed = heard(&store, "failed", 0);
    record(&store, failed, &[report("packages", FAILED, 9)]);
    // Nothing was written of its end, and yet it has ended.
    let mut unheard = opening(&store, "unheard", 0);
    unheard.credential = Some(token(1));
    let unheard = open(&store, &unheard).build.id;
    let mut pending = opening(&store, "pending", 0);
    (pending.credential, pending.expires_at) = (Some(token(2)), later(300));
    let pending = open(&store, &pending).build.id;

    let gone = retired(&mut connection, later(401) + Duration::seconds(1), &BUILDS);
    assert_eq!((gone.builds, gone.dropped.len(), gone.unfinished), (2, 0, false));
    let mut left = lines(&mut connection, "SELECT id::text AS line FROM builds");
    left.sort();
    let mut expected = [ended_later, running, failed, pending].map(|build| build.to_string());
    expected.sort();
    assert_eq!(left, expected);
    for build in [ended, unheard] {
        for table in ["step_runs", "credentials"] {
            assert_eq!(count(&mut connection, &format!("{table} WHERE build_id = '{build}'")), 0);
        }
    }
    assert_eq!(count(&mut connection, "credentials"), 1);
    assert_eq!(load(&store, running).course.state, State::Running);
    for name in ["ended", "unheard"] {
        let name = HostRef::Name(name.to_owned());
        let host = store.read(|connection| host::find(connection, &name)).unwrap();
        assert!(store.read(|connection| build::latest(connection, host.id, later(401))).unwrap().is_none());
    }
}

#[test]
fn many_old_builds_go_in_several_chunks() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    let template = open_kickstart(&store, "web1");
    run(
        &mut connection,
        &format!(
            "INSERT INTO builds (id, host_id, workflow, plan, state, attempt, floor, reports, started_at, expires_at, ended_at)
             SELECT gen_random_uuid(), host_id, workflow, plan, 'completed', 1, 0, 0, started_at, expires_at, started_at
             FROM builds, generate_series(1, 1201) WHERE id = '{template}'"
        ),
    );
    let gone = retired(&mut connection, later(401), &BUILDS);
    // With the one that nobody was heard of.
    assert_eq!((gone.builds, gone.unfinished), (1202, false));
    assert_eq!(count(&mut connection, "plans"), 0, "what nobody expects any more");
}

#[test]
fn what_a_build_that_stays_expects_stays() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    heard(&store, "old", 0);
    let ended = heard(&store, "ended", 0);
    store.judge(ended, build::Verdict::Canceled, at(9), &entry()).unwrap();
    assert_eq!(retired(&mut connection, later(401), &BUILDS).builds, 1);
    assert_eq!((count(&mut connection, "builds"), count(&mut connection, "plans")), (1, 1));
}

#[test]
fn a_build_that_is_opened_just_when_its_plan_goes_is_opened_all_the_same() {
    let database = Database::new();
    let (store, mut connection, mut onlooker) = (store(&database), database.connect(), database.connect());
    open_kickstart(&store, "old");
    run(&mut connection, "DELETE FROM builds");
    std::thread::scope(|scope| {
        let opened = connection
            .transaction(|connection| {
                // It finds the plan, and then has to wait for us.
                run(connection, "LOCK TABLE builds IN SHARE MODE");
                let opened = scope.spawn(|| open_kickstart(&store, "web1"));
                let began = std::time::Instant::now();
                while count(&mut onlooker, "pg_locks WHERE NOT granted AND relation = 'builds'::regclass")
                    == 0
                {
                    assert!(began.elapsed() < std::time::Duration::from_secs(60), "nobody waits");
                    std::thread::yield_now();
                }
                run(connection, "DELETE FROM plans");
                Ok::<_, diesel::result::Error>(opened)
            })
            .unwrap();
        let build = opened.join().unwrap();
        assert!(!crate::support::load(&store, build).plan.is_empty());
    });
}

#[test]
fn a_trial_run_says_what_would_go_and_changes_nothing() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    heard(&store, "caught", 0);
    partition::ensure(&mut connection, later(3), DAYS_AHEAD).unwrap();
    heard(&store, "old", 3);
    heard(&store, "young", 500);
    let policy = Policy::default();
    let before = everything_there(&mut connection);
    let would = retire(&mut connection, later(500), &policy, true).unwrap();
    assert_eq!(everything_there(&mut connection), before);
    assert_eq!((would.dropped.len(), would.reports, would.logs, would.builds), (10, 1, 1, 0));
    assert_eq!(retired(&mut connection, later(500), &policy), would, "and then it does just that");
    assert!(retire(&mut connection, later(500), &policy, true).unwrap().is_nothing());
    assert_eq!((count(&mut connection, "reports"), count(&mut connection, "builds")), (1, 3));
}

#[test]
fn what_is_kept_for_ever_is_kept() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    partition::ensure(&mut connection, start(), DAYS_AHEAD).unwrap();
    let build = heard(&store, "web1", 0);
    store.judge(build, build::Verdict::Completed, at(9), &entry()).unwrap();
    let before = everything_there(&mut connection);
    let for_ever = Policy { reports_days: None, builds_days: None };
    let beyond_time = Policy { reports_days: Some(u32::MAX), builds_days: Some(u32::MAX) };
    for policy in [for_ever, beyond_time] {
        assert!(retired(&mut connection, later(100_000), &policy).is_nothing());
    }
    assert_eq!(everything_there(&mut connection), before);
}

#[test]
fn a_partition_that_somebody_reads_is_left_and_said() {
    let database = Database::new();
    let (store, mut connection, mut reader) = (store(&database), database.connect(), database.connect());
    partition::ensure(&mut connection, start(), DAYS_AHEAD).unwrap();
    heard(&store, "web1", 0);
    reader
        .transaction(|reader| {
            count(reader, "reports_20261122");
            let retired = retired(&mut connection, later(60), &REPORTS);
            let left: Vec<&str> = retired.left.iter().map(|left| left.partition.as_str()).collect();
            assert_eq!((left, retired.dropped.len()), (vec!["reports_20261122"], 9));
            assert!(retired.left[0].why.contains("is using it"), "{retired:?}");
            Ok::<_, milepost_store::Error>(())
        })
        .unwrap();
    let next = retired(&mut connection, later(60), &REPORTS);
    assert_eq!((next.dropped.len(), next.all_reports(), next.left.len()), (1, 1, 0));
}

#[test]
fn while_somebody_reads_all_reports_they_all_are_left() {
    let database = Database::new();
    let (mut connection, mut reader) = (database.connect(), database.connect());
    partition::ensure(&mut connection, start(), DAYS_AHEAD).unwrap();
    reader
        .transaction(|reader| {
            run(reader, "LOCK TABLE ONLY reports IN ACCESS SHARE MODE");
            let retired = retired(&mut connection, later(60), &REPORTS);
            assert_eq!((retired.left.len(), retired.dropped.len()), (5, 5), "{retired:?}");
            assert!(retired.dropped.iter().all(|dropped| !dropped.holds_reports));
            Ok::<_, milepost_store::Error>(())
        })
        .unwrap();
}

#[test]
fn a_partition_that_is_not_ours_is_not_dropped() {
    let mut connection = Database::new().connect();
    // Before the year 2000 in build ids: as old as can be.
    run(
        &mut connection,
        "CREATE TABLE reports_19990101 PARTITION OF reports
         FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('00000000-0000-0000-0000-0000000000ff')",
    );
    assert!(retired(&mut connection, later(60), &REPORTS).is_nothing());
    assert_eq!(count(&mut connection, "reports_19990101"), 0);
}

#[test]
fn nodes_that_retire_at_once_drop_each_partition_once() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    partition::ensure(&mut connection, start(), DAYS_AHEAD).unwrap();
    caught(&mut connection, heard(&store, "web1", -9), 12_000);
    let all = at_once(|_| retired(&mut connect(&database.url).unwrap(), later(60), &REPORTS));
    assert!(all.iter().all(|retired| retired.left.is_empty() && !retired.unfinished), "{all:?}");
    assert_eq!(all.iter().map(|retired| retired.dropped.len()).sum::<usize>(), 10);
    assert_eq!(all.iter().map(|retired| retired.reports).sum::<i64>(), 12_001);
}
