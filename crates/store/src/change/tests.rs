//! The one statement on twenty thousand rows: what it reads, and what it leaves alone.

use diesel::{Connection as _, QueryableByName, sql_query};
use milepost_domain::{BuildId, Id, Label, Status};
use milepost_testkit::Database;

use super::*;
use crate::{build::load_known, notify::Node};

const ROWS: u32 = 20_000;

fn id(row: u32) -> BuildId {
    Id::from_uuid(Uuid::parse_str(&format!("0193b0a0-0000-7000-8000-{row:012x}")).unwrap())
}

fn seeded() -> PgConnection {
    let mut connection = Database::new().connect();
    let own = "('0193b0a0-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
    let rows = format!("FROM generate_series(1, {ROWS}) n");
    for statement in [
        "INSERT INTO plans VALUES (sha256(''), '[]')".to_owned(),
        format!("INSERT INTO hosts (id, name, created_at, updated_at) SELECT {own}, 'host' || n, now(), now() {rows}"),
        format!(
            "INSERT INTO builds (id, host_id, workflow, plan, state, attempt, floor, reports, started_at, expires_at)
             SELECT {own}, {own}, 'kickstart', sha256(''), 'running', 1, 0, 0, now(), now() + interval '1 day' {rows}"
        ),
        format!(
            "INSERT INTO step_runs (build_id, attempt, label, state, inferred, started_at, attempts)
             SELECT {own}, 1, 'packages', 'running', false, now(), 1 {rows}"
        ),
        "ANALYZE".to_owned(),
    ] {
        sql_query(statement).execute(&mut connection).unwrap();
    }
    prepare(&mut connection).unwrap();
    connection
}

/// The builds with one report each.
fn changed(connection: &mut PgConnection, rows: &[u32]) -> Vec<(Known, Build, Vec<NewReport>)> {
    let ids: Vec<Uuid> = rows.iter().map(|row| id(*row).uuid()).collect();
    let label: Label = "packages".parse().unwrap();
    load_known(connection, &ids)
        .unwrap()
        .into_iter()
        .map(|known| {
            let at = known.build.started_at + chrono::Duration::seconds(5);
            let mut report = Report::simple(Id::at(at, [1; 10]), label.clone(), at);
            report.status = Some(Status::Done);
            report.log = milepost_domain::Log::from_bytes(&b"a long log\n".repeat(100));
            let mut build = known.build.clone();
            build.apply(&report);
            (known, build, vec![NewReport { report, position: 1, attempt: 1 }])
        })
        .collect()
}

fn write_all(
    connection: &mut PgConnection,
    changed: &[(Known, Build, Vec<NewReport>)],
) -> Result<HashSet<Uuid>> {
    let changes = changed.iter().map(|(before, after, reports)| Change { before, after, reports }).collect();
    write(connection, changes, Node::new())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How often tables that grow were read from end to end in this transaction.
fn scans(connection: &mut PgConnection) -> i64 {
    let sql = "SELECT COALESCE(sum(seq_scan), 0)::bigint AS number FROM pg_stat_xact_user_tables
        WHERE relname ~ '^(builds|step_runs|reports|report_logs|hosts)'";
    sql_query(sql).get_result::<Number>(connection).unwrap().number
}

#[test]
fn a_batch_finds_each_row_by_its_key_however_many_there_are() {
    let mut connection = seeded();
    for count in [1, 5, 400] {
        let rows: Vec<u32> = (1..=count).map(|n| n * 37 + count).collect();
        let changed = changed(&mut connection, &rows);
        connection
            .transaction(|connection| {
                let before = scans(connection);
                assert_eq!(write_all(connection, &changed)?.len(), rows.len());
                assert_eq!(scans(connection), before, "{count} builds");
                Ok::<_, crate::Error>(())
            })
            .unwrap();
    }
}

#[test]
fn only_the_version_that_was_read_is_written_over_and_its_reports_go_with_it() {
    let mut connection = seeded();
    let both = changed(&mut connection, &[1, 2]);
    assert_eq!(write_all(&mut connection, &both[..1]).unwrap().len(), 1);
    // The first is of a version that is no more; the second goes through in the same statement.
    let written = write_all(&mut connection, &both).unwrap();
    assert_eq!(written, HashSet::from([id(2).uuid()]));
    let known = load_known(&mut connection, &[id(1).uuid(), id(2).uuid()]).unwrap();
    assert!(known.iter().all(|known| known.version == 1 && known.build.course.reports == 1));
    for table in ["reports", "report_logs", "step_runs WHERE state = 'done'"] {
        let sql = format!("SELECT count(*) AS number FROM {table}");
        assert_eq!(sql_query(sql).get_result::<Number>(&mut connection).unwrap().number, 2, "{table}");
    }
}
