//! `milepost timings`: how long the steps of each kind of build usually take, as it was learned.
//!
//! The rule it protects: looking asks the service, as any client does; learning anew is work on the
//! database, and may go on beside the service.

use clap::{Args, Subcommand};
use milepost_api::Scope;
use milepost_client::{Client, explain, types::Timings};
use milepost_store::timing;

use crate::{
    config, database,
    failure::Failure,
    output::{Cell, Column, Console, OutputArgs, Table, clean, counted, duration},
    reach,
    remote::RemoteArgs,
    steps::ListArgs,
    workflows,
};

/// Timings: what can be shown of them, and done with them.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimingsArgs {
    #[command(subcommand)]
    pub(crate) command: TimingsCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TimingsCommand {
    /// Show of which kinds of builds it is known
    List(ListArgs),
    /// Show the steps of one kind
    #[command(after_help = "Example:\n  milepost timings show kickstart in web on R650")]
    Show {
        /// The kind, as `list` shows it
        #[arg(required = true, num_args = 1.., value_name = "KIND")]
        key: Vec<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Learn anew from all builds that are kept, on the database itself
    #[command(after_help = "\
What was learned from builds that are gone is forgotten. The service may go on meanwhile, and learns nothing until
this is over.")]
    Rebuild {
        /// PostgreSQL of the site's own [default: the embedded one in the data directory]
        #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
        database_url: Option<String>,
    },
}

impl TimingsCommand {
    /// How to print.
    pub(crate) fn output(&self) -> OutputArgs {
        match self {
            Self::List(list) | Self::Show { list, .. } => list.output,
            Self::Rebuild { .. } => OutputArgs::default(),
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// When the service or the database gives no answer, nothing is known of the kind, or it cannot be
/// written.
pub(crate) fn run(
    command: &TimingsCommand,
    remote: RemoteArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if let TimingsCommand::Rebuild { database_url } = command {
        let (data_dir, url) = config::database(&remote.place, database_url.as_ref())?;
        let learned = database::work_on(&data_dir, url, |connection| Ok(timing::rebuild(connection)?))?;
        return console.print(&match learned {
            Some(builds) => {
                format!("Learned from {}.\n", counted(i64::try_from(builds).unwrap_or(i64::MAX), "build"))
            }
            None => format!("There is no database in {}, so nothing to learn from.\n", data_dir.display()),
        });
    }
    let (client, runtime) = reach(remote, Scope::Read)?;
    let all = runtime.block_on(all(&client))?;
    match command {
        TimingsCommand::List(args) if args.json => console.print_json(&all),
        TimingsCommand::List(_) if all.is_empty() => console.say_empty(
            "Nothing was learned yet: every build that completes in its first attempt teaches how long its steps take.",
        ),
        TimingsCommand::List(_) => console.print(&kinds(&all).render(&console.screen)),
        TimingsCommand::Show { key, list } => {
            let key = key.join(" ");
            let one = all.iter().find(|timings| timings.key == key).ok_or_else(|| unknown(&key))?;
            if list.json {
                return console.print_json(one);
            }
            console.print(&format!("{}\n{}", head(one), steps(one).render(&console.screen)))
        }
        TimingsCommand::Rebuild { .. } => Ok(()),
    }
}

async fn all(client: &Client) -> Result<Vec<Timings>, Failure> {
    workflows::pages(async |page| {
        let answer = client.list_timings().per_page("all").page(page).send().await;
        let list = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        Ok((list.results, list.subtotal))
    })
    .await
}

fn unknown(key: &str) -> Failure {
    let key = clean(key);
    Failure::usage(format!("nothing was learned of '{key}'; what was: milepost timings list"))
}

fn kinds(all: &[Timings]) -> Table {
    let columns = vec![
        Column::new("Kind").shrinks(0, 20),
        Column::new("Builds").right(),
        Column::new("Usually").right(),
        Column::new("Used").drops(0),
    ];
    let row = |timings: &Timings| {
        vec![
            Cell::new(clean(&timings.key)),
            Cell::new(timings.builds.to_string()),
            Cell::new(duration(whole(usually(timings)))),
            Cell::new(if timings.is_enough { "yes" } else { "no, too few" }),
        ]
    };
    Table::new(columns, all.iter().map(row).collect())
}

/// What the steps add up to, each by the share of builds that have it.
fn usually(timings: &Timings) -> f64 {
    timings.steps.iter().map(|step| step.median_seconds * step.share).sum()
}

fn head(timings: &Timings) -> String {
    let used = if timings.is_enough { "" } else { ", too few to be used" };
    let builds = i64::try_from(timings.builds.get()).unwrap_or(i64::MAX);
    format!("{}: from {}{used}\n", clean(&timings.key), counted(builds, "build"))
}

fn steps(timings: &Timings) -> Table {
    let columns = vec![
        Column::new("Step").shrinks(0, 12),
        Column::new("Usually").right(),
        Column::new("At most, in 9 of 10").right(),
        Column::new("In builds").right().drops(0),
    ];
    let rows = timings.steps.iter().map(|step| {
        vec![
            Cell::new(clean(&step.label)),
            Cell::new(duration(whole(step.median_seconds))),
            Cell::new(duration(whole(step.p90_seconds))),
            Cell::new(format!("{:.0} %", step.share * 100.0)),
        ]
    });
    Table::new(columns, rows.collect())
}

/// Whole seconds, of which there are few.
pub(crate) fn whole(seconds: f64) -> i64 {
    let rounded = std::time::Duration::try_from_secs_f64(seconds.max(0.0).round()).unwrap_or_default();
    i64::try_from(rounded.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Screen;

    fn timings(builds: u8, is_enough: bool) -> Timings {
        serde_json::from_value(serde_json::json!({
            "key": "kickstart in web on R650", "workflow": "kickstart", "hostgroup": "web", "model": "R650",
            "builds": builds, "is_enough": is_enough, "steps": [
                {"label": "get_ks", "median_seconds": 3.4, "p90_seconds": 9.0, "share": 1.0},
                {"label": "packages", "median_seconds": 312.5, "p90_seconds": 480.2, "share": 1.0},
                {"label": "updates", "median_seconds": 60.0, "p90_seconds": 90.0, "share": 0.25},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn kinds_and_their_steps_read_well_at_80_columns() {
        let screen = Screen { terminal: true, width: Some(80), colour: false, unicode: true };
        assert_eq!(
            kinds(&[timings(64, true), timings(1, false)]).render(&screen),
            "\
Kind                      Builds     Usually  Used
kickstart in web on R650      64  5 min 31 s  yes
kickstart in web on R650       1  5 min 31 s  no, too few
"
        );
        let one = timings(1, false);
        assert_eq!(head(&one), "kickstart in web on R650: from 1 build, too few to be used\n");
        assert_eq!(
            steps(&one).render(&screen),
            "\
Step         Usually  At most, in 9 of 10  In builds
get_ks           3 s                  9 s      100 %
packages  5 min 13 s                8 min      100 %
updates        1 min           1 min 30 s       25 %
"
        );
    }
}
