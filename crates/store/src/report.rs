//! Stored reports: written by [`crate::ingest`] only, read as a stream.
//!
//! The rule it protects: the stream's order is the server's; logs lie apart and are read one at
//! a time.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use milepost_domain::{BuildId, Id, Label, Log, Report, ReportId};
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
    build_id: Uuid,
    id: Uuid,
    position: i32,
    attempt: i32,
    label: String,
    name: Option<String>,
    priority: Option<i32>,
    status: Option<String>,
    percentage: Option<i32>,
    message: Option<String>,
    seq: Option<i64>,
    boot_id: Option<String>,
    reported_at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    log_bytes: i32,
}

impl ReportRow {
    pub(crate) fn into_domain(self) -> Result<StoredReport> {
        Ok(StoredReport {
            build: Id::from_uuid(self.build_id),
            position: number("reports.position", self.position)?,
            attempt: number("reports.attempt", self.attempt)?,
            log_bytes: number("reports.log_bytes", self.log_bytes)?,
            report: Report {
                id: Id::from_uuid(self.id),
                label: parsed::<Label>("reports.label", &self.label)?,
                name: parsed_option("reports.name", self.name.as_deref())?,
                priority: self.priority,
                status: parsed_option("reports.status", self.status.as_deref())?,
                percentage: percent("reports.percentage", self.percentage)?,
                message: parsed_option("reports.message", self.message.as_deref())?,
                log: None,
                seq: self.seq,
                boot_id: self.boot_id,
                reported_at: self.reported_at,
                received_at: self.received_at,
            },
        })
    }
}

/// All reports of a build in the server's order, for a replay.
pub(crate) fn load_all(connection: &mut PgConnection, build: BuildId) -> Result<Vec<Report>> {
    let rows: Vec<ReportRow> = reports::table
        .filter(reports::build_id.eq(build.uuid()))
        .order(reports::position)
        .select(ReportRow::as_select())
        .load(connection)?;
    rows.into_iter().map(|row| Ok(row.into_domain()?.report)).collect()
}

/// The log that came with a report.
///
/// # Errors
/// When there is none.
pub fn log(connection: &mut PgConnection, build: BuildId, report: ReportId) -> Result<Log> {
    let (text, cut): (String, i64) = report_logs::table
        .find((build.uuid(), report.uuid()))
        .select((report_logs::text, report_logs::cut))
        .first(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("log of report", &report))?;
    Ok(Log::from_parts(text, number("report_logs.cut", cut)?))
}
