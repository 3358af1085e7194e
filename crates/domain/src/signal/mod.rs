//! What needs a person, and what to do about it: a pure function of a build, of *now*, and of what else is
//! known.
//!
//! The rule it protects: a signal says what was expected and what came, stands once, and clears itself when
//! its reason is gone. Nothing has to run for one to be seen. A host that is only slow, repeats itself or
//! is installed anew by a person is no reason.

mod boots;
mod clock;
mod outcome;
mod refused;
mod silence;
mod text;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::outcome::failed_run;
pub(crate) use self::text::{between, span};
use crate::{Build, Log, ReportId, State, Time, Timings, state::words};

/// What needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// A step failed, and nothing better was heard since.
    FailedStep,
    /// The machine boots its installer again and again, or after it was installed.
    BootLoop,
    /// Nothing was heard for longer than the step may be silent, or what is heard shows no progress.
    Stalled,
    /// The build as a whole takes longer than such builds do.
    Overdue,
    /// The credential runs out while the build is running.
    CredentialExpiring,
    /// Reports were refused because their step is unknown.
    RejectedReports,
    /// Reports were refused because they were too many.
    Flooding,
    /// Reports were sent, by their numbers, and never came.
    MissingReports,
    /// The clock of the machine is wrong.
    ClockSkew,
}
words!(SignalKind, "signal", {
    FailedStep => "failed_step", BootLoop => "boot_loop", Stalled => "stalled", Overdue => "overdue",
    CredentialExpiring => "credential_expiring", RejectedReports => "rejected_reports", Flooding => "flooding",
    MissingReports => "missing_reports", ClockSkew => "clock_skew",
});

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know; the installation goes on.
    Info,
    /// Look at it today: it may come right by itself, or not.
    Warning,
    /// It does not come right by itself.
    Critical,
}

/// Somebody knows, and does not want to hear of it: maintenance, or a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Muted {
    /// Which mute says so; see `/api/v2/mutes`.
    pub id: Uuid,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Why.
    #[schema(example = "new firmware in rack 7")]
    pub reason: String,
    /// Who said so.
    #[schema(example = "deploy (0193b0a0-0000-7000-8000-000000000001)")]
    pub by: String,
}

/// The end of the log of what failed, where a failure is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogTail {
    /// The report that it came with; `/api/v2/builds/{id}/reports/{report}/log` has all of it.
    pub report_id: Uuid,
    /// Its last lines: 20 and 2 KiB at most.
    #[schema(example = "Running transaction test\nError: no space left on device")]
    pub text: String,
    /// Whether there is more before them.
    pub is_cut: bool,
}

impl LogTail {
    /// The end of a log that came with a report.
    #[must_use]
    pub fn of(report: ReportId, log: &Log) -> Self {
        let text = log.tail();
        let is_cut = log.cut() > 0 || text.len() < log.text().trim_end().len();
        Self { report_id: report.uuid(), text: text.to_owned(), is_cut }
    }
}

/// Something derived that needs a person; it clears itself when its reason is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// Which kind; more kinds will come, so treat an unknown one as text to show.
    pub kind: SignalKind,
    /// How urgent it is; more degrees may come.
    pub severity: Severity,
    /// Since when.
    pub since: DateTime<Utc>,
    /// A sentence: what was expected and what came.
    #[schema(
        example = "no report for 17 min after 'Network boot'; 'Kickstart download' usually follows within 2 \
        min, limit 15 min"
    )]
    pub detail: String,
    /// What usually helps, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "look at the host's console; if it shows nothing, at its power and its boot order")]
    pub remedy: Option<String>,
    /// The end of the log of what failed, on the page of a single build; lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogTail>,
    /// Somebody does not want to hear of it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<Muted>,
}

/// What is known beside the build; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// How long builds of its kind usually take.
    pub timings: Option<&'a Timings>,
    /// Reports extend the credential of a build, so it does not run out while any come.
    pub extends: bool,
    /// The end of the log of the step that failed.
    pub failure_log: Option<&'a LogTail>,
    /// Somebody does not want to hear of this host.
    pub muted: Option<&'a Muted>,
}

impl<'a> Context<'a> {
    /// What was learned, if that is enough.
    pub(crate) fn learned(&self) -> Option<&'a Timings> {
        self.timings.filter(|timings| timings.is_enough())
    }
}

/// What needs a person on `build` at `now`: each kind at most once, the most urgent first.
///
/// Nothing of a build that is over in a way that somebody chose: called off, or followed by a newer one.
#[must_use]
pub fn signals(build: &Build, now: Time, context: &Context<'_>) -> Vec<Signal> {
    let course = &build.course;
    if course.closed_at.is_some() || matches!(course.state, State::Canceled | State::Superseded) {
        return Vec::new();
    }
    let found = [
        outcome::failed_step(build, context),
        boots::boot_loop(build),
        silence::stalled(build, now, context),
        silence::overdue(build, now, context),
        outcome::credential_expiring(build, now, context),
        refused::rejected_reports(build),
        refused::flooding(build, now),
        refused::missing_reports(build, now),
        clock::clock_skew(build),
    ];
    let mute = context.muted.filter(|mute| now < mute.until);
    let mut signals: Vec<Signal> =
        found.into_iter().flatten().map(|signal| Signal { muted: mute.cloned(), ..signal }).collect();
    signals.sort_by_key(|signal| (std::cmp::Reverse(signal.severity), signal.kind));
    signals
}

impl Signal {
    fn new(kind: SignalKind, severity: Severity, since: Time, detail: String) -> Self {
        Self { kind, severity, since, detail, remedy: None, log: None, muted: None }
    }

    fn with_remedy(self, remedy: &str) -> Self {
        Self { remedy: Some(remedy.to_owned()), ..self }
    }
}
