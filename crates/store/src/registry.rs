//! The registry's tables, and what Milepost ships in them.
//!
//! The rule it protects: one owner cannot overwrite another's; what is shipped is data
//! (`crates/store/registry/*.toml`), brought up to date with every start.

use std::collections::BTreeMap;

use diesel::{prelude::*, upsert::excluded};
use milepost_domain::{
    Label,
    registry::{Manifest, Mode, Owned, Registry, SHIPPED, Step, Workflow},
};

use crate::{
    Error, Result,
    row::{count, from_json, number, parsed, parsed_option, to_json},
    schema::{steps, workflows},
};

const STEPS: &str = include_str!("../registry/steps.toml");
const WORKFLOWS: &[&str] = &[
    include_str!("../registry/agama.toml"),
    include_str!("../registry/autoinstall.toml"),
    include_str!("../registry/autoyast.toml"),
    include_str!("../registry/freebsd.toml"),
    include_str!("../registry/image.toml"),
    include_str!("../registry/kickstart.toml"),
    include_str!("../registry/preseed.toml"),
    include_str!("../registry/windows.toml"),
];

/// The steps and workflows that Milepost ships.
///
/// # Errors
/// When a shipped file cannot be read, which a test rules out.
pub fn shipped() -> Result<Manifest> {
    let unreadable = |error: toml::de::Error| Error::Database(format!("shipped registry: {error}"));
    let mut manifest: Manifest = toml::from_str(STEPS).map_err(unreadable)?;
    for workflow in WORKFLOWS {
        manifest.workflows.push(toml::from_str(workflow).map_err(unreadable)?);
    }
    manifest.owner = Some(parsed("shipped registry", SHIPPED)?);
    Ok(manifest)
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = steps)]
struct StepRow {
    label: String,
    owner: String,
    name: String,
    description: Option<String>,
    priority: i32,
    weight_seconds: i32,
    timeout_seconds: i32,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = workflows)]
struct WorkflowRow {
    name: String,
    owner: String,
    title: String,
    description: Option<String>,
    registry: Option<String>,
    steps: serde_json::Value,
    events: serde_json::Value,
    expected_boots: Option<i32>,
}

fn step_row(owner: &Label, step: &Step) -> Result<StepRow> {
    Ok(StepRow {
        label: step.label.to_string(),
        owner: owner.to_string(),
        name: step.name.to_string(),
        description: step.description.clone(),
        priority: step.priority,
        weight_seconds: number("steps.weight_seconds", step.weight_seconds)?,
        timeout_seconds: number("steps.timeout_seconds", step.timeout_seconds)?,
    })
}

fn workflow_row(owner: &Label, workflow: &Workflow) -> Result<WorkflowRow> {
    Ok(WorkflowRow {
        name: workflow.name.to_string(),
        owner: owner.to_string(),
        title: workflow.title.to_string(),
        description: workflow.description.clone(),
        registry: workflow.registry.map(|mode| mode.to_string()),
        steps: to_json(&workflow.steps)?,
        events: to_json(&workflow.events)?,
        expected_boots: workflow.expected_boots.map(count),
    })
}

/// Reads the whole registry: some hundred rows.
pub(crate) fn load(connection: &mut PgConnection, mode: Mode) -> Result<Registry> {
    let mut registry = Registry { mode, ..Registry::default() };
    for row in steps::table.select(StepRow::as_select()).load(connection)? {
        let step = Step {
            label: parsed("steps.label", &row.label)?,
            name: parsed("steps.name", &row.name)?,
            description: row.description,
            priority: row.priority,
            weight_seconds: number("steps.weight_seconds", row.weight_seconds)?,
            timeout_seconds: number("steps.timeout_seconds", row.timeout_seconds)?,
        };
        let owner = parsed("steps.owner", &row.owner)?;
        registry.steps.insert(step.label.clone(), Owned { owner, value: step });
    }
    for row in workflows::table.select(WorkflowRow::as_select()).load(connection)? {
        let workflow = Workflow {
            name: parsed("workflows.name", &row.name)?,
            title: parsed("workflows.title", &row.title)?,
            description: row.description,
            registry: parsed_option("workflows.registry", row.registry.as_deref())?,
            expected_boots: row
                .expected_boots
                .map(|boots| number("workflows.expected_boots", boots))
                .transpose()?,
            steps: from_json("workflows.steps", row.steps)?,
            events: from_json("workflows.events", row.events)?,
        };
        let owner = parsed("workflows.owner", &row.owner)?;
        registry.workflows.insert(workflow.name.clone(), Owned { owner, value: workflow });
    }
    Ok(registry)
}

/// Puts what is shipped in, and takes out what no longer is. A name that somebody else took
/// before us stays theirs.
pub(crate) fn ship(connection: &mut PgConnection) -> Result<()> {
    let manifest = shipped()?;
    let owner: Label = parsed("shipped registry", SHIPPED)?;
    for step in &manifest.steps {
        upsert_step(connection, &owner, step)?;
    }
    for workflow in &manifest.workflows {
        upsert_workflow(connection, &owner, workflow)?;
    }
    let names: Vec<&str> = manifest.workflows.iter().map(|workflow| workflow.name.as_str()).collect();
    diesel::delete(
        workflows::table.filter(workflows::owner.eq(SHIPPED)).filter(workflows::name.ne_all(names)),
    )
    .execute(connection)?;
    let used = load(connection, Mode::Strict)?;
    let labels: Vec<&str> = manifest
        .steps
        .iter()
        .map(|step| step.label.as_str())
        .chain(
            used.workflows
                .values()
                .flat_map(|owned| owned.value.steps.iter().map(|place| place.label.as_str())),
        )
        .collect();
    diesel::delete(steps::table.filter(steps::owner.eq(SHIPPED)).filter(steps::label.ne_all(labels)))
        .execute(connection)?;
    Ok(())
}

/// Writes the step unless it is another owner's; answers how many rows that were.
fn upsert_step(connection: &mut PgConnection, owner: &Label, step: &Step) -> Result<usize> {
    let row = step_row(owner, step)?;
    let upsert = diesel::insert_into(steps::table).values(&row).on_conflict(steps::label).do_update().set((
        steps::name.eq(excluded(steps::name)),
        steps::description.eq(excluded(steps::description)),
        steps::priority.eq(excluded(steps::priority)),
        steps::weight_seconds.eq(excluded(steps::weight_seconds)),
        steps::timeout_seconds.eq(excluded(steps::timeout_seconds)),
    ));
    Ok(diesel::query_dsl::methods::FilterDsl::filter(upsert, steps::owner.eq(owner.as_str()))
        .execute(connection)?)
}

fn upsert_workflow(connection: &mut PgConnection, owner: &Label, workflow: &Workflow) -> Result<usize> {
    let row = workflow_row(owner, workflow)?;
    let upsert =
        diesel::insert_into(workflows::table).values(&row).on_conflict(workflows::name).do_update().set((
            workflows::title.eq(excluded(workflows::title)),
            workflows::description.eq(excluded(workflows::description)),
            workflows::registry.eq(excluded(workflows::registry)),
            workflows::steps.eq(excluded(workflows::steps)),
            workflows::events.eq(excluded(workflows::events)),
            workflows::expected_boots.eq(excluded(workflows::expected_boots)),
        ));
    Ok(diesel::query_dsl::methods::FilterDsl::filter(upsert, workflows::owner.eq(owner.as_str()))
        .execute(connection)?)
}

fn owned_by<T>(
    known: &BTreeMap<Label, Owned<T>>,
    what: &'static str,
    key: &Label,
    owner: &Label,
) -> Result<bool> {
    match known.get(key) {
        None => Ok(false),
        Some(owned) if owned.owner == *owner => Ok(true),
        Some(owned) => Err(Error::Owned { what, key: key.clone(), owner: owned.owner.clone() }),
    }
}

/// Adds or changes a step.
///
/// # Errors
/// When it is another owner's, does not hold together, or breaks a workflow that names it.
pub fn put_step(connection: &mut PgConnection, owner: &Label, step: &Step) -> Result<()> {
    step.check()?;
    let mut registry = load(connection, Mode::Strict)?;
    owned_by(&registry.steps, "step", &step.label, owner)?;
    let value = step.clone();
    registry.steps.insert(step.label.clone(), Owned { owner: owner.clone(), value });
    for workflow in registry.workflows.values().filter(|owned| names(&owned.value, &step.label)) {
        registry.check(&workflow.value)?;
    }
    upsert_step(connection, owner, step)?;
    Ok(())
}

fn names(workflow: &Workflow, label: &Label) -> bool {
    workflow.steps.iter().any(|place| place.label == *label)
}

/// Removes a step.
///
/// # Errors
/// When it is not known, another owner's, or part of a workflow.
pub fn delete_step(connection: &mut PgConnection, owner: &Label, label: &Label) -> Result<()> {
    let registry = load(connection, Mode::Strict)?;
    if !owned_by(&registry.steps, "step", label, owner)? {
        return Err(Error::not_found("step", label));
    }
    if let Some(workflow) = registry.workflows.values().find(|owned| names(&owned.value, label)) {
        return Err(Error::StepInUse { step: label.clone(), workflow: workflow.value.name.clone() });
    }
    diesel::delete(steps::table.find(label.as_str())).execute(connection)?;
    Ok(())
}

/// Adds or changes a workflow. Builds that are open keep the plan they were opened with.
///
/// # Errors
/// When it is another owner's or does not hold together.
pub fn put_workflow(connection: &mut PgConnection, owner: &Label, workflow: &Workflow) -> Result<()> {
    let registry = load(connection, Mode::Strict)?;
    owned_by(&registry.workflows, "workflow", &workflow.name, owner)?;
    registry.check(workflow)?;
    upsert_workflow(connection, owner, workflow)?;
    Ok(())
}

/// Removes a workflow. Its builds stay.
///
/// # Errors
/// When it is not known or another owner's.
pub fn delete_workflow(connection: &mut PgConnection, owner: &Label, name: &Label) -> Result<()> {
    let registry = load(connection, Mode::Strict)?;
    if !owned_by(&registry.workflows, "workflow", name, owner)? {
        return Err(Error::not_found("workflow", name));
    }
    diesel::delete(workflows::table.find(name.as_str())).execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_holds_together() {
        let manifest = shipped().unwrap();
        let owner: Label = SHIPPED.parse().unwrap();
        let own = |value: &Step| (value.label.clone(), Owned { owner: owner.clone(), value: value.clone() });
        let registry = Registry { steps: manifest.steps.iter().map(own).collect(), ..Registry::default() };
        assert_eq!(registry.steps.len(), manifest.steps.len(), "no label stands twice");
        for step in &manifest.steps {
            step.check().unwrap();
        }
        for workflow in &manifest.workflows {
            registry.check(workflow).unwrap();
            // Which step an event means must not be a matter of the installer's first phase.
            let entries = workflow.steps.iter().filter(|step| step.entry);
            for entry in entries {
                assert!(workflow.events.iter().all(|rule| rule.step != entry.label), "{}", entry.label);
            }
            let mut known = registry.clone();
            let value = workflow.clone();
            known.workflows.insert(workflow.name.clone(), Owned { owner: owner.clone(), value });
            let plan = known.plan(&workflow.name);
            assert!(!plan.last_steps().is_empty(), "{} can be completed", workflow.name);
            assert!(plan.steps().iter().any(|step| step.entry), "{} has an entry", workflow.name);
            assert!(plan.get(&"built".parse().unwrap()).is_some(), "{} is installed", workflow.name);
        }
    }
}
