//! Writes docs/benchmarks.md.
//!
//! The rule it protects: a published figure comes with the machine, the commit, the settings and the
//! command that it was measured with, and with how to read it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    failure::Result,
    findings::Findings,
    machine,
    stats::Sorted,
    table::{grouped, quantile_cells},
    units::Unit,
    world::World,
};

/// Where the document is.
pub(crate) fn path() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    root.join("docs/benchmarks.md")
}

fn row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A table; all columns but the first few are figures.
fn head(cells: &[&str], words: usize) -> String {
    let rules: Vec<&str> =
        cells.iter().enumerate().map(|(at, _)| if at < words { "---" } else { "---:" }).collect();
    row(cells) + &row(&rules)
}

const READING: &str = "\
* **Only ratios compare, and only within one run.** The same program on the same machine is twice as fast or half as fast
  a few minutes later. Ours and the reference run in turns, every other round in the other order; *least*, *median* and
  *most* are of the rounds' ratios where a ratio is judged, else of our own values. The median is what is judged.
* *ours* and *theirs* are the medians of each side alone. They tell the order of magnitude on that machine on that day.
* Load generator, service and PostgreSQL share the processors. See *Who used the processors*.
* *Durable* means that PostgreSQL said that it had committed, with fsync on, before the answer was sent. After each run
  the rows in the database are counted: no fewer than were answered, no more than were sent. Any answer other than 2xx
  fails the whole run.
* The load of full throughput is a closed loop: a connection sends its next report when the last one was answered. Its
  latencies say little. Those at a fixed rate are an open loop: a report counts from the moment at which it was due, and
  one that could not be sent in time counts with its waiting.
* The disk stalls by itself. Look at its own p99 and most before you read ours.

The references, all in `tests/bench/references`:

* **naive**: actix-web and Diesel, a pool of 8 connections, `BEGIN`, `UPDATE` of the build, `INSERT` of the report,
  `COMMIT` for each; the token looked up by its hash. It works out nothing.
* **pgbench**: PostgreSQL alone, one statement a report (`INSERT` and `UPDATE` in one, prepared) on the tables of the
  naive one, without HTTP; the best of 1, 16 and 64 clients.
* **Flask**: Flask, gunicorn with two workers, SQLite with `synchronous = FULL`; a signed token for each build.
* **hello-world**: a route of the naive server that answers a constant text, asked with the same script.
* **bigserial**: the table of the naive one: a `bigserial` key, an index by build, the log in the row.
* **fdatasync**: 8 KiB written and synced, again and again, with nothing else going on, in the same round.
";

/// The whole document.
pub(crate) fn text(world: &World, findings: &Findings, rounds: u32) -> Result<String> {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `make bench`; do not edit. How it measures: `tests/bench/README.md`.\n\n",
    );
    results(&mut text, findings);
    text += "\n## How to read it\n\n";
    text += READING;
    latencies(&mut text, findings)?;
    works(&mut text, findings);
    circumstances(&mut text, world, findings, rounds)?;
    Ok(text)
}

fn results(text: &mut String, findings: &Findings) {
    *text += &head(
        &["what", "against", "ours", "theirs", "least", "median", "most", "goal", "heroic", "reached"],
        2,
    );
    for (_, rows) in grouped(&findings.results) {
        for found in rows {
            *text += &row(&found.cells());
        }
    }
}

fn latencies(text: &mut String, findings: &Findings) -> Result<()> {
    if findings.disk.is_empty() {
        return Ok(());
    }
    *text += "\n## Latency at fixed rates, and the disk\n\n";
    *text += &head(&["what", "round", "answered", "p50", "p90", "p99", "p99.9", "max"], 1);
    for (rate, all) in &findings.paced {
        for (at, paced) in all.iter().enumerate() {
            let first =
                [format!("{rate} reports/s"), (at + 1).to_string(), Unit::Rate.show(paced.answered_rate)];
            let cells: Vec<String> = first.into_iter().chain(quantile_cells(&paced.latencies)).collect();
            *text += &row(&cells);
        }
    }
    for (at, disk) in findings.disk.iter().enumerate() {
        let first = ["write + fdatasync".to_owned(), (at + 1).to_string(), String::new()];
        let cells: Vec<String> = first.into_iter().chain(quantile_cells(disk)).collect();
        *text += &row(&cells);
    }
    let all = Sorted::merge(findings.disk.iter().cloned());
    let (stalls, share) = all.above(20_000.0);
    writeln!(
        text,
        "\nOf {} syncs of the disk in all rounds, {stalls} took longer than 20 ms, which was {:.0} % of the time.",
        all.len(),
        100.0 * share
    )?;
    Ok(())
}

fn works(text: &mut String, findings: &Findings) {
    if findings.works.is_empty() {
        return;
    }
    *text += "\n## Who used the processors\n\nShares of all cores while reports came in at full load, medians of the rounds; *rate* is the median of the rounds and *best* the most. *idle* includes waiting for the disk.\n\n";
    *text += &head(&["what", "server", "PostgreSQL", "load", "idle", "other", "rate", "best", "p50"], 1);
    for work in &findings.works {
        let cells = work.cells().into_iter().chain([Unit::Micros.show(work.p50())]);
        *text += &row(&cells.collect::<Vec<_>>());
    }
}

fn circumstances(text: &mut String, world: &World, findings: &Findings, rounds: u32) -> Result<()> {
    let (version, settings) = world.database.described()?;
    *text += "\n## Circumstances\n\n";
    *text += &head(&["what", ""], 2);
    let date = machine::says("date", &["-u", "+%Y-%m-%d %H:%M UTC"]);
    let command: Vec<String> = std::env::args().skip(1).collect();
    let seconds = world.options.seconds;
    let own = [
        ("date", date),
        ("commit", machine::commit()),
        (
            "command",
            format!("`bench {}`: {rounds} rounds, {seconds} s each", command.join(" ")).replace(" `", "`"),
        ),
        ("PostgreSQL", version),
        (
            "wrk",
            machine::says("wrk", &["--version"]).split(" Copyright").next().unwrap_or_default().to_owned(),
        ),
        ("Rust", machine::says("rustc", &["--version"])),
    ];
    for (name, value) in own.into_iter().chain(machine::facts(world.place.path())) {
        *text += &row(&[name, &value]);
    }
    *text += "\nSettings of PostgreSQL:\n\n```\n";
    for setting in settings {
        writeln!(text, "{setting}")?;
    }
    *text += "```\n";
    if !findings.notes.is_empty() {
        *text += "\nNotes:\n\n";
    }
    for note in &findings.notes {
        writeln!(text, "* {note}")?;
    }
    Ok(())
}
