//! Brings what lies in the spool into the database, oldest first, as soon as it is back.
//!
//! The rule it protects: a report leaves the spool only when it is in the database, or set aside
//! in a file with the reason; the order within a build is kept.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use milepost_spool::Record;

use super::{
    Item, Receipt, Settings,
    spooling::{self, Spooling},
    watched::{self, Batch, Desk},
    writer::{Away, Fates},
};
use crate::{Error, Result, pool::Shared};

/// How much is brought in at once.
const RECORDS: usize = 1_024;
const BYTES: usize = 8 * 1024 * 1024;
/// How long it takes between two tries, from and to.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Starts bringing in, if there is a spool.
pub(super) fn start(
    shared: &Arc<Shared>,
    spooling: &Arc<Spooling>,
    settings: &Settings,
) -> Result<Option<JoinHandle<()>>> {
    let Some(directory) = spooling.directory() else { return Ok(None) };
    let (shared, spooling) = (Arc::clone(shared), Arc::clone(spooling));
    let replay =
        Replay { shared: Arc::clone(&shared), spooling, directory, pause: PAUSE.0, at_once: RECORDS };
    watched::start("replay", &shared, settings.patience, replay).map(Some)
}

struct Replay {
    shared: Arc<Shared>,
    spooling: Arc<Spooling>,
    directory: PathBuf,
    /// Before the next try, where one fails.
    pause: Duration,
    /// How much is brought in at once; a slow database may need more than its time for many.
    at_once: usize,
}

/// What was read from the spool.
struct Slip {
    /// How many records these were.
    count: usize,
    /// Those that became items, in their order.
    readable: Vec<Record>,
}

impl Replay {
    fn read(&self, records: Vec<Record>) -> std::result::Result<Batch<Slip>, String> {
        let mut items: Vec<Item> = Vec::with_capacity(records.len());
        let mut slip = Slip { count: records.len(), readable: Vec::with_capacity(records.len()) };
        for record in records {
            match spooling::read(&record) {
                Ok(item) => {
                    items.push(item);
                    slip.readable.push(record);
                }
                Err(error) => set_aside(&self.directory, &record, &error.to_string())?,
            }
        }
        Ok(Batch { items: items.into(), slip })
    }

    fn bring_in(&self, slip: &Slip, fates: &Fates) -> std::result::Result<(), String> {
        for (record, fate) in slip.readable.iter().zip(fates) {
            match fate {
                Ok(Receipt::Recorded | Receipt::Repeated | Receipt::Refused(_)) => {}
                Ok(Receipt::Failed(why)) => set_aside(&self.directory, record, why)?,
                // The build is gone.
                Err(error @ Error::NotFound { .. }) => {
                    set_aside(&self.directory, record, &error.to_string())?;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        self.shared.meters.replayed.inc_by(u64::try_from(slip.count).unwrap_or(0));
        Ok(())
    }

    fn put_off(&mut self, why: &str) {
        self.spooling.still_away(why, self.pause);
        (self.pause, self.at_once) = ((self.pause * 2).min(PAUSE.1), (self.at_once / 4).max(1));
    }
}

impl Desk for Replay {
    type Slip = Slip;

    fn next(&mut self) -> Option<Batch<Slip>> {
        loop {
            match self.read(self.spooling.next(self.at_once, BYTES)?) {
                Ok(batch) => return Some(batch),
                Err(why) => self.put_off(&why),
            }
        }
    }

    fn settle(&mut self, batch: Batch<Slip>, fates: std::result::Result<Fates, Away>) {
        let brought_in = fates.map_err(|away| away.0).and_then(|fates| self.bring_in(&batch.slip, &fates));
        match brought_in {
            Ok(()) => {
                self.spooling.done(batch.slip.count);
                (self.pause, self.at_once) = (PAUSE.0, (self.at_once * 2).min(RECORDS));
            }
            Err(why) => self.put_off(&why),
        }
    }
}

/// Keeps a report that was answered and that the database does not take, where a person finds it.
fn set_aside(directory: &Path, record: &Record, why: &str) -> std::result::Result<(), String> {
    let file = directory.join("set-aside.jsonl");
    let write = || {
        let mut out = OpenOptions::new().create(true).append(true).open(&file)?;
        let mut line = record.payload.clone();
        line.push(b'\n');
        out.write_all(&line)?;
        out.sync_data()
    };
    write().map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    log::error!(
        "a report from the spool cannot be brought in: {why}; it is kept as a line of {}",
        file.display()
    );
    Ok(())
}
