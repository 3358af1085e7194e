//! `milepost prune`: lets old data go by hand, or says what would go.
//!
//! The rule it protects: it goes by the settings of the service and may run beside it; a trial run
//! changes nothing, and says what the real one would.

use milepost_domain::Time;
use milepost_store::retention::{Policy, Retired, retire};

use crate::{
    args::PruneArgs,
    config::PruneConfig,
    database,
    failure::Failure,
    output::{Cell, Column, Console, Table, counted, size},
};

/// Removes what is old, and says what that was.
///
/// # Errors
/// When the database cannot be found or reached, or has not the schema of this version.
pub(crate) fn run(args: &PruneArgs, now: Time, console: &mut Console<'_>) -> Result<(), Failure> {
    let PruneConfig { data_dir, database_url, retention } = PruneConfig::read(args)?;
    let retired = database::work_on(&data_dir, database_url, |connection| {
        let mut retired = retire(connection, now, &retention, args.dry_run)?;
        while retired.unfinished {
            retired.add(retire(connection, now, &retention, args.dry_run)?);
        }
        Ok(retired)
    })?;
    let Some(retired) = retired else {
        let place = data_dir.display();
        return console.print(&format!("There is no database in {place}, so nothing to remove.\n"));
    };
    show(&retired, &retention, args.dry_run, console)
}

fn show(retired: &Retired, policy: &Policy, dry_run: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    if retired.is_nothing() {
        return console.print(&nothing(policy));
    }
    let rows = rows(retired);
    if !rows.is_empty() {
        let columns = vec![
            Column::new("Partition"),
            Column::new("Holds").drops(0),
            Column::new("Rows").right(),
            Column::new("Size").right(),
        ];
        console.print(&format!("{}\n", Table::new(columns, rows).render(&console.screen)))?;
    }
    for left in &retired.left {
        // Nobody reads it: then nobody misses it.
        let _ = writeln!(console.talk, "{} stays until the next time: {}", left.partition, left.why);
    }
    let summary =
        summary(retired, dry_run).unwrap_or_else(|| "Nothing could be removed this time.".to_owned());
    console.print(&format!("{summary}\n"))
}

fn rows(retired: &Retired) -> Vec<Vec<Cell>> {
    let row = |name: &str, holds: &str, rows: i64, size: String| {
        vec![Cell::new(name), Cell::new(holds), Cell::new(rows.to_string()), Cell::new(size)]
    };
    let mut all: Vec<Vec<Cell>> = Vec::new();
    for dropped in &retired.dropped {
        let holds = if dropped.holds_reports { "reports" } else { "logs" };
        all.push(row(&dropped.partition, holds, dropped.rows, size(dropped.bytes)));
    }
    let defaults =
        [("reports_default", "reports", retired.reports), ("report_logs_default", "logs", retired.logs)];
    for (name, holds, rows) in defaults.into_iter().filter(|(.., rows)| *rows > 0) {
        // Its other rows stay, and so does its file.
        all.push(row(name, holds, rows, String::new()));
    }
    all
}

/// What went, or would go, in a sentence or two; `None` when nothing did.
pub(crate) fn summary(retired: &Retired, dry_run: bool) -> Option<String> {
    let reports = retired.all_reports();
    // Beyond this the store estimates.
    let about = if reports > 10_000 { "about " } else { "" };
    let gone = match (reports + retired.logs, retired.builds) {
        (0, 0) => None,
        (_, 0) => Some(format!("{about}{}", counted(reports, "report"))),
        (0, builds) => Some(counted(builds, "build")),
        (_, builds) => {
            Some(format!("{about}{} and {}", counted(reports, "report"), counted(builds, "build")))
        }
    };
    let partitions = i64::try_from(retired.dropped.len()).unwrap_or(i64::MAX);
    let dropped = (partitions > 0).then(|| {
        let verb = if dry_run { "Would drop" } else { "Dropped" };
        format!("{verb} {} of {}", counted(partitions, "partition"), size(retired.bytes()))
    });
    let verb = if dry_run { "Would delete" } else { "Deleted" };
    match (dropped, gone) {
        (None, None) => None,
        (Some(dropped), None) => Some(format!("{dropped}; there was nothing in them.")),
        (None, Some(gone)) => Some(format!("{verb} {gone}.")),
        (Some(dropped), Some(gone)) => {
            Some(format!("{dropped}; {gone} {} gone with that.", if dry_run { "would be" } else { "are" }))
        }
    }
}

fn nothing(policy: &Policy) -> String {
    let kept = |days: Option<u32>, after: &str| match days {
        Some(days) => format!("for {}{after}", counted(days.into(), "day")),
        None => "for ever".to_owned(),
    };
    format!(
        "Nothing to remove: reports are kept {}, builds {}.\n",
        kept(policy.reports_days, ""),
        kept(policy.builds_days, " after they ended")
    )
}

#[cfg(test)]
mod tests {
    use milepost_store::{partition::Left, retention::Dropped};

    use super::*;
    use crate::output::Screen;

    fn shown(retired: &Retired, dry_run: bool) -> (String, String) {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        let screen = Screen { terminal: true, width: Some(80), colour: false, unicode: false };
        show(retired, &Policy::default(), dry_run, &mut Console { out: &mut out, talk: &mut talk, screen })
            .unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(talk).unwrap())
    }

    fn retired() -> Retired {
        let partition = |name: &str, holds_reports, rows, bytes| Dropped {
            partition: name.to_owned(),
            holds_reports,
            rows,
            bytes,
        };
        Retired {
            dropped: vec![
                partition("reports_20261023", true, 48_210, 14_000_000),
                partition("report_logs_20261023", false, 912, 31_000_000),
            ],
            reports: 7,
            builds: 3,
            ..Retired::default()
        }
    }

    #[test]
    fn a_table_and_a_closing_line_say_what_went() {
        let (out, talk) = shown(&retired(), false);
        assert_eq!(
            out,
            "\
Partition             Holds     Rows   Size
reports_20261023      reports  48210  13 MB
report_logs_20261023  logs       912  29 MB
reports_default       reports      7

Dropped 2 partitions of 42 MB; about 48217 reports and 3 builds are gone with that.
"
        );
        assert_eq!(talk, "");
    }

    #[test]
    fn a_trial_run_says_would() {
        let (out, _) = shown(&retired(), true);
        assert!(out.contains("Would drop 2 partitions") && out.contains("would be gone"), "{out}");
        let builds = Retired { builds: 1, ..Retired::default() };
        assert_eq!(shown(&builds, true).0, "Would delete 1 build.\n");
        assert_eq!(shown(&builds, false).0, "Deleted 1 build.\n");
    }

    #[test]
    fn nothing_to_do_is_said_and_what_stays_too() {
        let (out, _) = shown(&Retired::default(), false);
        assert_eq!(
            out,
            "Nothing to remove: reports are kept for 31 days, builds for 400 days after they ended.\n"
        );
        assert!(
            nothing(&Policy { reports_days: None, builds_days: None }).contains("for ever, builds for ever")
        );
        let left = Left { partition: "reports_20261023".to_owned(), why: "somebody is using it".to_owned() };
        let (out, talk) = shown(&Retired { left: vec![left], ..Retired::default() }, false);
        assert_eq!(out, "Nothing could be removed this time.\n");
        assert_eq!(talk, "reports_20261023 stays until the next time: somebody is using it\n");
    }
}
