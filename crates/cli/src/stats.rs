//! `milepost stats`: what the installations of some days came to.
//!
//! The rule it protects: each table answers one question, and one that has nothing to say is left out.

use chrono::NaiveDate;
use clap::Args;
use milepost_client::{
    Client, explain,
    types::{DayCount, Statistics},
};

use crate::{
    failure::Failure,
    output::{Cell, Column, Console, OutputArgs, Screen, Table, Tone, clean, counted, duration},
    timings::whole,
};

/// Which builds to count, and how to show that.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  milepost stats                                   the last 30 days
  milepost stats --from 2026-11-01 --until 2026-11-30
  milepost stats --search 'hostgroup = web and location = brno'")]
pub(crate) struct StatsArgs {
    /// The first day (UTC), of builds that were opened then [default: 30 days up to the last]
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// The last day (UTC) [default: today]
    #[arg(long, value_name = "DAY")]
    until: Option<NaiveDate>,
    /// Only builds that are found, as docs/search.md describes it
    #[arg(long, value_name = "SEARCH")]
    search: Option<String>,
    /// Print JSON, as the API gives it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Shows them.
///
/// # Errors
/// When the service refuses or gives no answer, or it cannot be written.
pub(crate) async fn run(args: &StatsArgs, client: &Client, console: &mut Console<'_>) -> Result<(), Failure> {
    let mut request = client.get_statistics();
    if let Some(from) = args.from {
        request = request.from(from);
    }
    if let Some(until) = args.until {
        request = request.until(until);
    }
    if let Some(search) = &args.search {
        request = request.search(search);
    }
    let answer = request.send().await.map_err(|error| Failure::usage(explain(client, error)))?;
    let statistics = answer.into_inner();
    if args.json {
        return console.print_json(&statistics);
    }
    console.print(&text(&statistics, &console.screen))
}

fn text(statistics: &Statistics, screen: &Screen) -> String {
    let Statistics { from, until, builds, .. } = statistics;
    if *builds == 0 {
        return format!("No build was opened from {from} to {until}.\n");
    }
    let head = format!("{} opened from {from} to {until}\n", counted(*builds, "build"));
    let tables = [
        ("", days(&statistics.days)),
        ("How long installing takes", workflows(statistics)),
        ("The slowest steps", slowest(statistics)),
        ("Where builds fail", failing_steps(statistics)),
        ("Hosts whose builds fail", failing_hosts(statistics)),
    ];
    let parts = tables.into_iter().filter_map(|(title, table)| {
        let title = if title.is_empty() { String::new() } else { format!("{title}\n") };
        Some(format!("\n{title}{}", table?.render(screen)))
    });
    head + &parts.collect::<String>()
}

/// A table of rows, if there are any.
fn filled(columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Option<Table> {
    (!rows.is_empty()).then(|| Table::new(columns, rows))
}

fn number(count: i64) -> Cell {
    Cell::new(count.to_string())
}

fn failures(count: i64) -> Cell {
    number(count).tone(if count > 0 { Tone::Bad } else { Tone::Plain })
}

fn seconds(seconds: f64) -> Cell {
    Cell::new(duration(whole(seconds)))
}

fn days(days: &[DayCount]) -> Option<Table> {
    let columns = vec![
        Column::new("Day"),
        Column::new("Builds").right(),
        Column::new("Installed").right(),
        Column::new("Failed").right(),
        Column::new("Under way").right().drops(1),
        Column::new("Else").right().drops(0),
    ];
    let row = |day: &DayCount| {
        let of = |states: &[&str]| -> i64 {
            let counted = day.states.iter().filter(|count| states.contains(&count.state.as_str()));
            counted.map(|count| count.count).sum()
        };
        let (installed, failed) = (of(&["installed", "completed"]), of(&["failed"]));
        let under_way = of(&["pending", "running"]);
        let other = day.builds - installed - failed - under_way;
        vec![
            Cell::new(day.day.to_string()),
            number(day.builds),
            number(installed),
            failures(failed),
            number(under_way),
            number(other),
        ]
    };
    filled(columns, days.iter().map(row).collect())
}

fn workflows(statistics: &Statistics) -> Option<Table> {
    let columns = vec![
        Column::new("Workflow").shrinks(0, 12),
        Column::new("Builds").right().drops(0),
        Column::new("Installed").right(),
        Column::new("Failed").right(),
        Column::new("Usually").right(),
        Column::new("At most, in 9 of 10").right(),
    ];
    let rows = statistics.workflows.iter().map(|workflow| {
        vec![
            Cell::new(clean(&workflow.workflow)),
            number(workflow.builds),
            number(workflow.installed),
            failures(workflow.failed),
            workflow.median_seconds.map(seconds).unwrap_or_default(),
            workflow.p90_seconds.map(seconds).unwrap_or_default(),
        ]
    });
    filled(columns, rows.collect())
}

fn slowest(statistics: &Statistics) -> Option<Table> {
    let columns = vec![
        Column::new("Workflow").shrinks(0, 12),
        Column::new("Step").shrinks(1, 12),
        Column::new("Builds").right().drops(0),
        Column::new("Usually").right(),
        Column::new("At most, in 9 of 10").right(),
    ];
    let rows = statistics.slowest_steps.iter().map(|step| {
        vec![
            Cell::new(clean(&step.workflow)),
            Cell::new(clean(step.name.as_ref().unwrap_or(&step.label))),
            number(step.builds),
            seconds(step.median_seconds),
            seconds(step.p90_seconds),
        ]
    });
    filled(columns, rows.collect())
}

fn failing_steps(statistics: &Statistics) -> Option<Table> {
    let columns = vec![
        Column::new("Workflow").shrinks(0, 12),
        Column::new("Step").shrinks(1, 12),
        Column::new("Failed").right(),
        Column::new("Of builds").right(),
    ];
    let rows = statistics.failing_steps.iter().map(|step| {
        vec![
            Cell::new(clean(&step.workflow)),
            Cell::new(clean(step.name.as_ref().unwrap_or(&step.label))),
            failures(step.failed),
            number(step.builds),
        ]
    });
    filled(columns, rows.collect())
}

fn failing_hosts(statistics: &Statistics) -> Option<Table> {
    let columns = vec![
        Column::new("Machine").shrinks(0, 12),
        Column::new("Failed").right(),
        Column::new("Of builds").right(),
        Column::new("Last opened").drops(0),
    ];
    let rows = statistics.failing_hosts.iter().map(|host| {
        let last = host.last_failed_at.map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string());
        vec![
            Cell::new(clean(&host.name)),
            failures(host.failed),
            number(host.builds),
            Cell::new(last.unwrap_or_default()),
        ]
    });
    filled(columns, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(statistics: serde_json::Value, width: usize) -> String {
        let screen = Screen { terminal: true, width: Some(width), colour: false, unicode: true };
        text(&serde_json::from_value(statistics).unwrap(), &screen)
    }

    #[test]
    fn each_table_answers_a_question_at_80_columns() {
        let statistics = serde_json::json!({
            "from": "2026-11-21", "until": "2026-11-22", "builds": 130,
            "days": [
                {"day": "2026-11-21", "builds": 120, "states": [
                    {"state": "completed", "count": 100}, {"state": "installed", "count": 8},
                    {"state": "failed", "count": 9}, {"state": "expired", "count": 3}]},
                {"day": "2026-11-22", "builds": 10, "states": [
                    {"state": "running", "count": 9}, {"state": "pending", "count": 1}]}],
            "workflows": [
                {"workflow": "image", "builds": 1, "installed": 0, "failed": 0},
                {"workflow": "kickstart", "builds": 129, "installed": 108, "failed": 9, "median_seconds": 640.4,
                 "p90_seconds": 912.0}],
            "slowest_steps": [{"workflow": "kickstart", "label": "packages", "name": "Package installation",
                "builds": 108, "median_seconds": 312.5, "p90_seconds": 480.2}],
            "failing_steps": [{"workflow": "kickstart", "label": "raid\u{1b}[2J", "builds": 129, "failed": 9}],
            "failing_hosts": [{"id": "0193b0a0-0000-7000-8000-000000000002", "name": "web1.brno.example.com",
                "builds": 4, "failed": 3, "last_failed_at": "2026-11-21T10:00:00Z"}],
        });
        assert_eq!(
            shown(statistics.clone(), 80),
            "\
130 builds opened from 2026-11-21 to 2026-11-22

Day         Builds  Installed  Failed  Under way  Else
2026-11-21     120        108       9          0     3
2026-11-22      10          0       0         10     0

How long installing takes
Workflow   Builds  Installed  Failed      Usually  At most, in 9 of 10
image           1          0       0
kickstart     129        108       9  10 min 40 s          15 min 12 s

The slowest steps
Workflow   Step                  Builds     Usually  At most, in 9 of 10
kickstart  Package installation     108  5 min 13 s                8 min

Where builds fail
Workflow   Step  Failed  Of builds
kickstart  raid       9        129

Hosts whose builds fail
Machine                Failed  Of builds  Last opened
web1.brno.example.com       3          4  2026-11-21 10:00 UTC
"
        );
        for line in shown(statistics, 60).lines() {
            assert!(line.chars().count() <= 60, "{line}");
        }
    }

    #[test]
    fn what_has_nothing_to_say_is_left_out() {
        let nothing = serde_json::json!({"from": "2026-11-21", "until": "2026-11-22", "builds": 0, "days": [],
            "workflows": [], "slowest_steps": [], "failing_steps": [], "failing_hosts": []});
        assert_eq!(shown(nothing, 80), "No build was opened from 2026-11-21 to 2026-11-22.\n");
    }
}
