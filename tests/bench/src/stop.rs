//! Ctrl-C and its like.
//!
//! The rule it protects: a run that is broken off unwinds like one that fails, so that every process
//! is ended and every directory removed by whoever made it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::failure::{Failure, Result};

static ASKED: AtomicBool = AtomicBool::new(false);
/// How long it may take until a wish to stop is heard.
const SLICE: Duration = Duration::from_millis(20);

/// Hears SIGINT, SIGTERM and SIGHUP from here on.
pub(crate) fn listen() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (ready, is_ready) = std::sync::mpsc::channel();
    thread::spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
            // Whoever waits for this has gone, or hears it.
            let _ = ready.send(());
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                ASKED.store(true, Ordering::SeqCst);
            }
        });
    });
    is_ready.recv().map_err(|_| Failure::new("cannot listen to signals"))
}

/// Fails once somebody has asked to stop.
pub(crate) fn check() -> Result<()> {
    if ASKED.load(Ordering::SeqCst) { Err(Failure::new("stopped by a signal")) } else { Ok(()) }
}

/// Sleeps, unless asked to stop.
pub(crate) fn pause(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(SLICE));
    }
}
