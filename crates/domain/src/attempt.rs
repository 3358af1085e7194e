//! Tells a machine that boots its installer again from one that merely repeats itself.
//!
//! The rule it protects: a new attempt is the re-entry of the installer's first phase after
//! something later was seen, never the mere repetition of a name: a healthy Ubuntu install starts
//! one and the same step thirteen times, and PXE boots often come in twos. What was only delivered late
//! begins nothing.

use crate::{
    Plan, RunState,
    build::Course,
    report::{Meaning, Report},
};

/// Whether `report` shows that the machine has booted its installer again.
///
/// Where both the kernel's boot id of the attempt and the report's are known they decide, because
/// they are proof.
#[must_use]
pub fn begins_again(plan: &Plan, course: &Course, report: &Report) -> bool {
    // What a program says by itself comes again with every boot, and twice in one: it proves nothing.
    if report.event.is_some() {
        return false;
    }
    let Some(step) = plan.get(&report.label).filter(|step| step.entry) else {
        return false;
    };
    // What comes late from an earlier boot begins nothing.
    if course.evidence.boots.is_past(report) {
        return false;
    }
    let Some(seen) = course.runs_now().find(|run| run.label == report.label) else {
        return false;
    };
    // The same step twice in a row is a repetition, however late the first one came.
    let went_on = course.current.as_ref() != Some(&report.label)
        && course.runs_now().any(|run| run.place(plan).is_some_and(|place| place > step.priority));
    let seen_at = seen.finished_at.unwrap_or(seen.started_at);
    if let (Some(before), Some(now)) = (&course.boot_id, &report.boot_id) {
        // What comes before the installer's first phase, such as the network boot, may have told of this boot already.
        let is_other =
            before != now || course.evidence.boots.changed_at.is_some_and(|changed| seen_at < changed);
        return is_other && went_on;
    }
    if course.evidence.is_repeat(report, seen_at) {
        return false;
    }
    match report.meaning() {
        Meaning::Failed => false,
        Meaning::Started => went_on,
        // The end of a step that was started, or whose end was only inferred, is no new beginning.
        Meaning::Done => went_on && seen.state == RunState::Done && !seen.inferred,
    }
}
