//! One message about a step, parsed and bounded.
//!
//! The rule it protects: what a machine says of time is kept and shown, but `received_at`, the
//! server's time, is what counts.

use serde::{Deserialize, Serialize};

use crate::{Label, Log, Message, Name, Percent, ReportId, Status, Time, event::Place};

/// The largest priority; the smallest is 0.
pub const PRIORITY_MAX: i32 = 10_000;
/// The longest kernel boot id that is kept, in bytes (a UUID has 36).
pub const BOOT_ID_MAX: usize = 64;

/// One message about a step. Serialized only to be kept for later; what travels is the edge's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Unique within the build; a repeat with the same id changes nothing.
    pub id: ReportId,
    /// Which step.
    pub label: Label,
    /// What people call the step, where the sender says so.
    pub name: Option<Name>,
    /// The step's order, where the sender says so.
    pub priority: Option<i32>,
    /// Started, done, failed; absent in the simple form: "this happened".
    pub status: Option<Status>,
    /// How far the step is; with no known workflow, how far the build is.
    pub percentage: Option<Percent>,
    /// A sentence for people.
    pub message: Option<Message>,
    /// The log that comes with it.
    pub log: Option<Log>,
    /// The sender's count of its reports; orders the reports of one boot.
    pub seq: Option<i64>,
    /// The kernel's boot id: tells one boot of the machine from the next.
    pub boot_id: Option<String>,
    /// The sender's clock; informs, never orders.
    pub reported_at: Option<Time>,
    /// The server's clock when it arrived.
    pub received_at: Time,
    /// Where it belongs, if it is an event that a program sent by itself; absent: a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Place>,
}

/// What a report comes to, once the simple form is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The step has started, or is under way.
    Started,
    /// The step is done, or simply happened.
    Done,
    /// The step has failed.
    Failed,
}

impl Report {
    /// A report of nothing but its step.
    #[must_use]
    pub const fn simple(id: ReportId, label: Label, received_at: Time) -> Self {
        Self {
            id,
            label,
            name: None,
            priority: None,
            status: None,
            percentage: None,
            message: None,
            log: None,
            seq: None,
            boot_id: None,
            reported_at: None,
            received_at,
            event: None,
        }
    }

    /// Whether it is an event that makes no step.
    #[must_use]
    pub const fn is_activity(&self) -> bool {
        matches!(self.event, Some(Place::Of(_) | Place::Activity))
    }

    /// What the report comes to: the simple form means that the step happened, unless it names a
    /// percentage below 100.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match self.status {
            Some(Status::Init) => Meaning::Started,
            Some(Status::Done) => Meaning::Done,
            Some(Status::Failed) => Meaning::Failed,
            None if self.percentage.is_some_and(|p| p < Percent::FULL) => Meaning::Started,
            None => Meaning::Done,
        }
    }
}
