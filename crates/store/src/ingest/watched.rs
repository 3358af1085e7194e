//! A thread that has batches written, and another that watches over it.
//!
//! The rule it protects: whoever waits for the database waits for a bounded time, and each batch is brought to
//! its end once. libpq cannot be interrupted, so a thread that takes too long is left to itself, and what it
//! has in its hands is taken out of them.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Item,
    writer::{Away, Fates, Session},
};
use crate::{Error, Result, pool::Shared};

/// How long it takes until another thread is asked for where there was none to be had.
const PAUSE: Duration = Duration::from_secs(1);

/// Where batches come from, and what became of them is brought to.
pub(super) trait Desk: Send + 'static {
    /// What it needs to know of a batch when that comes back.
    type Slip: Send;

    /// Waits for what is written next; `None` when nothing comes any more.
    fn next(&mut self) -> Option<Batch<Self::Slip>>;

    /// Takes what became of a batch, or why nothing is known of that.
    fn settle(&mut self, batch: Batch<Self::Slip>, fates: std::result::Result<Fates, Away>);
}

/// What is written at once.
pub(super) struct Batch<Slip> {
    pub(super) items: Arc<[Item]>,
    pub(super) slip: Slip,
}

/// A batch that is being written, and the desk that it goes back to.
struct Held<D: Desk> {
    desk: D,
    batch: Batch<D::Slip>,
    since: Instant,
}

/// The hands of the thread that writes. Whoever takes what is in them is the one who answers for it.
struct Hands<D: Desk> {
    held: Mutex<Option<Held<D>>>,
}

impl<D: Desk> Hands<D> {
    fn lock(&self) -> MutexGuard<'_, Option<Held<D>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has written what comes to the desk, until nothing comes any more. A batch that takes longer than `patience`
/// comes back as one of which nothing is known.
///
/// # Errors
/// When no thread can be started.
pub(super) fn start<D: Desk>(
    name: &str,
    shared: &Arc<Shared>,
    patience: Duration,
    desk: D,
) -> Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    let watch = move || {
        let mut desk = desk;
        loop {
            match Writing::start(&shared, patience) {
                Ok(writing) => match writing.watch(desk, patience) {
                    Some(left) => desk = left,
                    None => return,
                },
                Err(error) => {
                    log::error!("{error}, trying again");
                    thread::sleep(PAUSE);
                }
            }
        }
    };
    named(name).spawn(watch).map_err(no_thread)
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err has")]
fn no_thread(error: std::io::Error) -> Error {
    Error::Unavailable(format!("no thread can be started: {error}"))
}

/// A thread that writes, as the one who watches over it sees it.
struct Writing<D: Desk> {
    /// Where it is given its desk.
    desk: mpsc::Sender<D>,
    hands: Arc<Hands<D>>,
    /// Nobody waits for it any more.
    is_left: Arc<AtomicBool>,
    /// Closed when it ends, however that comes.
    ended: Receiver<Infallible>,
}

impl<D: Desk> Writing<D> {
    fn start(shared: &Arc<Shared>, patience: Duration) -> Result<Self> {
        let (sender, desk) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let hands = Arc::new(Hands { held: Mutex::new(None) });
        let is_left = Arc::new(AtomicBool::new(false));
        let session = Session::new(shared, patience, &is_left);
        let work = {
            let hands = Arc::clone(&hands);
            move || {
                let _ends = ends;
                if let Ok(desk) = desk.recv() {
                    work(session, desk, &hands);
                }
            }
        };
        named("writer").spawn(work).map_err(no_thread)?;
        Ok(Self { desk: sender, hands, is_left, ended })
    }

    /// Watches over it until it ends, or takes too long: then its desk is taken from it, for another.
    fn watch(self, desk: D, patience: Duration) -> Option<D> {
        if let Err(mpsc::SendError(desk)) = self.desk.send(desk) {
            return Some(desk);
        }
        let mut look = patience;
        let (held, why) = loop {
            match self.ended.recv_timeout(look) {
                Ok(never) => match never {},
                // Nothing is in its hands when it is through.
                Err(RecvTimeoutError::Disconnected) => {
                    break (self.hands.lock().take()?, "the writer has ended".to_owned());
                }
                Err(RecvTimeoutError::Timeout) => {
                    let mut held = self.hands.lock();
                    if let Some(held) = held.take_if(|held| held.since.elapsed() >= patience) {
                        break (held, format!("the database has not answered for {} s", patience.as_secs()));
                    }
                    look =
                        held.as_ref().map_or(patience, |held| patience.saturating_sub(held.since.elapsed()));
                }
            }
        };
        self.is_left.store(true, Ordering::Relaxed);
        let Held { mut desk, batch, .. } = held;
        desk.settle(batch, Err(Away(why)));
        Some(desk)
    }
}

fn work<D: Desk>(mut session: Session, mut desk: D, hands: &Hands<D>) {
    while let Some(batch) = desk.next() {
        let items = Arc::clone(&batch.items);
        *hands.lock() = Some(Held { desk, batch, since: Instant::now() });
        let fates = session.write(&items);
        let Some(held) = hands.lock().take() else { return };
        desk = held.desk;
        desk.settle(held.batch, fates);
    }
}
