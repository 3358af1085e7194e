//! The one statement that changes builds: their rows, step runs, reports and logs, and the word to
//! other nodes, in one round trip.
//!
//! The rule it protects: a build is written only over the version that was read; the reports of a
//! build whose row was not written are not written either, so a change happens whole or not at
//! all, with no transaction around it.

use std::{collections::HashSet, io::Write as _, sync::Arc};

use diesel::{
    QueryResult, RunQueryDsl,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::{self, IsNull, Output, ToSql, WriteTuple},
    sql_types::{
        Array, BigInt, Bool, HasSqlType, Integer, Jsonb, Nullable, SmallInt, SqlType, Text, Timestamptz,
    },
};
use milepost_domain::{Build, Plan, Report, StepRun, Time};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Error, Result,
    build::Known,
    notify::{self, Node},
    row::{count, points},
};

/// The longest log that lies in the row of its report, in bytes; a longer one lies apart.
const SHORT_LOG_MAX: usize = 512;

/// A report that is about to be stored.
#[derive(Debug)]
pub(crate) struct NewReport {
    pub(crate) report: Report,
    pub(crate) position: u32,
    pub(crate) attempt: u32,
}

/// What a build was, what it is to become, and the reports that made it so.
pub(crate) struct Change<'a> {
    pub(crate) before: &'a Known,
    pub(crate) after: &'a Build,
    pub(crate) reports: &'a [NewReport],
}

/// Rows as PostgreSQL has them in a composite type: an array of these is unnested by one function,
/// with one table of its own, where an array a column costs that for each of them, however few the rows.
macro_rules! rows {
    ($(#[$doc:meta])* $name:ident as $sql:ident, $known_as:tt { $($field:ident: $rust:ty => $column:ty),+ $(,)? }) => {
        #[derive(Debug, SqlType, QueryId)]
        #[diesel(postgres_type(name = $known_as))]
        struct $sql;

        $(#[$doc])*
        #[derive(Debug)]
        struct $name<'a> { $($field: $rust),+ }

        impl ToSql<$sql, Pg> for $name<'_> {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                WriteTuple::<($($column,)+)>::write_tuple(&($(&self.$field,)+), out)
            }
        }
    };
}

/// A document as it is sent; it is not taken apart on the way.
#[derive(Debug)]
struct Json(Vec<u8>);

impl Json {
    /// What `now` is, unless it was that before: most reports change none of a build's documents, and
    /// reading them is what PostgreSQL spends most on of a build's row.
    fn of_change<T: Serialize + PartialEq>(before: &T, now: &T) -> Result<Option<Self>> {
        if before == now {
            return Ok(None);
        }
        let text = serde_json::to_vec(now).map_err(|error| Error::Database(error.to_string()))?;
        Ok(Some(Self(text)))
    }
}

impl ToSql<Jsonb, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The version of the format comes first.
        out.write_all(&[1])?;
        out.write_all(&self.0)?;
        Ok(IsNull::No)
    }
}

rows! {
    /// What reports and marks change of `builds`; a document that stays as it is is absent.
    BuildRow as SqlBuild, "build_row_1" {
        id: Uuid => diesel::sql_types::Uuid,
        version: i64 => BigInt,
        state: &'a str => Text,
        attempt: i32 => Integer,
        floor: i32 => Integer,
        reported: Option<i32> => Nullable<Integer>,
        reports: i32 => Integer,
        installed_at: Option<Time> => Nullable<Timestamptz>,
        ended_at: Option<Time> => Nullable<Timestamptz>,
        closed_at: Option<Time> => Nullable<Timestamptz>,
        last_report_at: Option<Time> => Nullable<Timestamptz>,
        last_message: Option<&'a str> => Nullable<Text>,
        current_step: Option<&'a str> => Nullable<Text>,
        boot_id: Option<&'a str> => Nullable<Text>,
        seqs: Option<Json> => Nullable<Jsonb>,
        marks: Option<Json> => Nullable<Jsonb>,
        evidence: Option<Json> => Nullable<Jsonb>,
        rejected_reports: i32 => Integer,
        rejected_label: Option<&'a str> => Nullable<Text>,
        rejected_at: Option<Time> => Nullable<Timestamptz>,
    }
}

rows! {
    /// Rows of `reports`.
    ReportRow as SqlReport, "report_row_1" {
        build_id: Uuid => diesel::sql_types::Uuid,
        id: Uuid => diesel::sql_types::Uuid,
        received_at: Time => Timestamptz,
        reported_at: Option<Time> => Nullable<Timestamptz>,
        seq: Option<i64> => Nullable<BigInt>,
        position: i32 => Integer,
        log_bytes: Option<i32> => Nullable<Integer>,
        attempt: i16 => SmallInt,
        priority: Option<i16> => Nullable<SmallInt>,
        percentage: Option<i16> => Nullable<SmallInt>,
        label: &'a str => Text,
        status: Option<&'a str> => Nullable<Text>,
        message: Option<&'a str> => Nullable<Text>,
        log: Option<&'a str> => Nullable<Text>,
        name: Option<&'a str> => Nullable<Text>,
        boot_id: Option<&'a str> => Nullable<Text>,
        activity: Option<bool> => Nullable<Bool>,
    }
}

rows! {
    /// Rows of `report_logs`.
    LogRow as SqlLog, "log_row_1" {
        build_id: Uuid => diesel::sql_types::Uuid,
        report_id: Uuid => diesel::sql_types::Uuid,
        cut: i64 => BigInt,
        text: &'a str => Text,
    }
}

rows! {
    /// Rows of `step_runs` that are new or different.
    RunRow as SqlRun, "run_row_1" {
        build_id: Uuid => diesel::sql_types::Uuid,
        attempt: i32 => Integer,
        label: &'a str => Text,
        name: Option<&'a str> => Nullable<Text>,
        priority: Option<i32> => Nullable<Integer>,
        state: &'a str => Text,
        inferred: bool => Bool,
        percentage: Option<i32> => Nullable<Integer>,
        started_at: Time => Timestamptz,
        finished_at: Option<Time> => Nullable<Timestamptz>,
        attempts: i32 => Integer,
        message: Option<&'a str> => Nullable<Text>,
    }
}

rows! {
    /// Keys of `step_runs` that are no more.
    RunKey as SqlRunKey, "run_key_1" {
        build_id: Uuid => diesel::sql_types::Uuid,
        attempt: i32 => Integer,
        label: &'a str => Text,
    }
}

#[derive(Default)]
struct Statement<'a> {
    builds: Vec<BuildRow<'a>>,
    reports: Vec<ReportRow<'a>>,
    logs: Vec<LogRow<'a>>,
    runs: Vec<RunRow<'a>>,
    gone: Vec<RunKey<'a>>,
    /// What other nodes are told.
    words: Vec<String>,
}

impl<'a> Statement<'a> {
    fn add(&mut self, change: &Change<'a>) -> Result<()> {
        let Change { before, after, reports } = *change;
        self.add_build(before, after)?;
        for new in reports {
            self.add_report(after.id.uuid(), &after.plan, new);
        }
        // Reports change runs where they stand and add new ones behind them.
        let (old, new) = (&before.build.course.runs, &after.course.runs);
        for (_, run) in new.iter().enumerate().filter(|(at, run)| old.get(*at) != Some(run)) {
            self.add_run(after.id.uuid(), run);
        }
        let key = |run: &'a Arc<StepRun>| (run.attempt, &run.label);
        if !new.iter().map(key).take(old.len()).eq(old.iter().map(key)) {
            // A replay found that a step belongs to another attempt than was thought.
            let kept: HashSet<_> = new.iter().map(key).collect();
            for run in old.iter().filter(|run| !kept.contains(&key(run))) {
                self.gone.push(RunKey {
                    build_id: after.id.uuid(),
                    attempt: count(run.attempt),
                    label: run.label.as_str(),
                });
            }
        }
        Ok(())
    }

    fn add_build(&mut self, before: &Known, build: &'a Build) -> Result<()> {
        let (course, rejected) = (&build.course, &build.rejections);
        self.builds.push(BuildRow {
            id: build.id.uuid(),
            version: before.version,
            state: course.state.as_str(),
            attempt: count(course.attempt),
            floor: course.floor.basis_points().into(),
            reported: points(course.reported),
            reports: count(course.reports),
            installed_at: course.installed_at,
            ended_at: course.ended_at,
            closed_at: course.closed_at,
            last_report_at: course.last_report_at,
            last_message: course.last_message.as_ref().map(AsRef::as_ref),
            current_step: course.current.as_ref().map(AsRef::as_ref),
            boot_id: course.boot_id.as_deref(),
            seqs: Json::of_change(&before.build.course.seqs, &course.seqs)?,
            marks: Json::of_change(&before.build.marks, &build.marks)?,
            evidence: Json::of_change(&before.build.course.evidence, &course.evidence)?,
            rejected_reports: count(rejected.count),
            rejected_label: rejected.last.as_ref().map(|(label, _)| label.as_str()),
            rejected_at: rejected.last.as_ref().map(|(_, at)| *at),
        });
        Ok(())
    }

    fn add_report(&mut self, build: Uuid, plan: &Plan, new: &'a NewReport) {
        let report = &new.report;
        let planned = if report.is_activity() { None } else { plan.get(&report.label) };
        let (short, long) = match &report.log {
            Some(log) if log.cut() == 0 && log.text().len() <= SHORT_LOG_MAX => (Some(log), None),
            other => (None, other.as_ref()),
        };
        // What the plan says is not said again.
        let priority = report.priority.filter(|own| planned.is_none_or(|step| step.priority != *own));
        let name = report.name.as_ref().filter(|own| planned.is_none_or(|step| step.name != **own));
        self.reports.push(ReportRow {
            build_id: build,
            id: report.id.uuid(),
            received_at: report.received_at,
            reported_at: report.reported_at,
            seq: report.seq,
            position: count(new.position),
            log_bytes: long.map(|log| i32::try_from(log.text().len()).unwrap_or(i32::MAX)),
            attempt: i16::try_from(new.attempt).unwrap_or(i16::MAX),
            priority: priority.map(|own| i16::try_from(own).unwrap_or(i16::MAX)),
            percentage: points(report.percentage).and_then(|points| i16::try_from(points).ok()),
            label: report.label.as_str(),
            status: report.status.map(milepost_domain::Status::as_str),
            message: report.message.as_ref().map(AsRef::as_ref),
            log: short.map(milepost_domain::Log::text),
            name: name.map(AsRef::as_ref),
            boot_id: report.boot_id.as_deref(),
            activity: report.event.as_ref().map(|_| report.is_activity()),
        });
        if let Some(log) = long {
            self.logs.push(LogRow {
                build_id: build,
                report_id: report.id.uuid(),
                cut: i64::try_from(log.cut()).unwrap_or(i64::MAX),
                text: log.text(),
            });
        }
    }

    fn add_run(&mut self, build: Uuid, run: &'a StepRun) {
        self.runs.push(RunRow {
            build_id: build,
            attempt: count(run.attempt),
            label: run.label.as_str(),
            name: run.name.as_ref().map(AsRef::as_ref),
            priority: run.priority,
            state: run.state.as_str(),
            inferred: run.inferred,
            percentage: points(run.percentage),
            started_at: run.started_at,
            finished_at: run.finished_at,
            attempts: count(run.attempts),
            message: run.message.as_ref().map(AsRef::as_ref),
        });
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();
    // Parts that have no rows are left out, which PostgreSQL would prepare for all the same. Diesel
    // keeps what is prepared by its text; there are few.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = (diesel::sql_types::Uuid, Nullable<BigInt>);
}

impl RunQueryDsl<PgConnection> for Statement<'_> {}

/// Whether the row's build was written. `IS TRUE` keeps the planner from making a join of it: a
/// hashed list of ids is right for any number of rows.
const OF_A_WRITTEN_BUILD: &str = " n WHERE (n.build_id IN (SELECT id FROM written)) IS TRUE";

/// `unnest($1)`, with all rows in one bind.
fn unnest<'b, S, R>(rows: &'b Vec<R>, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>
where
    S: 'static,
    Pg: HasSqlType<Array<S>>,
    Vec<R>: ToSql<Array<S>, Pg>,
{
    out.push_sql("unnest(");
    out.push_bind_param::<Array<S>, Vec<R>>(rows)?;
    out.push_sql(")");
    Ok(())
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH written AS (UPDATE builds b SET version = v.version + 1, state = v.state, \
             attempt = v.attempt, floor = v.floor, reported = v.reported, reports = v.reports, \
             installed_at = v.installed_at, ended_at = v.ended_at, closed_at = v.closed_at, \
             last_report_at = v.last_report_at, last_message = v.last_message, \
             current_step = v.current_step, boot_id = v.boot_id, seqs = COALESCE(v.seqs, b.seqs), \
             marks = COALESCE(v.marks, b.marks), evidence = COALESCE(v.evidence, b.evidence), \
             rejected_reports = v.rejected_reports, rejected_label = v.rejected_label, \
             rejected_at = v.rejected_at FROM ",
        );
        unnest::<SqlBuild, _>(&self.builds, &mut out)?;
        out.push_sql(" v WHERE b.id = v.id AND b.version = v.version RETURNING b.id)");
        if !self.reports.is_empty() {
            out.push_sql(
                ", said AS (INSERT INTO reports (build_id, id, received_at, reported_at, seq, position, \
                 log_bytes, attempt, priority, percentage, label, status, message, log, name, boot_id, \
                 activity) SELECT n.* FROM ",
            );
            unnest::<SqlReport, _>(&self.reports, &mut out)?;
            out.push_sql(OF_A_WRITTEN_BUILD);
            out.push_sql(")");
        }
        if !self.logs.is_empty() {
            out.push_sql(
                ", logged AS (INSERT INTO report_logs (build_id, report_id, cut, text) SELECT n.* FROM ",
            );
            unnest::<SqlLog, _>(&self.logs, &mut out)?;
            out.push_sql(OF_A_WRITTEN_BUILD);
            out.push_sql(")");
        }
        if !self.gone.is_empty() {
            out.push_sql(", gone AS (DELETE FROM step_runs s USING ");
            unnest::<SqlRunKey, _>(&self.gone, &mut out)?;
            out.push_sql(
                " g WHERE s.build_id = g.build_id AND s.attempt = g.attempt AND s.label = g.label \
                 AND (g.build_id IN (SELECT id FROM written)) IS TRUE)",
            );
        }
        if !self.runs.is_empty() {
            out.push_sql(
                ", ran AS (INSERT INTO step_runs AS s (build_id, attempt, label, name, priority, state, \
                 inferred, percentage, started_at, finished_at, attempts, message) SELECT n.* FROM ",
            );
            unnest::<SqlRun, _>(&self.runs, &mut out)?;
            out.push_sql(OF_A_WRITTEN_BUILD);
            out.push_sql(
                " ON CONFLICT (build_id, attempt, label) DO UPDATE SET name = excluded.name, \
                 priority = excluded.priority, state = excluded.state, inferred = excluded.inferred, \
                 percentage = excluded.percentage, started_at = excluded.started_at, \
                 finished_at = excluded.finished_at, attempts = excluded.attempts, message = excluded.message)",
            );
        }
        out.push_sql(" SELECT id, (SELECT count(pg_notify(");
        out.push_bind_param::<Text, str>(notify::CHANNEL)?;
        out.push_sql(", word)) FROM unnest(");
        out.push_bind_param::<Array<Text>, Vec<String>>(&self.words)?;
        out.push_sql(") word) FROM written");
        Ok(())
    }
}

/// Writes changes of different builds, and answers which were written: the others are of a
/// version that is no more.
///
/// # Errors
/// When the database refuses; then nothing is written.
pub(crate) fn write(
    connection: &mut PgConnection,
    mut changes: Vec<Change<'_>>,
    node: Node,
) -> Result<HashSet<Uuid>> {
    // In one order on all nodes, so that no two wait for each other's rows.
    changes.sort_unstable_by_key(|change| change.after.id);
    let mut statement = Statement::default();
    for change in &changes {
        statement.add(change)?;
    }
    let ids: Vec<Uuid> = statement.builds.iter().map(|row| row.id).collect();
    statement.words = notify::words_of_builds(node, &ids);
    let written: Vec<(Uuid, Option<i64>)> = statement.load(connection)?;
    Ok(written.into_iter().map(|(id, _)| id).collect())
}

/// Makes the session of whoever calls [`write`] fit for it.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) fn prepare(connection: &mut PgConnection) -> Result<()> {
    // One plan for ever, that walks the arrays in their order and finds each row by its key: the
    // planner would guess from ten rows, and lock in an order of its own.
    for setting in [
        "plan_cache_mode = force_generic_plan",
        "enable_hashjoin = off",
        "enable_mergejoin = off",
        "enable_seqscan = off",
        "jit = off",
    ] {
        diesel::sql_query(format!("SET {setting}")).execute(connection)?;
    }
    // Recorded means on disk, whatever the role's or the database's default is.
    diesel::sql_query(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    )
    .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests;
