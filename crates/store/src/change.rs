//! The one statement that changes builds: their rows, step runs, reports and logs, and the word to
//! other nodes, in one round trip.
//!
//! The rule it protects: a build is written only over the version that was read; the reports of a
//! build whose row was not written are not written either, so a change happens whole or not at
//! all, with no transaction around it.

use std::{collections::HashSet, sync::Arc};

use diesel::{
    QueryResult, RunQueryDsl,
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz},
};
use milepost_domain::{Build, Plan, Report, StepRun, Time};
use uuid::Uuid;

use crate::{
    Result,
    build::Known,
    notify::{self, Node},
    row::{count, points, to_json},
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

/// Parallel arrays for `unnest`: one constant text for any number of rows, so it is prepared once.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $rust:ty => $sql:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Default)]
        struct $name<'a> { $($field: Vec<$rust>),+ }

        impl<'a> $name<'a> {
            /// `unnest($1, $2, ...) AS alias (id, version, ...)`, with the arrays as binds.
            fn unnest<'b>(&'b self, alias: &str, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()>
            where
                'a: 'b,
            {
                let mut between = "unnest(";
                $(
                    out.push_sql(between);
                    out.push_bind_param::<Array<$sql>, Vec<$rust>>(&self.$field)?;
                    between = ", ";
                )+
                let _ = between;
                out.push_sql(") AS ");
                out.push_sql(alias);
                let mut between = " (";
                $(
                    out.push_sql(between);
                    out.push_sql(stringify!($field));
                    between = ", ";
                )+
                let _ = between;
                out.push_sql(")");
                Ok(())
            }
        }
    };
}

columns! {
    /// What reports and marks change of `builds`.
    Builds {
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
        seqs: serde_json::Value => Jsonb,
        marks: serde_json::Value => Jsonb,
        evidence: serde_json::Value => Jsonb,
        rejected_reports: i32 => Integer,
        rejected_label: Option<&'a str> => Nullable<Text>,
        rejected_at: Option<Time> => Nullable<Timestamptz>,
    }
}

columns! {
    /// Rows of `reports`.
    Reports {
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

columns! {
    /// Rows of `report_logs`.
    Logs {
        build_id: Uuid => diesel::sql_types::Uuid,
        report_id: Uuid => diesel::sql_types::Uuid,
        cut: i64 => BigInt,
        text: &'a str => Text,
    }
}

columns! {
    /// Rows of `step_runs` that are new or different.
    Runs {
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

columns! {
    /// Keys of `step_runs` that are no more.
    Gone {
        build_id: Uuid => diesel::sql_types::Uuid,
        attempt: i32 => Integer,
        label: &'a str => Text,
    }
}

#[derive(Default)]
struct Statement<'a> {
    builds: Builds<'a>,
    reports: Reports<'a>,
    logs: Logs<'a>,
    runs: Runs<'a>,
    gone: Gone<'a>,
    /// What other nodes are told.
    words: Vec<String>,
}

impl<'a> Statement<'a> {
    fn add(&mut self, change: &Change<'a>) -> Result<()> {
        let Change { before, after, reports } = *change;
        self.add_build(before.version, after)?;
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
                self.gone.build_id.push(after.id.uuid());
                self.gone.attempt.push(count(run.attempt));
                self.gone.label.push(run.label.as_str());
            }
        }
        Ok(())
    }

    fn add_build(&mut self, version: i64, build: &'a Build) -> Result<()> {
        let (to, course, rejected) = (&mut self.builds, &build.course, &build.rejections);
        to.id.push(build.id.uuid());
        to.version.push(version);
        to.state.push(course.state.as_str());
        to.attempt.push(count(course.attempt));
        to.floor.push(course.floor.basis_points().into());
        to.reported.push(points(course.reported));
        to.reports.push(count(course.reports));
        to.installed_at.push(course.installed_at);
        to.ended_at.push(course.ended_at);
        to.closed_at.push(course.closed_at);
        to.last_report_at.push(course.last_report_at);
        to.last_message.push(course.last_message.as_ref().map(AsRef::as_ref));
        to.current_step.push(course.current.as_ref().map(AsRef::as_ref));
        to.boot_id.push(course.boot_id.as_deref());
        to.seqs.push(to_json(&course.seqs)?);
        to.marks.push(to_json(&build.marks)?);
        to.evidence.push(to_json(&course.evidence)?);
        to.rejected_reports.push(count(rejected.count));
        to.rejected_label.push(rejected.last.as_ref().map(|(label, _)| label.as_str()));
        to.rejected_at.push(rejected.last.as_ref().map(|(_, at)| *at));
        Ok(())
    }

    fn add_report(&mut self, build: Uuid, plan: &Plan, new: &'a NewReport) {
        let (to, report) = (&mut self.reports, &new.report);
        let planned = if report.is_activity() { None } else { plan.get(&report.label) };
        let (short, long) = match &report.log {
            Some(log) if log.cut() == 0 && log.text().len() <= SHORT_LOG_MAX => (Some(log), None),
            other => (None, other.as_ref()),
        };
        to.build_id.push(build);
        to.id.push(report.id.uuid());
        to.received_at.push(report.received_at);
        to.reported_at.push(report.reported_at);
        to.seq.push(report.seq);
        to.position.push(count(new.position));
        to.log_bytes.push(long.map(|log| i32::try_from(log.text().len()).unwrap_or(i32::MAX)));
        to.attempt.push(i16::try_from(new.attempt).unwrap_or(i16::MAX));
        // What the plan says is not said again.
        let priority = report.priority.filter(|own| planned.is_none_or(|step| step.priority != *own));
        to.priority.push(priority.map(|own| i16::try_from(own).unwrap_or(i16::MAX)));
        to.percentage.push(points(report.percentage).and_then(|points| i16::try_from(points).ok()));
        to.label.push(report.label.as_str());
        to.status.push(report.status.map(milepost_domain::Status::as_str));
        to.message.push(report.message.as_ref().map(AsRef::as_ref));
        to.log.push(short.map(milepost_domain::Log::text));
        let name = report.name.as_ref().filter(|own| planned.is_none_or(|step| step.name != **own));
        to.name.push(name.map(AsRef::as_ref));
        to.boot_id.push(report.boot_id.as_deref());
        to.activity.push(report.event.as_ref().map(|_| report.is_activity()));
        if let Some(log) = long {
            self.logs.build_id.push(build);
            self.logs.report_id.push(report.id.uuid());
            self.logs.cut.push(i64::try_from(log.cut()).unwrap_or(i64::MAX));
            self.logs.text.push(log.text());
        }
    }

    fn add_run(&mut self, build: Uuid, run: &'a StepRun) {
        let to = &mut self.runs;
        to.build_id.push(build);
        to.attempt.push(count(run.attempt));
        to.label.push(run.label.as_str());
        to.name.push(run.name.as_ref().map(AsRef::as_ref));
        to.priority.push(run.priority);
        to.state.push(run.state.as_str());
        to.inferred.push(run.inferred);
        to.percentage.push(points(run.percentage));
        to.started_at.push(run.started_at);
        to.finished_at.push(run.finished_at);
        to.attempts.push(count(run.attempts));
        to.message.push(run.message.as_ref().map(AsRef::as_ref));
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
const OF_A_WRITTEN_BUILD: &str = " WHERE (build_id IN (SELECT id FROM written)) IS TRUE";

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH written AS (UPDATE builds b SET version = v.version + 1, state = v.state, \
             attempt = v.attempt, floor = v.floor, reported = v.reported, reports = v.reports, \
             installed_at = v.installed_at, ended_at = v.ended_at, closed_at = v.closed_at, \
             last_report_at = v.last_report_at, last_message = v.last_message, \
             current_step = v.current_step, boot_id = v.boot_id, seqs = v.seqs, marks = v.marks, \
             evidence = v.evidence, rejected_reports = v.rejected_reports, rejected_label = v.rejected_label, \
             rejected_at = v.rejected_at FROM ",
        );
        self.builds.unnest("v", &mut out)?;
        out.push_sql(" WHERE b.id = v.id AND b.version = v.version RETURNING b.id)");
        if !self.reports.id.is_empty() {
            out.push_sql(
                ", said AS (INSERT INTO reports (build_id, id, received_at, reported_at, seq, position, \
                 log_bytes, attempt, priority, percentage, label, status, message, log, name, boot_id, \
                 activity) SELECT * FROM ",
            );
            self.reports.unnest("r", &mut out)?;
            out.push_sql(OF_A_WRITTEN_BUILD);
            out.push_sql(")");
        }
        if !self.logs.text.is_empty() {
            out.push_sql(
                ", logged AS (INSERT INTO report_logs (build_id, report_id, cut, text) SELECT * FROM ",
            );
            self.logs.unnest("l", &mut out)?;
            out.push_sql(OF_A_WRITTEN_BUILD);
            out.push_sql(")");
        }
        if !self.gone.label.is_empty() {
            out.push_sql(", gone AS (DELETE FROM step_runs s USING ");
            self.gone.unnest("g", &mut out)?;
            out.push_sql(
                " WHERE s.build_id = g.build_id AND s.attempt = g.attempt AND s.label = g.label \
                 AND (g.build_id IN (SELECT id FROM written)) IS TRUE)",
            );
        }
        if !self.runs.label.is_empty() {
            out.push_sql(
                ", ran AS (INSERT INTO step_runs AS s (build_id, attempt, label, name, priority, state, \
                 inferred, percentage, started_at, finished_at, attempts, message) SELECT * FROM ",
            );
            self.runs.unnest("n", &mut out)?;
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
    statement.words = notify::words_of_builds(node, &statement.builds.id);
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
