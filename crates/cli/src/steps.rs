//! `milepost steps`: the steps that are known.
//!
//! The rule it protects: what Milepost ships is shown and never changed from here; a change says
//! what became of each item.

mod import;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use milepost_client::{Client, explain, types::Step};

use crate::{
    failure::Failure,
    output::{Cell, Column, Console, OutputArgs, Table, clean, duration},
    workflows,
};

/// Steps: what can be done with them.
#[derive(Debug, Clone, Args)]
pub(crate) struct StepsArgs {
    #[command(subcommand)]
    pub(crate) command: StepsCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StepsCommand {
    /// Show the steps that are known, in their order
    List(ListArgs),
    /// Bring in steps and workflows of a TOML file
    #[command(after_help = "\
Examples:
  milepost steps import raid.toml

The file, as docs/workflows.md describes it:
  owner = \"site\"

  [[step]]
  label = \"raid_setup\"
  name = \"RAID controller setup\"
  priority = 110
  weight_seconds = 90
  timeout_seconds = 1200

Nothing is sent unless the whole file holds together. Importing it again changes nothing.")]
    Import {
        /// The TOML file
        file: PathBuf,
    },
    /// Remove a step of one's own; stored reports stay
    Delete {
        /// The step's label
        label: String,
        /// Whose it is [default: site]
        #[arg(long)]
        owner: Option<String>,
    },
}

/// A list, and how to show it.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// Print JSON, as the API gives it
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl StepsCommand {
    /// Whether a token that may only read is enough.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// How to print; a change prints plain lines.
    pub(crate) fn output(&self) -> OutputArgs {
        match self {
            Self::List(args) => args.output,
            Self::Import { .. } | Self::Delete { .. } => OutputArgs::default(),
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// When the service refuses or gives no answer, a file cannot be read, or what is shown cannot be
/// written.
pub(crate) async fn run(
    command: &StepsCommand,
    client: &Client,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match command {
        StepsCommand::List(args) => {
            let steps = all(client).await?;
            if args.json {
                return console.print_json(&steps);
            }
            let table = table(&steps).render(&console.screen);
            console.print(&table)
        }
        StepsCommand::Import { file } => import::run(file, client, console).await,
        StepsCommand::Delete { label, owner } => {
            let mut request = client.delete_step().label(label);
            if let Some(owner) = owner {
                request = request.owner(owner);
            }
            let failed = |error| Failure::usage(format!("step {}: {}", clean(label), explain(client, error)));
            let step = request.send().await.map_err(failed)?.into_inner();
            console.print(&format!("step {}: deleted\n", clean(&step.label)))
        }
    }
}

/// All steps, by priority.
pub(crate) async fn all(client: &Client) -> Result<Vec<Step>, Failure> {
    workflows::pages(async |page| {
        let answer = client.list_steps().per_page("all").page(page).send().await;
        let list = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        Ok((list.results, list.subtotal))
    })
    .await
}

fn table(steps: &[Step]) -> Table {
    let columns = vec![
        Column::new("Label").shrinks(2, 12),
        Column::new("Name").shrinks(0, 12),
        Column::new("Priority").right().drops(1),
        Column::new("Usually").right(),
        Column::new("Timeout").right().drops(2),
        Column::new("Owner").shrinks(1, 8).drops(0),
    ];
    let row = |step: &Step| {
        vec![
            Cell::new(clean(&step.label)),
            Cell::new(clean(&step.name)),
            Cell::new(step.priority.to_string()),
            Cell::new(duration(step.weight_seconds.into())),
            Cell::new(duration(step.timeout_seconds.into())),
            Cell::new(clean(&step.owner)),
        ]
    };
    Table::new(columns, steps.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Screen;

    #[test]
    fn steps_are_shown_as_people_say_them() {
        let step = serde_json::json!({"label": "packages", "name": "Package installation", "priority": 300,
            "weight_seconds": 420, "timeout_seconds": 3600, "owner": "milepost"});
        let step: Step = serde_json::from_value(step).unwrap();
        let screen = Screen { terminal: true, width: Some(80), colour: false, unicode: true };
        assert_eq!(
            table(&[step]).render(&screen),
            "Label     Name                  Priority  Usually  Timeout  Owner\n\
             packages  Package installation       300    7 min      1 h  milepost\n"
        );
    }
}
