//! The queue: what is appended at one end and taken at the other.
//!
//! The rule it protects: records come out in the order in which they went in, and none is removed that was
//! not shown.

use std::{collections::VecDeque, path::Path};

use crate::{
    Backlog, Error, Limits, NoRoom, Record,
    cursor::Cursor,
    directory::Directory,
    format::{self, HEADER},
    lock::Lock,
    reader::{Found, Reader},
    recovery::{self, Recovered},
    segment::Segment,
    writer::Active,
};

/// A durable queue in a directory that is ours alone.
#[derive(Debug)]
pub struct Spool {
    directory: Directory,
    limits: Limits,
    /// Those with records, the oldest first.
    segments: VecDeque<Segment>,
    /// The last of them, if it may be appended to.
    active: Option<Active>,
    /// The number of the next record.
    next: u64,
    backlog: Backlog,
    /// The oldest records, as far as the last peek has read.
    shown: VecDeque<Shown>,
    // Last, so that all else is done when another may come.
    _lock: Lock,
}

/// A record that was shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    segment: u64,
    end: u64,
    at_micros: i64,
}

impl Spool {
    /// Opens the spool in a directory, which is made (0700) if it is not there, and recovers what is in it.
    ///
    /// This reads all that waits in it.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Newer`], or [`Error::Io`]. Damage is no error: it is logged, and what is
    /// readable is kept.
    pub fn open(dir: &Path, limits: Limits) -> Result<Self, Error> {
        let directory = Directory::open(dir)?;
        let lock = Lock::take(&directory)?;
        let Recovered { segments, next } = recovery::recover(&directory)?;
        let mut spool = Self {
            directory,
            limits,
            segments: segments.into(),
            active: None,
            next,
            backlog: Backlog::default(),
            shown: VecDeque::new(),
            _lock: lock,
        };
        spool.settle();
        Ok(spool)
    }

    /// Appends all of these records or none; returns after they are on disk.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooLarge`] or [`Error::Io`]; then none of them counts as stored, and the
    /// spool can be used on.
    pub fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        let Some(first) = records.first() else { return Ok(()) };
        let size = format::size(records)?;
        let has_room = |active: &Active| active.has_room(size, self.limits.segment_bytes);
        let begins = !self.active.as_ref().is_some_and(has_room);
        self.check_limit(if begins { size.saturating_add(HEADER) } else { size })?;
        let mut bytes = Vec::new();
        format::encode(records, &mut bytes)?;

        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let stored = if begins { self.begin(&bytes, count) } else { self.extend(&bytes, count) };
        stored?;
        if self.backlog.records == 0 {
            self.backlog.oldest_micros = Some(first.at_micros);
        }
        self.next = self.next.saturating_add(count);
        self.count();
        Ok(())
    }

    /// The oldest records, without removing them: so many, and with so many bytes in their payloads, at most,
    /// but at least one if there is any.
    ///
    /// # Errors
    /// [`Error::Io`] when not even the oldest can be read. Damage is no error: it is logged, and what can be
    /// read behind it is shown.
    pub fn peek(&mut self, max_records: usize, max_bytes: usize) -> Result<Vec<Record>, Error> {
        self.shown.clear();
        let mut records = Vec::new();
        let read = self.read(&mut records, max_records, max_bytes);
        self.settle();
        // What could be read before an error may be taken; the next peek meets it again.
        if records.is_empty() {
            read?;
        }
        Ok(records)
    }

    /// Removes the oldest `n` of the records that the last [`peek`](Self::peek) showed.
    ///
    /// It is exact when the process is killed afterwards; after a power cut they may be shown again.
    ///
    /// # Errors
    /// [`Error::NotShown`]; then none is removed.
    pub fn remove(&mut self, n: usize) -> Result<(), Error> {
        if n > self.shown.len() {
            return Err(Error::NotShown { asked: n, shown: self.shown.len() });
        }
        if n == 0 {
            return Ok(());
        }
        for shown in self.shown.drain(..n) {
            if let Some(segment) = self.segments.iter_mut().find(|segment| segment.number == shown.segment) {
                segment.pass(shown.end);
            }
        }
        // Before a segment is deleted: the other way round, a process killed in between would show records of
        // the next one again.
        if let Err(error) = self.cursor().write(&self.directory) {
            // No reason to stop: on a full disk, going on is what makes room.
            log::warn!(
                "cannot write the cursor of {}: {error}. After a restart, records may be shown again",
                self.directory.path.display()
            );
        }
        self.settle();
        Ok(())
    }

    /// How much waits; known without looking.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.backlog
    }

    /// How much it may hold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    fn check_limit(&self, needed: u64) -> Result<(), Error> {
        let (used, limit) = (self.backlog.bytes, self.limits.bytes);
        if used.saturating_add(needed) <= limit {
            return Ok(());
        }
        let directory = self.directory.path.clone();
        Err(Error::Full { directory, needed, cause: NoRoom::Limit { used, limit } })
    }

    fn begin(&mut self, bytes: &[u8], count: u64) -> Result<(), Error> {
        match Active::create(&self.directory, self.next, bytes) {
            Ok(active) => {
                self.segments.push_back(Segment::new(active.number, count, active.length));
                self.active = Some(active);
                Ok(())
            }
            Err(error) => {
                // If it could not be removed either, its name is taken.
                self.next = self.next.saturating_add(1);
                Err(error)
            }
        }
    }

    fn extend(&mut self, bytes: &[u8], count: u64) -> Result<(), Error> {
        let (Some(active), Some(segment)) = (self.active.take(), self.segments.back_mut()) else {
            return self.begin(bytes, count);
        };
        let (active, result) = active.append(bytes);
        self.active = active;
        result?;
        segment.records += count;
        segment.length = self.active.as_ref().map_or(segment.length, |active| active.length);
        Ok(())
    }

    /// Reads on behind these records, and remembers where each ends.
    fn read(&mut self, records: &mut Vec<Record>, max_records: usize, max_bytes: usize) -> Result<(), Error> {
        let mut bytes: usize = 0;
        for segment in &mut self.segments {
            let path = self.directory.segment(segment.number);
            let mut reader = Reader::open(&path, segment.start).map_err(Error::io("read", &path))?;
            for read in 0..segment.records {
                if records.len() >= max_records.max(1) {
                    return Ok(());
                }
                let begin = reader.offset;
                let Found::Record(record) = reader.next().map_err(Error::io("read", &path))? else {
                    // It was readable when it was stored, or when the spool was opened.
                    segment.records = read;
                    recovery::mark_damaged(&self.directory, segment, begin);
                    break;
                };
                bytes = bytes.saturating_add(record.payload.len());
                if bytes > max_bytes && !records.is_empty() {
                    return Ok(());
                }
                let (segment, end, at_micros) = (segment.number, reader.offset, record.at_micros);
                self.shown.push_back(Shown { segment, end, at_micros });
                records.push(record);
            }
        }
        Ok(())
    }

    /// Where the oldest record is, or will be.
    fn cursor(&self) -> Cursor {
        let oldest = self.segments.iter().find(|segment| segment.records > 0);
        oldest.map_or(Cursor::at_start_of(self.next), |segment| Cursor {
            segment: segment.number,
            removed: segment.removed,
            offset: segment.start,
        })
    }

    /// Lets go of the segments without records, and counts those that stay.
    fn settle(&mut self) {
        let (kept, empty): (Vec<_>, Vec<_>) =
            self.segments.drain(..).partition(|segment| segment.records > 0);
        self.segments = kept.into();
        let last = self.segments.back().filter(|segment| !segment.damaged).map(|segment| segment.number);
        self.active.take_if(|active| Some(active.number) != last);
        self.directory.discard(&empty);
        self.count();
        self.backlog.oldest_micros = match (self.shown.front(), self.segments.front()) {
            (Some(shown), _) => Some(shown.at_micros),
            (None, Some(segment)) => self.at_micros(segment),
            (None, None) => None,
        };
    }

    fn count(&mut self) {
        self.backlog.records = self.segments.iter().map(|segment| segment.records).sum();
        self.backlog.bytes = self.segments.iter().map(|segment| segment.length).sum();
    }

    /// When the oldest record of a segment was accepted; if it cannot be read, the next peek says why.
    fn at_micros(&self, segment: &Segment) -> Option<i64> {
        let mut reader = Reader::open(&self.directory.segment(segment.number), segment.start).ok()?;
        reader.at_micros().ok()?
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    const LIMITS: Limits = Limits { bytes: 1 << 20, segment_bytes: 1 << 16 };

    fn record(word: &str) -> Record {
        Record { at_micros: 7, payload: word.into() }
    }

    /// A device in place of the segment: there the write or the sync fails, and the cut, too.
    fn after_a_failure_on(device: &str) -> Error {
        let place = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(place.path(), LIMITS).unwrap();
        spool.append(&[record("before")]).unwrap();
        let before = spool.backlog();
        spool.active.as_mut().unwrap().swap(File::options().write(true).open(device).unwrap());

        let error = spool.append(&[record("lost"), record("lost, too")]).unwrap_err();
        assert_eq!(spool.backlog(), before);
        spool.append(&[record("after")]).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3, "the lock and two segments");
        assert_eq!(spool.peek(9, 999).unwrap(), [record("before"), record("after")]);
        drop(spool);
        let mut again = Spool::open(place.path(), LIMITS).unwrap();
        assert_eq!(again.peek(9, 999).unwrap(), [record("before"), record("after")]);
        error
    }

    #[test]
    fn a_failed_sync_stores_nothing_and_ends_the_segment() {
        let error = after_a_failure_on("/dev/null");
        assert!(matches!(error, Error::Io { action: "sync", .. }), "{error}");
    }

    #[test]
    fn a_failed_write_that_cannot_be_taken_back_ends_the_segment() {
        let error = after_a_failure_on("/dev/full");
        assert!(matches!(error, Error::Full { cause: NoRoom::System(_), .. }), "{error}");
    }
}
