//! What a build came to, or is about to come to, that it will not get out of alone.
//!
//! The rule it protects: a failure is told with the step's own words; and a machine that still reports learns
//! of the end of its credential from a person, not from refusals.

use chrono::TimeDelta;

use crate::{
    Build, RunState, State, StepRun, Time,
    progress::name_of,
    signal::{
        Context, Severity, Signal, SignalKind,
        text::{between, moment, span, tail},
    },
};

/// So much of a message is repeated, in characters.
const MESSAGE_MAX: usize = 300;
/// A credential is about to run out this long before it does: time enough to give it another.
const EXPIRING: TimeDelta = TimeDelta::minutes(30);

/// The step that a failed build failed in; `None` while it has not.
#[must_use]
pub fn failed_run(build: &Build) -> Option<&StepRun> {
    let course = &build.course;
    let failed = course.runs_now().filter(|run| run.state == RunState::Failed);
    // Where the install failed as a whole, the step that it failed in says more than `built`.
    failed
        .max_by_key(|run| (!run.label.is_built(), run.finished_at))
        .filter(|_| course.state == State::Failed)
}

/// A step failed, and nothing better was heard since.
pub(super) fn failed_step(build: &Build, context: &Context<'_>) -> Option<Signal> {
    let course = &build.course;
    let run = failed_run(build)?;
    let since = run.finished_at.unwrap_or(run.started_at);
    let planned = build.plan.get(&run.label).map(|step| step.name.clone());
    let name = run.name.clone().or(planned).unwrap_or_else(|| name_of(&run.label));
    let after = match between(run.started_at, since) {
        spent if spent.as_secs() == 0 => String::new(),
        spent => format!(" after {}", span(spent)),
    };
    let said = match (&run.message, &course.last_message) {
        (Some(message), _) => format!(": {}", tail(message.as_ref(), MESSAGE_MAX)),
        (None, Some(message)) if run.inferred => {
            format!("; the last message was: {}", tail(message.as_ref(), MESSAGE_MAX))
        }
        _ => ", and said nothing of why".to_owned(),
    };
    let detail = format!("'{name}' failed{after}{said}");
    let remedy = match context.failure_log {
        Some(_) => "the end of its log says why; a retry that gets on clears this",
        None => "read the log of the report that says so; a retry that gets on clears this",
    };
    let signal = Signal::new(SignalKind::FailedStep, Severity::Critical, since, detail).with_remedy(remedy);
    Some(Signal { log: context.failure_log.cloned(), ..signal })
}

/// The credential of a running build is about to run out, or has.
pub(super) fn credential_expiring(build: &Build, now: Time, context: &Context<'_>) -> Option<Signal> {
    let since = build.expires_at - EXPIRING;
    if context.extends || build.course.state != State::Running || now < since {
        return None;
    }
    let (severity, happens) = if now < build.expires_at {
        (Severity::Warning, format!("runs out in {}", span(between(now, build.expires_at))))
    } else {
        (Severity::Critical, "has run out".to_owned())
    };
    let detail = format!(
        "the credential of the build {happens}, at {} UTC, and the build is still running; what comes then is refused",
        moment(build.expires_at)
    );
    let remedy = "let reports extend it (`tokens.extends`), or give builds of this kind more time";
    Some(
        Signal::new(SignalKind::CredentialExpiring, severity, since.max(build.started_at), detail)
            .with_remedy(remedy),
    )
}
