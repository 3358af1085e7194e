//! What is kept how long, and how what is older goes.
//!
//! The rule it protects: reports go by the day, as whole partitions, and nobody who reports waits
//! for that; a build outlives its reports with its summary and the times of its steps, and one that
//! has not ended is never deleted.
//!
//! A build whose reports are gone must not be replayed from what is left of them: it counts more
//! reports (`course.reports`) than are stored, and folding those would forget what the others said.

use chrono::{Duration, NaiveDate};
use diesel::{ExpressionMethods, PgConnection, QueryDsl, QueryableByName, RunQueryDsl, sql_query, sql_types};
use milepost_domain::Time;
use uuid::Uuid;

use crate::{
    Error, Result, audit, mute,
    partition::{self, Left, Table, alone, first_id, number, shortly, why},
    schema::{builds, credentials, plans, step_runs},
    sweep, token,
};

/// How many rows of a default partition are deleted in one transaction.
const ROWS: i64 = 5_000;
/// How many builds are; each has a few dozen step runs.
const BUILDS: i64 = 500;
/// How long tokens that have run out are still listed.
const TOKENS_KEPT: Duration = Duration::days(31);
/// How long it is kept what others were told, delivered or not: longer than anybody goes on trying.
const NEWS_KEPT: Duration = Duration::days(7);
/// How many transactions of each kind there are before [`retire`] comes back.
const CHUNKS: usize = 20;

/// How long things are kept, in days; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Reports and their logs, after the day on which their build was opened.
    pub reports_days: Option<u32>,
    /// Builds, their steps and credentials, after they ended; and the audit trail.
    pub builds_days: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { reports_days: Some(31), builds_days: Some(400) }
    }
}

impl Policy {
    /// Reports of builds that were opened before this day are kept no longer.
    fn first_day(&self, now: Time) -> Option<NaiveDate> {
        Some(before(now, self.reports_days?)?.date_naive())
    }

    /// Builds that ended before this are kept no longer.
    fn builds_before(&self, now: Time) -> Option<Time> {
        before(now, self.builds_days?)
    }
}

/// So many days ago; `None` before the beginning of time.
fn before(now: Time, days: u32) -> Option<Time> {
    now.checked_sub_signed(Duration::days(days.into()))
}

/// A partition that is gone, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// What it was called.
    pub partition: String,
    /// Whether its rows were reports, rather than logs of some.
    pub holds_reports: bool,
    /// How many rows it had, about.
    pub rows: i64,
    /// How large it was with its indexes.
    pub bytes: i64,
}

/// What [`retire`] came to, or would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// The partitions that were dropped.
    pub dropped: Vec<Dropped>,
    /// Those that somebody is reading; they are for the next time.
    pub left: Vec<Left>,
    /// How many reports were deleted from the default partition.
    pub reports: i64,
    /// How many logs were.
    pub logs: i64,
    /// How many builds were deleted.
    pub builds: i64,
    /// Whether there is more to delete: call it again.
    pub unfinished: bool,
}

impl Retired {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// How many reports are gone in all, about.
    #[must_use]
    pub fn all_reports(&self) -> i64 {
        let of_partitions = self.dropped.iter().filter(|dropped| dropped.holds_reports);
        of_partitions.map(|dropped| dropped.rows).sum::<i64>() + self.reports
    }

    /// How many bytes the dropped partitions took. What is deleted row by row is free for new rows.
    #[must_use]
    pub fn bytes(&self) -> i64 {
        self.dropped.iter().map(|dropped| dropped.bytes).sum()
    }

    /// Takes over what a further call came to.
    pub fn add(&mut self, more: Self) {
        self.dropped.extend(more.dropped);
        self.left = more.left;
        self.reports += more.reports;
        self.logs += more.logs;
        self.builds += more.builds;
        self.unfinished = more.unfinished;
    }
}

/// Removes what is older than the policy says, or with `dry_run` only says what would go. Comes
/// back after a bounded amount of work. Several nodes may do it at once. Not to be called within a
/// transaction.
///
/// # Errors
/// When the database cannot be reached, or another node keeps at it.
pub fn retire(connection: &mut PgConnection, now: Time, policy: &Policy, dry_run: bool) -> Result<Retired> {
    if dry_run {
        return foresee(connection, now, policy);
    }
    alone(connection, |connection| {
        let mut retired = Retired::default();
        if let Some(day) = policy.first_day(now) {
            for table in Table::ALL {
                drop_before(connection, table, day, &mut retired)?;
                let deleted =
                    in_chunks(&mut retired.unfinished, ROWS, || delete_rows(connection, table, day))?;
                *retired.rows_of(table) += deleted;
            }
        }
        if let Some(before) = policy.builds_before(now) {
            let deleted = in_chunks(&mut retired.unfinished, BUILDS, || delete_builds(connection, before))?;
            retired.builds += deleted;
            in_chunks(&mut retired.unfinished, ROWS, || audit::forget(connection, before, ROWS))?;
        }
        token::forget(connection, now - TOKENS_KEPT)?;
        mute::forget(connection, now)?;
        in_chunks(&mut retired.unfinished, ROWS, || sweep::forget(connection, now - NEWS_KEPT, ROWS))?;
        Ok(retired)
    })
}

impl Retired {
    fn rows_of(&mut self, table: Table) -> &mut i64 {
        match table {
            Table::Reports => &mut self.reports,
            Table::Logs => &mut self.logs,
        }
    }
}

/// What [`retire`] would do, all of it.
fn foresee(connection: &mut PgConnection, now: Time, policy: &Policy) -> Result<Retired> {
    let mut retired = Retired::default();
    if let Some(first) = policy.first_day(now) {
        for table in Table::ALL {
            for day in old(connection, table, first)? {
                retired.dropped.push(measure(connection, table, day)?);
            }
            let from = format!("{} WHERE build_id < '{}'", table.default(), first_id(first));
            *retired.rows_of(table) =
                number(connection, &format!("SELECT count(*) AS number FROM ONLY {from}"))?;
        }
    }
    if let Some(before) = policy.builds_before(now) {
        let sql = format!("SELECT count(*) AS number FROM builds WHERE {ENDED}");
        retired.builds =
            sql_query(sql).bind::<sql_types::Timestamptz, _>(before).get_result::<Count>(connection)?.number;
    }
    Ok(retired)
}

fn old(connection: &mut PgConnection, table: Table, first: NaiveDate) -> Result<Vec<NaiveDate>> {
    let days = partition::days(connection, table)?;
    Ok(days.into_iter().filter(|day| *day < first).collect())
}

/// Drops the partitions of the days before `first`.
fn drop_before(
    connection: &mut PgConnection,
    table: Table,
    first: NaiveDate,
    retired: &mut Retired,
) -> Result<()> {
    let mut is_busy = false;
    for day in old(connection, table, first)? {
        let partition = table.partition(day);
        if is_busy {
            let why = format!("{} is in use", table.name());
            retired.left.push(Left { partition, why });
            continue;
        }
        let mut reached = false;
        match shortly(connection, |connection| drop_one(connection, table, day, &mut reached)) {
            Ok(dropped) => retired.dropped.push(dropped),
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(error) => {
                // Whoever has kept all reports from us keeps the next day's from us too, and each
                // try makes new reports wait.
                is_busy = !reached;
                retired.left.push(Left { partition, why: why(&error) });
            }
        }
    }
    Ok(())
}

/// Drops one partition; `reached` once the whole table is ours for the moment.
fn drop_one(
    connection: &mut PgConnection,
    table: Table,
    day: NaiveDate,
    reached: &mut bool,
) -> Result<Dropped> {
    let dropped = measure(connection, table, day)?;
    let name = &dropped.partition;
    let mut run = |sql: &str| Ok::<_, Error>(sql_query(sql).execute(connection)?);
    run(&format!("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE", table.name()))?;
    *reached = true;
    // New reports wait by now: who reads old ones is not waited for.
    run(&format!("LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE NOWAIT"))?;
    run(&format!("DROP TABLE {name}"))?;
    Ok(dropped)
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = sql_types::BigInt)]
    rows: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    bytes: i64,
}

fn measure(connection: &mut PgConnection, table: Table, day: NaiveDate) -> Result<Dropped> {
    let partition = table.partition(day);
    let bytes = format!("pg_total_relation_size('{partition}'::regclass)");
    let rows = estimate(&partition);
    let size: Size =
        sql_query(format!("SELECT ({rows}) AS rows, {bytes} AS bytes")).get_result(connection)?;
    Ok(Dropped { partition, holds_reports: table == Table::Reports, rows: size.rows, bytes: size.bytes })
}

/// SQL for the number of rows of a table: exact while they are few, since small tables are seldom
/// analyzed; otherwise what the last analysis found.
pub(crate) fn estimate(table: &str) -> String {
    const COUNTED: i64 = 10_000;
    format!(
        "SELECT CASE WHEN few.rows > {COUNTED} THEN greatest(few.rows, reltuples)::bigint ELSE few.rows END
         FROM pg_class, (SELECT count(*) AS rows FROM (SELECT FROM ONLY {table} LIMIT {COUNTED} + 1) few) few
         WHERE oid = '{table}'::regclass"
    )
}

/// Deletes chunk after chunk, each in a transaction of its own, and says how much it was.
fn in_chunks(unfinished: &mut bool, full: i64, mut chunk: impl FnMut() -> Result<i64>) -> Result<i64> {
    let mut deleted = 0;
    for _ in 0..CHUNKS {
        let now = chunk()?;
        deleted += now;
        if now < full {
            return Ok(deleted);
        }
    }
    *unfinished = true;
    Ok(deleted)
}

/// Deletes rows of old builds from a default partition.
fn delete_rows(connection: &mut PgConnection, table: Table, first: NaiveDate) -> Result<i64> {
    let (default, first) = (table.default(), first_id(first));
    let sql = format!(
        "DELETE FROM ONLY {default} WHERE build_id < '{first}' AND ctid = ANY (ARRAY(
             SELECT ctid FROM ONLY {default} WHERE build_id < '{first}' ORDER BY build_id LIMIT {ROWS}))"
    );
    let deleted = shortly(connection, |connection| Ok(sql_query(&sql).execute(connection)?))?;
    Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
}

/// A build has ended also when nothing was heard until its credential ran out, without anything
/// having written that down.
const ENDED: &str = "(ended_at < $1 OR ended_at IS NULL AND state = 'pending' AND expires_at < $1)";

#[derive(QueryableByName)]
struct Old {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    number: i64,
}

/// Deletes builds that ended long ago, with their steps, credentials and what no other build expects.
/// Hosts stay.
fn delete_builds(connection: &mut PgConnection, before: Time) -> Result<i64> {
    // A build that somebody is writing to is looked at the next time.
    let sql =
        format!("SELECT id FROM builds WHERE {ENDED} ORDER BY id LIMIT {BUILDS} FOR UPDATE SKIP LOCKED");
    let (deleted, mut digests) = shortly(connection, |connection| {
        let old: Vec<Old> = sql_query(&sql).bind::<sql_types::Timestamptz, _>(before).load(connection)?;
        let ids: Vec<Uuid> = old.into_iter().map(|build| build.id).collect();
        diesel::delete(step_runs::table.filter(step_runs::build_id.eq_any(&ids))).execute(connection)?;
        diesel::delete(credentials::table.filter(credentials::build_id.eq_any(&ids))).execute(connection)?;
        let digests: Vec<Vec<u8>> = diesel::delete(builds::table.filter(builds::id.eq_any(&ids)))
            .returning(builds::plan)
            .get_results(connection)?;
        Ok((i64::try_from(digests.len()).unwrap_or(i64::MAX), digests))
    })?;
    digests.sort_unstable();
    digests.dedup();
    match shortly(connection, |connection| delete_plans(connection, &digests)) {
        Err(error @ Error::Unavailable(_)) => return Err(error),
        // Somebody opens a build that expects the same: then it is not to go.
        Err(error) => log::debug!("plans without a build stay: {error}"),
        Ok(()) => {}
    }
    Ok(deleted)
}

/// Deletes those of these plans that no build has any more. Weights are learned, so that plans change
/// often, and would pile up.
fn delete_plans(connection: &mut PgConnection, digests: &[Vec<u8>]) -> Result<()> {
    let used = diesel::dsl::exists(builds::table.filter(builds::plan.eq(plans::digest)));
    diesel::delete(plans::table.filter(plans::digest.eq_any(digests)).filter(diesel::dsl::not(used)))
        .execute(connection)?;
    Ok(())
}
