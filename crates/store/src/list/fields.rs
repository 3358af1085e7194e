//! What hosts, builds and reports are searched and sorted by, and where each value is.
//!
//! The rule it protects: one list of fields is the documented one, and each stands in the database or is
//! worked out here, never both.

use std::collections::{HashMap, HashSet};

use milepost_domain::{
    BuildId, State,
    search::{Field, Kind, Value},
    signal::SignalKind,
};
use uuid::Uuid;

use super::value;
use crate::search::{Column, Computed};

/// What hosts and builds are searched by: what is stored of them, and what is worked out of those that have
/// not ended.
pub const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text).also_called(&["host", "hostname", "machine"]).in_free_text(),
    Field::new("state", Kind::Choice(State::WORDS)).also_called(&["status"]),
    Field::new("workflow", Kind::Text),
    Field::new("location", Kind::Text).also_called(&["datacenter"]).in_free_text(),
    Field::new("organization", Kind::Text),
    Field::new("hostgroup", Kind::Text),
    Field::new("operatingsystem", Kind::Text).also_called(&["os"]),
    Field::new("model", Kind::Text),
    Field::new("mac", Kind::Text).in_free_text(),
    Field::new("ip", Kind::Text).in_free_text(),
    Field::new("foreman_id", Kind::Integer),
    Field::new("attempt", Kind::Integer),
    Field::new("step", Kind::Text).also_called(&["current_step"]),
    Field::new("message", Kind::Text).also_called(&["last_message"]),
    Field::new("reports", Kind::Integer),
    Field::new("rejected_reports", Kind::Integer).also_called(&["rejected"]),
    Field::new("started_at", Kind::Time).also_called(&["started"]),
    Field::new("installed_at", Kind::Time).also_called(&["installed"]),
    Field::new("ended_at", Kind::Time).also_called(&["ended"]),
    Field::new("last_report_at", Kind::Time).also_called(&["last_report"]),
    Field::new("signal", Kind::Choice(SignalKind::WORDS)).also_called(&["signals"]),
    Field::new("muted", Kind::Boolean),
];

/// Those of [`FIELDS`] that are stored.
pub const STORED: &[Field] = match FIELDS {
    [stored @ .., _, _] => stored,
    _ => &[],
};

/// The others of [`FIELDS`].
pub(super) const WORKED: &[&str] = &["signal", "muted"];

/// What hosts and builds are sorted by.
pub const SORTABLE: &[&str] = &[
    "name",
    "state",
    "workflow",
    "location",
    "organization",
    "hostgroup",
    "operatingsystem",
    "model",
    "foreman_id",
    "attempt",
    "step",
    "started_at",
    "installed_at",
    "ended_at",
    "last_report_at",
];

/// What reports are searched by.
pub const REPORT_FIELDS: &[Field] = &[
    Field::new("step", Kind::Text).also_called(&["label"]).in_free_text(),
    Field::new("status", Kind::Choice(milepost_domain::Status::WORDS)),
    Field::new("message", Kind::Text).in_free_text(),
    Field::new("attempt", Kind::Integer),
    Field::new("log_bytes", Kind::Integer).also_called(&["log"]),
    Field::new("received_at", Kind::Time).also_called(&["time"]),
    Field::new("reported_at", Kind::Time),
    Field::new("boot_id", Kind::Text),
    Field::new("activity", Kind::Boolean),
];

/// The state of a build as of `$1`, the request's time.
pub(crate) const STATE: &str =
    "CASE WHEN b.state = 'pending' AND b.expires_at <= $1 THEN 'expired' ELSE b.state END";

/// What is worked out of the builds that have not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Worked {
    /// Those that have signals, with their kinds.
    pub signals: HashMap<BuildId, Vec<SignalKind>>,
    /// Those whose signals are muted.
    pub muted: HashSet<BuildId>,
}

/// [`Worked`] as values of the fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    signals: HashMap<Uuid, Value>,
    muted: HashMap<Uuid, Value>,
}

impl Values {
    pub(super) fn of(worked: &Worked) -> Self {
        let signals = worked.signals.iter().map(|(id, kinds)| (id.uuid(), value::words(kinds)));
        let muted = worked.muted.iter().map(|id| (id.uuid(), Value::Boolean(true)));
        Self { signals: signals.collect(), muted: muted.collect() }
    }

    pub(super) fn column(&self, field: &Field) -> Column<'_> {
        match field.name {
            "signal" => Column::Computed(Computed { id: "b.id", of: &self.signals, otherwise: None }),
            "muted" => {
                let otherwise = Some(Value::Boolean(false));
                Column::Computed(Computed { id: "b.id", of: &self.muted, otherwise })
            }
            _ => Column::Stored(column(field)),
        }
    }
}

/// The column of a field of [`STORED`]. `state` is read as of `$1`, the request's time.
pub(crate) fn column(field: &Field) -> String {
    match field.name {
        "name" | "location" | "organization" | "hostgroup" | "operatingsystem" | "model" | "mac" | "ip"
        | "foreman_id" => format!("h.{}", field.name),
        "state" => STATE.to_owned(),
        "step" => "b.current_step".to_owned(),
        "message" => "b.last_message".to_owned(),
        "ended_at" => {
            "CASE WHEN b.state = 'pending' AND b.expires_at <= $1 THEN b.expires_at ELSE b.ended_at END"
                .to_owned()
        }
        other => format!("b.{other}"),
    }
}

pub(super) fn report_column(field: &Field) -> String {
    match field.name {
        "step" => "r.label".to_owned(),
        // A short log lies in the row.
        "log_bytes" => "COALESCE(r.log_bytes, octet_length(r.log))".to_owned(),
        // Absent in reports, and false in an event that is the report of a step.
        "activity" => "COALESCE(r.activity, false)".to_owned(),
        other => format!("r.{other}"),
    }
}
