//! How far a build is: a pure function of the build and *now*.
//!
//! The rule it protects: nothing needs to run for progress to be right; the percentage never falls within an
//! attempt and is 100 only when the build is completed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Build, Label, Name, Percent, Plan, PlannedStep, RunState, Signal, State, StepRun, StepState, Time,
    build::Course,
    signal::{self, Context},
};

/// The most that a running step counts by its clock alone, in basis points of its weight.
const BY_CLOCK_MAX: Percent = match Percent::from_basis_points(9_500) {
    Some(percent) => percent,
    None => Percent::ZERO,
};

/// How far one build is, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: State,
    /// Whole percent; absent when there is no basis for one.
    pub percent: Option<u8>,
    /// The step that a person would name: the running one, the failed one, or the last.
    pub current_step: Option<StepProgress>,
    /// Expected and reported steps of the current attempt, in their order.
    pub steps: Vec<StepProgress>,
    /// What needs a person.
    pub signals: Vec<Signal>,
    /// Seconds since the build was opened, up to its end.
    pub elapsed_seconds: u64,
}

/// How one step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepProgress {
    /// The stable key of the step.
    #[schema(value_type = String, example = "packages")]
    pub label: Label,
    /// What people call it.
    #[schema(value_type = String, example = "Package installation")]
    pub name: Name,
    /// Its order; absent for an unknown step that came without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// How it stands.
    pub state: StepState,
    /// Whole percent of the step, where it was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub percentage: Option<u8>,
    /// When it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it was done or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    /// How long it took, or has taken so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// How long it usually takes on hosts like this one, from history; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typical_seconds: Option<u64>,
    /// How often it was started in this attempt; 0 when it was not reported.
    pub attempts: u32,
    /// The last message of the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Progress {
    /// How far `build` is at `now`, where nothing is known beside it.
    #[must_use]
    pub fn of(build: &Build, now: Time) -> Self {
        Self::within(build, now, &Context::default())
    }

    /// How far `build` is at `now`, with the signals that follow from what else is known.
    #[must_use]
    pub fn within(build: &Build, now: Time, context: &Context<'_>) -> Self {
        let course = &build.course;
        let until = course.until(now);
        let mut steps = steps(&build.plan, course, until);
        for step in &mut steps {
            let learned = context.learned().and_then(|timings| timings.get(&step.label)?.median());
            step.typical_seconds = learned.map(|median| median.as_secs());
        }
        Self {
            state: course.state,
            percent: course.percent(&build.plan, now).map(Percent::whole),
            current_step: current(course, &steps),
            signals: signal::signals(build, now, context),
            steps,
            elapsed_seconds: seconds_between(build.started_at, until),
        }
    }
}

impl Build {
    /// Since when it is in its state; while it runs, since its attempt began: when it went on after a failure is
    /// not kept.
    #[must_use]
    pub fn state_since(&self) -> Time {
        let course = &self.course;
        let since = match course.state {
            State::Pending => None,
            State::Running => course.runs_now().map(|run| run.started_at).min(),
            State::Failed => signal::failed_run(self).and_then(|run| run.finished_at),
            State::Installed => course.installed_at,
            State::Completed | State::Canceled | State::Superseded | State::Expired => course.ended_at,
        };
        since.unwrap_or(self.started_at)
    }

    /// When something last befell it: a report, or a mark.
    #[must_use]
    pub fn changed_at(&self) -> Time {
        let last = self.course.last_report_at.max(self.marks.last().map(|mark| mark.at));
        last.unwrap_or(self.started_at).max(self.started_at)
    }
}

impl Course {
    /// The moment up to which time counts for this build.
    fn until(&self, now: Time) -> Time {
        let last = self.last_report_at.max(self.installed_at);
        let end = match self.state {
            State::Pending | State::Running => self.ended_at,
            State::Failed | State::Installed => last.or(self.ended_at),
            State::Completed | State::Canceled | State::Superseded | State::Expired => self.ended_at,
        };
        end.unwrap_or(now)
    }

    /// How far the build is at `now`; `None` when nothing is expected and nothing was reported.
    #[must_use]
    pub fn percent(&self, plan: &Plan, now: Time) -> Option<Percent> {
        if self.state == State::Completed {
            return Some(Percent::FULL);
        }
        let computed = if plan.is_empty() { self.reported? } else { self.weighed(plan, now) };
        Some(computed.max(self.floor).min(Percent::NEARLY))
    }

    /// Finished weight and the running steps' share of theirs, over the weight of all that is
    /// expected.
    fn weighed(&self, plan: &Plan, now: Time) -> Percent {
        // Although an installed machine need not say that it is up, it boots, and the bar moves.
        let boots = self.state == State::Installed && self.closed_at.is_none();
        let until = if boots { now } else { self.until(now) };
        // A thousandth of a second is fine enough for a share of a week.
        let weight = |step: &PlannedStep| u64::from(step.weight_seconds).max(1) * 1000;
        let furthest = self.furthest(plan);
        let done: u64 = plan
            .steps()
            .iter()
            .map(|step| match self.runs_now().find(|run| run.label == step.label) {
                Some(run) if run.state == RunState::Done => weight(step),
                Some(run) => run.share(weight(step), until),
                None if Some(step.priority) < furthest => weight(step),
                None => 0,
            })
            .sum();
        let on_the_way = self.unannounced(plan, until, weight);
        Percent::of(done + on_the_way, plan.steps().iter().map(weight).sum())
    }

    /// Most installers say only when a step is done. Then what has passed since the last end counts for
    /// the steps up to the next that every site has, by the clock as in a step that is said to run.
    fn unannounced(&self, plan: &Plan, until: Time, weight: impl Fn(&PlannedStep) -> u64) -> u64 {
        let moves = matches!(self.state, State::Running | State::Installed);
        let planned = || self.runs_now().filter(|run| plan.get(&run.label).is_some());
        if !moves || planned().any(|run| run.state == RunState::Running) {
            return 0;
        }
        let Some(since) = planned().filter_map(|run| run.finished_at).max() else { return 0 };
        let furthest = self.furthest(plan);
        let mut ahead = plan.steps().iter().filter(|step| Some(step.priority) > furthest);
        let mut room = 0;
        for step in ahead.by_ref() {
            room += weight(step);
            if !step.optional {
                break;
            }
        }
        let spent = u64::try_from((until - since).num_milliseconds()).unwrap_or(0);
        spent.min(BY_CLOCK_MAX.share_of(room))
    }

    /// The order of the furthest step that was reached in this attempt. That the install failed
    /// is said with `built`, but does not mean that everything before it was passed.
    pub(crate) fn furthest(&self, plan: &Plan) -> Option<i32> {
        self.runs_now()
            .filter(|run| !(run.label.is_built() && run.state == RunState::Failed))
            .filter_map(|run| run.place(plan))
            .max()
    }
}

impl StepRun {
    /// Where the step stands among those that are expected. One that is not expected counts for
    /// the stream only: it neither skips nor ends any other. Where nothing is expected, its own
    /// priority is all there is.
    pub(crate) fn place(&self, plan: &Plan) -> Option<i32> {
        if plan.is_empty() { self.priority } else { plan.get(&self.label).map(|step| step.priority) }
    }

    /// What a step that is not done counts of its weight (milliseconds).
    fn share(&self, weight: u64, until: Time) -> u64 {
        if let Some(percentage) = self.percentage {
            return percentage.share_of(weight);
        }
        let spent = self.finished_at.unwrap_or(until) - self.started_at;
        let spent = u64::try_from(spent.num_milliseconds()).unwrap_or(0);
        spent.min(BY_CLOCK_MAX.share_of(weight))
    }

    fn progress(&self, until: Time) -> StepProgress {
        StepProgress {
            label: self.label.clone(),
            name: self.name.clone().unwrap_or_else(|| name_of(&self.label)),
            priority: self.priority,
            state: self.state.into(),
            percentage: self.percentage.map(Percent::whole),
            started_at: Some(self.started_at),
            finished_at: self.finished_at,
            duration_seconds: Some(seconds_between(self.started_at, self.finished_at.unwrap_or(until))),
            typical_seconds: None,
            attempts: self.attempts,
            message: self.message.as_ref().map(ToString::to_string),
        }
    }
}

/// An unknown step that came without a name is called by its label.
pub(crate) fn name_of(label: &Label) -> Name {
    Name::from(label.clone())
}

pub(crate) fn seconds_between(from: Time, to: Time) -> u64 {
    u64::try_from((to - from).num_seconds()).unwrap_or(0)
}

fn steps(plan: &Plan, course: &Course, until: Time) -> Vec<StepProgress> {
    let furthest = course.furthest(plan);
    let expected = plan.steps().iter().map(|step| {
        let run = course.runs_now().find(|run| run.label == step.label);
        run.map_or_else(
            || StepProgress {
                label: step.label.clone(),
                name: step.name.clone(),
                priority: Some(step.priority),
                state: if Some(step.priority) < furthest || course.state == State::Completed {
                    StepState::Skipped
                } else {
                    StepState::Pending
                },
                percentage: None,
                started_at: None,
                finished_at: None,
                duration_seconds: None,
                typical_seconds: None,
                attempts: 0,
                message: None,
            },
            // A planned step keeps its place, whatever priority its sender named.
            |run| StepProgress { priority: Some(step.priority), ..run.progress(until) },
        )
    });
    let others =
        course.runs_now().filter(|run| plan.get(&run.label).is_none()).map(|run| run.progress(until));
    let mut steps: Vec<StepProgress> = expected.chain(others).collect();
    // Stable: those without a priority keep the order in which they came, at the end.
    steps.sort_by_key(|step| (step.priority.is_none(), step.priority));
    steps
}

fn current(course: &Course, steps: &[StepProgress]) -> Option<StepProgress> {
    let latest_in = |state: StepState| {
        let standing = steps.iter().filter(move |step| step.state == state);
        // Where the install failed as a whole, the step that it failed in says more than `built`.
        standing.max_by_key(|step| (!step.label.is_built(), step.finished_at.max(step.started_at)))
    };
    let last = || steps.iter().find(|step| Some(&step.label) == course.current.as_ref());
    match course.state {
        State::Failed => latest_in(StepState::Failed).or_else(last),
        _ => latest_in(StepState::Running).or_else(last),
    }
    .cloned()
}
