//! Says while it works what is being done and how long it still takes.

use std::{
    io::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Writes to stderr, so that the table alone is on stdout.
pub(crate) struct Narrator {
    begun: Instant,
    plan: Mutex<Option<Plan>>,
}

/// Seconds of work: all that is thought to be due, what of it is behind us, and how long that took.
struct Plan {
    begun: Instant,
    all: f64,
    passed: f64,
    took: f64,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), plan: Mutex::new(None) }
    }

    fn plan(&self) -> MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long all that follows is thought to take.
    pub(crate) fn expect(&self, seconds: f64) {
        *self.plan() = Some(Plan { begun: Instant::now(), all: seconds, passed: 0.0, took: 0.0 });
    }

    /// A part of the plan is done.
    pub(crate) fn pass(&self, seconds: f64) {
        if let Some(plan) = self.plan().as_mut() {
            plan.passed += seconds;
            plan.took = plan.begun.elapsed().as_secs_f64();
        }
    }

    /// What is left by the plan, in the light of how long the first parts took.
    fn left(&self) -> Option<f64> {
        let guard = self.plan();
        let plan = guard.as_ref()?;
        let pace = if plan.passed > 20.0 { plan.took / plan.passed } else { 1.0 };
        let since = plan.begun.elapsed().as_secs_f64() - plan.took;
        Some(((plan.all - plan.passed) * pace - since).max(0.0))
    }

    pub(crate) fn say(&self, what: &str) {
        let left = self.left().map_or_else(String::new, |left| format!(", about {} left", clock(left)));
        // Nobody reads it: then nobody misses it.
        let now = clock(self.begun.elapsed().as_secs_f64());
        let _ = writeln!(std::io::stderr().lock(), "[{now}{left}] {what}");
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "whole seconds of a run"
)]
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
