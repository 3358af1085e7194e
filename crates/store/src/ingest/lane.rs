//! One lane: takes what has queued while the last batch was written, has it written, answers.
//!
//! The rule it protects: every submission is answered exactly once, after its reports are on disk;
//! no timer delays a report, because a batch is what came meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
    mpsc::Receiver,
};

use tokio::sync::oneshot;

use super::{
    Item, Job, Receipt,
    spooling::Spooling,
    watched::{Batch, Desk},
    writer::{Away, Fates},
};
use crate::{Result, pool::Shared};

pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    pub(super) spooling: Arc<Spooling>,
    /// How much waits for the lanes together.
    pub(super) waiting_bytes: Arc<AtomicUsize>,
    pub(super) jobs: Receiver<Job>,
    /// How many reports are written at once, at most.
    pub(super) batch: usize,
}

/// Who waits for an answer, and for how many of the batch's items.
type Waiting = (usize, oneshot::Sender<Result<Vec<Receipt>>>);

/// Who waits for a batch, in the order of its items.
pub(super) struct Slip {
    waiting: Vec<Waiting>,
    bytes: usize,
}

impl Lane {
    /// What has queued; `None` when nobody can submit any more.
    fn gather(&self) -> Option<Batch<Slip>> {
        let mut items: Vec<Item> = Vec::with_capacity(self.batch);
        let mut slip = Slip { waiting: Vec::new(), bytes: 0 };
        let mut next = Some(self.jobs.recv().ok()?);
        while let Some(mut job) = next {
            slip.waiting.push((job.items.len(), job.answer));
            slip.bytes += job.bytes;
            items.append(&mut job.items);
            next = if items.len() < self.batch { self.jobs.try_recv().ok() } else { None };
        }
        Some(Batch { items: items.into(), slip })
    }

    fn answer(&self, slip: Slip, fates: Fates) {
        let mut fates = fates.into_iter();
        self.waiting_bytes.fetch_sub(slip.bytes, Ordering::Relaxed);
        for (size, answer) in slip.waiting {
            let receipts: Result<Vec<Receipt>> = fates.by_ref().take(size).collect();
            self.shared.meters.answered(&receipts);
            // Who asked may have gone; what is on disk stays there.
            let _ = answer.send(receipts);
        }
    }
}

impl Desk for Lane {
    type Slip = Slip;

    fn next(&mut self) -> Option<Batch<Slip>> {
        loop {
            let batch = self.gather()?;
            match self.spooling.keep_while_away(&batch.items) {
                Some(fates) => self.answer(batch.slip, fates),
                None => return Some(batch),
            }
        }
    }

    fn settle(&mut self, batch: Batch<Slip>, fates: std::result::Result<Fates, Away>) {
        let fates = fates.unwrap_or_else(|away| self.spooling.keep(&batch.items, &away.0));
        self.answer(batch.slip, fates);
    }
}
