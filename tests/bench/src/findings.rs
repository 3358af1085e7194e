//! Everything that a run has found out.

use std::time::{Duration, Instant};

use crate::{
    disk,
    failure::Result,
    pace::Paced,
    results::Results,
    stats::{Sorted, median, most},
    units::Unit,
    usage::{Meter, Split},
    world::World,
    wrk::Outcome,
};

/// Who used the processors while reports came in, and how long an answer took.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) what: String,
    pub(crate) splits: Vec<Split>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Work {
    fn all(&self, part: fn(&Outcome) -> f64) -> Vec<f64> {
        self.outcomes.iter().map(part).collect()
    }

    /// The shares of the processors, and the rate: its median and its best; as cells.
    pub(crate) fn cells(&self) -> [String; 8] {
        let split = Split::median(&self.splits);
        let show = |share: f64| format!("{share:.0} %");
        let rates = self.all(|outcome| outcome.rate);
        [
            self.what.clone(),
            show(split.server),
            show(split.postgres),
            show(split.load),
            show(split.idle),
            show(split.other),
            Unit::Rate.show(median(&rates)),
            Unit::Rate.show(most(&rates)),
        ]
    }

    /// In microseconds, the median of the rounds.
    pub(crate) fn p50(&self) -> f64 {
        median(&self.all(|outcome| outcome.p50)) * 1000.0
    }
}

/// In percent; the kernel's own work for network and disk stays below.
const STRANGERS: f64 = 25.0;
const TOO_SHORT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) results: Results,
    pub(crate) works: Vec<Work>,
    /// Write and fdatasync of 8 KiB, in microseconds, a distribution a round.
    pub(crate) disk: Vec<Sorted>,
    /// What came of each fixed rate.
    pub(crate) paced: Vec<(u64, Vec<Paced>)>,
    /// What a reader has to know besides.
    pub(crate) notes: Vec<String>,
}

impl Findings {
    pub(crate) fn add_work(&mut self, what: &str, split: Split, outcome: Outcome) {
        if let Some(work) = self.works.iter_mut().find(|work| work.what == what) {
            work.splits.push(split);
            work.outcomes.push(outcome);
        } else {
            let what = what.to_owned();
            self.works.push(Work { what, splits: vec![split], outcomes: vec![outcome] });
        }
    }

    /// Runs a round, and marks what it found where something else used the machine meanwhile.
    pub(crate) fn round(
        &mut self,
        world: &mut World,
        round: impl FnOnce(&mut World, &mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = self.results.lengths();
        // All but PostgreSQL are our children, and waited for when the round ends.
        let meter = Meter::start(None, Some(world.database.pid()?));
        let begun = Instant::now();
        round(world, self)?;
        // Of a moment it cannot be told: the kernel counts in ticks, and an embedded PostgreSQL is nobody's
        // child once it has been stopped.
        let strangers = if begun.elapsed() < TOO_SHORT { 0.0 } else { meter.stop().other };
        self.results.end_round(&before, strangers > STRANGERS);
        if strangers > STRANGERS {
            world
                .narrator
                .say(&format!("  something else used {strangers:.0} % of the processors in this round"));
        }
        Ok(())
    }

    /// What a question mark means, where there is one.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.results.rows.iter().any(crate::results::Row::is_doubtful).then(|| {
            format!(
                "?: in most rounds of that line something else used more than {STRANGERS:.0} % of the processors; \
                 measure again when the machine is calm."
            )
        })
    }

    pub(crate) fn add_paced(&mut self, rate: u64, paced: Paced) {
        match self.paced.iter_mut().find(|(known, _)| *known == rate) {
            Some((_, all)) => all.push(paced),
            None => self.paced.push((rate, vec![paced])),
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Measures the disk, with nobody else at work, and keeps the distribution.
    pub(crate) fn measure_disk(&mut self, world: &World, seconds: u64) -> Result<Sorted> {
        let found = disk::fdatasync(&world.place, Duration::from_secs(seconds))?;
        self.disk.push(found.clone());
        Ok(found)
    }
}
