//! What `milepost serve` does beside serving: makes partitions ahead, and lets old data go.
//!
//! The rule it protects: the first report after a start finds its partition, nothing here delays a
//! shutdown, and a failure is logged and tried again without anybody being called.

use std::{
    sync::mpsc::{self, RecvTimeoutError, TryRecvError},
    thread,
    time::Duration,
};

use milepost_store::{
    Error, PgConnection, connect,
    partition::{self, DAYS_AHEAD},
    retention::{self, Policy},
};

use crate::{failure::Failure, prune};

const EVERY: Duration = Duration::from_secs(3600);
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);
/// How long a shutdown waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread that does it.
pub(crate) struct Housekeeping {
    stop: mpsc::Sender<()>,
    /// Hangs up when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Housekeeping {
    /// Makes the partitions that reports need today, then goes on in a thread of its own.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn start(url: &str, policy: Policy) -> Result<Self, Failure> {
        // Without partitions the service works as well: the default ones catch what comes.
        if let Err(error) = connect(url).and_then(|mut connection| make_partitions(&mut connection)) {
            log::warn!("cannot make the partitions of these days yet: {error}");
        }
        let (stop, stopped) = mpsc::channel();
        let (running, ended) = mpsc::channel();
        let url = url.to_owned();
        thread::Builder::new().name("housekeeping".to_owned()).spawn(move || {
            let _running = running;
            keep(&url, &policy, &stopped);
        })?;
        Ok(Self { stop, ended })
    }

    /// Ends it. What takes longer is left in the middle: the database takes it back when the
    /// process is gone, and the next start does it again.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            log::info!("housekeeping is left in the middle");
        }
    }
}

/// Tidies each hour until the sender is gone.
fn keep(url: &str, policy: &Policy, stopped: &mpsc::Receiver<()>) {
    let is_stopped = || stopped.try_recv() != Err(TryRecvError::Empty);
    loop {
        let wait = match tidy(url, policy, is_stopped) {
            Ok(()) => EVERY,
            // The database may be gone already.
            Err(_) if is_stopped() => return,
            Err(error) => {
                log::warn!("housekeeping failed, trying again in a minute: {error}");
                AFTER_A_FAILURE
            }
        };
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// On a connection of its own, so that it takes none from those who report.
fn tidy(url: &str, policy: &Policy, is_stopped: impl Fn() -> bool) -> Result<(), Error> {
    let mut connection = connect(url)?;
    make_partitions(&mut connection)?;
    let mut retired = retention::Retired { unfinished: true, ..Default::default() };
    while retired.unfinished && !is_stopped() {
        retired.add(retention::retire(&mut connection, milepost_api::now(), policy, false)?);
    }
    for left in &retired.left {
        log::info!("{} is older than is kept, and stays until the next time: {}", left.partition, left.why);
    }
    if let Some(summary) = prune::summary(&retired, false) {
        log::info!("{summary}");
    }
    Ok(())
}

fn make_partitions(connection: &mut PgConnection) -> Result<(), Error> {
    let ensured = partition::ensure(connection, milepost_api::now(), DAYS_AHEAD)?;
    for left in &ensured.left {
        log::warn!("{} could not be made: {}", left.partition, left.why);
    }
    if !ensured.made.is_empty() {
        log::info!("made {}", ensured.made.join(", "));
    }
    if ensured.moved > 0 {
        log::info!("moved {} rows there from the default partitions", ensured.moved);
    }
    Ok(())
}
