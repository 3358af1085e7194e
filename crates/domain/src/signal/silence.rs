//! Silence and standstill.
//!
//! The rule it protects: there are two clocks. A host that says nothing is one thing, and one that talks
//! and does not get on is another: chatter must not hide it.

use std::time::Duration;

use crate::{
    Build, PlannedStep, RunState, State, StepTiming, Time,
    signal::{
        Context, Severity, Signal, SignalKind,
        text::{between, span, tail},
    },
    timing::{SILENCE, silence_limit},
};

/// A silence is not called one before this, whatever a step's own limit: the firmware of large servers
/// alone can take ten minutes.
const SILENCE_MIN: Duration = SILENCE;
/// A step that talks may take so many times as long as it may be silent.
const STANDSTILL_FACTOR: u32 = 2;
/// So often a step may begin anew and count as progress: a healthy Ubuntu install starts one of its steps
/// thirteen times.
const REPEATS_MAX: u32 = 16;
/// A build is overdue when it takes so many times as long as 99 of 100 do. Without a margin one in
/// a hundred healthy builds would be.
const OVERDUE_FACTOR: f64 = 1.5;
/// And so much longer at least.
const OVERDUE_MIN: Duration = Duration::from_secs(5 * 60);
/// The longest part of a message that is repeated, in characters.
const MESSAGE_MAX: usize = 120;

/// Where a build stands, and how long it may stay there.
struct Place<'a> {
    /// The step that was reported last, if it is planned.
    last: Option<&'a PlannedStep>,
    /// The one after all that was reached which every site has.
    next: Option<&'a PlannedStep>,
    /// Those in between that this kind of host usually has.
    between: Vec<&'a PlannedStep>,
    context: &'a Context<'a>,
}

impl<'a> Place<'a> {
    fn of(build: &'a Build, context: &'a Context<'a>) -> Self {
        let (plan, course) = (&*build.plan, &build.course);
        let furthest = course.furthest(plan);
        let ahead = || plan.steps().iter().filter(|step| Some(step.priority) > furthest);
        let usual = |step: &&PlannedStep| {
            context.learned().and_then(|learned| learned.get(&step.label)).is_some_and(StepTiming::is_usual)
        };
        Self {
            last: course.current.as_ref().and_then(|label| plan.get(label)),
            next: ahead().find(|step| !step.optional),
            between: ahead().take_while(|step| step.optional).filter(usual).collect(),
            context,
        }
    }

    fn at_work(&self) -> impl Iterator<Item = &'a PlannedStep> {
        [self.last, self.next].into_iter().flatten().chain(self.between.iter().copied())
    }

    fn learned(&self, step: &PlannedStep) -> Option<&'a StepTiming> {
        self.context.learned()?.get(&step.label)
    }

    /// The longest that any of the steps at work may be silent: as it is registered, and never shorter
    /// than what 99 in 100 builds of this kind need.
    fn silence_limit(&self) -> Duration {
        let of = |step: &PlannedStep| {
            let registered = Duration::from_secs(step.timeout_seconds.into());
            let needed = self.learned(step).and_then(|row| row.quantile(0.99)).unwrap_or_default();
            silence_limit(Some(registered), None).max(needed)
        };
        self.at_work().map(of).max().unwrap_or(SILENCE).max(SILENCE_MIN)
    }

    fn standstill_limit(&self) -> Duration {
        let learned =
            self.at_work().filter_map(|step| Some(silence_limit(None, Some(self.learned(step)?)))).max();
        (self.silence_limit() * STANDSTILL_FACTOR).max(learned.unwrap_or_default())
    }

    /// How long a step usually takes.
    fn usually(&self, step: &PlannedStep) -> Duration {
        let weight = Duration::from_secs(step.weight_seconds.into());
        self.learned(step).and_then(StepTiming::median).unwrap_or(weight)
    }

    /// Whether there is anything to wait for. Of a machine that is installed only where such machines
    /// usually say that they are up: many sites have no such report.
    fn is_awaited(&self, state: State) -> bool {
        let usual = |step| self.learned(step).is_some_and(StepTiming::is_usual);
        state.is_moving() || state == State::Installed && self.next.is_some_and(usual)
    }
}

/// When the build last got on: a step began or ended, or its percentage rose.
fn advanced_at(build: &Build) -> Time {
    let (plan, course) = (&build.plan, &build.course);
    let counts = course
        .runs_now()
        .filter(|run| plan.is_empty() || plan.get(&run.label).is_some())
        .filter(|run| run.attempts <= REPEATS_MAX)
        .filter_map(|run| run.finished_at.max(Some(run.started_at)));
    counts.chain(course.evidence.risen_at).max().unwrap_or(build.started_at).max(build.started_at)
}

/// Nothing came for longer than the step at work, or the next one that is expected, may be silent; or
/// reports come, and nothing gets on.
pub(super) fn stalled(build: &Build, now: Time, context: &Context<'_>) -> Option<Signal> {
    let course = &build.course;
    let place = Place::of(build, context);
    if !place.is_awaited(course.state) {
        return None;
    }
    silent(build, now, &place).or_else(|| stuck(build, now, &place))
}

fn silent(build: &Build, now: Time, place: &Place<'_>) -> Option<Signal> {
    let course = &build.course;
    let since = course.last_report_at.unwrap_or(build.started_at);
    let (silence, limit) = (between(since, now), place.silence_limit());
    if silence <= limit {
        return None;
    }
    let after = match (place.last, &course.current) {
        (Some(step), _) => format!("after '{}'", step.name),
        (None, Some(label)) => format!("after '{label}'"),
        (None, None) => "since the build was opened".to_owned(),
    };
    let running = course.runs_now().filter(|run| run.state == RunState::Running);
    let at_work = running.filter_map(|run| build.plan.get(&run.label)).last();
    let (silence, within) = (span(silence), |step| span(place.usually(step)));
    let expected = match (at_work, place.next) {
        (Some(step), _) if Some(step) == place.last => format!("it usually takes {}, ", within(step)),
        (_, Some(next)) => format!("'{}' usually follows within {}, ", next.name, within(next)),
        (_, None) => String::new(),
    };
    // A machine that nobody has switched on yet is no emergency.
    let (severity, remedy) = if course.state == State::Pending {
        (
            Severity::Info,
            "switch the host on, or see whether it boots from the network and reaches this service",
        )
    } else {
        (Severity::Warning, "look at the host's console; if it shows nothing, at its power and its network")
    };
    let detail = format!("no report for {silence} {after}; {expected}limit {}", span(limit));
    Some(Signal::new(SignalKind::Stalled, severity, since, detail).with_remedy(remedy))
}

fn stuck(build: &Build, now: Time, place: &Place<'_>) -> Option<Signal> {
    let course = &build.course;
    // What was never heard of, or waits for somebody to report it, is a silence.
    course.last_report_at.filter(|_| course.state == State::Running)?;
    let since = advanced_at(build);
    let (standstill, limit) = (between(since, now), place.standstill_limit());
    if standstill <= limit {
        return None;
    }
    let running = course.runs_now().filter(|run| run.state == RunState::Running);
    let at_work = running.filter_map(|run| build.plan.get(&run.label)).last().or(place.next).or(place.last);
    let what = at_work.map_or_else(|| "the build".to_owned(), |step| format!("'{}'", step.name));
    let usually =
        at_work.map_or_else(String::new, |step| format!("; it usually takes {}", span(place.usually(step))));
    let said = course
        .last_message
        .as_ref()
        .map_or_else(String::new, |message| format!(" (last: '{}')", tail(message.as_ref(), MESSAGE_MAX)));
    let detail = format!(
        "reports come{said}, but {what} has not got on for {}{usually}, limit {}",
        span(standstill),
        span(limit)
    );
    let remedy = "read the last messages: what repeats itself is what it waits for";
    Some(Signal::new(SignalKind::Stalled, Severity::Warning, since, detail).with_remedy(remedy))
}

/// The build as a whole takes far longer than 99 in 100 of its kind.
pub(super) fn overdue(build: &Build, now: Time, context: &Context<'_>) -> Option<Signal> {
    let course = &build.course;
    let timings = context.learned()?;
    if course.state == State::Pending || !Place::of(build, context).is_awaited(course.state) {
        return None;
    }
    let usual = timings.whole(0.99)?;
    let limit = usual.mul_f64(OVERDUE_FACTOR).max(usual + OVERDUE_MIN);
    // A machine that began anew is compared from there.
    let first = course.runs_now().map(|run| run.started_at).min();
    let began = first.filter(|_| course.attempt > 1).unwrap_or(build.started_at);
    let spent = between(began, now);
    if spent <= limit {
        return None;
    }
    let detail = format!(
        "under way for {}; 99 in 100 such builds take {} or less, limit {} ({})",
        span(spent),
        span(usual),
        span(limit),
        timings.basis()
    );
    let since = began + chrono::TimeDelta::from_std(limit).ok()?;
    let remedy = "compare its steps with those of its neighbours: a slow mirror or disk shows in one of them";
    Some(Signal::new(SignalKind::Overdue, Severity::Warning, since, detail).with_remedy(remedy))
}
