//! The one write path for reports, whatever way they came.
//!
//! The rule it protects: what is answered as recorded is on disk, in the database or in the spool;
//! a report with a known id is stored once and changes the build once; an unknown step in a strict
//! registry is counted on the build and changes nothing else; every submission is answered once.

mod fold;
mod lane;
mod replay;
mod spooling;
mod watched;
mod writer;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

use milepost_domain::{
    BuildId, Label, Report, Time,
    registry::{Mode, UnknownStep},
};
use tokio::sync::oneshot;

use self::spooling::Spooling;
pub use self::spooling::{Condition, SpoolSettings};
use crate::{Error, Result, Store, build::Announcement, pool::Shared};

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It is on disk.
    Recorded,
    /// It was there already.
    Repeated,
    /// Its step is unknown and the registry is strict.
    Refused(UnknownStep),
    /// The database refuses it, alone: a fault of ours. It is not stored.
    Failed(String),
}

/// How reports are taken.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many writers there are, each with a connection; builds are spread over them.
    pub lanes: usize,
    /// How many submissions may wait for a lane; more are refused at once.
    pub queue: usize,
    /// How many reports are written at once, at most.
    pub batch: usize,
    /// How long the database may take over a batch before it counts as away.
    pub patience: Duration,
    /// Where reports are kept while the database is away; `None`: they are refused then.
    pub spool: Option<SpoolSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lanes: 1, queue: 4_096, batch: 512, patience: Duration::from_secs(5), spool: None }
    }
}

/// How many bytes of reports may wait for the lanes together.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One thing that is said of a build.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    build: BuildId,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// A report; the mode overrides what the registry says of the build's workflow. A build that is
    /// announced is opened if nobody did.
    Report { report: Report, mode: Option<Mode>, announced: Option<Arc<Announcement>> },
    /// A report that was refused at the door while the database was away.
    Rejection { label: Label, at: Time },
}

/// A submission on its way through a lane.
struct Job {
    items: Vec<Item>,
    bytes: usize,
    answer: oneshot::Sender<Result<Vec<Receipt>>>,
}

/// The answer to a submission: a future, or waited for with [`Ticket::wait`].
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<Vec<Receipt>>>);

impl Ticket {
    /// Waits for the answer; not to be called where futures run.
    ///
    /// # Errors
    /// As [`Store::submit`] says.
    pub fn wait(self) -> Result<Vec<Receipt>> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Future for Ticket {
    type Output = Result<Vec<Receipt>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

fn gone() -> Error {
    Error::Unavailable("the writer of reports is gone".to_owned())
}

/// The lanes, and what happens while the database is away.
pub(crate) struct Ingest {
    lanes: Vec<Lane>,
    waiting_bytes: Arc<AtomicUsize>,
    spooling: Arc<Spooling>,
    replay: Option<JoinHandle<()>>,
}

struct Lane {
    /// Taken away when the service ends.
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Ingest {
    /// Starts the lanes. What an earlier process left in the spool is replayed.
    ///
    /// # Errors
    /// When the spool cannot be used, or no thread can be started.
    pub(crate) fn start(shared: &Arc<Shared>, settings: &Settings) -> Result<Self> {
        let spooling = Arc::new(Spooling::open(shared, settings.spool.as_ref())?);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let replay = replay::start(shared, &spooling, settings)?;
        let lane = |number: usize| {
            let (queue, jobs) = mpsc::sync_channel(settings.queue.max(1));
            let lane = lane::Lane {
                shared: Arc::clone(shared),
                spooling: Arc::clone(&spooling),
                waiting_bytes: Arc::clone(&waiting_bytes),
                jobs,
                batch: settings.batch.max(1),
            };
            let thread = watched::start(&format!("lane-{number}"), shared, settings.patience, lane)?;
            Ok(Lane { queue: Some(queue), thread: Some(thread) })
        };
        let lanes = (0..settings.lanes.max(1)).map(lane).collect::<Result<_>>()?;
        Ok(Self { lanes, waiting_bytes, spooling, replay })
    }

    pub(crate) fn spooling(&self) -> &Spooling {
        &self.spooling
    }

    fn submit(&self, build: BuildId, items: Vec<Item>) -> Result<Ticket> {
        let (answer, ticket) = oneshot::channel();
        let bytes = items.iter().map(Item::bytes).sum();
        let job = Job { items, bytes, answer };
        // The last byte of a UUID v7 is random.
        let at = usize::from(build.uuid().as_bytes().last().copied().unwrap_or_default());
        let lane = self.lanes.get(at % self.lanes.len()).and_then(|lane| lane.queue.as_ref());
        let queue = lane.ok_or_else(gone)?;
        if self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) > WAITING_BYTES_MAX {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        queue.try_send(job).map_err(|error| {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => Error::Busy,
                TrySendError::Disconnected(_) => gone(),
            }
        })?;
        Ok(Ticket(ticket))
    }
}

impl Drop for Ingest {
    /// Takes nothing more, writes what was taken, and answers everybody.
    fn drop(&mut self) {
        for lane in &mut self.lanes {
            drop(lane.queue.take());
        }
        for thread in self.lanes.iter_mut().filter_map(|lane| lane.thread.take()) {
            let _ = thread.join();
        }
        self.spooling.end();
        if let Some(replay) = self.replay.take() {
            let _ = replay.join();
        }
    }
}

impl Item {
    /// Roughly what it takes in memory, so that a queue of logs has a bound.
    fn bytes(&self) -> usize {
        match &self.what {
            What::Report { report, .. } => 256 + report.log.as_ref().map_or(0, |log| log.text().len()),
            What::Rejection { .. } => 128,
        }
    }
}

impl Store {
    /// Takes reports of one build, in their order; the ticket brings a receipt for each once they
    /// are on disk. `mode` overrides what the registry says of the build's workflow; a build that is
    /// not known is opened by what is `announced` of it.
    ///
    /// # Errors
    /// [`Error::Busy`] at once when too many wait already. With the ticket: [`Error::NotFound`]
    /// when the build is not known and not announced, [`Error::Unavailable`] when the database is away and the spool
    /// cannot take them.
    pub fn submit(
        &self,
        build: BuildId,
        reports: Vec<Report>,
        mode: Option<Mode>,
        announced: Option<&Arc<Announcement>>,
    ) -> Result<Ticket> {
        let item =
            |report| Item { build, what: What::Report { report, mode, announced: announced.cloned() } };
        self.ingest().submit(build, reports.into_iter().map(item).collect())
    }

    /// [`Store::submit`], and waits; not to be called where futures run.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn record(&self, build: BuildId, reports: &[Report], mode: Option<Mode>) -> Result<Vec<Receipt>> {
        self.submit(build, reports.to_vec(), mode, None)?.wait()
    }
}
