//! What happens to reports while the database is away: they are kept in a spool on disk, in their
//! order, until [`super::replay`] has brought them in.
//!
//! The rule it protects: as long as anything lies in the spool, everything that comes goes behind
//! it, so the order within a build is kept; what was decided at the door stays decided.

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use milepost_domain::{BuildId, Label, Report, Time};
use milepost_spool::{Limits, Record, Spool};
use serde::{Deserialize, Serialize};

use super::{Item, Receipt, What, fold::admit, writer::Fates};
use crate::{Error, Result, build::Announcement, pool::Shared};

/// Where reports are kept while the database is away, and how many.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Its directory; of this process alone.
    pub directory: PathBuf,
    /// How many bytes it may take.
    pub bytes: u64,
    /// How old the oldest report in it may grow before it takes no more.
    pub age: Duration,
}

/// How it stands with the database and the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Why the database counts as away; `None` while reports go to it directly.
    pub away: Option<String>,
    /// How many reports lie in the spool.
    pub reports: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many bytes they may take, by the settings and by the room on their disk; 0 without a spool.
    pub bytes_max: u64,
    /// Whether the last that were to be kept could not be.
    pub is_refusing: bool,
    /// When the oldest of them came.
    pub oldest: Option<Time>,
    /// How old it may grow.
    pub age_max: Duration,
}

impl Condition {
    /// How full the spool is, by size or by age, whichever is more: 0 to 1 and beyond.
    #[must_use]
    pub fn fullness(&self, now: Time) -> f64 {
        if self.is_refusing {
            return 1.0;
        }
        let by_size = if self.bytes_max == 0 { 0.0 } else { ratio(self.bytes, self.bytes_max) };
        let age = self.oldest.map_or(0, |oldest| (now - oldest).num_seconds());
        by_size.max(ratio(u64::try_from(age).unwrap_or(0), self.age_max.as_secs().max(1)))
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    let float = |number: u64| f64::from(u32::try_from(number / 1024).unwrap_or(u32::MAX));
    // Kibibytes, or 17 minutes, are fine enough for a share.
    float(part) / float(whole).max(1.0)
}

/// How an item lies in the spool. A format on disk: members may be added, never changed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// A report that was let pass.
    Report {
        build: BuildId,
        report: Report,
        /// What opens the build if nobody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        announced: Option<Box<Announcement>>,
    },
    /// A report that was refused: it only counts.
    Rejection { build: BuildId, label: Label, at: Time },
}

struct State {
    spool: Option<Spool>,
    /// Why the database counts as away.
    away: Option<String>,
    /// The last that came could not be kept.
    is_refusing: bool,
    is_ended: bool,
}

pub(crate) struct Spooling {
    shared: Arc<Shared>,
    settings: Option<SpoolSettings>,
    state: Mutex<State>,
    changed: Condvar,
    /// The same as `state.away`, for those who ask often.
    is_away: AtomicBool,
}

impl Spooling {
    /// Opens the spool. Where something lies in it, the database counts as away until that is
    /// replayed.
    pub(super) fn open(shared: &Arc<Shared>, settings: Option<&SpoolSettings>) -> Result<Self> {
        let spool = settings.map(open).transpose()?;
        let backlog = spool.as_ref().map_or(0, |spool| spool.backlog().records);
        let away = (backlog > 0).then(|| "reports of an earlier run are being brought in".to_owned());
        if away.is_some() {
            log::info!("{backlog} reports lie in the spool from an earlier run; bringing them in");
        }
        Ok(Self {
            shared: Arc::clone(shared),
            settings: settings.cloned(),
            is_away: AtomicBool::new(away.is_some()),
            state: Mutex::new(State { spool, away, is_refusing: false, is_ended: false }),
            changed: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    pub(super) fn has_spool(&self) -> bool {
        self.settings.is_some()
    }

    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.settings.as_ref().map(|settings| settings.directory.clone())
    }

    /// The database is away.
    fn leave(&self, state: &mut State, why: String) {
        if state.away.is_none() {
            if self.has_spool() {
                log::error!("the database is away, reports go to the spool: {why}");
            } else {
                log::error!("the database is away, and there is no spool: reports are refused: {why}");
            }
        }
        state.away = Some(why);
        self.is_away.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// Nothing lies in the spool, and the database is there.
    fn come_back(&self, state: &mut State) {
        if state.away.take().is_some() {
            log::info!("the database is back, and everything from the spool is in it");
        }
        state.is_refusing = false;
        self.is_away.store(false, Ordering::Release);
        self.changed.notify_all();
    }

    /// Waits until everything is in the database; whether it was within `patience`.
    pub(crate) fn wait_until_back(&self, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |state| state.away.is_some());
        waited.unwrap_or_else(PoisonError::into_inner).0.away.is_none()
    }

    /// The service ends: nobody waits any more.
    pub(super) fn end(&self) {
        self.lock().is_ended = true;
        self.changed.notify_all();
    }

    /// Keeps the items, all or none, and answers once they are on disk. `why` the database was found away just
    /// now: in one go with the keeping, for as long as nothing lies in the spool whoever looks there takes the
    /// database for back.
    pub(super) fn keep(&self, items: &[Item], why: &str) -> Fates {
        let mut state = self.lock();
        self.leave(&mut state, why.to_owned());
        self.append(&mut state, items, why)
    }

    /// [`Spooling::keep`], if the database is known to be away; `None`: the items are to go to it.
    pub(super) fn keep_while_away(&self, items: &[Item]) -> Option<Fates> {
        if !self.is_away() {
            return None;
        }
        let mut state = self.lock();
        // It may have come back just now.
        let away = state.away.clone()?;
        Some(self.append(&mut state, items, &away))
    }

    fn append(&self, state: &mut State, items: &[Item], away: &str) -> Fates {
        let refuse = |why: &str| items.iter().map(|_| Err(Error::Unavailable(why.to_owned()))).collect();
        let Some((spool, settings)) = state.spool.as_mut().zip(self.settings.as_ref()) else {
            // Whoever comes next shall try again.
            state.away = None;
            self.is_away.store(false, Ordering::Release);
            return refuse(away);
        };
        let (records, fates): (Vec<_>, Fates) = items.iter().map(|item| self.entry(item)).unzip();
        let records: Vec<Record> = records.into_iter().flatten().collect();
        if let Some((oldest, newest)) = spool.backlog().oldest_micros.zip(records.last()) {
            let age = u64::try_from(newest.at_micros - oldest).unwrap_or(0);
            if Duration::from_micros(age) > settings.age {
                return refuse(&format!(
                    "the database has been away for longer than the spool may wait ({} h); {away}",
                    settings.age.as_secs() / 3600
                ));
            }
        }
        match spool.append(&records) {
            Ok(()) => {
                self.shared.meters.spooled.inc_by(u64::try_from(records.len()).unwrap_or(0));
                state.is_refusing = false;
                fates
            }
            Err(error) => {
                // Once: each report that is refused has a line of its own.
                if !state.is_refusing {
                    log::error!("the spool takes no more: {error}");
                }
                state.is_refusing = true;
                refuse(&error.to_string())
            }
        }
    }

    /// How the item is kept, and what its sender is told.
    fn entry(&self, item: &Item) -> (Option<Record>, Result<Receipt>) {
        let build = item.build;
        let (entry, receipt) = match &item.what {
            What::Rejection { label, at } => {
                (Entry::Rejection { build, label: label.clone(), at: *at }, Receipt::Recorded)
            }
            What::Report { report, mode, announced } => {
                // Of a build that was never seen nothing can be refused: its plan may know the step.
                let refused = self.shared.memory.last_build(build.uuid()).and_then(|(known, _)| {
                    let build = &known.build;
                    admit(&self.shared.registry(), &build.workflow, &build.plan, report, *mode).err()
                });
                match refused {
                    None => {
                        let announced = announced.as_deref().cloned().map(Box::new);
                        (Entry::Report { build, report: report.clone(), announced }, Receipt::Recorded)
                    }
                    Some(refusal) => {
                        let (label, at) = (refusal.label.clone(), report.received_at);
                        (Entry::Rejection { build, label, at }, Receipt::Refused(refusal))
                    }
                }
            }
        };
        let at = match &entry {
            Entry::Report { report, .. } => report.received_at,
            Entry::Rejection { at, .. } => *at,
        };
        match serde_json::to_vec(&entry) {
            Ok(payload) => (Some(Record { at_micros: at.timestamp_micros(), payload }), Ok(receipt)),
            Err(error) => (None, Err(Error::Database(format!("a report cannot be kept: {error}")))),
        }
    }

    /// Waits until something is to be replayed; the oldest of it. `None` when the service ends.
    pub(super) fn next(&self, records: usize, bytes: usize) -> Option<Vec<Record>> {
        let mut state = self.lock();
        loop {
            if state.is_ended {
                return None;
            }
            if state.away.is_some()
                && let Some(spool) = state.spool.as_mut()
            {
                match spool.peek(records, bytes) {
                    Ok(next) if next.is_empty() => self.come_back(&mut state),
                    Ok(next) => return Some(next),
                    Err(error) => {
                        log::error!("the spool cannot be read, trying again: {error}");
                        state = self.pause(state, Duration::from_secs(5));
                        continue;
                    }
                }
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The oldest are in the database, or set aside.
    pub(super) fn done(&self, count: usize) {
        if let Some(spool) = self.lock().spool.as_mut()
            && let Err(error) = spool.remove(count)
        {
            // They come again, and are known by their ids.
            log::error!("the spool cannot be cleared, its reports will be brought in again: {error}");
        }
    }

    /// The database is still away; waits before it is tried again. Ends early with the service.
    pub(super) fn still_away(&self, why: &str, pause: Duration) {
        let mut state = self.lock();
        state.away = Some(why.to_owned());
        drop(self.pause(state, pause));
    }

    fn pause<'a>(&'a self, state: MutexGuard<'a, State>, pause: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout_while(state, pause, |state| !state.is_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// How it stands.
    pub(crate) fn condition(&self) -> Condition {
        let state = self.lock();
        let backlog = state.spool.as_ref().map(Spool::backlog);
        let settings = self.settings.as_ref();
        let room = state.spool.as_ref().map_or(0, Spool::room);
        let bytes = backlog.map_or(0, |backlog| backlog.bytes);
        Condition {
            away: state.away.clone(),
            reports: backlog.map_or(0, |backlog| backlog.records),
            bytes,
            bytes_max: settings.map_or(0, |settings| settings.bytes.min(bytes.saturating_add(room).max(1))),
            is_refusing: state.is_refusing,
            oldest: backlog.and_then(|backlog| Time::from_timestamp_micros(backlog.oldest_micros?)),
            age_max: settings.map_or(Duration::ZERO, |settings| settings.age),
        }
    }
}

fn open(settings: &SpoolSettings) -> Result<Spool> {
    let limits = Limits {
        bytes: settings.bytes,
        segment_bytes: (settings.bytes / 16).clamp(64 * 1024, 16 * 1024 * 1024),
    };
    Spool::open(&settings.directory, limits).map_err(|error| Error::Spool(error.to_string()))
}

/// The item that a record holds. Its sender has been answered: no registry refuses it any more.
pub(super) fn read(record: &Record) -> std::result::Result<Item, serde_json::Error> {
    Ok(match serde_json::from_slice(&record.payload)? {
        Entry::Report { build, report, announced } => {
            let (mode, announced) = (
                Some(milepost_domain::registry::Mode::Loose),
                announced.map(|announced| Arc::new(*announced)),
            );
            Item { build, what: What::Report { report, mode, announced } }
        }
        Entry::Rejection { build, label, at } => Item { build, what: What::Rejection { label, at } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_before_there_were_events_reads_as_a_report() {
        let old = r#"{"report":{"build":"0193b0a0-0000-7000-8000-000000000001","report":{
            "id":"0193b0a0-0000-7000-8000-000000000002","label":"packages","name":null,"priority":300,
            "status":"init","percentage":null,"message":"412 packages","log":null,"seq":null,"boot_id":null,
            "reported_at":null,"received_at":"2026-11-24T12:00:00Z"}}}"#;
        let item = read(&Record { at_micros: 0, payload: old.into() }).unwrap();
        let What::Report { report, .. } = item.what else { panic!("not a report") };
        assert_eq!((report.label.as_str(), report.event), ("packages", None));
    }
}
