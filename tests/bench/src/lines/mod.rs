//! What is measured, a module for each kind of line.
//!
//! The rule it protects: within a round ours and the reference's run follow each other at once, and
//! every other round in the other order, so that a machine that slows down favours nobody.

mod flask;
mod growth;
mod ingest;
mod latency;
mod pgbench;
mod progress;
mod retire;
mod start;
mod streams;

use crate::{
    failure::Result,
    findings::Findings,
    world::{Options, World},
};

/// Something that can be measured by itself.
pub(crate) struct Line {
    /// What `--only` calls it; a line that shows several things has several names.
    pub(crate) names: &'static [&'static str],
    /// What it compares.
    pub(crate) compares: &'static str,
    /// Whether `--quick` has it.
    pub(crate) quick: bool,
    /// About how long a round takes, in seconds of load and in seconds besides.
    pub(crate) takes: (u32, u32),
    /// About how long it takes before its first round, for each million reports that are stored.
    pub(crate) seeds: u32,
    pub(crate) round: fn(&mut World, u32, &mut Findings) -> Result<()>,
}

impl Line {
    /// About how long it takes.
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a guess in seconds")]
    pub(crate) fn seconds(&self, options: Options, rounds: u32) -> f64 {
        let (loads, besides) = self.takes;
        let round = f64::from(loads) * options.seconds as f64 + f64::from(besides);
        f64::from(rounds) * round + f64::from(self.seeds) * options.reports as f64 / 1e6
    }
}

/// All of them, in the order in which they run: those that need many stored reports come last.
pub(crate) const LINES: &[&Line] = &[
    &ingest::LINE_64,
    &ingest::LINE_256,
    &latency::LONE,
    &progress::CACHED,
    &pgbench::LINE,
    &flask::LINE,
    &latency::FIXED,
    &progress::DATABASE,
    &start::LINE,
    &streams::LINE,
    &growth::LINE,
    &retire::LINE,
];

/// Runs two measurements, in the other order every other round.
fn in_turns<A, B>(
    world: &World,
    round: u32,
    ours: impl FnOnce(&World) -> Result<A>,
    theirs: impl FnOnce(&World) -> Result<B>,
) -> Result<(A, B)> {
    if round.is_multiple_of(2) {
        let theirs = theirs(world)?;
        Ok((ours(world)?, theirs))
    } else {
        Ok((ours(world)?, theirs(world)?))
    }
}
