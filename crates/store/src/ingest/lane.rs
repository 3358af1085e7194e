//! One lane: takes what has queued while the last batch was written, writes it, answers.
//!
//! The rule it protects: every submission is answered exactly once, after its reports are on disk;
//! no timer delays a lone report, because a batch is what came meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::Receiver,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Item, Job, Receipt, Settings,
    spooling::{Kept, Spooling},
    writer::{Fates, Writer},
};
use crate::{Error, Result, pool::Shared};

/// From how many reports on a batch is a large one.
const MANY: usize = 16;
/// How long others are waited for after a large batch.
const MOMENT: Duration = Duration::from_micros(500);

pub(super) struct Lane {
    shared: Arc<Shared>,
    spooling: Arc<Spooling>,
    waiting_bytes: Arc<AtomicUsize>,
    writer: Writer,
    batch: usize,
}

impl Lane {
    pub(super) fn new(
        shared: &Arc<Shared>,
        spooling: &Arc<Spooling>,
        waiting_bytes: &Arc<AtomicUsize>,
        settings: &Settings,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            spooling: Arc::clone(spooling),
            waiting_bytes: Arc::clone(waiting_bytes),
            writer: Writer::new(shared, settings.patience),
            batch: settings.batch.max(1),
        }
    }

    /// Runs until nobody can submit any more and everything is answered.
    pub(super) fn start(mut self, number: usize, jobs: Receiver<Job>) -> Result<JoinHandle<()>> {
        let run = move || {
            let mut last = 0;
            while let Ok(first) = jobs.recv() {
                let batch = self.gather(first, last, &jobs);
                last = batch.iter().map(|job| job.items.len()).sum();
                self.take(batch);
            }
        };
        thread::Builder::new()
            .name(format!("lane-{number}"))
            .spawn(run)
            .map_err(|error| Error::Unavailable(format!("no thread can be started: {error}")))
    }

    /// What is written next: what has queued. After a large batch, whoever was answered just now is
    /// about to speak again, and would have to wait for the one who was quickest; so three in four are
    /// waited for, for a moment that is short beside a commit. A lone report never waits.
    fn gather(&self, first: Job, last: usize, jobs: &Receiver<Job>) -> Vec<Job> {
        let mut size = first.items.len();
        let mut batch = vec![first];
        let expected = if last < MANY { 0 } else { self.batch.min(last * 3 / 4) };
        let until = Instant::now() + MOMENT;
        while size < self.batch {
            let next = if size < expected {
                jobs.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
            } else {
                jobs.try_recv().ok()
            };
            let Some(next) = next else { break };
            size += next.items.len();
            batch.push(next);
        }
        batch
    }

    fn take(&mut self, jobs: Vec<Job>) {
        let mut sizes = Vec::with_capacity(jobs.len());
        let mut answers = Vec::with_capacity(jobs.len());
        let mut items: Vec<Item> = Vec::with_capacity(self.batch);
        let mut bytes = 0;
        for mut job in jobs {
            sizes.push(job.items.len());
            items.append(&mut job.items);
            bytes += job.bytes;
            answers.push(job.answer);
        }
        let mut fates = self.settle(&items.into()).into_iter();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        for (size, answer) in sizes.into_iter().zip(answers) {
            let receipts: Result<Vec<Receipt>> = fates.by_ref().take(size).collect();
            self.shared.meters.answered(&receipts);
            // Who asked may have gone; what is on disk stays there.
            let _ = answer.send(receipts);
        }
    }

    fn settle(&mut self, items: &Arc<[Item]>) -> Fates {
        loop {
            let mut left = None;
            if !self.spooling.is_away() {
                match self.writer.write(items) {
                    Ok(fates) => return fates,
                    Err(away) => left = Some(away.0),
                }
            }
            match self.spooling.keep(items, left) {
                Kept::Taken(fates) => return fates,
                // It came back just now.
                Kept::NotAway => {}
            }
        }
    }
}
