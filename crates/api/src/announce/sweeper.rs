//! The thread that looks for what has changed, while this node is the one that does.
//!
//! The rule it protects: it has a connection of its own and waits for nobody; a failure is logged and
//! tried again; a shutdown does not wait for it long.

use std::{
    cell::Cell,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use milepost_domain::{Id, News, Signal, Time, signal};
use milepost_store::{
    build::HostBuild,
    mute::Mute,
    sweep::{self, Eyes, Sweeper},
};
use rand::Rng as _;

use super::body;
use crate::{App, clock};

/// How long a shutdown waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread; it ends with this.
pub(crate) struct Watch {
    stop: Option<mpsc::Sender<()>>,
    /// Hangs up when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            log::info!("a sweep is left in the middle; the next one does it again");
        }
    }
}

/// Begins to look.
///
/// # Errors
/// When there can be no further thread.
pub(crate) fn watch(app: App) -> std::io::Result<Watch> {
    let (stop, stopped) = mpsc::channel();
    let (running, ended) = mpsc::channel();
    thread::Builder::new().name("sweeper".to_owned()).spawn(move || {
        let _running = running;
        let mut sweeper = app.store.sweeper();
        let mut was_well = true;
        loop {
            // While the database is away there is nothing to see.
            if app.store.condition().away.is_none() {
                was_well = turn(&app, &mut sweeper, was_well);
            }
            if stopped.recv_timeout(app.settings.hooks.sweep_every) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok(Watch { stop: Some(stop), ended })
}

/// One sweep; whether it went well. What goes on to fail is logged once.
fn turn(app: &App, sweeper: &mut Sweeper, was_well: bool) -> bool {
    let now = clock::now();
    let counter = Cell::new(0);
    let signals = |found: &HostBuild| signals(app, found, now);
    let words = |found: &HostBuild, news: &News, _: &[Signal]| {
        counter.set(counter.get() + 1);
        Ok((ordered_id(now, counter.get()), body::of(app, found, news, now)?))
    };
    let swept = sweeper.sweep(&Eyes { now, signals: &signals, words: &words });
    let last_run = swept.and_then(|swept| match swept {
        Some(swept) => {
            if swept.news > 0 {
                log::debug!("of {} builds there were {} news to tell", swept.builds, swept.news);
            }
            app.announced.announced.inc_by(u64::try_from(swept.news).unwrap_or(u64::MAX));
            Ok(Some(now))
        }
        // Another node does it: how it is doing is to be seen here, too.
        None => app.store.read(sweep::last_run),
    });
    match last_run {
        Ok(last_run) => {
            app.announced.keep(|seen| seen.0 = last_run);
            true
        }
        Err(error) => {
            if was_well {
                log::warn!("what has changed cannot be looked for, trying on: {error}");
            }
            false
        }
    }
}

/// What needs a person on a build, for those who are told of it. Whoever is muted is marked here, and here
/// alone: what is marked is told neither to begin nor to clear (`milepost_domain::news`).
fn signals(app: &App, found: &HostBuild, now: Time) -> Vec<Signal> {
    let timings = app.store.timings(&found.build.workflow, &found.host.facts);
    let muted = app.store.mutes().of(&found.host, Some(&found.build), now).map(Mute::told);
    let known = app.settings.context();
    let context = signal::Context { timings: timings.as_deref(), muted: muted.as_ref(), ..known };
    signal::signals(&found.build, now, &context)
}

/// An id that sorts after those before it, also within a millisecond.
fn ordered_id(now: Time, count: u32) -> uuid::Uuid {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    // Half of the first byte is the version's, and two bits of the third are the variant's.
    let [_, high, middle, low] = (((count & 0x3f_c000) << 2) | (count & 0x3fff)).to_be_bytes();
    let [zero, first, second, third, ..] = &mut random;
    (*zero, *first, *second, *third) = (0, high, middle, low);
    Id::<()>::at(now, random).uuid()
}
