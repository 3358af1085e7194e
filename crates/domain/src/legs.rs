//! The way of one attempt, cut at the ends of its steps.
//!
//! The rule it protects: the legs of a way add up to the time that has passed. A step's leg begins where
//! the one before it ended, whether or not anybody said that the step had started: most installers
//! report only ends, and what nobody reports is part of the leg of what comes next.

use chrono::TimeDelta;

use crate::{Build, Label, PlannedStep, RunState, StepRun, StepTiming, Time, Timings};

/// A planned step, and its part of the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg<'a> {
    pub(crate) step: &'a PlannedStep,
    /// `None` when its beginning or end is not known, or its end came after that of a later step.
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
        // When a later attempt began is not known: the time up to its first end is that of no step.
        let first = course.runs_now().map(|run| run.started_at).min();
        let begun = if course.attempt == 1 { build.started_at } else { first.unwrap_or(build.started_at) };
        let mut way = Self { behind: Vec::new(), ahead: Vec::new(), since: begun, running: None };
        let mut known = course.attempt == 1;
        for step in plan.steps() {
            let run = course.runs_now().find(|run| run.label == step.label);
            way.ahead.push(step);
            if let Some(end) = run
                .filter(|run| run.state == RunState::Done)
                .and_then(|run| run.finished_at)
                .filter(|end| course.ended_at.is_none_or(|ended| *end <= ended))
            {
                let passed = way.ahead.drain(..);
                way.behind.extend(passed.map(|step| Leg { step, spent: None }));
                if end >= way.since {
                    if let Some(leg) = way.behind.last_mut() {
                        leg.spent = known.then_some(end - way.since);
                    }
                    (way.since, known) = (end, true);
                }
                way.running = None;
            }
            way.running = run.filter(|run| run.state == RunState::Running).or(way.running);
        }
        way
    }

    /// The legs, in seconds, that are those of one step alone and can be compared with what is usual:
    /// not where a step that is usually reported was not heard of before it.
    pub(crate) fn clear_legs(
        &self,
        usual: &'a Timings,
    ) -> impl Iterator<Item = (&'a Label, f64, &'a StepTiming)> {
        let mut unheard = false;
        self.behind.iter().filter_map(move |leg| {
            let row = usual.get(&leg.step.label).filter(|row| row.is_usual());
            let Some(spent) = leg.spent else {
                unheard |= row.is_some();
                return None;
            };
            let clear = !std::mem::take(&mut unheard);
            row.filter(|_| clear).map(|row| (&leg.step.label, spent.as_seconds_f64(), row))
        })
    }

    /// The leg that ended last, if it is clear.
    pub(crate) fn last_clear_leg(&self, usual: &'a Timings) -> Option<(&'a Label, f64, &'a StepTiming)> {
        let last = self.behind.iter().rfind(|leg| leg.spent.is_some())?;
        self.clear_legs(usual).last().filter(|(label, ..)| **label == last.step.label)
    }

    /// The step at work: the one that is said to be running, else the next that is usual here. `None`
    /// where none is to be expected.
    pub(crate) fn at_work(&self, usual: &Timings) -> Option<Place<'_, 'a>> {
        let is_usual = |step: &PlannedStep| usual.get(&step.label).is_some_and(StepTiming::is_usual);
        let Some(run) = self.running else {
            let (here, ahead) = self.ahead.split_at(self.ahead.iter().position(|step| is_usual(step))? + 1);
            return Some(Place { here, ahead, since: self.since });
        };
        let at = self.ahead.iter().position(|step| step.label == run.label)?;
        let (before, from) = self.ahead.split_at(at);
        let (here, ahead) = from.split_at(1);
        // What came before it was not heard of: then its own start is all that is known.
        let unheard = before.iter().any(|step| is_usual(step));
        let since = if unheard { run.started_at.max(self.since) } else { self.since };
        Some(Place { here, ahead, since })
    }
}

/// Where a build stands on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'w, 'a> {
    /// Those that may come before the step at work is over, and that step as the last.
    pub(crate) here: &'w [&'a PlannedStep],
    /// Those after it.
    pub(crate) ahead: &'w [&'a PlannedStep],
    /// When it began.
    pub(crate) since: Time,
}
