//! The way of one attempt, cut at the ends of its steps.
//!
//! The rule it protects: the legs of a way add up to the time that has passed. A step's leg begins where
//! the one before it ended, whether or not anybody said that the step had started: most installers
//! report only ends, and what nobody reports is part of the leg of what comes next.

use chrono::TimeDelta;

use crate::{Build, PlannedStep, RunState, StepRun, Time};

/// A planned step, and its part of the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg<'a> {
    pub(crate) step: &'a PlannedStep,
    /// `None` when its end was not reported, or only after that of a later step.
    pub(crate) spent: Option<TimeDelta>,
}

/// The legs that lie behind a build, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Way<'a> {
    /// Up to the furthest step that is done, in the plan's order.
    pub(crate) behind: Vec<Leg<'a>>,
    /// What is still ahead.
    pub(crate) ahead: Vec<&'a PlannedStep>,
    /// When the last leg ended.
    pub(crate) since: Time,
    /// The planned step that is said to be running, if any.
    pub(crate) running: Option<&'a StepRun>,
}

impl<'a> Way<'a> {
    /// The way of the current attempt.
    pub(crate) fn of(build: &'a Build) -> Self {
        let (plan, course) = (&*build.plan, &build.course);
        // When a later attempt began is not known; its first report is the first that is.
        let first = course.runs_now().map(|run| run.started_at).min();
        let begun = if course.attempt == 1 { build.started_at } else { first.unwrap_or(build.started_at) };
        let mut way = Self { behind: Vec::new(), ahead: Vec::new(), since: begun, running: None };
        for step in plan.steps() {
            let run = course.runs_now().find(|run| run.label == step.label);
            way.ahead.push(step);
            if let Some(end) = run.filter(|run| run.state == RunState::Done).and_then(|run| run.finished_at) {
                let passed = way.ahead.drain(..);
                way.behind.extend(passed.map(|step| Leg { step, spent: None }));
                if end >= way.since {
                    let leg = way.behind.last_mut();
                    leg.into_iter().for_each(|leg| leg.spent = Some(end - way.since));
                    way.since = end;
                }
                way.running = None;
            }
            way.running = run.filter(|run| run.state == RunState::Running).or(way.running);
        }
        way
    }
}
