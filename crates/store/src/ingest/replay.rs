//! Brings what lies in the spool into the database, oldest first, as soon as it is back.
//!
//! The rule it protects: a report leaves the spool only when it is in the database, or set aside
//! in a file with the reason; the order within a build is kept.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use milepost_spool::Record;

use super::{
    Item, Receipt, Settings,
    spooling::{self, Spooling},
    writer::Writer,
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
    let mut writer = Writer::new(&shared, settings.patience);
    let run = move || {
        let mut pause = PAUSE.0;
        while let Some(records) = spooling.next(RECORDS, BYTES) {
            match bring_in(&shared, &mut writer, &records, &directory) {
                Ok(()) => {
                    spooling.done(records.len());
                    pause = PAUSE.0;
                }
                Err(why) => {
                    spooling.still_away(&why, pause);
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    };
    let thread = thread::Builder::new().name("replay".to_owned()).spawn(run);
    thread.map(Some).map_err(|error| Error::Unavailable(format!("no thread can be started: {error}")))
}

fn bring_in(
    shared: &Shared,
    writer: &mut Writer,
    records: &[Record],
    directory: &Path,
) -> std::result::Result<(), String> {
    let mut items: Vec<Item> = Vec::with_capacity(records.len());
    let mut readable: Vec<&Record> = Vec::with_capacity(records.len());
    for record in records {
        match spooling::read(record) {
            Ok(item) => {
                items.push(item);
                readable.push(record);
            }
            Err(error) => set_aside(directory, record, &error.to_string())?,
        }
    }
    let fates = writer.write(&items.into()).map_err(|away| away.0)?;
    for (record, fate) in readable.iter().zip(&fates) {
        match fate {
            Ok(Receipt::Recorded | Receipt::Repeated | Receipt::Refused(_)) => {}
            Ok(Receipt::Failed(why)) => set_aside(directory, record, why)?,
            // The build is gone.
            Err(error @ Error::NotFound { .. }) => set_aside(directory, record, &error.to_string())?,
            Err(error) => return Err(error.to_string()),
        }
    }
    shared.meters.replayed.inc_by(u64::try_from(records.len()).unwrap_or(0));
    Ok(())
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
