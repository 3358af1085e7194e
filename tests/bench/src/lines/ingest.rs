//! Durable reports a second against the naive service; what they take in memory and on disk.

use super::{Line, in_turns};
use crate::{
    failure::Result,
    findings::Findings,
    results::{Judged, Spec},
    subject::{Ingested, Subject, ingest},
    units::Unit,
    world::World,
};

pub(crate) const LINE_64: Line = Line {
    names: &["ingest-64", "bytes"],
    compares: "durable reports/s over 64 connections, and bytes a report, with the naive service",
    quick: true,
    takes: (2, 4),
    seeds: 0,
    round: |world, round, findings| {
        let (ours, theirs) = pair(world, round, findings, 64)?;
        findings.results.add(
            naive("reports/s, 64 connections"),
            ours.outcome.rate,
            Some(theirs.outcome.rate),
        );
        findings.results.add(BYTES, ours.bytes, Some(theirs.bytes));
        Ok(())
    },
};

pub(crate) const LINE_256: Line = Line {
    names: &["ingest-256", "memory"],
    compares: "the same over 256 connections, and the service's memory meanwhile",
    quick: true,
    takes: (2, 4),
    seeds: 0,
    round: |world, round, findings| {
        let (ours, theirs) = pair(world, round, findings, 256)?;
        findings.results.add(
            naive("reports/s, 256 connections"),
            ours.outcome.rate,
            Some(theirs.outcome.rate),
        );
        findings.results.add(MEMORY, ours.memory.peak, Some(theirs.memory.peak));
        findings.results.add(MEMORY_SEEN, ours.memory.median, Some(theirs.memory.median));
        Ok(())
    },
};

const fn naive(what: &'static str) -> Spec {
    Spec {
        what,
        against: "naive",
        unit: Unit::Rate,
        judged: Judged::RatioUp,
        goal: Some(5.0),
        heroic: Some(8.0),
    }
}

const BYTES: Spec = Spec {
    what: "bytes a report, log and indexes",
    against: "bigserial",
    unit: Unit::Bytes,
    judged: Judged::ValueDown,
    goal: Some(250.0),
    heroic: Some(200.0),
};

const MEMORY: Spec = Spec {
    what: "memory under full load, peak",
    against: "naive",
    unit: Unit::MiB,
    judged: Judged::ValueDown,
    goal: Some(64.0),
    heroic: Some(32.0),
};

const MEMORY_SEEN: Spec = Spec { what: "memory under full load, median", goal: None, heroic: None, ..MEMORY };

fn pair(
    world: &World,
    round: u32,
    findings: &mut Findings,
    connections: usize,
) -> Result<(Ingested, Ingested)> {
    let (ours, theirs) = in_turns(
        world,
        round,
        |world| ingest(world, Subject::Service, connections),
        |world| ingest(world, Subject::Naive, connections),
    )?;
    findings.add_work(&format!("service, {connections} connections"), ours.split, ours.outcome);
    findings.add_work(&format!("naive, {connections} connections"), theirs.split, theirs.outcome);
    Ok((ours, theirs))
}
