//! What hosts and builds say of the fields that they are searched by, for whoever has them at hand.
//!
//! The rule it protects: a search means the same here as in SQL; a property test compares them.

use milepost_domain::{
    Build, Host,
    search::{Field, Value},
    signal::SignalKind,
};

fn word(text: &impl ToString) -> Value {
    Value::Text(text.to_string())
}

/// Kinds of signals as a value.
pub(super) fn words(kinds: &[SignalKind]) -> Value {
    Value::Texts(kinds.iter().map(|kind| kind.as_str().to_owned()).collect())
}

/// What is said by a field of [`super::FIELDS`] that is worked out, of a build that has not ended and has these
/// signals. One that has ended has none, and is not muted.
#[must_use]
pub fn worked_value(field: &Field, kinds: &[SignalKind], is_muted: bool) -> Option<Value> {
    match field.name {
        "signal" => Some(words(kinds)).filter(|_| !kinds.is_empty()),
        "muted" => Some(Value::Boolean(is_muted)),
        _ => None,
    }
}

/// What a host and its build say of a field of [`super::STORED`].
#[must_use]
pub fn value(field: &Field, host: &Host, build: Option<&Build>) -> Option<Value> {
    let facts = &host.facts;
    match field.name {
        "name" => return Some(word(&facts.name)),
        "location" => return facts.location.as_ref().map(word),
        "organization" => return facts.organization.as_ref().map(word),
        "hostgroup" => return facts.hostgroup.as_ref().map(word),
        "operatingsystem" => return facts.operatingsystem.as_ref().map(word),
        "model" => return facts.model.as_ref().map(word),
        "mac" => return facts.mac.as_ref().map(word),
        "ip" => return facts.ip.as_ref().map(word),
        "foreman_id" => return facts.foreman_id.map(Value::Integer),
        _ => {}
    }
    let build = build?;
    let course = &build.course;
    match field.name {
        "state" => Some(word(&course.state)),
        "workflow" => Some(word(&build.workflow)),
        "attempt" => Some(Value::Integer(course.attempt.into())),
        "reports" => Some(Value::Integer(course.reports.into())),
        "rejected_reports" => Some(Value::Integer(build.rejections.count.into())),
        "step" => course.current.as_ref().map(word),
        "message" => course.last_message.as_ref().map(word),
        "started_at" => Some(Value::Time(build.started_at)),
        "installed_at" => course.installed_at.map(Value::Time),
        "ended_at" => course.ended_at.map(Value::Time),
        "last_report_at" => course.last_report_at.map(Value::Time),
        _ => None,
    }
}
