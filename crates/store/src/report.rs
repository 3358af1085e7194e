//! Stored reports: written by [`crate::ingest`] only, read as a stream.
//!
//! The rule it protects: the stream's order is the server's; logs lie apart and are read one at
//! a time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use milepost_domain::{
    Build, BuildId, Id, Label, Log, Plan, Report, ReportId, Status,
    event::Place,
    signal::{LogTail, failed_run},
};
use uuid::Uuid;

use crate::{
    Error, Result,
    row::{number, parsed, parsed_option, percent},
    schema::{report_logs, reports},
};

/// A report as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    /// Of which build.
    pub build: BuildId,
    /// The server's order within the build, from 1.
    pub position: u32,
    /// In which attempt it came.
    pub attempt: u32,
    /// Size of its log in bytes, 0 for none; the log itself is read with [`log`].
    pub log_bytes: u32,
    /// What it says, without the log.
    pub report: Report,
}

#[derive(Debug, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = reports)]
pub(crate) struct ReportRow {
    pub(crate) build_id: Uuid,
    id: Uuid,
    received_at: DateTime<Utc>,
    reported_at: Option<DateTime<Utc>>,
    seq: Option<i64>,
    position: i32,
    log_bytes: Option<i32>,
    attempt: i16,
    priority: Option<i16>,
    percentage: Option<i16>,
    label: String,
    status: Option<String>,
    message: Option<String>,
    log: Option<String>,
    name: Option<String>,
    boot_id: Option<String>,
    activity: Option<bool>,
}

impl ReportRow {
    /// The report, with what is left to the plan of its build filled in.
    pub(crate) fn into_domain(self, plan: &Plan) -> Result<StoredReport> {
        let label: Label = parsed("reports.label", &self.label)?;
        let planned = if self.activity == Some(true) { None } else { plan.get(&label) };
        let name = parsed_option("reports.name", self.name.as_deref())?;
        let log_bytes = match (self.log_bytes, &self.log) {
            (Some(apart), _) => number("reports.log_bytes", apart)?,
            (None, Some(short)) => number("reports.log", short.len())?,
            (None, None) => 0,
        };
        Ok(StoredReport {
            build: Id::from_uuid(self.build_id),
            position: number("reports.position", self.position)?,
            attempt: number("reports.attempt", self.attempt)?,
            log_bytes,
            report: Report {
                id: Id::from_uuid(self.id),
                name: name.or_else(|| planned.map(|step| step.name.clone())),
                priority: self.priority.map(Into::into).or_else(|| planned.map(|step| step.priority)),
                label,
                status: parsed_option("reports.status", self.status.as_deref())?,
                percentage: percent("reports.percentage", self.percentage.map(Into::into))?,
                message: parsed_option("reports.message", self.message.as_deref())?,
                log: None,
                seq: self.seq,
                boot_id: self.boot_id,
                reported_at: self.reported_at,
                received_at: self.received_at,
                event: self.activity.map(|activity| if activity { Place::Activity } else { Place::Step }),
            },
        })
    }
}

/// All reports of a build in the server's order, for a replay.
pub(crate) fn load_all(connection: &mut PgConnection, build: &Build) -> Result<Vec<Report>> {
    let rows: Vec<ReportRow> = reports::table
        .filter(reports::build_id.eq(build.id.uuid()))
        .order(reports::position)
        .select(ReportRow::as_select())
        .load(connection)?;
    rows.into_iter().map(|row| Ok(row.into_domain(&build.plan)?.report)).collect()
}

/// The end of the log of what a build failed in: of the step that failed, else of what was said of the whole
/// installation since. `None` while it has not failed, and where nothing was sent.
///
/// # Errors
/// When the database cannot be reached.
pub fn failure_log(connection: &mut PgConnection, build: &Build) -> Result<Option<LogTail>> {
    let Some(run) = failed_run(build) else { return Ok(None) };
    let (since, attempt) = (run.finished_at.unwrap_or(run.started_at), build.course.attempt);
    let is_of_step = reports::label.eq(run.label.as_str());
    let found: Option<(Uuid, Option<String>)> = reports::table
        .filter(reports::build_id.eq(build.id.uuid()))
        .filter(reports::attempt.eq(i16::try_from(attempt).unwrap_or(i16::MAX)))
        .filter(reports::status.eq(Status::Failed.as_str()))
        .filter(reports::received_at.ge(since))
        .filter(reports::log.is_not_null().or(reports::log_bytes.is_not_null()))
        // What failed within the step, or around it, is an activity.
        .filter(
            is_of_step
                .or(reports::label.eq(Label::built().as_str().to_owned()))
                .or(reports::activity.eq(true)),
        )
        .order((is_of_step.desc(), reports::position.desc()))
        .select((reports::id, reports::log))
        .first(connection)
        .optional()?;
    let Some((id, short)) = found else { return Ok(None) };
    let report = Id::from_uuid(id);
    let log = match short {
        Some(text) => Log::from_parts(text, 0),
        None => log(connection, build.id, report)?,
    };
    Ok(Some(LogTail::of(report, &log)))
}

/// The log that came with a report.
///
/// # Errors
/// When there is none.
pub fn log(connection: &mut PgConnection, build: BuildId, report: ReportId) -> Result<Log> {
    let key = (build.uuid(), report.uuid());
    let short: Option<Option<String>> =
        reports::table.find(key).select(reports::log).first(connection).optional()?;
    if let Some(text) = short.flatten() {
        return Ok(Log::from_parts(text, 0));
    }
    let (text, cut): (String, i64) = report_logs::table
        .find(key)
        .select((report_logs::text, report_logs::cut))
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("log of report", &report))?;
    Ok(Log::from_parts(text, number("report_logs.cut", cut)?))
}
