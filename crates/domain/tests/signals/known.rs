//! What is known beside a build: the workflows that are shipped, and what builds of them taught.

use std::{collections::BTreeMap, sync::LazyLock};

use chrono::{Duration, TimeZone, Utc};
use milepost_domain::{
    Build, Durations, Id, Label, Plan, Report, ReportId, Status, Time, Timings,
    registry::{Manifest, Owned, Registry, Workflow},
    timing::{Key, Kind},
};

const STEPS: &str = include_str!("../../../store/registry/steps.toml");
const WORKFLOWS: [&str; 4] = [
    include_str!("../../../store/registry/autoinstall.toml"),
    include_str!("../../../store/registry/kickstart.toml"),
    include_str!("../../../store/registry/preseed.toml"),
    include_str!("../../../store/registry/windows.toml"),
];
/// Those of the workflows by name.
pub(crate) const NAMES: [&str; 4] = ["autoinstall", "kickstart", "preseed", "windows"];

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let manifest: Manifest = toml::from_str(STEPS).unwrap();
    let owner = label("milepost");
    let steps = manifest.steps.into_iter();
    let steps = steps.map(|value| (value.label.clone(), Owned { owner: owner.clone(), value })).collect();
    let mut workflows = BTreeMap::new();
    for text in WORKFLOWS {
        let value: Workflow = toml::from_str(text).unwrap();
        workflows.insert(value.name.clone(), Owned { owner: owner.clone(), value });
    }
    Registry { steps, workflows, ..Registry::default() }
});

/// When every build of these tests is opened.
pub(crate) fn opened() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap()
}

pub(crate) fn label(text: &str) -> Label {
    text.parse().unwrap()
}

/// What builds of that workflow are expected to pass; nothing for `none`.
pub(crate) fn plan(workflow: &str) -> Plan {
    REGISTRY.plan(&label(workflow))
}

/// A build of which nothing was heard; its credential is good for six hours.
pub(crate) fn open(workflow: &str, plan: Plan) -> Build {
    let (id, host) = (Id::at(opened(), [1; 10]), Id::at(opened(), [2; 10]));
    Build::open(id, host, label(workflow), plan.into(), opened(), opened() + Duration::hours(6))
}

/// What so many builds taught, that took so many times as long as is usual, within a tenth.
pub(crate) fn timings(workflow: &str, builds: u32, factor: f64) -> Timings {
    let mut timings = Timings::new(Key { workflow: label(workflow), kind: Kind::Any });
    for at in 0..builds {
        let mut build = open(workflow, plan(workflow));
        let factor = factor * (0.9 + 0.2 * f64::from(at % 8) / 7.0);
        let mut now = opened();
        for step in plan(workflow).steps().iter().filter(|step| !step.optional) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::as_conversions,
                reason = "seconds of an hour or two"
            )]
            let spent = (f64::from(step.weight_seconds) * factor) as i64;
            now += Duration::seconds(spent.max(1));
            let mut report =
                Report::simple(ReportId::from_word(step.label.as_str()), step.label.clone(), now);
            report.status = Some(Status::Done);
            build.apply(&report);
        }
        timings.learn(&Durations::of(&build).unwrap());
    }
    timings
}
