//! How long the steps of one kind of build usually take, learned from builds that went well.
//!
//! The rule it protects: what is learned is bounded, and learning looks at one finished build and never
//! at history: a row for each step, of which the n-th times from the end all belong to one build. So
//! the rows tell not only how long a step takes but also which steps are slow together.

use std::{borrow::Borrow, fmt, time::Duration};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{Build, HostFacts, Label, Name, Plan, PlannedStep, State, legs::Way, quantile::Weighted};

/// From this many builds on, what was learned is used (product rule).
pub const ENOUGH: usize = 5;
/// So many builds are remembered: enough that one in ten of them is six, few enough for a row of half a
/// kilobyte.
pub const WINDOW: usize = 64;
/// A build counts half as much as one that ended so many builds later, so that a new mirror or a new
/// version of the system is believed before the window has forgotten the old one. Between 8 and 64 it
/// hardly matters.
pub const HALF_LIFE: f64 = 32.0;

/// Shorter times are taken for this long, in seconds, where their logarithms are compared.
pub(crate) const SECONDS_MIN: f64 = 0.5;

/// Hosts that install alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Those of one host group and one hardware model: the same software on the same machines.
    Both {
        /// The host group.
        hostgroup: Name,
        /// The hardware model.
        model: Name,
    },
    /// Those of one host group: the same software.
    Hostgroup(Name),
    /// Those of one hardware model.
    Model(Name),
    /// All.
    Any,
}

/// Whose times they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// How the hosts are installed.
    pub workflow: Label,
    /// Which hosts.
    pub kind: Kind,
}

impl Key {
    /// The keys that a build of such a host teaches, and is estimated by: the first of them that has
    /// learned [`ENOUGH`].
    #[must_use]
    pub fn of(workflow: &Label, facts: &HostFacts) -> Vec<Self> {
        let (hostgroup, model) = (facts.hostgroup.clone(), facts.model.clone());
        let kinds = [
            hostgroup.clone().zip(model.clone()).map(|(hostgroup, model)| Kind::Both { hostgroup, model }),
            hostgroup.map(Kind::Hostgroup),
            model.map(Kind::Model),
            Some(Kind::Any),
        ];
        kinds.into_iter().flatten().map(|kind| Self { workflow: workflow.clone(), kind }).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Both { hostgroup, model } => write!(f, "{} in {hostgroup} on {model}", self.workflow),
            Kind::Hostgroup(group) => write!(f, "{} in {group}", self.workflow),
            Kind::Model(model) => write!(f, "{} on {model}", self.workflow),
            Kind::Any => write!(f, "{}", self.workflow),
        }
    }
}

/// How long each planned step of one finished build took, in the plan's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    steps: Vec<(Label, Option<TimeDelta>)>,
}

impl Durations {
    /// What `build` can teach: nothing unless it is completed, and in one attempt, because then its
    /// times are those of a build that goes well.
    #[must_use]
    pub fn of(build: &Build) -> Option<Self> {
        if build.course.state != State::Completed || build.course.attempt > 1 {
            return None;
        }
        let legs = Way::of(build).behind;
        let steps: Vec<_> = legs.into_iter().map(|leg| (leg.step.label.clone(), leg.spent)).collect();
        steps.iter().any(|(_, spent)| spent.is_some()).then_some(Self { steps })
    }

    /// Each step's time: from the end of the one before it to its own; `None` where it was not
    /// reported.
    #[must_use]
    pub fn steps(&self) -> &[(Label, Option<TimeDelta>)] {
        &self.steps
    }
}

/// What is known of one step of one kind of build: a row to store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTiming {
    /// Which step.
    pub label: Label,
    /// Milliseconds in the most recent builds, the latest last; `None` where the step took no time
    /// of its own.
    recent: Vec<Option<u32>>,
}

impl StepTiming {
    fn new(label: Label) -> Self {
        Self { label, recent: Vec::new() }
    }

    fn learn(&mut self, spent: Option<TimeDelta>) {
        self.recent
            .push(spent.map(|spent| u32::try_from(spent.num_milliseconds().max(0)).unwrap_or(u32::MAX)));
        if self.recent.len() > WINDOW {
            self.recent.remove(0);
        }
    }

    /// The time in the build that ended as the n-th last, in seconds; the latest is 0.
    pub(crate) fn seconds(&self, age: usize) -> Option<f64> {
        let millis = self.recent.iter().rev().nth(age).copied().flatten()?;
        Some(f64::from(millis) / 1000.0)
    }

    fn weighted(&self) -> Weighted {
        Weighted::of((0..self.recent.len()).filter_map(|age| Some((self.seconds(age)?, weight_of(age)))))
    }

    /// So long it takes in this share of builds or less, the recent ones counting more; `None` where
    /// it has not been seen. Of 64 builds the 99th percentile is the longest, or nearly so.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        Duration::try_from_secs_f64(self.weighted().quantile(share)?).ok()
    }

    /// How long it usually takes.
    #[must_use]
    pub fn median(&self) -> Option<Duration> {
        self.quantile(0.5)
    }

    /// In which share of the recent builds it was seen, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let weights = |seen: &dyn Fn(&Option<u32>) -> bool| -> f64 {
            let recent = self.recent.iter().rev().enumerate();
            recent.filter(|(_, spent)| seen(spent)).map(|(age, _)| weight_of(age)).sum()
        };
        let all = weights(&|_| true);
        if all > 0.0 { weights(&Option::is_some) / all } else { 0.0 }
    }

    /// Whether most builds have it.
    pub(crate) fn is_usual(&self) -> bool {
        self.share() > 0.5
    }
}

/// What a build weighs after which so many others ended.
pub(crate) fn weight_of(age: usize) -> f64 {
    (-f64::from(u16::try_from(age).unwrap_or(u16::MAX)) / HALF_LIFE).exp2()
}

/// What is known of the steps of one kind of build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    key: Key,
    steps: Vec<StepTiming>,
}

impl Timings {
    /// Nothing yet.
    #[must_use]
    pub const fn new(key: Key) -> Self {
        Self { key, steps: Vec::new() }
    }

    /// As it was stored.
    #[must_use]
    pub const fn from_rows(key: Key, steps: Vec<StepTiming>) -> Self {
        Self { key, steps }
    }

    /// Whose times they are.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// What is to be stored.
    #[must_use]
    pub fn rows(&self) -> &[StepTiming] {
        &self.steps
    }

    /// The row of a step.
    #[must_use]
    pub fn get(&self, label: &Label) -> Option<&StepTiming> {
        self.steps.iter().find(|step| step.label == *label)
    }

    /// How many builds it is from, at most [`WINDOW`].
    #[must_use]
    pub fn builds(&self) -> usize {
        self.steps.iter().map(|step| step.recent.len()).max().unwrap_or(0)
    }

    /// Whether it may be used.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.builds() >= ENOUGH
    }

    /// So long a whole build takes in this share of builds or less; `None` where too little is known.
    #[must_use]
    pub fn whole(&self, share: f64) -> Option<Duration> {
        let builds = (0..self.builds()).map(|age| {
            let seconds: f64 = self.steps.iter().filter_map(|step| step.seconds(age)).sum();
            (seconds, weight_of(age))
        });
        let whole = Weighted::of(builds.filter(|_| self.is_enough())).quantile(share)?;
        Duration::try_from_secs_f64(whole).ok()
    }

    /// What it is based on, in words.
    #[must_use]
    pub fn basis(&self) -> String {
        let builds = self.builds();
        if builds < WINDOW {
            format!("from {builds} builds of {}", self.key)
        } else {
            format!("from the last {builds} builds of {}", self.key)
        }
    }

    /// Takes in one more build. Where a step that most builds report was not heard of, the time up to
    /// the next report is divided among both as they usually share it, so that one lost report
    /// neither lengthens a step nor shortens a build.
    pub fn learn(&mut self, durations: &Durations) {
        let divided = self.divided(durations);
        let builds = self.builds();
        for (label, _) in &divided {
            if self.get(label).is_none() {
                let mut row = StepTiming::new(label.clone());
                row.recent.resize(builds, None);
                self.steps.push(row);
            }
        }
        for row in &mut self.steps {
            let spent = divided.iter().find(|(label, _)| *label == row.label);
            row.learn(spent.and_then(|(_, spent)| *spent));
        }
        // A step that nobody has had for long is forgotten.
        self.steps.retain(|row| row.recent.iter().any(Option::is_some));
    }

    fn divided(&self, durations: &Durations) -> Vec<(Label, Option<TimeDelta>)> {
        let usual = |label: &Label| {
            let row = self.get(label).filter(|row| row.is_usual())?;
            Some(row.median()?.as_secs_f64())
        };
        let mut divided: Vec<(Label, Option<TimeDelta>)> = Vec::new();
        let mut unheard = 0;
        for (label, spent) in &durations.steps {
            divided.push((label.clone(), *spent));
            let Some(spent) = spent else {
                unheard += 1;
                continue;
            };
            let from = divided.len() - 1 - unheard;
            let shares: Vec<Option<f64>> = divided.iter().skip(from).map(|(label, _)| usual(label)).collect();
            let whole: f64 = shares.iter().flatten().sum();
            if unheard > 0 && whole > 0.0 && shares.last().is_some_and(Option::is_some) {
                for ((_, part), share) in divided.iter_mut().skip(from).zip(shares) {
                    *part = share.and_then(|share| seconds(spent.as_seconds_f64() * share / whole));
                }
            }
            unheard = 0;
        }
        divided
    }

    /// The plan for a build that is opened now: each step weighs what it usually takes here. Rounded
    /// to two digits, so that builds that are opened one after the other still share a plan. As it is
    /// where not enough is known.
    #[must_use]
    pub fn weigh(&self, plan: &Plan) -> Plan {
        if !self.is_enough() {
            return plan.clone();
        }
        Plan::new(plan.steps().iter().map(|step| PlannedStep {
            weight_seconds: self.get(&step.label).map_or(0, expected_seconds),
            ..step.clone()
        }))
        .with_events(plan.events().to_vec())
        .with_expected_boots(plan.expected_boots())
    }
}

/// What a step is to weigh: the median where it is seen, by the share of builds in which it is.
fn expected_seconds(row: &StepTiming) -> u32 {
    let median = row.median().unwrap_or_default().as_secs_f64();
    let expected = Duration::try_from_secs_f64((median * row.share()).round()).unwrap_or_default();
    let seconds = u32::try_from(expected.as_secs()).unwrap_or(u32::MAX);
    let digits = seconds.checked_ilog10().unwrap_or(0).saturating_sub(1);
    let unit = 10_u32.pow(digits);
    seconds.saturating_add(unit / 2) / unit * unit
}

fn seconds(seconds: f64) -> Option<TimeDelta> {
    TimeDelta::from_std(Duration::try_from_secs_f64(seconds).ok()?).ok()
}

/// The first that has learned enough; give those of [`Key::of`] in its order.
pub fn first_with_enough<T: Borrow<Timings>>(candidates: impl IntoIterator<Item = T>) -> Option<T> {
    candidates.into_iter().find(|timings| timings.borrow().is_enough())
}

/// A silence is one after this long where neither the registry nor history says otherwise.
pub const SILENCE: Duration = Duration::from_secs(15 * 60);
/// However quick a step usually is, a host may be silent in it for this long.
pub const SILENCE_MIN: Duration = Duration::from_secs(5 * 60);
/// However slow a step usually is, a host that is silent for longer needs a person.
pub const SILENCE_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// A silence is so many times as long as the step takes at worst.
const SILENCE_FACTOR: u32 = 2;

/// How long a host may be silent in a step: what the registry says, else twice what the step takes in
/// 99 of 100 builds, within bounds, else 15 minutes.
#[must_use]
pub fn silence_limit(registered: Option<Duration>, learned: Option<&StepTiming>) -> Duration {
    let by_history = || {
        let row = learned.filter(|row| row.recent.iter().flatten().count() >= ENOUGH)?;
        Some((row.quantile(0.99)? * SILENCE_FACTOR).clamp(SILENCE_MIN, SILENCE_MAX))
    };
    registered.or_else(by_history).unwrap_or(SILENCE)
}
