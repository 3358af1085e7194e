//! What it costs that many reports are stored already.

use super::{Line, in_turns, progress::never_asked};
use crate::{
    failure::Result,
    findings::Findings,
    results::{Judged, Spec},
    seed::{self, FLEET, STORED},
    subject::{Subject, ingest},
    units::Unit,
    world::World,
};

pub(crate) const LINE: Line = Line {
    names: &["growth"],
    compares: "reports/s and progress reads with 10 million reports stored (--reports) with the same on none",
    quick: false,
    takes: (4, 20),
    seeds: 16,
    round,
};

/// The same hosts and builds, and no report.
const NONE: &str = "none";

const INGEST: Spec = Spec {
    what: "reports/s with many stored",
    against: "none stored",
    unit: Unit::Rate,
    judged: Judged::RatioUp,
    goal: Some(0.9),
    heroic: Some(1.0),
};
const READ: Spec = Spec {
    what: "time a progress read, many stored",
    against: "none stored",
    unit: Unit::Micros,
    judged: Judged::RatioDown,
    goal: Some(1.2),
    heroic: Some(1.0),
};

fn round(world: &mut World, round: u32, findings: &mut Findings) -> Result<()> {
    seed::fleet(world)?;
    seed::stored(world)?;
    findings.note(format!(
        "'Many' are {} reports with a log of 100 bytes each, over {} days.",
        world.options.reports,
        seed::DAYS
    ));
    world.database.copy(FLEET, NONE)?;
    let (many, none) = in_turns(
        world,
        round,
        |world| ingest(world, Subject::ServiceOn(STORED), 64),
        |world| ingest(world, Subject::ServiceOn(NONE), 64),
    )?;
    findings.results.add(INGEST, many.outcome.rate, Some(none.outcome.rate));
    findings.add_work("service, 64 connections, many", many.split, many.outcome);
    let read = |name: &'static str| {
        move |world: &World| {
            let outcome = never_asked(world, name)?;
            world.narrator.say(&format!("  progress on '{name}': {}", Unit::Rate.show(outcome.rate)));
            // Of one processor's time: 64 connections wait at once.
            Ok(1e6 / outcome.rate)
        }
    };
    let (many, none) = in_turns(world, round, read(STORED), read(NONE))?;
    findings.results.add(READ, many, Some(none));
    Ok(())
}
