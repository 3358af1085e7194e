//! The steps that one build is expected to pass, fixed when it is opened.
//!
//! The rule it protects: the goalposts do not move during a build; whatever becomes of the
//! registry, the denominator of its percentage stays.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Label, Name, Report,
    event::{self, EventRule},
};

/// A step that a build is expected to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The stable key.
    pub label: Label,
    /// What people call it.
    pub name: Name,
    /// Its order.
    pub priority: i32,
    /// How long it usually takes, in seconds.
    pub weight_seconds: u32,
    /// A silence this long within the step needs a person, in seconds.
    pub timeout_seconds: u32,
    /// The build completes without it.
    #[serde(default)]
    pub optional: bool,
    /// The installer's first phase.
    #[serde(default)]
    pub entry: bool,
}

/// The steps that one build is expected to pass, in their order, and which events mean them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    steps: Vec<PlannedStep>,
    events: Vec<EventRule>,
}

impl Plan {
    /// Orders the steps by priority.
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = PlannedStep>) -> Self {
        let mut steps: Vec<PlannedStep> = steps.into_iter().collect();
        steps.sort_by(|a, b| (a.priority, &a.label).cmp(&(b.priority, &b.label)));
        Self { steps, events: Vec::new() }
    }

    /// The same steps, which these events mean.
    #[must_use]
    pub fn with_events(mut self, events: Vec<EventRule>) -> Self {
        self.events = events;
        self
    }

    /// The steps in their order.
    #[must_use]
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// Which events mean a step; the first rule that fits decides.
    #[must_use]
    pub fn events(&self) -> &[EventRule] {
        &self.events
    }

    /// An event where it belongs in this build; any other report as it is.
    #[must_use]
    pub fn placed(&self, report: Report) -> Report {
        event::placed(&self.events, report)
    }

    /// Whether nothing is expected: percentages are then shown as they come.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step of that label.
    #[must_use]
    pub fn get(&self, label: &Label) -> Option<&PlannedStep> {
        self.steps.iter().find(|step| step.label == *label)
    }

    /// The steps whose end completes the build: those after `built` that every site has, or, in
    /// a plan without `built`, the last one that every site has.
    #[must_use]
    pub fn last_steps(&self) -> Vec<&PlannedStep> {
        let mut required = self.steps.iter().filter(|step| !step.optional);
        match self.steps.iter().find(|step| step.label.is_built()) {
            Some(built) => required.filter(|step| step.priority > built.priority).collect(),
            None => required.next_back().into_iter().collect(),
        }
    }

    /// What the plan is stored under: equal plans are kept once. One without events has the digest that
    /// it had before there were any.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for step in &self.steps {
            hash.update(step.label.as_str());
            hash.update([0]);
            hash.update(step.name.as_str());
            hash.update([0]);
            hash.update(step.priority.to_be_bytes());
            hash.update(step.weight_seconds.to_be_bytes());
            hash.update(step.timeout_seconds.to_be_bytes());
            hash.update([u8::from(step.optional), u8::from(step.entry)]);
        }
        for rule in &self.events {
            // No label begins so.
            hash.update([0xff]);
            for text in [rule.origin.as_str(), rule.name.as_str(), rule.step.as_str()] {
                hash.update(text);
                hash.update([0]);
            }
            rule.on.iter().for_each(|status| hash.update(status.as_str()));
        }
        hash.finalize().into()
    }
}
