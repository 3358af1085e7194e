//! What cloud-init, curtin and Ubuntu's installer say by themselves, and which of it is a step.
//!
//! The rule it protects: which event means which step is data of a workflow, fixed in the plan of a
//! build as its steps are; whatever no rule names is an activity, so that hundreds of events make
//! neither steps nor noise.

use std::{fmt, str::FromStr};

use glob::MatchOptions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Label, Name, Report, RunState, State, Status, StepRun, build::Course, report::Meaning, text::NAME_MAX,
};

/// The most rules of a workflow.
pub const RULES_MAX: usize = 100;

/// Case counts, and no `*` reaches over a `/`: names of events are paths of what nests in what.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A pattern of names of events. `*` stands for anything within a part of the name, `?` for one
/// character, `[ab]` for one of these, and a part `**` for any number of parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(glob::Pattern);

/// Text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// It has no character, or too many.
    #[error("a pattern of events has 1 to {NAME_MAX} characters, not {0}")]
    Length(usize),
    /// It cannot be read.
    #[error("'{text}' is no pattern of events: {why}, near character {position}")]
    Malformed {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: &'static str,
        /// Where about, from 1.
        position: usize,
    },
}

impl Pattern {
    /// Whether an event of that name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches_with(name, MATCHING)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if !(1..=NAME_MAX).contains(&length) {
            return Err(InvalidPattern::Length(length));
        }
        glob::Pattern::new(text).map(Self).map_err(|error| InvalidPattern::Malformed {
            text: text.to_owned(),
            why: error.msg,
            position: error.pos + 1,
        })
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which events mean a step. The first rule of a workflow that fits decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// The program that sends it, as it calls itself: `cloudinit` or `curtin`, by which Ubuntu's
    /// installer goes too.
    #[schema(value_type = String, example = "curtin", min_length = 1, max_length = 255)]
    pub origin: Name,
    /// The event's name. `*` stands for anything within a part of it, a part `**` for any number of parts.
    #[schema(value_type = String, example = "**/cmd-install/stage-partitioning", min_length = 1, max_length = 255)]
    pub name: Pattern,
    /// The step that it means; it must be one of the workflow's.
    #[schema(value_type = String, example = "storage", min_length = 1, max_length = 128)]
    pub step: Label,
    /// Whether its start, its end or its failure is meant; absent: each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Status>,
}

impl EventRule {
    /// Whether that event means the rule's step.
    #[must_use]
    pub fn is_met(&self, origin: &Name, name: &str, status: Status) -> bool {
        self.origin == *origin && (self.on.is_empty() || self.on.contains(&status)) && self.name.matches(name)
    }
}

/// Where an event belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Nobody has said yet: the plan of its build will. Comes with the program that sent it.
    Of(Name),
    /// Below the step at work.
    Activity,
    /// It is the report of a step.
    Step,
}

/// The event with its place, by the first rule that it meets. A report of anything else, and an event
/// that has its place, stay as they are.
///
/// Only what starts or ends can be a step: what is merely said in between ("info", "warning") has no
/// status, and a step without one has happened.
#[must_use]
pub fn placed(rules: &[EventRule], mut report: Report) -> Report {
    let Some(Place::Of(origin)) = &report.event else { return report };
    let name = report.name.as_ref().map_or(report.label.as_str(), Name::as_str);
    let met = report.status.and_then(|status| rules.iter().find(|rule| rule.is_met(origin, name, status)));
    match met {
        None => report.event = Some(Place::Activity),
        Some(rule) => {
            report.event = Some(Place::Step);
            report.label = rule.step.clone();
            // The step has a name of its own.
            report.name = None;
        }
    }
    report
}

/// Whether a report is of nothing but what goes on below a step. So is an event of a step that says
/// nothing new: cloud-init tells everything again with every boot, and curtin has stages that it enters
/// more than once. It never takes back what is done, and a build that is completed stays so.
#[must_use]
pub fn changes_no_step(course: &Course, report: &Report) -> bool {
    let says_nothing_new = || {
        let begins = report.meaning() == Meaning::Started;
        let went_well = |run: &StepRun| run.label == report.label && run.state != RunState::Failed;
        course.state == State::Completed || begins && course.runs_now().any(went_well)
    };
    report.is_activity() || report.event == Some(Place::Step) && says_nothing_new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReportId, Time};

    fn rules(toml: &[(&str, &str, &str, &[Status])]) -> Vec<EventRule> {
        let rule = |(origin, name, step, on): &(&str, &str, &str, &[Status])| EventRule {
            origin: origin.parse().unwrap(),
            name: name.parse().unwrap(),
            step: step.parse().unwrap(),
            on: on.to_vec(),
        };
        toml.iter().map(rule).collect()
    }

    fn event(origin: &str, name: &str, status: Option<Status>) -> Report {
        let label = Label::from_words(name).unwrap();
        let mut report = Report::simple(ReportId::from_word(name), label, Time::UNIX_EPOCH);
        report.event = Some(Place::Of(origin.parse().unwrap()));
        report.name = Some(name.parse().unwrap());
        report.status = status;
        report
    }

    #[test]
    fn a_star_stays_within_its_part_and_two_reach_over_any() {
        for (pattern, name, expected) in [
            ("cmd-install/stage-partitioning", "cmd-install/stage-partitioning", true),
            ("cmd-install/stage-partitioning", "cmd-install/stage-partitioning/builtin", false),
            ("cmd-install/*", "cmd-install/stage-extract", true),
            ("cmd-install/*", "cmd-install/stage-extract/builtin", false),
            ("cmd-install/**", "cmd-install/stage-extract/builtin/cmd-extract", true),
            ("**/stage-extract", "stage-extract", true),
            ("**/stage-extract", "subiquity/Install/install/cmd-install/stage-extract", true),
            (
                "**/postinstall/install_*",
                "subiquity/Install/install/postinstall/install_openssh-server",
                true,
            ),
            ("**/postinstall/install_*", "a/postinstall/install_x/retrieving", false),
            ("a/config-scripts?user", "a/config-scripts_user", true),
            ("a/config-scripts?user", "a/config-scripts-user", true),
            ("Install", "install", false),
        ] {
            assert_eq!(pattern.parse::<Pattern>().unwrap().matches(name), expected, "{pattern}: {name}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_says_where() {
        let fault = "a/b**".parse::<Pattern>().unwrap_err().to_string();
        assert!(
            fault.starts_with("'a/b**' is no pattern of events: ") && fault.ends_with("near character 3"),
            "{fault}"
        );
        assert_eq!("".parse::<Pattern>(), Err(InvalidPattern::Length(0)));
        assert!("x".repeat(256).parse::<Pattern>().is_err());
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_the_rest_is_activity() {
        let rules = rules(&[
            ("cloudinit", "modules-final", "cloud_init_final", &[Status::Done, Status::Failed]),
            ("cloudinit", "modules-*", "post", &[]),
            ("curtin", "**/stage-extract", "image_write", &[]),
        ]);
        let step = |origin, name, status| {
            let placed = placed(&rules, event(origin, name, status));
            (placed.event == Some(Place::Step)).then(|| placed.label.to_string())
        };
        let (init, done) = (Some(Status::Init), Some(Status::Done));
        assert_eq!(step("cloudinit", "modules-final", done).as_deref(), Some("cloud_init_final"));
        assert_eq!(step("cloudinit", "modules-final", init).as_deref(), Some("post"));
        assert_eq!(step("cloudinit", "modules-final/config-ssh", done), None);
        assert_eq!(step("curtin", "a/stage-extract", init).as_deref(), Some("image_write"));
        assert_eq!(step("cloudinit", "a/stage-extract", init), None, "another program's");
        assert_eq!(step("curtin", "a/stage-extract", None), None, "it neither starts nor ends");
    }

    #[test]
    fn what_has_its_place_keeps_it() {
        let rules = rules(&[("curtin", "**", "storage", &[])]);
        let said = Report::simple(ReportId::from_word("1"), "packages".parse().unwrap(), Time::UNIX_EPOCH);
        assert_eq!(placed(&rules, said.clone()), said);
        let mut kept = event("curtin", "cmd-install", Some(Status::Init));
        kept.event = Some(Place::Activity);
        assert_eq!(placed(&rules, kept.clone()), kept);
    }
}
