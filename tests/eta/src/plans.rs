//! The workflows that Milepost ships, as plans.

use std::{collections::BTreeMap, sync::Arc};

use milepost_domain::{
    Label, Plan,
    registry::{Manifest, Owned, Registry, Workflow},
};

const STEPS: &str = include_str!("../../../crates/store/registry/steps.toml");
const WORKFLOWS: &[&str] = &[
    include_str!("../../../crates/store/registry/autoinstall.toml"),
    include_str!("../../../crates/store/registry/image.toml"),
    include_str!("../../../crates/store/registry/kickstart.toml"),
    include_str!("../../../crates/store/registry/preseed.toml"),
];

/// By the name of the workflow.
pub(crate) fn shipped() -> Result<BTreeMap<Label, Arc<Plan>>, String> {
    let unreadable = |error: toml::de::Error| format!("crates/store/registry: {error}");
    let owner: Label = "milepost".parse().map_err(|error| format!("{error}"))?;
    let manifest: Manifest = toml::from_str(STEPS).map_err(unreadable)?;
    let mut registry = Registry::default();
    for step in manifest.steps {
        registry.steps.insert(step.label.clone(), Owned { owner: owner.clone(), value: step });
    }
    for text in WORKFLOWS {
        let workflow: Workflow = toml::from_str(text).map_err(unreadable)?;
        registry.workflows.insert(workflow.name.clone(), Owned { owner: owner.clone(), value: workflow });
    }
    Ok(registry.workflows.keys().map(|name| (name.clone(), Arc::new(registry.plan(name)))).collect())
}

/// The plan up to the step that completes the build: what comes after that has no part in how long
/// the build takes, and would only make the references look worse than they are.
pub(crate) fn up_to_the_end(plan: &Plan) -> Plan {
    let last = plan.last_steps().last().map(|step| step.priority);
    Plan::new(plan.steps().iter().filter(|step| Some(step.priority) <= last).cloned())
}
