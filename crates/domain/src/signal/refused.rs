//! Reports that did not get through: refused, too many, or lost on the way.
//!
//! The rule it protects: what was refused is not called lost as well; and what is only late has time to
//! come.

use chrono::TimeDelta;

use crate::{
    Build, Time,
    signal::{Severity, Signal, SignalKind, text::reports_were},
};

/// How long after the last report that was too many a build counts as flooding.
const FLOODING: TimeDelta = TimeDelta::minutes(15);
/// So long a report may be under way: one that overtook it says nothing. A sender that could not reach us
/// sends what it kept with its next report.
const LATE: TimeDelta = TimeDelta::minutes(5);

/// Reports were refused because their step is not registered.
pub(super) fn rejected_reports(build: &Build) -> Option<Signal> {
    let (label, at) = build.rejections.last.as_ref()?;
    let detail = format!(
        "{} refused because the step is not registered, last '{label}'",
        reports_were(build.rejections.count.into())
    );
    let remedy = "register the step, correct the template, or make the workflow loose";
    Some(Signal::new(SignalKind::RejectedReports, Severity::Warning, *at, detail).with_remedy(remedy))
}

/// More reports came than the limits allow, and not long ago.
pub(super) fn flooding(build: &Build, now: Time) -> Option<Signal> {
    let over_limit = build.rejections.over_limit;
    let since = over_limit.last_at.filter(|at| now - *at <= FLOODING)?;
    let detail =
        format!("{} refused because this host sends more than it may", reports_were(over_limit.count.into()));
    let remedy = "look what repeats itself in its templates, or raise the limits";
    Some(Signal::new(SignalKind::Flooding, Severity::Warning, since, detail).with_remedy(remedy))
}

/// By their numbers, reports were sent that never came.
pub(super) fn missing_reports(build: &Build, now: Time) -> Option<Signal> {
    let counts = build.course.evidence.counts.values().filter(|count| !count.missing.is_empty());
    let missing = counts.clone().fold(0_u64, |sum, count| sum.saturating_add(count.missing()));
    let refused = u64::from(build.rejections.count) + u64::from(build.rejections.over_limit.count);
    let since = counts.clone().filter_map(|count| count.since).max()?;
    if missing <= refused || now - since <= LATE {
        return None;
    }
    let (first, last) = counts.flat_map(|count| count.missing.iter().copied()).min()?;
    let numbers =
        if first == last { format!("number {first}") } else { format!("numbers {first} to {last}") };
    let severity = if build.course.state.is_open() { Severity::Warning } else { Severity::Info };
    let detail =
        format!("{} sent and never came, the first of them {numbers}", reports_were(missing - refused));
    let remedy =
        "what they said is lost to this page, not to the host: see its network and its installer's log";
    Some(Signal::new(SignalKind::MissingReports, severity, since, detail).with_remedy(remedy))
}
