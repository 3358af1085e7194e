//! Daily partitions: which build lies where, and how they are made under way.

use chrono::{Duration, NaiveDate};
use diesel::{Connection as _, PgConnection};
use milepost_domain::{BuildId, Id, Time};
use milepost_store::{
    Store, connect,
    list::{self, ReportsOf},
    migrate,
    partition::{self, DAYS_AHEAD, MOVED_MAX, bounds},
    report,
    storage::storage,
};
use milepost_testkit::Database;
use proptest::prelude::*;

use crate::{
    sql::{assert_same_lines, count, lines, run},
    support::{
        DONE, assert_complete, at, at_once, everything, fresh_id, open, open_kickstart, opening, record,
        report, start, store,
    },
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[track_caller]
fn ensure(connection: &mut PgConnection, now: Time, days_ahead: u32) -> partition::Ensured {
    partition::ensure(connection, now, days_ahead).unwrap()
}

/// Opens a build at that time, with a report and its log.
fn build_of(store: &Store, host: &str, opened: Time) -> BuildId {
    let mut opening = opening(store, host, 0);
    (opening.now, opening.build_id) = (opened, fresh_id(opened));
    opening.expires_at = opened + Duration::hours(6);
    let build = open(store, &opening).build.id;
    let mut report = report("get_ks", DONE, 0);
    report.received_at = opened;
    report.log = milepost_domain::Log::from_bytes(&b"a long log\n".repeat(60));
    record(store, build, &[report]);
    build
}

/// In which partition the reports of a build lie, and then its logs.
fn places(connection: &mut PgConnection, build: BuildId) -> Vec<String> {
    lines(
        connection,
        &format!(
            "SELECT DISTINCT tableoid::regclass::text AS line FROM reports WHERE build_id = '{build}'
             UNION SELECT tableoid::regclass::text FROM report_logs WHERE build_id = '{build}' ORDER BY line DESC"
        ),
    )
}

#[test]
fn builds_on_both_sides_of_midnight_lie_in_the_partitions_of_their_days() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    ensure(&mut connection, start(), DAYS_AHEAD);
    let midnight: Time = "2026-11-23T00:00:00Z".parse().unwrap();
    let before = build_of(&store, "before", midnight - Duration::milliseconds(1));
    let after = build_of(&store, "after", midnight);
    assert_eq!(places(&mut connection, before), ["reports_20261122", "report_logs_20261122"]);
    assert_eq!(places(&mut connection, after), ["reports_20261123", "report_logs_20261123"]);
    // Beyond what is made: caught, and as good as any other.
    let far = build_of(&store, "far", midnight + Duration::days(30));
    assert_eq!(places(&mut connection, far), ["reports_default", "report_logs_default"]);
    assert_complete(&store, far, 1);
}

proptest! {
    #[test]
    fn a_build_lies_within_the_day_on_which_it_was_opened(
        millis in 0_i64..4_102_444_800_000,
        random in any::<[u8; 10]>(),
    ) {
        let opened = Time::from_timestamp_millis(millis).unwrap();
        let id: BuildId = Id::at(opened, random);
        let day = opened.date_naive();
        let (before, own, after) = (bounds(day.pred_opt().unwrap()), bounds(day), bounds(day.succ_opt().unwrap()));
        prop_assert!(own.contains(&id.uuid()));
        prop_assert!(!before.contains(&id.uuid()) && !after.contains(&id.uuid()));
        prop_assert_eq!((before.end, own.end), (own.start, after.start));
    }
}

#[test]
fn partitions_are_made_once_and_as_the_days_go_by() {
    let mut connection = Database::new().connect();
    let first = ensure(&mut connection, start(), DAYS_AHEAD);
    let expected: Vec<String> = ["reports", "report_logs"]
        .iter()
        .flat_map(|table| (21..=25).map(move |day| format!("{table}_202611{day}")))
        .collect();
    assert_eq!((first.made, first.moved, first.left), (expected, 0, vec![]));
    assert_eq!(ensure(&mut connection, start(), DAYS_AHEAD), partition::Ensured::default());
    let next = ensure(&mut connection, at(86_400), DAYS_AHEAD).made;
    assert_eq!(next, ["reports_20261126", "report_logs_20261126"]);
    let found = storage(&mut connection).unwrap();
    assert_eq!((found.oldest_day, found.newest_day), (Some(day("2026-11-21")), Some(day("2026-11-26"))));
    assert_eq!((found.partitions, found.default_rows), (12, 0));
    assert!(found.reports_bytes > 0 && found.database_bytes > found.reports_bytes, "{found:?}");
}

#[test]
fn nodes_that_start_at_once_make_each_partition_once() {
    let database = Database::new();
    let made = at_once(|_| ensure(&mut connect(&database.url).unwrap(), start(), DAYS_AHEAD));
    assert!(made.iter().all(|ensured| ensured.left.is_empty()), "{made:?}");
    assert_eq!(made.iter().map(|ensured| ensured.made.len()).sum::<usize>(), 10, "{made:?}");
}

#[test]
fn what_was_caught_before_moves_to_its_partition() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    let today = build_of(&store, "today", start());
    let old = build_of(&store, "old", start() - Duration::days(9));
    assert_eq!(places(&mut connection, today), ["reports_default", "report_logs_default"]);
    assert_eq!(storage(&mut connection).unwrap().default_rows, 2);

    let ensured = ensure(&mut connection, start(), DAYS_AHEAD);
    assert_eq!((ensured.moved, ensured.left), (2, vec![]));
    assert_eq!(places(&mut connection, today), ["reports_20261122", "report_logs_20261122"]);
    assert_eq!(places(&mut connection, old), ["reports_default", "report_logs_default"]);
    record(&store, today, &[report("packages", DONE, 2)]);
    assert_complete(&store, today, 2);
    assert_eq!(count(&mut connection, "ONLY reports_default"), 1);
}

#[test]
fn a_day_with_too_many_caught_rows_stays_where_it_is_and_is_said() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    let build = open_kickstart(&store, "web1");
    caught(&mut connection, build, MOVED_MAX + 1);
    let ensured = ensure(&mut connection, start(), DAYS_AHEAD);
    assert_eq!((ensured.made.len(), ensured.moved), (9, 0));
    let [left] = &ensured.left[..] else { panic!("{ensured:?}") };
    assert_eq!(left.partition, "reports_20261122");
    assert!(left.why.contains("reports_default"), "{left:?}");
    assert_eq!(count(&mut connection, "ONLY reports_default"), MOVED_MAX + 1);
    assert!(storage(&mut connection).unwrap().default_rows > MOVED_MAX / 2);
}

/// Puts reports of a build straight into the database.
pub(crate) fn caught(connection: &mut PgConnection, build: BuildId, rows: i64) {
    run(
        connection,
        &format!(
            "INSERT INTO reports (build_id, id, position, attempt, label, received_at)
             SELECT '{build}', gen_random_uuid(), n, 1, 'x', now() FROM generate_series(1, {rows}) n"
        ),
    );
}

#[test]
fn reports_go_on_while_their_partition_is_made() {
    let database = Database::new();
    let (rounds, seconds) = (12_u8, 5..);
    let builds: Vec<BuildId> =
        (0..8).map(|n| open_kickstart(&store(&database), &format!("web{n}"))).collect();
    at_once(|number| {
        let build = builds[usize::from(number)];
        let node = store(&database);
        for (round, second) in (0..rounds).zip(seconds.clone()) {
            record(&node, build, &[report("packages", DONE, second)]);
            if round == 3 && number % 2 == 0 {
                // Whatever is left on a busy machine is made below.
                ensure(&mut database.connect(), start(), DAYS_AHEAD);
            }
        }
    });
    ensure(&mut database.connect(), start(), DAYS_AHEAD);
    let (store, mut connection) = (store(&database), database.connect());
    for build in builds {
        assert_complete(&store, build, rounds.into());
        assert_eq!(places(&mut connection, build), ["reports_20261122"]);
    }
}

#[test]
fn a_table_in_use_is_left_and_said_and_made_the_next_time() {
    let database = Database::new();
    let (mut reader, mut connection) = (database.connect(), database.connect());
    reader
        .transaction(|reader| {
            count(reader, "reports_default");
            let ensured = ensure(&mut connection, start(), DAYS_AHEAD);
            let left: Vec<&str> = ensured.left.iter().map(|left| left.partition.as_str()).collect();
            assert_eq!(left.len(), 5, "{ensured:?}");
            assert!(left.iter().all(|name| name.starts_with("reports_")), "{ensured:?}");
            assert_eq!(ensured.made.len(), 5, "logs have a table of their own");
            Ok::<_, milepost_store::Error>(())
        })
        .unwrap();
    assert_eq!(ensure(&mut connection, start(), DAYS_AHEAD).made.len(), 5);
}

#[test]
fn a_table_of_that_name_that_is_no_partition_is_left_alone() {
    let mut connection = Database::new().connect();
    run(&mut connection, "CREATE TABLE reports_20261122 (mine text)");
    let ensured = ensure(&mut connection, start(), DAYS_AHEAD);
    assert_eq!(ensured.made.len(), 9);
    assert!(ensured.left[0].why.contains("already exists"), "{ensured:?}");
    assert_eq!(count(&mut connection, "reports_20261122 WHERE mine IS NULL"), 0);
}

/// Everything that could differ between partitions of a table, with their own names left out.
fn looks(connection: &mut PgConnection, partition: &str) -> Vec<String> {
    let found = lines(
        connection,
        &format!(
            "SELECT concat_ws(' ', 'column', attnum, attname, format_type(atttypid, atttypmod), attnotnull, attstorage,
                 attcompression, attislocal, attinhcount, pg_get_expr(adbin, adrelid)) AS line
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
             WHERE attrelid = '{partition}'::regclass AND attnum > 0
             UNION ALL
             SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid), conislocal, coninhcount,
                 conparentid) FROM pg_constraint WHERE conrelid = '{partition}'::regclass
             UNION ALL
             SELECT 'index ' || pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{partition}'::regclass
             UNION ALL
             SELECT concat_ws(' ', 'storage', c.relpersistence, c.reloptions, t.reloptions, c.relowner)
             FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.oid = '{partition}'::regclass
             ORDER BY line"
        ),
    );
    found.iter().map(|line| line.replace(partition, "PARTITION")).collect()
}

#[test]
fn a_daily_partition_looks_like_the_default_one() {
    let mut connection = Database::new().connect();
    for statement in [
        "ALTER TABLE reports_default SET (fillfactor = 90, autovacuum_vacuum_insert_scale_factor = 0.05)",
        "ALTER TABLE report_logs_default SET (toast.autovacuum_vacuum_scale_factor = 0.3)",
        "CREATE INDEX reports_received_at_idx ON reports (received_at)",
    ] {
        run(&mut connection, statement);
    }
    ensure(&mut connection, start(), DAYS_AHEAD);
    for table in ["reports", "report_logs"] {
        let default = looks(&mut connection, &format!("{table}_default"));
        let daily = looks(&mut connection, &format!("{table}_20261122"));
        assert_same_lines(("of the default partition", &default), ("of a daily one", &daily));
    }
    let logs = looks(&mut connection, "report_logs_20261122");
    assert!(logs.iter().any(|line| line.contains(" text text t x l ")), "lz4: {logs:#?}");
    assert!(logs.iter().any(|line| line.contains("autovacuum_vacuum_scale_factor=0.3")), "{logs:#?}");
}

#[test]
fn the_way_back_takes_the_daily_partitions_along() {
    let database = Database::new();
    let mut connection = database.connect();
    ensure(&mut connection, start(), DAYS_AHEAD);
    migrate::revert_all(&database.url).unwrap();
    let tables = "SELECT relname::text AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relname ~ '^report'";
    assert!(lines(&mut connection, tables).is_empty());
    migrate::run(&database.url).unwrap();
    assert_eq!(ensure(&mut connection, start(), DAYS_AHEAD).made.len(), 10);
}

/// With its sixth use PostgreSQL looks at what one plan of a statement for all builds would cost,
/// which opens all partitions once, and has to find it too dear.
const TRIAL: i64 = 5;

#[test]
fn what_asks_for_one_build_touches_one_partition() {
    let database = Database::new();
    let (store, mut connection) = (store(&database), database.connect());
    ensure(&mut connection, start(), 60);
    let build = build_of(&store, "web1", start() + Duration::days(7));
    for second in 0..16 {
        record(&store, build, &[report("packages", DONE, second)]);
        let id = store.read(|c| list::reports(c, &everything(at(0)), ReportsOf::Build(build), None)).unwrap();
        let first = id.results[0].report.id;
        let touched = connection.transaction(|connection| {
            list::reports(connection, &everything(at(0)), ReportsOf::Build(build), None)?;
            report::log(connection, build, first)?;
            Ok::<_, milepost_store::Error>(lines(
                connection,
                "SELECT DISTINCT relation::regclass::text AS line FROM pg_locks
                 JOIN pg_class ON pg_class.oid = relation
                 WHERE pid = pg_backend_pid() AND relispartition AND relkind = 'r' ORDER BY line",
            ))
        });
        let touched = touched.unwrap();
        if second != TRIAL {
            assert_eq!(touched, ["report_logs_20261129", "reports_20261129"], "round {second}");
        }
    }
}
