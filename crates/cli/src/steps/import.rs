//! `milepost steps import`: what a site adds, from a file.
//!
//! The rule it protects: a file that does not hold together changes nothing, and when the service
//! stops an import half way, what was put and what was not is said.

use std::{fs, path::Path};

use milepost_client::{Client, explain, types};
use milepost_domain::{
    Label,
    registry::{Manifest, Owned, Registry, SHIPPED, SITE, Step, Workflow},
};

use crate::{
    failure::Failure,
    output::{Console, clean},
};

pub(super) async fn run(file: &Path, client: &Client, console: &mut Console<'_>) -> Result<(), Failure> {
    let text =
        fs::read_to_string(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let manifest = read(&text).map_err(|fault| Failure::usage(format!("{}: {fault}", file.display())))?;
    let owner = owner(&manifest).map_err(|fault| Failure::usage(format!("{}: {fault}", file.display())))?;
    let known = known(client).await?;
    check(&manifest, &owner, known)
        .map_err(|fault| Failure::usage(format!("{}: {fault}; nothing was put", file.display())))?;

    let total = manifest.steps.len() + manifest.workflows.len();
    if total == 0 {
        return Err(Failure::usage(format!("{}: it has no [[step]] and no [[workflow]]", file.display())));
    }
    let mut put = 0;
    let stopped = |what: String, put: usize, error| {
        Failure::usage(format!(
            "{what}: {}; {put} of {total} were put before it, the rest was not tried",
            explain(client, error)
        ))
    };
    for step in manifest.steps {
        let label = step.label.clone();
        let body = step_input(step, &owner);
        let answer = client.put_step().label(label.as_str()).body(body).send().await;
        answer.map_err(|error| stopped(format!("step {label}"), put, error))?;
        put += 1;
        console.print(&format!("step {label}: put\n"))?;
    }
    for workflow in manifest.workflows {
        let name = workflow.name.clone();
        let body = workflow_input(workflow, &owner);
        let answer = client.put_workflow().name(name.as_str()).body(body).send().await;
        answer.map_err(|error| stopped(format!("workflow {name}"), put, error))?;
        put += 1;
        console.print(&format!("workflow {name}: put\n"))?;
    }
    Ok(())
}

/// Reads a file; a fault names its line.
fn read(text: &str) -> Result<Manifest, String> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        // The message of a syntax error has several lines.
        format!("{place}{}", clean(error.message()))
    })
}

fn owner(manifest: &Manifest) -> Result<Label, String> {
    match &manifest.owner {
        Some(owner) if owner.as_str() == SHIPPED => {
            Err(format!("owner: '{SHIPPED}' owns what is shipped; say who you are, for example '{SITE}'"))
        }
        Some(owner) => Ok(owner.clone()),
        None => SITE.parse().map_err(|error| format!("{error}")),
    }
}

/// What the service knows already. What this program cannot read of it, it does not check.
async fn known(client: &Client) -> Result<Registry, Failure> {
    let mut registry = Registry::default();
    for step in super::all(client).await? {
        if let Some(owned) = as_known(&step) {
            registry.steps.insert(owned.value.label.clone(), owned);
        }
    }
    Ok(registry)
}

fn as_known(step: &types::Step) -> Option<Owned<Step>> {
    Some(Owned {
        owner: step.owner.parse().ok()?,
        value: Step {
            label: step.label.parse().ok()?,
            name: step.name.parse().ok()?,
            description: None,
            priority: step.priority,
            weight_seconds: step.weight_seconds.try_into().ok()?,
            timeout_seconds: step.timeout_seconds.try_into().ok()?,
        },
    })
}

/// Whether all of it can be put: the service checks each item again, but by then others have been put.
fn check(manifest: &Manifest, owner: &Label, mut registry: Registry) -> Result<(), String> {
    for (at, step) in manifest.steps.iter().enumerate() {
        let label = &step.label;
        step.check().map_err(|fault| format!("step {label}: {fault}"))?;
        if manifest.steps.iter().take(at).any(|other| other.label == *label) {
            return Err(format!("step {label}: it stands twice in the file"));
        }
        if let Some(other) = registry.steps.get(label).filter(|known| known.owner != *owner) {
            return Err(format!(
                "step {label}: it belongs to '{}', not to '{owner}'; choose another label, for example '{owner}.{label}'",
                other.owner
            ));
        }
        registry.steps.insert(label.clone(), Owned { owner: owner.clone(), value: step.clone() });
    }
    for (at, workflow) in manifest.workflows.iter().enumerate() {
        let name = &workflow.name;
        if manifest.workflows.iter().take(at).any(|other| other.name == *name) {
            return Err(format!("workflow {name}: it stands twice in the file"));
        }
        registry.check(workflow).map_err(|fault| format!("workflow {name}: {fault}"))?;
    }
    Ok(())
}

fn step_input(step: Step, owner: &Label) -> types::StepInput {
    types::StepInput {
        name: step.name.into(),
        description: step.description,
        priority: step.priority.into(),
        weight_seconds: step.weight_seconds.into(),
        timeout_seconds: std::num::NonZeroU64::new(step.timeout_seconds.into()),
        owner: Some(owner.to_string()),
    }
}

fn workflow_input(workflow: Workflow, owner: &Label) -> types::WorkflowInput {
    let steps = workflow.steps.into_iter().map(|place| types::WorkflowStepInput {
        label: place.label.into(),
        priority: place.priority.map(i64::from),
        weight_seconds: place.weight_seconds.map(i64::from),
        timeout_seconds: place.timeout_seconds.and_then(|seconds| std::num::NonZeroU64::new(seconds.into())),
        optional: Some(place.optional),
        entry: Some(place.entry),
    });
    let events = workflow.events.into_iter().map(|rule| types::EventRuleInput {
        origin: rule.origin.into(),
        name: rule.name.into(),
        step: rule.step.into(),
        on: rule.on.iter().map(|status| types::Status(status.to_string())).collect(),
    });
    types::WorkflowInput {
        title: workflow.title.into(),
        description: workflow.description,
        registry: workflow.registry.map(|mode| types::Mode(mode.to_string())),
        expected_boots: workflow.expected_boots.and_then(|boots| std::num::NonZeroU64::new(boots.into())),
        steps: steps.collect(),
        events: events.collect(),
        owner: Some(owner.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[[step]]
label = "raid_setup"
name = "RAID controller setup"
priority = 110
weight_seconds = 90
timeout_seconds = 1200

[[workflow]]
name = "storage"
title = "Storage servers"
steps = [{ label = "raid_setup" }, { label = "built" }]
"#;

    fn known() -> Registry {
        let mut registry = Registry::default();
        let step =
            r#"{"label":"built","name":"Installed","priority":800,"weight_seconds":5,"timeout_seconds":900}"#;
        let value: Step = serde_json::from_str(step).unwrap();
        registry.steps.insert(value.label.clone(), Owned { owner: SHIPPED.parse().unwrap(), value });
        registry
    }

    fn checked(file: &str) -> Result<(), String> {
        let manifest = read(file)?;
        check(&manifest, &owner(&manifest)?, known())
    }

    #[test]
    fn a_file_that_holds_together_passes() {
        assert_eq!(checked(FILE), Ok(()));
    }

    #[test]
    fn a_fault_names_what_and_where() {
        let faulty = |from: &str, to: &str| checked(&FILE.replace(from, to)).unwrap_err();
        let fault = faulty("weight_seconds = 90", "weigth_seconds = 90");
        assert!(fault.starts_with("line 6: unknown field `weigth_seconds`, expected one of"), "{fault}");
        let fault = faulty("priority = 110", "priority = ");
        assert!(fault.starts_with("line 5: "), "{fault}");
        let fault = faulty("label = \"raid_setup\"\nname", "label = \"Raid\"\nname");
        assert!(fault.starts_with("line 3: label has the character 'R' at position 1"), "{fault}");
        assert_eq!(
            faulty("= 110", "= 11000"),
            "step raid_setup: priority of 'raid_setup' must be from 0 to 10000, not 11000"
        );
        let fault = faulty("label = \"raid_setup\"\n", "label = \"built\"\n");
        assert_eq!(
            fault,
            "step built: it belongs to 'milepost', not to 'site'; choose another label, for example 'site.built'"
        );
        let fault = faulty("{ label = \"built\" }", "{ label = \"bulit\" }");
        assert!(fault.starts_with("workflow storage: workflow 'storage' names the step 'bulit'"), "{fault}");
        assert!(faulty("\n[[step]]", "owner = \"milepost\"\n[[step]]").starts_with("owner: 'milepost' owns"));
    }

    #[test]
    fn what_is_absent_stays_absent() {
        let manifest = read(FILE).unwrap();
        let site: Label = SITE.parse().unwrap();
        let workflow = workflow_input(manifest.workflows.into_iter().next().unwrap(), &site);
        let body = serde_json::to_value(workflow).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"title": "Storage servers", "owner": "site", "steps": [
                {"label": "raid_setup", "optional": false, "entry": false},
                {"label": "built", "optional": false, "entry": false}]})
        );
    }
}
