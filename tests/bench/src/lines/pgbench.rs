//! Durable reports a second against PostgreSQL itself, without HTTP and without rules.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::Line;
use crate::{
    database::COUNT,
    failure::{Context as _, Result},
    findings::Findings,
    process,
    results::{Judged, Spec},
    subject::{Subject, ingest},
    units::Unit,
    usage::Meter,
    world::{NAIVE, World},
    wrk::Outcome,
};

pub(crate) const LINE: Line = Line {
    names: &["pgbench"],
    compares: "durable reports/s over 64 and 256 connections with one INSERT + UPDATE a transaction, best of 1/16/64 clients",
    quick: false,
    takes: (5, 8),
    seeds: 0,
    round,
};

const SCRIPT: &str = include_str!("../../references/pgbench/report.sql");
const CLIENTS: [usize; 3] = [1, 16, 64];
const RUN: &str = "run";

const fn spec(what: &'static str) -> Spec {
    let (unit, judged) = (Unit::Rate, Judged::RatioUp);
    Spec { what, against: "pgbench", unit, judged, goal: Some(1.5), heroic: Some(2.5) }
}

fn round(world: &mut World, _: u32, findings: &mut Findings) -> Result<()> {
    // The reference stands between the two, next to both.
    let few = ingest(world, Subject::Service, 64)?;
    let mut best = 0.0_f64;
    for clients in CLIENTS {
        best = best.max(pgbench(world, findings, clients)?);
    }
    let many = ingest(world, Subject::Service, 256)?;
    findings.results.add(spec("reports/s, 64 connections"), few.outcome.rate, Some(best));
    findings.results.add(spec("reports/s, 256 connections"), many.outcome.rate, Some(best));
    Ok(())
}

/// Where Debian, Fedora and EL keep it.
fn program() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin/pgbench")).collect();
    found.sort();
    found.reverse();
    found.push(PathBuf::from("/usr/bin/pgbench"));
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| Path::new("pgbench").to_path_buf())
}

/// Transactions a second, on the tables of the naive reference.
fn pgbench(world: &World, findings: &mut Findings, clients: usize) -> Result<f64> {
    world.database.copy(NAIVE, RUN)?;
    let script = world.place.join("report.sql");
    fs::write(&script, SCRIPT)?;
    let (seconds, count) = (world.options.seconds, clients.to_string());
    let mut command: Command = crate::world::command(&program());
    command
        .args(["--no-vacuum", "--protocol", "prepared", "--jobs", if clients == 1 { "1" } else { "2" }])
        .args(["--client", &count, "--time", &seconds.to_string(), "--file"])
        .arg(&script)
        .arg(world.database.url(RUN)?)
        .current_dir(world.place.path());
    let meter = Meter::start(None, Some(world.database.pid()?));
    let said = process::output("pgbench", &mut command, Duration::from_secs(seconds + 60))?;
    let split = meter.stop();
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    let rate: f64 = rate.context("pgbench said no tps")?;
    let done = said.lines().find_map(|line| {
        let (_, count) = line.split_once("transactions actually processed: ")?;
        count.split('/').next()?.trim().parse().ok()
    });
    let answered: u64 = done.context("pgbench said no transactions")?;
    let stored = world.database.number(RUN, COUNT)?;
    Subject::Naive.check_stored(stored, answered, clients)?;
    world.narrator.say(&format!("  pgbench, {clients} clients: {}", Unit::Rate.show(rate)));
    let outcome = Outcome { answered, rate, p50: f64::NAN, p99: f64::NAN };
    findings.add_work(&format!("pgbench, {clients} clients"), split, outcome);
    Ok(rate)
}
