//! Builds as rows of a table.
//!
//! The rule it protects: a row says what the machine does and how far it is on any screen; the bar
//! and its percent are never shortened.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use milepost_client::types::Build;

use crate::output::{Cell, Column, Screen, Table, Tone, age, clean, duration, short_age, short_duration};

/// How much a table says, from much to little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Full,
    /// Times in short, a short bar.
    Brief,
    /// Short titles too.
    Compact,
    /// And host names without their domain.
    Short,
}

/// The table that says most of those that fit.
pub(super) fn table(builds: &[Build], now: DateTime<Utc>, screen: &Screen) -> Table {
    for say in [Form::Full, Form::Brief, Form::Compact] {
        let table = form(builds, now, screen, say);
        if screen.width.is_none_or(|width| table.fits(width)) {
            return table;
        }
    }
    form(builds, now, screen, Form::Short)
}

/// Whether the first part of each host's name still says which it is.
fn distinct_without_domain(builds: &[Build]) -> bool {
    let names: HashSet<&str> = builds.iter().map(|build| build.host.name.as_str()).collect();
    let firsts: HashSet<&str> = names.iter().map(|name| first_part(name)).collect();
    names.len() == firsts.len()
}

fn first_part(name: &str) -> &str {
    name.split_once('.').map_or(name, |(first, _)| first)
}

fn form(builds: &[Build], now: DateTime<Utc>, screen: &Screen, form: Form) -> Table {
    let titled = matches!(form, Form::Full | Form::Brief);
    let title = |long: &'static str, short: &'static str| Column::new(if titled { long } else { short });
    // The least that is worth its column.
    let (action, message) = match form {
        Form::Full => (20, 24),
        Form::Brief => (20, 16),
        Form::Compact => (20, 10),
        Form::Short => (12, 10),
    };
    let machine = Column::new("Machine");
    let columns = vec![
        // Half a name may be another machine's: only when nothing else helps.
        if form == Form::Short { machine.shrinks(2, 8) } else { machine },
        Column::new("Action").shrinks(1, action),
        Column::new("Progress"),
        title("Last message", "Message").shrinks(0, message).drops(0),
        title("Last update", "Updated").right().drops(2),
        title("Total duration", "Total").right().drops(1),
    ];
    let whole = form != Form::Short || !distinct_without_domain(builds);
    let rows = builds.iter().map(|build| row(build, now, screen, form, whole)).collect();
    Table::new(columns, rows)
}

fn row(build: &Build, now: DateTime<Utc>, screen: &Screen, form: Form, whole_name: bool) -> Vec<Cell> {
    let name = clean(&build.host.name);
    let machine = if whole_name { &name } else { first_part(&name) };
    let full = form == Form::Full;
    let tone = tone(build);
    let updated = build
        .last_report_at
        .map_or_else(|| "never".to_owned(), |at| if full { age(at, now) } else { short_age(at, now) });
    let elapsed = build.elapsed_seconds;
    vec![
        Cell::new(machine),
        Cell::new(action(build, full) + if build.muted.is_some() && full { ", muted" } else { "" })
            .tone(tone),
        Cell::new(progress(build, screen, full)).tone(tone),
        Cell::new(clean(build.last_message.as_deref().unwrap_or_default())),
        Cell::new(updated),
        Cell::new(if full { duration(elapsed) } else { short_duration(elapsed) }),
    ]
}

fn tone(build: &Build) -> Tone {
    match build.state.as_str() {
        _ if build.muted.is_some() => Tone::Quiet,
        _ if super::signals::urgent(build).next().is_some() => Tone::Bad,
        "failed" => Tone::Bad,
        "running" => Tone::Busy,
        "installed" | "completed" => Tone::Good,
        "canceled" | "superseded" | "expired" => Tone::Quiet,
        _ => Tone::Plain,
    }
}

/// What the machine does, in the words of its steps.
fn action(build: &Build, full: bool) -> String {
    let step = build.current_step.as_ref();
    let name = step.map(|step| clean(&step.name));
    let step_state = step.map_or("", |step| step.state.as_str());
    match (build.state.as_str(), name) {
        ("pending", _) if full => "waiting for the first report".to_owned(),
        ("pending", _) => "waiting".to_owned(),
        ("failed", Some(name)) => format!("{name} failed"),
        ("running", Some(name)) if step_state == "done" => format!("{name} done"),
        ("running", Some(name)) => name,
        // The system boots for the first time; "Installed" itself is a step too.
        ("installed", Some(name)) if step_state == "running" => format!("installed, {name}"),
        (state, _) => clean(state),
    }
}

fn progress(build: &Build, screen: &Screen, full: bool) -> String {
    let cells = if full { 10 } else { 6 };
    let progress = match build.percent {
        Some(percent) => format!("{} {percent:>3} %", bar(percent, cells, screen.unicode)),
        None if screen.unicode => "–".to_owned(),
        None => "-".to_owned(),
    };
    let attempt = match build.attempt.get() {
        1 => String::new(),
        attempt if full => format!(", attempt {attempt}"),
        attempt => format!(" #{attempt}"),
    };
    progress + &attempt + &left(build, full)
}

/// How long it will still take; or that it should be further by now, since then nothing else is sure.
fn left(build: &Build, full: bool) -> String {
    let Some(eta) = &build.eta else { return String::new() };
    match (&eta.overdue, full) {
        (Some(late), true) => format!(", overdue by {}", rough(late.by_seconds, full)),
        (Some(_), false) => " late".to_owned(),
        (None, true) => format!(", {} left", rough(eta.seconds, full)),
        (None, false) => format!(" ~{}", rough(eta.seconds, full)),
    }
}

/// An estimate in one unit: its seconds would only pretend.
fn rough(seconds: i64, full: bool) -> String {
    let seconds = if seconds < 60 { seconds } else { (seconds.saturating_add(30)) / 60 * 60 };
    if full { duration(seconds) } else { short_duration(seconds) }
}

fn bar(percent: i32, cells: usize, unicode: bool) -> String {
    let percent = usize::try_from(percent.clamp(0, 100)).unwrap_or_default();
    if !unicode {
        // To the nearest, but full at the end only.
        let full = if percent == 100 { cells } else { ((percent * cells + 50) / 100).min(cells - 1) };
        return format!("[{}{}]", "#".repeat(full), "-".repeat(cells - full));
    }
    let eighths = percent * cells * 8 / 100;
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or_default();
    let full = eighths / 8;
    let rest = cells - full - usize::from(!part.is_empty());
    format!("{}{part}{}", "█".repeat(full), "░".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_at_the_end_only() {
        assert_eq!(bar(0, 10, false), "[----------]");
        assert_eq!(bar(52, 10, false), "[#####-----]");
        assert_eq!(bar(99, 10, false), "[#########-]");
        assert_eq!(bar(11, 6, false), "[#-----]");
        assert_eq!(bar(100, 10, false), "[##########]");
        assert_eq!(bar(52, 10, true), "█████▏░░░░");
        assert_eq!(bar(99, 10, true), "█████████▉");
        for percent in -5..120 {
            assert_eq!(bar(percent, 6, true).chars().count(), 6, "{percent}");
        }
    }
}
