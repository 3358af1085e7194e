//! What is to be expected of each step that is left, given how those that are done went.
//!
//! The rule it protects: a host that was slow so far is expected to be slow in those steps that are
//! slow together, as the remembered builds say, and in no others.

use crate::{
    Label, StepTiming, Time, Timings,
    estimate::regression::{Ridge, Sample},
    legs::Way,
    peers::Peers,
    quantile::Weighted,
    timing::{SECONDS_MIN, weight_of},
};

/// How many builds' worth of evidence the assumption counts that steps have nothing to do with each
/// other.
const PENALTY: f64 = 8.0;
/// What a build says counts up to this factor, as a logarithm: what is beyond is an accident, and says
/// nothing of the rest.
const LOG_MAX: f64 = 0.5;
/// A step of so many seconds counts half as a sign of what is to come: reports come on the second, and
/// requests take what they take.
const BRIEF_SECONDS: f64 = 20.0;
/// However alike the times were, the next may differ so much, as a logarithm.
const DEVIATION_MIN: f64 = 0.05;

/// One step that is left.
#[derive(Debug, Clone)]
pub(crate) struct Forecast {
    /// The logarithm of the seconds that it takes for a build like this one.
    centre: f64,
    /// By the age of each remembered build: how far that was from what was to be expected of it.
    away: Vec<Option<f64>>,
    /// In which share of builds it is.
    share: f64,
}

impl Forecast {
    /// As the build of that age would have it.
    pub(crate) fn seconds(&self, age: usize) -> Option<f64> {
        self.away.get(age).copied().flatten().map(|away| (self.centre + away).exp())
    }

    /// What it contributes on average.
    pub(crate) fn usual(&self) -> f64 {
        self.centre.exp() * self.share
    }
}

/// The logarithms of one step's times.
struct Logs {
    median: f64,
    /// By age, how far each is from the median.
    away: Vec<Option<f64>>,
    deviation: f64,
}

impl Logs {
    fn of(row: &StepTiming, builds: usize) -> Option<Self> {
        let logs: Vec<Option<f64>> =
            (0..builds).map(|age| Some(row.seconds(age)?.max(SECONDS_MIN).ln())).collect();
        let median = median(&logs)?;
        let away: Vec<Option<f64>> = logs.iter().map(|log| log.map(|log| log - median)).collect();
        let spread = self::median(&away.iter().map(|away| away.map(f64::abs)).collect::<Vec<_>>())?;
        // Of a normal law, half lies within 0.67 deviations.
        Some(Self { median, away, deviation: (spread / 0.67).max(DEVIATION_MIN) })
    }
}

/// Of numbers by their builds' ages.
fn median(by_age: &[Option<f64>]) -> Option<f64> {
    let seen = by_age.iter().enumerate().filter_map(|(age, value)| Some(((*value)?, weight_of(age))));
    Weighted::of(seen).quantile(0.5)
}

/// The model of one build, from which each step's forecast is taken.
pub(crate) struct Model<'a> {
    timings: &'a Timings,
    peers: &'a Peers,
    now: Time,
    ridge: Ridge,
    so_far: Vec<f64>,
}

impl<'a> Model<'a> {
    pub(crate) fn of(way: &Way<'a>, timings: &'a Timings, peers: &'a Peers, now: Time) -> Self {
        let builds = timings.builds();
        let mut so_far = Vec::new();
        let mut samples: Vec<Sample> =
            (0..builds).map(|age| Sample { predictors: Vec::new(), weight: weight_of(age) }).collect();
        for (_, spent, row) in way.clear_legs(timings) {
            let Some(logs) = Logs::of(row, builds) else { continue };
            let length = logs.median.exp();
            let scale = (length / (length + BRIEF_SECONDS)).sqrt() / logs.deviation;
            so_far.push((spent.max(SECONDS_MIN).ln() - logs.median).clamp(-LOG_MAX, LOG_MAX) * scale);
            for (sample, away) in samples.iter_mut().zip(&logs.away) {
                sample.predictors.push(away.unwrap_or(0.0).clamp(-LOG_MAX, LOG_MAX) * scale);
            }
        }
        let ridge = Ridge::of(so_far.len(), samples, PENALTY);
        Self { timings, peers, now, ridge, so_far }
    }

    /// `None` for a step that nothing is known of.
    pub(crate) fn forecast(&self, label: &Label) -> Option<Forecast> {
        let row = self.timings.get(label)?;
        let logs = Logs::of(row, self.timings.builds())?;
        let target: Vec<f64> =
            logs.away.iter().map(|away| away.unwrap_or(0.0).clamp(-LOG_MAX, LOG_MAX)).collect();
        let fit = self.ridge.fit(&target, &self.so_far);
        let away = logs.away.iter().zip(&target).zip(&fit.residuals).map(|((away, target), residual)| {
            // What was cut off as an accident for the model can happen again.
            away.map(|away| away - target + residual)
        });
        let pace = self.peers.log_pace(label, self.now);
        Some(Forecast { centre: logs.median + fit.value + pace, away: away.collect(), share: row.share() })
    }
}
