//! What the hosts that install right now experience: a slow mirror is slow for all of them.
//!
//! The rule it protects: this is news, not knowledge. It is bounded, kept in memory only, forgotten
//! within an hour, and nothing is wrong without it.

use std::collections::BTreeMap;

use crate::{Build, Label, Time, Timings, legs::Way, timing::SECONDS_MIN};

/// After so many seconds, what was seen counts half.
const HALF_LIFE_SECONDS: f64 = 1200.0;
/// History counts as much as so many peers. Many, because those that are done first are the fast ones.
const HISTORY: f64 = 8.0;
/// The largest factor that is believed, as a logarithm: 3.
const LOG_MAX: f64 = 1.1;

/// How much longer than usual each step takes these days, among hosts that share something: keep one
/// for each location.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    paces: BTreeMap<Label, Pace>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The weighted sum of the logarithms of actual over usual.
    sum: f64,
    weight: f64,
    at: Time,
}

impl Pace {
    fn keeps(&self, now: Time) -> f64 {
        (-(now - self.at).as_seconds_f64().max(0.0) / HALF_LIFE_SECONDS).exp2()
    }
}

impl Peers {
    /// Takes note of the step of `build` that ended at `now`, if one did. `usual` is what `build` is
    /// estimated by.
    pub fn note(&mut self, build: &Build, usual: &Timings, now: Time) {
        let way = Way::of(build);
        if way.since != now {
            return;
        }
        let Some((label, spent, row)) = way.last_clear_leg(usual) else { return };
        let Some(median) = row.median() else { return };
        let log = (spent.max(SECONDS_MIN) / median.as_secs_f64().max(SECONDS_MIN)).ln();
        let log = log.clamp(-LOG_MAX, LOG_MAX);
        let pace = self.paces.entry(label.clone()).or_insert(Pace { sum: 0.0, weight: 0.0, at: now });
        let keeps = pace.keeps(now);
        pace.sum = pace.sum * keeps + log;
        pace.weight = pace.weight * keeps + 1.0;
        pace.at = pace.at.max(now);
    }

    /// How much longer than usual the step takes now, as a logarithm; 0 where nothing is known.
    pub(crate) fn log_pace(&self, label: &Label, now: Time) -> f64 {
        self.paces.get(label).map_or(0.0, |pace| {
            let keeps = pace.keeps(now);
            pace.sum * keeps / (pace.weight * keeps + HISTORY)
        })
    }
}
