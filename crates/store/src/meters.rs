//! What is counted of the write path and of the builds, for `/metrics`.
//!
//! The rule it protects: whoever asks for the counts asks no database; and there are no more of them
//! than the registry has steps and a few locations, because nothing else that somebody sends becomes a label.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use milepost_domain::{Build, Durations, Label, State, Time, registry, signal::SignalKind};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{Result, ingest::Receipt, list::OpenBuilds, standing::SignalCount};

/// Stands for all that the registry does not know, and for the locations with the fewest builds.
const OTHER: &str = "other";
/// So many locations, those with the most builds, are named.
const LOCATIONS_MAX: usize = 50;

/// Builds of a workflow in a state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct BuildLabels {
    workflow: String,
    state: &'static str,
}

/// Builds of a workflow in a state at a location.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OpenLabels {
    workflow: String,
    state: &'static str,
    location: String,
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StepLabels {
    workflow: String,
    step: String,
}

/// Signals of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabels {
    kind: &'static str,
    muted: &'static str,
}

/// A state that a build was in, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) state: State,
    pub(crate) since: Time,
}

impl Left {
    pub(crate) fn by(build: &Build) -> Self {
        Self { state: build.course.state, since: build.state_since() }
    }
}

/// How long builds are in a state: a second to nine hours.
fn state_buckets() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 16))
}

/// How long steps take: a second to two hours and a quarter.
fn step_buckets() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 14))
}

/// The counts of one process, from its start.
#[derive(Debug)]
pub struct Meters {
    /// Reports that were stored, or kept in the spool.
    pub recorded: Counter,
    /// Reports that were known by their id already.
    pub repeated: Counter,
    /// Reports of an unknown step that a strict registry refused.
    pub refused: Counter,
    /// Submissions that could not be taken.
    pub failed: Counter,
    /// Reports that went to the spool.
    pub spooled: Counter,
    /// Reports that were brought in from the spool.
    pub replayed: Counter,
    /// Batches of which another node had written a build.
    pub conflicts: Counter,
    /// How many reports were written at once.
    pub batch_reports: Histogram,
    /// How long writing them took.
    pub commit_seconds: Histogram,
    /// Builds that came into a state, by what this process wrote.
    reached: Family<BuildLabels, Counter>,
    /// How long builds were in the state that they left, by what this process wrote.
    state_seconds: Family<BuildLabels, Histogram, fn() -> Histogram>,
    /// How long steps took in the builds from which this process learned; each build counts on one node.
    step_seconds: Family<StepLabels, Histogram, fn() -> Histogram>,
    /// Builds that have not ended, of all nodes, as they were last counted.
    open: Mutex<Vec<OpenBuilds>>,
    /// The signals of those, as they were last counted.
    signals: Mutex<Vec<(SignalKind, SignalCount)>>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            recorded: Counter::default(),
            repeated: Counter::default(),
            refused: Counter::default(),
            failed: Counter::default(),
            spooled: Counter::default(),
            replayed: Counter::default(),
            conflicts: Counter::default(),
            batch_reports: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            reached: Family::default(),
            state_seconds: Family::new_with_constructor(state_buckets),
            step_seconds: Family::new_with_constructor(step_buckets),
            open: Mutex::default(),
            signals: Mutex::default(),
        }
    }
}

impl Meters {
    /// Names them, for whoever prints them; `known` says what may be a label.
    pub fn register(&self, known: &registry::Registry, registry: &mut Registry) {
        let mut counter = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        counter("reports_recorded", "Reports that were stored or kept in the spool", &self.recorded);
        counter("reports_repeated", "Reports that were known by their id already", &self.repeated);
        counter("reports_refused", "Reports of an unknown step that were refused", &self.refused);
        counter("submissions_failed", "Submissions that could not be taken", &self.failed);
        counter("reports_spooled", "Reports that went to the spool", &self.spooled);
        counter("reports_replayed", "Reports that were brought in from the spool", &self.replayed);
        counter("write_conflicts", "Batches of which another node had written a build", &self.conflicts);
        registry.register("batch_reports", "Reports written at once", self.batch_reports.clone());
        registry.register("commit_seconds", "Time to write a batch", self.commit_seconds.clone());
        registry.register("builds_reached", "Builds that came into a state", self.reached.clone());
        registry.register(
            "step_seconds",
            "Time that steps took in builds that completed",
            self.step_seconds.clone(),
        );
        registry.register(
            "state_seconds",
            "Time that builds were in the state that they left",
            self.state_seconds.clone(),
        );
        registry.register("builds", "Builds that have not ended", self.open(known));
        registry.register("signals", "What needs a person, of builds that have not ended", self.signals());
    }

    fn open(&self, known: &registry::Registry) -> Family<OpenLabels, Gauge> {
        let family = Family::default();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut locations: HashMap<&str, i64> = HashMap::new();
        for counted in open.iter() {
            *locations.entry(&counted.location).or_default() += counted.builds;
        }
        let mut named: Vec<(&str, i64)> = locations.into_iter().collect();
        named.sort_unstable_by_key(|&(location, builds)| (std::cmp::Reverse(builds), location));
        named.truncate(LOCATIONS_MAX);
        for counted in open.iter() {
            let is_named = named.iter().any(|(location, _)| *location == counted.location);
            let labels = OpenLabels {
                workflow: workflow_of(known, &counted.workflow),
                state: counted.state.as_str(),
                location: if is_named { counted.location.clone() } else { OTHER.to_owned() },
            };
            Family::<OpenLabels, Gauge>::get_or_create(&family, &labels).inc_by(counted.builds);
        }
        family
    }

    fn signals(&self) -> Family<SignalLabels, Gauge> {
        let family = Family::default();
        for (kind, count) in self.signals.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (muted, count) in [("false", count.heard), ("true", count.muted)] {
                let labels = SignalLabels { kind: kind.as_str(), muted };
                Family::<SignalLabels, Gauge>::get_or_create(&family, &labels).set(count.into());
            }
        }
        family
    }

    /// Takes over how many signals there are.
    pub(crate) fn keep_signals(&self, counts: Vec<(SignalKind, SignalCount)>) {
        *self.signals.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// Takes over how many builds there are that have not ended.
    pub(crate) fn keep_open(&self, counts: Vec<OpenBuilds>) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// Counts a build that was committed in another state than before.
    pub(crate) fn reached(&self, known: &registry::Registry, before: Option<Left>, build: &Build) {
        let state = build.course.state;
        if before.is_some_and(|left| left.state == state) {
            return;
        }
        let labels = |state: State| BuildLabels {
            workflow: workflow_of(known, &build.workflow),
            state: state.as_str(),
        };
        self.reached.get_or_create(&labels(state)).inc();
        if let Some(left) = before {
            let spent = (build.changed_at() - left.since).as_seconds_f64().max(0.0);
            self.state_seconds.get_or_create(&labels(left.state)).observe(spent);
        }
    }

    /// Counts how long the steps of a build took that completed.
    pub(crate) fn took(&self, known: &registry::Registry, workflow: &Label, durations: &Durations) {
        let workflow = workflow_of(known, workflow);
        for (label, spent) in durations.steps() {
            let Some(spent) = spent else { continue };
            let step = if known.steps.contains_key(label) { label.as_str() } else { OTHER };
            let labels = StepLabels { workflow: workflow.clone(), step: step.to_owned() };
            self.step_seconds.get_or_create(&labels).observe(spent.as_seconds_f64());
        }
    }

    pub(crate) fn batch(&self, reports: usize, took: Duration) {
        self.batch_reports.observe(f64::from(u32::try_from(reports).unwrap_or(u32::MAX)));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn answered(&self, receipts: &Result<Vec<Receipt>>) {
        let Ok(receipts) = receipts else {
            self.failed.inc();
            return;
        };
        for receipt in receipts {
            match receipt {
                Receipt::Recorded => self.recorded.inc(),
                Receipt::Repeated => self.repeated.inc(),
                Receipt::Refused(_) => self.refused.inc(),
                Receipt::Failed(_) => self.failed.inc(),
            };
        }
    }
}

fn workflow_of(known: &registry::Registry, workflow: &Label) -> String {
    if known.workflows.contains_key(workflow) { workflow.as_str() } else { OTHER }.to_owned()
}
