//! A machine that boots its installer over and over.
//!
//! The rule it protects: a loop is told by boots (a kernel's boot id, or the installer's first phase after
//! later ones), never by names that repeat themselves, and a boot that was expected is none.

use crate::{
    Build, State,
    signal::{Severity, Signal, SignalKind, text::moment},
};

/// So many announced restarts are taken for a plan, such as one after new firmware. A machine that announces
/// one after the other and always ends up in its installer is in a loop.
const PLANNED_MAX: u32 = 2;
/// So many boots are listed with their times.
const LISTED_MAX: usize = 5;
/// So many more boots than expected make it plain that another will not help.
const HOPELESS: u32 = 2;

/// The machine booted its installer more often than expected, or after it was installed.
pub(super) fn boot_loop(build: &Build) -> Option<Signal> {
    let course = &build.course;
    if !matches!(course.state, State::Pending | State::Running | State::Failed)
        || course.installed_at.is_some()
    {
        return None;
    }
    let found = &course.evidence.boots;
    let last = found.returns.last()?;
    let all = found.unplanned.saturating_add(found.planned).saturating_add(1);
    let planned = found.planned.min(PLANNED_MAX);
    let (counted, expected) = (all - planned, build.plan.expected_boots());
    // The boot that came after `built` begins an attempt, and all of that attempt is in vain.
    let installed = found.returns.iter().rev().find_map(|back| Some((back.at, back.installed_at?)));
    if installed.is_none() && counted <= expected {
        return None;
    }
    let first = course.runs.iter().map(|run| run.started_at).min().unwrap_or(build.started_at);
    let times: Vec<String> =
        found.returns.iter().rev().take(LISTED_MAX).rev().map(|back| moment(back.at)).collect();
    let left_out = if usize::try_from(all - 1).is_ok_and(|all| all > times.len()) { "…, " } else { "" };
    let times = format!("{}, {left_out}{} UTC", moment(first), times.join(", "));
    let boots = if expected == 1 { "1 boot was".to_owned() } else { format!("{expected} boots were") };
    if let Some((back, built)) = installed {
        let detail = format!(
            "expected the host to boot from disk, but it booted the installer again: it was installed at {}, and the \
             installer came back at {} (boots: {times})",
            moment(built),
            moment(back)
        );
        let remedy = "check the boot order: the disk has to come before the network, or the boot configuration that \
            Foreman wrote has to send the host to its disk";
        let signal = Signal::new(SignalKind::BootLoop, Severity::Critical, back, detail);
        return Some(signal.with_remedy(remedy));
    }
    let severity =
        if counted >= expected.saturating_add(HOPELESS) { Severity::Critical } else { Severity::Warning };
    // The return that was one too many; where it is no longer remembered, the first that is.
    let surplus = usize::try_from(counted - expected).unwrap_or(usize::MAX);
    let since = found
        .returns
        .iter()
        .rev()
        .nth(surplus.saturating_sub(1))
        .or(found.returns.first())
        .unwrap_or(last)
        .at;
    let detail = format!(
        "the host booted its installer {all} times and was not installed; {boots} expected (boots: {times})"
    );
    let remedy = "look at the host's console while it restarts; where it gets to the end each time, its call to \
        `built` is lost, and Foreman sends it to the installer again";
    Some(Signal::new(SignalKind::BootLoop, severity, since, detail).with_remedy(remedy))
}
