//! What others do, on the same builds and with the same reports.
//!
//! The rule it protects: a reference is as good as it can be made without becoming something else: it
//! knows which step completes the build, and its bar moves where that of its original does.

use std::collections::{BTreeMap, VecDeque};

use milepost_domain::{Build, Plan, RunState, Time, timing::Key};

/// A bar and what is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// How far the build is, 0 to 1.
    pub(crate) share: f64,
    /// How many seconds are left; infinite where nothing is known to be done.
    pub(crate) seconds: f64,
}

/// What is left when so much of the bar took so long.
fn from_share(share: f64, elapsed: f64) -> Told {
    Told { share, seconds: if share > 0.0 { elapsed * (1.0 - share) / share } else { f64::INFINITY } }
}

/// Each step counts the same; one that a later step has overtaken is done.
pub(crate) fn equal_weight(build: &Build, elapsed: f64) -> Told {
    let done = |at: usize| {
        build.plan.steps().iter().skip(at).any(|step| {
            build.course.runs_now().any(|run| run.label == step.label && run.state == RunState::Done)
        })
    };
    let all = build.plan.steps().len();
    let behind = (0..all).filter(|at| done(*at)).count();
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    from_share(count(behind) / count(all.max(1)), elapsed)
}

/// Each step counts what somebody once wrote down, and the one at work by its clock.
pub(crate) fn fixed_weights(build: &Build, plan: &Plan, now: Time, elapsed: f64) -> Told {
    let percent = build.course.percent(plan, now).unwrap_or_default();
    from_share(f64::from(percent.basis_points()) / 10_000.0, elapsed)
}

/// The mean of the last builds of the same kind, as Jenkins takes it: three, of the last six.
#[derive(Debug, Default)]
pub(crate) struct MeanOfLast {
    by_kind: BTreeMap<Key, VecDeque<f64>>,
}

/// How many builds Jenkins takes the mean of.
const LAST: usize = 3;

impl MeanOfLast {
    pub(crate) fn learn(&mut self, key: &Key, seconds: f64) {
        let last = self.by_kind.entry(key.clone()).or_default();
        last.push_back(seconds);
        if last.len() > LAST {
            last.pop_front();
        }
    }

    /// `None` for a kind that was never built.
    pub(crate) fn told(&self, key: &Key, elapsed: f64) -> Option<Told> {
        let last = self.by_kind.get(key)?;
        let mean = last.iter().sum::<f64>() / f64::from(u32::try_from(last.len()).ok()?);
        Some(Told { share: (elapsed / mean).min(0.99), seconds: (mean - elapsed).max(0.0) })
    }
}
