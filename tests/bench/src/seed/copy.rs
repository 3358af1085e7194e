//! Copies one installation as often as needed, by SQL, straight into the service's tables.
//!
//! The rule it protects: every column that is not an id, a name or a time is taken over from the
//! installation that is copied, whatever columns there are.

use std::fmt::Write as _;

use super::DAYS;
use crate::{
    database::Database,
    failure::{Failure, Result},
    stop,
};

/// Functions and the list of builds that are made up; [`CLEAN`] removes them.
const HELPERS: &str = r"
CREATE SCHEMA seed;
-- A UUID of version 7 of that moment.
CREATE FUNCTION seed.uuid(at timestamptz, salt text) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(salt), 1, 3) || '8'
    || substr(md5(salt), 4, 15))::uuid;
-- The lowest one.
CREATE FUNCTION seed.floor(at timestamptz) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
-- Midnight of the nth day, from 0.
CREATE FUNCTION seed.day(n integer) RETURNS timestamptz STABLE LANGUAGE sql
RETURN date_trunc('day', now(), 'UTC') - make_interval(days => {days} - n);
";

/// Removes what only served the making up.
pub(crate) const CLEAN: &str = "DROP SCHEMA seed CASCADE";

/// The columns of a table that can be written.
fn columns(database: &Database, name: &str, table: &str) -> Result<Vec<String>> {
    let columns = database.texts(
        name,
        &format!(
            "SELECT column_name::text AS value FROM information_schema.columns WHERE table_schema = 'public' \
             AND table_name = '{table}' AND is_generated = 'NEVER' ORDER BY ordinal_position"
        ),
    )?;
    if columns.is_empty() {
        return Err(Failure::new(format!("the service has no table {table}; look at tests/bench/src/seed")));
    }
    Ok(columns)
}

/// `INSERT INTO table (every column) SELECT value FROM from`, each value the same column of `e` unless
/// something else is said for it.
fn insert(
    database: &Database,
    name: &str,
    table: &str,
    other: &[(&str, &str)],
    from: &str,
) -> Result<String> {
    let columns = columns(database, name, table)?;
    let value = |column: &String| {
        let said = other.iter().find(|(known, _)| known == column);
        said.map_or_else(|| format!("e.{column}"), |(_, value)| (*value).to_owned())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    Ok(format!("INSERT INTO {table} ({}) SELECT {} FROM {from}", columns.join(", "), values.join(", ")))
}

/// As [`insert`] takes them.
fn borrowed<'a>(all: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    all.iter().map(|(column, value)| (*column, value.as_str())).collect()
}

/// Makes up hosts with a build each, evenly spread over the days; `host` names the one that is copied.
pub(crate) fn builds(database: &Database, name: &str, host: &str, count: u64) -> Result<()> {
    let mut sql = HELPERS.replace("{days}", &DAYS.to_string());
    write!(
        sql,
        "CREATE TABLE seed.builds AS
         SELECT n, (n * {DAYS} / {count})::integer AS day, at, seed.uuid(at, 'host' || n) AS host,
             seed.uuid(at, 'build' || n) AS id
         FROM generate_series(0, {count} - 1) n,
             LATERAL (SELECT seed.day(0) + n * (interval '{DAYS} days' / {count}) AS at) made;
         CREATE INDEX ON seed.builds (day);
         CREATE TABLE seed.host AS SELECT * FROM hosts WHERE name = '{host}';
         CREATE TABLE seed.build AS SELECT * FROM builds WHERE host_id = (SELECT id FROM seed.host);
         CREATE TABLE seed.runs AS SELECT * FROM step_runs WHERE build_id = (SELECT id FROM seed.build);
         CREATE TABLE seed.reports AS SELECT *, row_number() OVER (ORDER BY received_at, id) AS seed_number
         FROM reports WHERE build_id = (SELECT id FROM seed.build);
         CREATE TABLE seed.logs AS SELECT logs.*, seed_number FROM report_logs logs
         JOIN seed.reports ON reports.id = logs.report_id AND reports.build_id = logs.build_id;
         ANALYZE seed.builds"
    )?;
    database.execute(name, &sql)?;
    let host_name = "'seeded-' || b.n || '.bench.example.com'";
    let hosts = [("id", "b.host"), ("name", host_name), ("created_at", "b.at"), ("updated_at", "b.at")];
    // As far from the beginning as in the installation that is copied.
    let shifted = |column: &str| format!("b.at + (e.{column} - (SELECT started_at FROM seed.build))");
    let times = [
        "started_at",
        "expires_at",
        "installed_at",
        "ended_at",
        "closed_at",
        "last_report_at",
        "finished_at",
    ]
    .map(|column| (column, shifted(column)));
    let with_times = |ids: &[(&'static str, &'static str)]| -> Vec<(&str, String)> {
        let ids = ids.iter().map(|(column, value)| (*column, (*value).to_owned()));
        ids.chain(times.iter().cloned()).collect()
    };
    let build = with_times(&[("id", "b.id"), ("host_id", "b.host")]);
    let run = with_times(&[("build_id", "b.id")]);
    for (table, other, from) in [
        ("hosts", hosts.to_vec(), "seed.builds b, seed.host e ORDER BY b.n"),
        ("builds", borrowed(&build), "seed.builds b, seed.build e ORDER BY b.n"),
        ("step_runs", borrowed(&run), "seed.builds b, seed.runs e ORDER BY b.n"),
    ] {
        stop::check()?;
        database.execute(name, &insert(database, name, table, &other, from)?)?;
    }
    Ok(())
}

/// Makes a partition a day, where tables are partitioned by build and the service has none for it.
///
/// The service makes those of the days to come; these are for the days that are made up, with the same
/// names and bounds, so that it takes them for its own.
pub(crate) fn partitions(database: &Database, name: &str) -> Result<()> {
    for table in ["reports", "report_logs"] {
        let sql = format!(
            "DO $$
             BEGIN
                 FOR n IN 0 .. {DAYS} - 1 LOOP
                     BEGIN
                         EXECUTE format('CREATE TABLE {table}_%s PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)',
                             to_char(seed.day(n) AT TIME ZONE 'UTC', 'YYYYMMDD'), seed.floor(seed.day(n)),
                             seed.floor(seed.day(n + 1)));
                     EXCEPTION
                         -- It is no partitioned table, or there is a partition for that day.
                         WHEN wrong_object_type OR duplicate_table OR invalid_object_definition THEN NULL;
                     END;
                 END LOOP;
             END $$"
        );
        database.execute(name, &sql)?;
    }
    Ok(())
}

/// A report came every so often.
const AT: &str = "b.at + e.seed_number * interval '15 seconds'";
const REPORT_ID: &str =
    "seed.uuid(b.at + e.seed_number * interval '15 seconds', 'report' || b.n || '-' || e.seed_number)";

/// Inserts day by day, in the order in which the reports came.
fn day_by_day(
    database: &Database,
    name: &str,
    table: &str,
    other: &[(&str, &str)],
    from: &str,
) -> Result<()> {
    for day in 0..DAYS {
        stop::check()?;
        let from = format!(
            "seed.builds b, {from} e WHERE b.day = {day} ORDER BY b.at + e.seed_number * interval '15 seconds'"
        );
        let sql = insert(database, name, table, other, &from)?;
        database.execute(name, &format!("SET work_mem = '256MB'; {sql}"))?;
    }
    database.execute(name, &format!("VACUUM ANALYZE {table}"))
}

/// Makes up the reports of all builds.
pub(crate) fn reports(database: &Database, name: &str) -> Result<()> {
    let other = [("build_id", "b.id"), ("id", REPORT_ID), ("received_at", AT)];
    day_by_day(database, name, "reports", &other, "seed.reports")
}

/// Makes up their logs.
pub(crate) fn logs(database: &Database, name: &str) -> Result<()> {
    let other = [("build_id", "b.id"), ("report_id", REPORT_ID), ("received_at", AT)];
    day_by_day(database, name, "report_logs", &other, "seed.logs")
}
