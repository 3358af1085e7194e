//! The steps and workflows that are known, who owns them, and whether an unknown step may pass.
//!
//! The rule it protects: a strict registry refuses an unknown step with an error that names the
//! nearest known ones; one owner cannot overwrite another's.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Label, Name, Plan, PlannedStep, Report,
    event::{EventRule, RULES_MAX},
    plan::EXPECTED_BOOTS,
    state::UnknownWord,
    text::InvalidText,
};

/// The owner of what Milepost ships; nobody else may use that name.
pub const SHIPPED: &str = "milepost";
/// The owner of what a site adds, unless it says otherwise.
pub const SITE: &str = "site";
/// How many similar labels a refusal names.
const SUGGESTIONS: usize = 3;

/// Whether an unknown step is refused or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// An unknown step is refused with an error.
    #[default]
    Strict,
    /// Any step is taken; an unknown one counts for the stream, not for the percentage.
    Loose,
}

impl Mode {
    /// Every value as the word that travels and is stored.
    pub const WORDS: &'static [&'static str] = &["strict", "loose"];

    /// The word that travels and is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Loose => "loose",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "strict" => Ok(Self::Strict),
            "loose" => Ok(Self::Loose),
            other => Err(UnknownWord::new("registry", other, Self::WORDS)),
        }
    }
}

/// A step that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The stable key.
    pub label: Label,
    /// What people call it.
    pub name: Name,
    /// What has happened when it is done, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its order among the steps of a build, 0 to 10000.
    pub priority: i32,
    /// How long it usually takes, in seconds, until there is history.
    pub weight_seconds: u32,
    /// A silence this long within the step needs a person, in seconds.
    pub timeout_seconds: u32,
}

/// A step's place in a workflow; what is absent is the step's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowStep {
    /// Which step; it must be known.
    #[schema(value_type = String, example = "packages", min_length = 1, max_length = 128)]
    pub label: Label,
    /// Its order in this workflow, 0 to 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10000)]
    pub priority: Option<i32>,
    /// How long it usually takes in this workflow, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 604_800)]
    pub weight_seconds: Option<u32>,
    /// A silence this long within the step needs a person, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 604_800)]
    pub timeout_seconds: Option<u32>,
    /// Sites may never report it; a build completes without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The installer's first phase: reported again after later steps, the machine has booted its
    /// installer again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub entry: bool,
}

/// The steps that one way of installing is expected to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The stable key, made like a label.
    pub name: Label,
    /// What people call it.
    pub title: Name,
    /// When it is used, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Strict or loose for builds of this workflow; absent: as the service is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Mode>,
    /// How often the machine boots before it is installed, 1 to 50; absent: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_boots: Option<u32>,
    /// Its steps, ordered by priority.
    pub steps: Vec<WorkflowStep>,
    /// Which events that programs send by themselves mean which of its steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventRule>,
}

/// Something in the registry, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned<T> {
    /// Foreman core, a plugin, the site, or Milepost itself.
    pub owner: Label,
    /// What it is.
    pub value: T,
}

/// What one owner brings along: the form of the TOML files that are imported and shipped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Whose these are; absent: the site's.
    #[serde(default)]
    pub owner: Option<Label>,
    /// Steps to add or change.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    /// Workflows to add or change.
    #[serde(default, rename = "workflow")]
    pub workflows: Vec<Workflow>,
}

/// Something in the registry that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRegistry {
    /// A number out of its range.
    #[error("{field} of '{label}' must be from {low} to {high}, not {value}")]
    Range {
        /// Which member.
        field: &'static str,
        /// Of which step.
        label: Label,
        /// The number that came.
        value: i64,
        /// The least that is allowed.
        low: i64,
        /// The most that is allowed.
        high: i64,
    },
    /// A workflow names a step that nobody has registered.
    #[error("workflow '{workflow}' names the step '{label}', which is not registered; put the step first")]
    UnknownStep {
        /// The workflow.
        workflow: Label,
        /// The step.
        label: Label,
    },
    /// A workflow names a step twice.
    #[error("workflow '{workflow}' names the step '{label}' twice")]
    Repeated {
        /// The workflow.
        workflow: Label,
        /// The step.
        label: Label,
    },
    /// Two steps of a workflow stand at the same place.
    #[error(
        "workflow '{workflow}' has two steps of priority {priority}: '{first}' and '{second}'; give one of them its own"
    )]
    SamePriority {
        /// The workflow.
        workflow: Label,
        /// The priority that both have.
        priority: i32,
        /// One.
        first: Label,
        /// The other.
        second: Label,
    },
    /// Events are to mean a step that the workflow does not have.
    #[error(
        "workflow '{workflow}' has events for the step '{label}', which is none of its steps; add it to them"
    )]
    EventStep {
        /// The workflow.
        workflow: Label,
        /// The step.
        label: Label,
    },
    /// Too many rules for events.
    #[error("workflow '{workflow}' has {count} rules for events; at most {RULES_MAX} are allowed")]
    EventRules {
        /// The workflow.
        workflow: Label,
        /// How many it has.
        count: usize,
    },
    /// A number of boots out of its range.
    #[error("expected_boots of '{workflow}' must be from 1 to {EXPECTED_BOOTS_MAX}, not {value}")]
    Boots {
        /// The workflow.
        workflow: Label,
        /// The number that came.
        value: u32,
    },
    /// A text that is not what its place allows.
    #[error(transparent)]
    Text(#[from] InvalidText),
}

/// The longest weight or timeout: a week.
pub const SECONDS_MAX: u32 = 604_800;
/// The most boots that an installation can be expected to take. Windows with all its updates takes
/// fewer than ten.
pub const EXPECTED_BOOTS_MAX: u32 = 50;

fn in_range(
    field: &'static str,
    label: &Label,
    value: i64,
    low: i64,
    high: i64,
) -> Result<(), InvalidRegistry> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(InvalidRegistry::Range { field, label: label.clone(), value, low, high })
}

fn check_numbers(
    label: &Label,
    priority: Option<i32>,
    weight: Option<u32>,
    timeout: Option<u32>,
) -> Result<(), InvalidRegistry> {
    if let Some(priority) = priority {
        in_range("priority", label, priority.into(), 0, crate::report::PRIORITY_MAX.into())?;
    }
    if let Some(weight) = weight {
        in_range("weight_seconds", label, weight.into(), 0, SECONDS_MAX.into())?;
    }
    if let Some(timeout) = timeout {
        in_range("timeout_seconds", label, timeout.into(), 1, SECONDS_MAX.into())?;
    }
    Ok(())
}

impl Step {
    /// Whether its numbers are in range.
    ///
    /// # Errors
    /// The first number that is not.
    pub fn check(&self) -> Result<(), InvalidRegistry> {
        check_numbers(&self.label, Some(self.priority), Some(self.weight_seconds), Some(self.timeout_seconds))
    }
}

/// An unknown step in a strict registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown step '{label}'{}", suggestion(nearest))]
pub struct UnknownStep {
    /// The label that nobody has registered.
    pub label: Label,
    /// The nearest known ones, best first; empty when none is near.
    pub nearest: Vec<Label>,
}

fn suggestion(nearest: &[Label]) -> String {
    if nearest.is_empty() {
        return "; register it first, or use a loose workflow".to_owned();
    }
    let quoted: Vec<String> = nearest.iter().map(|label| format!("'{label}'")).collect();
    format!("; the nearest known: {}", quoted.join(", "))
}

/// All that is known: steps and workflows, by label and name.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// The steps.
    pub steps: BTreeMap<Label, Owned<Step>>,
    /// The workflows.
    pub workflows: BTreeMap<Label, Owned<Workflow>>,
    /// What holds for a workflow that does not say, and for none.
    pub mode: Mode,
}

impl Registry {
    /// Strict or loose for builds of `workflow`.
    #[must_use]
    pub fn mode_of(&self, workflow: &Label) -> Mode {
        // "Loose for all" wins over a workflow that asks for strict: it is the site's last word.
        match self.mode {
            Mode::Loose => Mode::Loose,
            Mode::Strict => {
                self.workflows.get(workflow).and_then(|owned| owned.value.registry).unwrap_or_default()
            }
        }
    }

    /// The plan of a new build: the workflow's steps as they are now. Empty for an unknown
    /// workflow, which is for the caller to refuse where it matters.
    #[must_use]
    pub fn plan(&self, workflow: &Label) -> Plan {
        let Some(Owned { value: workflow, .. }) = self.workflows.get(workflow) else {
            return Plan::default();
        };
        let boots = workflow.expected_boots.unwrap_or(EXPECTED_BOOTS);
        let steps = Plan::new(workflow.steps.iter().filter_map(|place| {
            let step = &self.steps.get(&place.label)?.value;
            Some(PlannedStep {
                label: step.label.clone(),
                name: step.name.clone(),
                priority: place.priority.unwrap_or(step.priority),
                weight_seconds: place.weight_seconds.unwrap_or(step.weight_seconds),
                timeout_seconds: place.timeout_seconds.unwrap_or(step.timeout_seconds),
                optional: place.optional,
                entry: place.entry,
            })
        }));
        steps.with_events(workflow.events.clone()).with_expected_boots(boots)
    }

    /// Whether a workflow holds together with the steps that are known.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self, workflow: &Workflow) -> Result<(), InvalidRegistry> {
        if let Some(value) = workflow.expected_boots.filter(|boots| !(1..=EXPECTED_BOOTS_MAX).contains(boots))
        {
            return Err(InvalidRegistry::Boots { workflow: workflow.name.clone(), value });
        }
        let mut seen: BTreeMap<i32, &Label> = BTreeMap::new();
        for (at, place) in workflow.steps.iter().enumerate() {
            check_numbers(&place.label, place.priority, place.weight_seconds, place.timeout_seconds)?;
            let step = self.steps.get(&place.label).ok_or_else(|| InvalidRegistry::UnknownStep {
                workflow: workflow.name.clone(),
                label: place.label.clone(),
            })?;
            if workflow.steps.iter().take(at).any(|other| other.label == place.label) {
                return Err(InvalidRegistry::Repeated {
                    workflow: workflow.name.clone(),
                    label: place.label.clone(),
                });
            }
            let priority = place.priority.unwrap_or(step.value.priority);
            if let Some(first) = seen.insert(priority, &place.label) {
                return Err(InvalidRegistry::SamePriority {
                    workflow: workflow.name.clone(),
                    priority,
                    first: first.clone(),
                    second: place.label.clone(),
                });
            }
        }
        let (name, count) = (|| workflow.name.clone(), workflow.events.len());
        if count > RULES_MAX {
            return Err(InvalidRegistry::EventRules { workflow: name(), count });
        }
        let is_step = |label: &Label| workflow.steps.iter().any(|place| place.label == *label);
        match workflow.events.iter().find(|rule| !is_step(&rule.step)) {
            Some(rule) => Err(InvalidRegistry::EventStep { workflow: name(), label: rule.step.clone() }),
            None => Ok(()),
        }
    }

    /// Lets a report pass, with the name and priority that the registry knows filled in, and an event
    /// where it belongs. An activity is no step, so none is refused.
    ///
    /// # Errors
    /// In strict mode, when neither the registry nor the build's plan knows the step.
    pub fn admit(&self, report: Report, plan: &Plan, mode: Mode) -> Result<Report, UnknownStep> {
        let mut report = plan.placed(report);
        if report.is_activity() {
            return Ok(report);
        }
        let known = plan
            .get(&report.label)
            .map(|step| (&step.name, step.priority))
            .or_else(|| self.steps.get(&report.label).map(|owned| (&owned.value.name, owned.value.priority)));
        match known {
            Some((name, priority)) => {
                report.name.get_or_insert_with(|| name.clone());
                report.priority.get_or_insert(priority);
                Ok(report)
            }
            None if mode == Mode::Loose => Ok(report),
            None => Err(UnknownStep { nearest: self.nearest(&report.label), label: report.label }),
        }
    }

    /// The known labels that `label` may have been meant for, best first.
    fn nearest(&self, label: &Label) -> Vec<Label> {
        let mut scored: Vec<(f64, &Label)> = self
            .steps
            .keys()
            .map(|known| (strsim::jaro_winkler(known.as_str(), label.as_str()), known))
            .filter(|(score, _)| *score > 0.75)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        scored.into_iter().take(SUGGESTIONS).map(|(_, known)| known.clone()).collect()
    }
}
