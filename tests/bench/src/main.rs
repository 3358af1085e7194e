//! Measures Milepost against what else one could run: `make bench`, `make bench-quick`.
//!
//! The rule it protects: only runs that follow each other on one machine compare, so what is shown
//! is a ratio, with its least, its median and its most, beside the goal.

mod args;
mod database;
mod disk;
mod document;
mod failure;
mod findings;
mod http;
mod janitor;
mod lines;
mod machine;
mod narrator;
mod pace;
mod place;
mod process;
mod results;
mod seed;
mod stats;
mod steps;
mod stop;
mod subject;
mod table;
mod units;
mod usage;
mod world;
mod wrk;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use crate::{
    args::Args,
    failure::{Failure, Result},
    findings::Findings,
    lines::{LINES, Line},
    narrator::Narrator,
    world::World,
};

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads it: then nobody misses it.
            let _ = writeln!(std::io::stderr(), "bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The lines that were asked for.
fn chosen(args: &Args) -> Result<Vec<&'static Line>> {
    let known = |name: &str| LINES.iter().any(|line| line.names.contains(&name));
    if let Some(name) = args.only.iter().find(|name| !known(name)) {
        return Err(Failure::new(format!("there is no line '{name}'; --list names them")));
    }
    let wanted = |line: &&&Line| {
        if args.only.is_empty() {
            line.quick || !args.quick
        } else {
            line.names.iter().any(|name| args.only.iter().any(|only| only == name))
        }
    };
    Ok(LINES.iter().filter(wanted).copied().collect())
}

fn list() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in LINES {
        let quick = if line.quick { "also quick" } else { "" };
        writeln!(out, "{:<20} {quick:<11} {}", line.names.join(", "), line.compares)?;
    }
    Ok(())
}

fn run(args: &Args) -> Result<()> {
    if args.list {
        return list();
    }
    let lines = chosen(args)?;
    let rounds = args.rounds();
    stop::listen()?;
    let mut world = World::make(args, Narrator::new())?;
    world.wanted = lines.iter().flat_map(|line| line.names).copied().collect();
    let seconds = |line: &Line| line.seconds(world.options, rounds);
    world.narrator.expect(lines.iter().map(|line| seconds(line)).sum());
    let mut findings = Findings::default();
    for (at, line) in lines.iter().enumerate() {
        for round in 1..=rounds {
            stop::check()?;
            let (at, of, name) = (at + 1, lines.len(), line.names.join(", "));
            world.narrator.say(&format!("line {at}/{of}, {name}: round {round}/{rounds}"));
            findings.round(&mut world, |world, findings| (line.round)(world, round, findings))?;
            world.narrator.pass(line.seconds(world.options, rounds) / f64::from(rounds));
        }
    }
    if let Some(doubt) = findings.doubt() {
        findings.note(doubt);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(table::text(&findings).as_bytes())?;
    if args.writes() {
        let path = document::path();
        std::fs::write(&path, document::text(&world, &findings, rounds)?)?;
        writeln!(out, "\nwritten: {}", path.display())?;
    }
    if world.place.is_kept() {
        writeln!(out, "\nkept: {}", world.place.path().display())?;
    }
    world.narrator.say("done; what was started is stopped");
    Ok(())
}
