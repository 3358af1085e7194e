//! What the machines know of their reports: what they sent where, and what they were answered.
//!
//! The rule it protects: an outcome is acknowledged, refused or unknown, and nothing is taken for
//! known that is not.

use std::time::{Duration, Instant};

/// What came of sending a report once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is on disk.
    Recorded,
    /// It was there already.
    Repeated,
    /// Its step is not known.
    Refused,
    /// A fault of the service: it may be there or not.
    Failed,
    /// The connection broke, or no answer came in time: it may be there or not.
    Unknown,
    /// Nobody listened: this time it was not sent.
    Unreachable,
}

impl Outcome {
    pub(crate) fn is_acknowledged(self) -> bool {
        matches!(self, Self::Recorded | Self::Repeated)
    }
}

/// One time that a report was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) node: usize,
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

impl Attempt {
    pub(crate) fn ended(&self) -> Instant {
        self.began + self.took
    }
}

/// A report.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Which build of its machine, from 0.
    pub(crate) build: usize,
    /// The id that its sender chose; without one it is sent until something is sent, and no more.
    pub(crate) word: Option<String>,
    /// Tells it from all others.
    pub(crate) message: String,
    pub(crate) label: &'static str,
    pub(crate) status: Option<&'static str>,
    pub(crate) seq: Option<u64>,
    pub(crate) log_bytes: usize,
    pub(crate) attempts: Vec<Attempt>,
}

impl Sent {
    pub(crate) fn is_known_step(&self) -> bool {
        self.label != UNKNOWN_STEP
    }

    /// When it was acknowledged first, and by whom.
    pub(crate) fn acknowledged(&self) -> Option<(Instant, usize)> {
        let first = self.attempts.iter().find(|attempt| attempt.outcome.is_acknowledged())?;
        Some((first.ended(), first.node))
    }

    pub(crate) fn was(&self, outcome: Outcome) -> bool {
        self.attempts.iter().any(|attempt| attempt.outcome == outcome)
    }

    /// Whether it may be stored though nobody said so.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.was(Outcome::Failed) || self.was(Outcome::Unknown)
    }

    /// When anything of it was sent first.
    pub(crate) fn first_sent(&self) -> Option<Instant> {
        self.sent().map(|attempt| attempt.began).next()
    }

    /// Every time that it may have arrived.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Unreachable)
    }
}

/// A build as its machine knows it.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
    /// Whether its reports carry a `seq`.
    pub(crate) is_counted: bool,
}

/// What one machine has done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) host: String,
    pub(crate) builds: Vec<Opened>,
    pub(crate) reports: Vec<Sent>,
    pub(crate) batches: u64,
}

/// No registry knows it.
pub(crate) const UNKNOWN_STEP: &str = "pakcages";
