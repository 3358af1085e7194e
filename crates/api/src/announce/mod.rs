//! Announcing: what changed is found by one node, and sent by all of them to the hooks that ask for it.
//!
//! The rule it protects: nobody who reports or looks waits for any of this; what is to be sent is in the
//! database before anybody sends it.

mod address;
mod body;
mod deliver;
mod sign;
mod sweeper;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use milepost_domain::Time;
use milepost_store::delivery::Backlog;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

pub(crate) use self::{
    address::names_a_private_one,
    body::test_event,
    deliver::{Courier, deliver},
    sign::{new_secret, read_secret},
    sweeper::watch,
};

/// How announcing behaves.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// How often it is looked for what has changed.
    pub sweep_every: Duration,
    /// How often it is looked for what is to be sent.
    pub send_every: Duration,
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// How long after each failure a delivery is tried again; after the last one it is given up.
    pub retries: Vec<Duration>,
    /// A hook is disabled after so long of nothing but failure.
    pub give_up_after: chrono::Duration,
    /// Whether receivers may have addresses that are not public: those of a site's own network.
    pub private_addresses: bool,
}

impl Default for HookSettings {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        // As the Standard Webhooks specification has it: three days in all.
        let retries =
            [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
        Self {
            sweep_every: Duration::from_secs(10),
            send_every: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            retries: retries.map(Duration::from_secs).to_vec(),
            give_up_after: chrono::Duration::days(5),
            private_addresses: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// What is counted of it, for `/metrics`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters {
    /// What this node wrote down to be told.
    announced: Counter,
    deliveries: Family<OutcomeLabel, Counter>,
    /// As this node last heard of them, whoever did it.
    seen: Arc<Mutex<(Option<Time>, Backlog)>>,
}

impl Meters {
    fn count(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    fn keep(&self, keep: impl FnOnce(&mut (Option<Time>, Backlog))) {
        keep(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn register(&self, registry: &mut Registry, now: Time) {
        let (last_run, backlog) = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "events_announced",
            "Events that were written down to be sent",
            self.announced.clone(),
        );
        for outcome in ["delivered", "refused", "given_up"] {
            drop(self.deliveries.get_or_create(&OutcomeLabel { outcome }));
        }
        registry.register("hook_deliveries", "Tries to deliver an event to a hook", self.deliveries.clone());
        let mut gauge = |name, help, value| {
            let gauge: Gauge = Gauge::default();
            gauge.set(value);
            registry.register(name, help, gauge);
        };
        gauge(
            "sweeper_last_run_timestamp_seconds",
            "When it was last looked for what has changed, by any node; 0 until it is known",
            last_run.map_or(0, |at| at.timestamp()),
        );
        gauge("hook_deliveries_pending", "Deliveries that are to be made", backlog.pending);
        let age = backlog.oldest_at.map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        gauge("hook_deliveries_oldest_age_seconds", "Age of the oldest of them", age);
        gauge("hooks_failing", "Hooks whose last delivery failed", backlog.failing);
        gauge("hooks_disabled", "Hooks that were disabled because they failed", backlog.disabled);
    }
}
