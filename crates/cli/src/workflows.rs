//! `milepost workflows`: which steps each way of installing is expected to pass.
//!
//! The rule it protects: a workflow is shown as a build of it would have it: what its places leave
//! out is filled in from the steps.

use std::{collections::HashMap, num::NonZeroU64};

use clap::{Args, Subcommand};
use milepost_client::{
    Client, explain,
    types::{Step, Workflow, WorkflowStep},
};

use crate::{
    failure::Failure,
    output::{Cell, Column, Console, OutputArgs, Table, clean, duration},
    steps::{self, ListArgs},
};

/// Workflows: what can be shown of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkflowsArgs {
    #[command(subcommand)]
    pub(crate) command: WorkflowsCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum WorkflowsCommand {
    /// Show the workflows that are known
    List(ListArgs),
    /// Show one workflow with its steps
    #[command(after_help = "Example:\n  milepost workflows show kickstart")]
    Show {
        /// The workflow's name
        name: String,
        #[command(flatten)]
        list: ListArgs,
    },
}

impl WorkflowsCommand {
    /// How to print.
    pub(crate) fn output(&self) -> OutputArgs {
        match self {
            Self::List(list) | Self::Show { list, .. } => list.output,
        }
    }
}

/// Shows what was asked for.
///
/// # Errors
/// When the service gives no answer, there is no such workflow, or it cannot be written.
pub(crate) async fn run(
    command: &WorkflowsCommand,
    client: &Client,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let workflows = all(client).await?;
    match command {
        WorkflowsCommand::List(args) if args.json => console.print_json(&workflows),
        WorkflowsCommand::List(_) => {
            let table = table(&workflows).render(&console.screen);
            console.print(&table)
        }
        WorkflowsCommand::Show { name, list } => {
            let workflow = workflows.iter().find(|workflow| workflow.name == *name);
            let workflow = workflow.ok_or_else(|| unknown(name, &workflows))?;
            if list.json {
                return console.print_json(workflow);
            }
            let steps = steps::all(client).await?;
            let text = format!("{}\n{}", head(workflow), places(workflow, &steps).render(&console.screen));
            console.print(&text)
        }
    }
}

async fn all(client: &Client) -> Result<Vec<Workflow>, Failure> {
    pages(async |page| {
        let answer = client.list_workflows().per_page("all").page(page).send().await;
        let list = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        Ok((list.results, list.subtotal))
    })
    .await
}

/// All of a list, page by page; a page comes with how many there are in all.
pub(crate) async fn pages<T>(
    get: impl AsyncFn(NonZeroU64) -> Result<(Vec<T>, i64), Failure>,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    let mut page = NonZeroU64::MIN;
    loop {
        let (results, total) = get(page).await?;
        let empty = results.is_empty();
        all.extend(results);
        let complete = i64::try_from(all.len()).is_ok_and(|count| count >= total);
        match page.checked_add(1) {
            Some(next) if !empty && !complete => page = next,
            _ => return Ok(all),
        }
    }
}

fn unknown(name: &str, workflows: &[Workflow]) -> Failure {
    let known: Vec<String> = workflows.iter().map(|workflow| clean(&workflow.name)).collect();
    Failure::usage(format!("there is no workflow '{}'; known: {}", clean(name), known.join(", ")))
}

fn table(workflows: &[Workflow]) -> Table {
    let columns = vec![
        Column::new("Name").shrinks(2, 12),
        Column::new("Title").shrinks(0, 12),
        Column::new("Steps").right(),
        Column::new("Registry").drops(1),
        Column::new("Owner").shrinks(1, 8).drops(0),
    ];
    let row = |workflow: &Workflow| {
        vec![
            Cell::new(clean(&workflow.name)),
            Cell::new(clean(&workflow.title)),
            Cell::new(workflow.steps.len().to_string()),
            Cell::new(workflow.registry.as_ref().map(|mode| clean(mode)).unwrap_or_default()),
            Cell::new(clean(&workflow.owner)),
        ]
    };
    Table::new(columns, workflows.iter().map(row).collect())
}

/// What stands above the steps.
fn head(workflow: &Workflow) -> String {
    let description =
        workflow.description.as_ref().map(|text| format!("{}\n", clean(text))).unwrap_or_default();
    let registry =
        workflow.registry.as_ref().map(|mode| format!(", {} registry", clean(mode))).unwrap_or_default();
    let (name, title, owner) = (clean(&workflow.name), clean(&workflow.title), clean(&workflow.owner));
    format!("{name}: {title}\n{description}owned by {owner}{registry}\n")
}

fn places(workflow: &Workflow, steps: &[Step]) -> Table {
    let known: HashMap<&str, &Step> = steps.iter().map(|step| (step.label.as_str(), step)).collect();
    let columns = vec![
        Column::new("Label").shrinks(2, 12),
        Column::new("Name").shrinks(0, 12),
        Column::new("Priority").right().drops(1),
        Column::new("Usually").right(),
        Column::new("Timeout").right().drops(2),
        Column::new("Marks").drops(0),
    ];
    let mut places: Vec<(Option<i32>, &WorkflowStep)> = workflow
        .steps
        .iter()
        .map(|place| (place.priority.or(known.get(place.label.as_str()).map(|step| step.priority)), place))
        .collect();
    places.sort_by_key(|(priority, _)| *priority);
    let row = |(priority, place): &(Option<i32>, &WorkflowStep)| {
        let step = known.get(place.label.as_str());
        let usually = place.weight_seconds.or(step.map(|step| step.weight_seconds));
        let timeout = place.timeout_seconds.or(step.map(|step| step.timeout_seconds));
        let marks = [(place.optional, "optional"), (place.entry, "entry")];
        let marks: Vec<&str> =
            marks.iter().filter(|(set, _)| *set == Some(true)).map(|(_, mark)| *mark).collect();
        vec![
            Cell::new(clean(&place.label)),
            Cell::new(step.map(|step| clean(&step.name)).unwrap_or_default()),
            Cell::new(priority.map(|priority| priority.to_string()).unwrap_or_default()),
            Cell::new(usually.map(|seconds| duration(seconds.into())).unwrap_or_default()),
            Cell::new(timeout.map(|seconds| duration(seconds.into())).unwrap_or_default()),
            Cell::new(marks.join(", ")),
        ]
    };
    Table::new(columns, places.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Screen;

    #[test]
    fn what_a_place_leaves_out_is_the_steps_own() {
        let workflow = serde_json::json!({"name": "storage", "title": "Storage servers", "owner": "site", "registry": "loose",
            "steps": [{"label": "built"}, {"label": "get_ks", "entry": true, "optional": true, "weight_seconds": 60}]});
        let steps = serde_json::json!([
            {"label": "get_ks", "name": "Kickstart download", "priority": 20, "weight_seconds": 5, "timeout_seconds": 900, "owner": "milepost"},
            {"label": "built", "name": "Installed", "priority": 800, "weight_seconds": 5, "timeout_seconds": 900, "owner": "milepost"}]);
        let workflow: Workflow = serde_json::from_value(workflow).unwrap();
        let steps: Vec<Step> = serde_json::from_value(steps).unwrap();
        let screen = Screen { terminal: true, width: Some(80), colour: false, unicode: true };
        assert_eq!(head(&workflow), "storage: Storage servers\nowned by site, loose registry\n");
        assert_eq!(
            places(&workflow, &steps).render(&screen),
            "Label   Name                Priority  Usually  Timeout  Marks\n\
             get_ks  Kickstart download        20    1 min   15 min  optional, entry\n\
             built   Installed                800      5 s   15 min\n"
        );
        assert_eq!(
            unknown("kick\u{1b}[2Jstart", &[workflow]).to_string(),
            "there is no workflow 'kickstart'; known: storage"
        );
    }
}
