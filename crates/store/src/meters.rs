//! What is counted of the write path, for `/metrics`.

use std::time::Duration;

use prometheus_client::{
    metrics::{
        counter::Counter,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{Result, ingest::Receipt};

/// The counts of one process, from its start.
#[derive(Debug)]
pub struct Meters {
    /// Reports that were stored, or kept in the spool.
    pub recorded: Counter,
    /// Reports that were known by their id already.
    pub repeated: Counter,
    /// Reports of an unknown step that a strict registry refused.
    pub refused: Counter,
    /// Submissions that could not be taken.
    pub failed: Counter,
    /// Reports that went to the spool.
    pub spooled: Counter,
    /// Reports that were brought in from the spool.
    pub replayed: Counter,
    /// Batches of which another node had written a build.
    pub conflicts: Counter,
    /// How many reports were written at once.
    pub batch_reports: Histogram,
    /// How long writing them took.
    pub commit_seconds: Histogram,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            recorded: Counter::default(),
            repeated: Counter::default(),
            refused: Counter::default(),
            failed: Counter::default(),
            spooled: Counter::default(),
            replayed: Counter::default(),
            conflicts: Counter::default(),
            batch_reports: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
        }
    }
}

impl Meters {
    /// Names them, for whoever prints them.
    pub fn register(&self, registry: &mut Registry) {
        let mut counter = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        counter("reports_recorded", "Reports that were stored or kept in the spool", &self.recorded);
        counter("reports_repeated", "Reports that were known by their id already", &self.repeated);
        counter("reports_refused", "Reports of an unknown step that were refused", &self.refused);
        counter("submissions_failed", "Submissions that could not be taken", &self.failed);
        counter("reports_spooled", "Reports that went to the spool", &self.spooled);
        counter("reports_replayed", "Reports that were brought in from the spool", &self.replayed);
        counter("write_conflicts", "Batches of which another node had written a build", &self.conflicts);
        registry.register("batch_reports", "Reports written at once", self.batch_reports.clone());
        registry.register("commit_seconds", "Time to write a batch", self.commit_seconds.clone());
    }

    pub(crate) fn batch(&self, reports: usize, took: Duration) {
        self.batch_reports.observe(f64::from(u32::try_from(reports).unwrap_or(u32::MAX)));
        self.commit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn answered(&self, receipts: &Result<Vec<Receipt>>) {
        let Ok(receipts) = receipts else {
            self.failed.inc();
            return;
        };
        for receipt in receipts {
            match receipt {
                Receipt::Recorded => self.recorded.inc(),
                Receipt::Repeated => self.repeated.inc(),
                Receipt::Refused(_) => self.refused.inc(),
                Receipt::Failed(_) => self.failed.inc(),
            };
        }
    }
}
