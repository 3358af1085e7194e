//! How long the rest of a build will take: a pure function of the build, what was learned, and *now*.
//!
//! The rule it protects: an estimate has a basis and a range, or it is absent; and when what was
//! expected has not come, it says so instead of promising the same again.

mod forecast;
mod outlook;
mod regression;

use std::{fmt, time::Duration};

use crate::{Build, Peers, Percent, PlannedStep, State, Time, Timings, legs::Way, timing::weight_of};
use forecast::{Forecast, Model};
use outlook::{AtWork, Outlook};

/// The range is from where one in ten is shorter to where one in ten is longer.
const RANGE: (f64, f64) = (0.1, 0.9);
/// A step is overdue when it has taken longer than nine in ten would.
const OVERDUE: f64 = 0.9;
/// What a step says of itself is believed so far when it says that it is done.
const OWN_ACCOUNT: f64 = 0.8;

/// How long the rest of a build will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The likely number of seconds that are left: as many builds take longer as take less.
    pub seconds: u64,
    /// One in ten takes fewer.
    pub low_seconds: u64,
    /// One in ten takes more.
    pub high_seconds: u64,
    /// What it is based on, in words.
    pub basis: String,
    /// The step at work is late.
    pub overdue: Option<Overdue>,
}

/// A step that takes longer than nine in ten would on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// How much longer than usual it has taken, in seconds.
    pub by_seconds: u64,
    /// How long it usually takes, in seconds.
    pub usually_seconds: u64,
}

impl fmt::Display for Overdue {
    /// "overdue by 4 min (usually 6)"
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, usually) = (self.by_seconds, self.usually_seconds);
        if by < 120 && usually < 120 {
            write!(f, "overdue by {by} s (usually {usually})")
        } else {
            write!(f, "overdue by {} min (usually {})", minutes(by), minutes(usually))
        }
    }
}

fn minutes(seconds: u64) -> u64 {
    (seconds + 30) / 60
}

impl Estimate {
    /// What is left of `build` at `now`. `None` where nothing is left or nothing moves, and where too
    /// little was learned of its kind. `peers` may be empty.
    #[must_use]
    pub fn of(build: &Build, now: Time, timings: &Timings, peers: &Peers) -> Option<Self> {
        let course = &build.course;
        let goes_on = matches!(course.state, State::Pending | State::Running | State::Installed);
        if !goes_on || course.closed_at.is_some() || !timings.is_enough() {
            return None;
        }
        let way = Way::of(build);
        let place = way.at_work(timings)?;
        let model = Model::of(&way, timings, peers, now);
        let forecasts = |steps: &[&PlannedStep]| -> Vec<Forecast> {
            steps.iter().filter_map(|step| model.forecast(&step.label)).collect()
        };
        let (here, ahead) = (forecasts(place.here), forecasts(place.ahead));
        let weights: Vec<f64> = (0..timings.builds()).map(weight_of).collect();
        let elapsed = (now - place.since).as_seconds_f64().max(0.0);
        let own = way.running.and_then(|run| {
            let said = run.percentage.filter(|said| *said > Percent::ZERO && *said < Percent::FULL)?;
            let when = course.last_report_at.filter(|_| course.current.as_ref() == Some(&run.label))?;
            let share = f64::from(said.basis_points()) / 10_000.0;
            let spent = (when - place.since).as_seconds_f64().max(1.0);
            Some((spent / share, OWN_ACCOUNT * share))
        });
        let outlook = Outlook::of(&here, &ahead, &weights, AtWork { elapsed, own });
        let at = |share: f64| outlook.rest.quantile(share).and_then(whole_seconds);
        Some(Self {
            seconds: at(0.5)?,
            low_seconds: at(RANGE.0)?,
            high_seconds: at(RANGE.1)?,
            basis: timings.basis(),
            overdue: overdue(&outlook, elapsed, timings, place.here),
        })
    }
}

fn overdue(outlook: &Outlook, elapsed: f64, timings: &Timings, here: &[&PlannedStep]) -> Option<Overdue> {
    if elapsed <= outlook.at_work.quantile(OVERDUE)? {
        return None;
    }
    let median = timings.get(&here.last()?.label)?.median()?.as_secs_f64();
    Some(Overdue { by_seconds: whole_seconds(elapsed - median)?, usually_seconds: whole_seconds(median)? })
}

fn whole_seconds(seconds: f64) -> Option<u64> {
    Some(Duration::try_from_secs_f64(seconds.max(0.0).round()).ok()?.as_secs())
}
