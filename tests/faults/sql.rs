//! What is asked of PostgreSQL itself, past the services.
//!
//! The rule it protects: what is stored is read by plain SQL, so that no mistake of the store's own
//! reading can hide one of its writing.

use std::time::Duration;

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, sql_query,
    sql_types::{BigInt, Integer, Text},
};

use crate::place::until;

/// How long a database may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stored report.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = Text)]
    pub(crate) build: String,
    #[diesel(sql_type = Text)]
    pub(crate) id: String,
    #[diesel(sql_type = Integer)]
    pub(crate) position: i32,
    #[diesel(sql_type = Text)]
    pub(crate) label: String,
    #[diesel(sql_type = Text)]
    pub(crate) message: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) log_bytes: i64,
}

/// A build's row.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct BuildRow {
    #[diesel(sql_type = Text)]
    pub(crate) id: String,
    #[diesel(sql_type = Integer)]
    pub(crate) reports: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) rejected_reports: i32,
}

#[derive(QueryableByName)]
struct Pid {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

pub(crate) fn connect(url: &str) -> PgConnection {
    let mut made = None;
    until(PATIENCE, || {
        made = PgConnection::establish(url).ok();
        made.is_some()
    });
    made.expect("the database can be reached")
}

/// All reports, build by build in their order.
pub(crate) fn reports(connection: &mut PgConnection) -> Vec<Row> {
    let all = "SELECT r.build_id::text AS build, r.id::text AS id, position, label, \
               coalesce(message, '') AS message, coalesce(length(l.text), 0)::bigint AS log_bytes \
               FROM reports r LEFT JOIN report_logs l ON l.build_id = r.build_id AND l.report_id = r.id \
               ORDER BY r.build_id, position";
    sql_query(all).load(connection).unwrap()
}

pub(crate) fn builds(connection: &mut PgConnection) -> Vec<BuildRow> {
    sql_query("SELECT id::text, reports, rejected_reports FROM builds").load(connection).unwrap()
}

/// The processes that serve the services.
pub(crate) fn backends(url: &str) -> Vec<u32> {
    let others =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let pids: Vec<Pid> = sql_query(others).load(&mut connect(url)).unwrap();
    pids.into_iter().map(|row| u32::try_from(row.pid).unwrap()).collect()
}

/// Does something to all connections but this one.
pub(crate) fn to_all_backends(url: &str, function: &str) {
    let all = format!(
        "SELECT {function}(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    );
    sql_query(all).execute(&mut connect(url)).unwrap();
}
