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

/// How often the installer of most workflows boots.
pub const EXPECTED_BOOTS: u32 = 1;

/// The steps that one build is expected to pass, in their order, which events mean them, and the boots
/// of its installer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<PlannedStep>,
    events: Vec<EventRule>,
    expected_boots: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { steps: Vec::new(), events: Vec::new(), expected_boots: EXPECTED_BOOTS }
    }
}

impl Plan {
    /// Orders the steps by priority.
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = PlannedStep>) -> Self {
        let mut steps: Vec<PlannedStep> = steps.into_iter().collect();
        steps.sort_by(|a, b| (a.priority, &a.label).cmp(&(b.priority, &b.label)));
        Self { steps, events: Vec::new(), expected_boots: EXPECTED_BOOTS }
    }

    /// The same steps, which these events mean.
    #[must_use]
    pub fn with_events(self, events: Vec<EventRule>) -> Self {
        Self { events, ..self }
    }

    /// The same steps, with an installer that boots so often before it is done.
    #[must_use]
    pub fn with_expected_boots(self, expected_boots: u32) -> Self {
        Self { expected_boots: expected_boots.max(1), ..self }
    }

    /// How often the machine boots before it is installed, the first time included.
    #[must_use]
    pub const fn expected_boots(&self) -> u32 {
        self.expected_boots
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
        // Plans from before there was such a number keep their digest.
        if self.expected_boots != EXPECTED_BOOTS {
            hash.update([0xfe]);
            hash.update(self.expected_boots.to_be_bytes());
        }
        hash.finalize().into()
    }
}
