//! What is known of a segment without reading it.
//!
//! The rule it protects: memory does not grow with the records that wait, only with their segments.

use crate::format::HEADER;

/// A segment that holds records which were not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The number of its first record, which is its name.
    pub(crate) number: u64,
    /// How many of its records were removed.
    pub(crate) removed: u64,
    /// Where its oldest record begins.
    pub(crate) start: u64,
    /// How many records can be read from there.
    pub(crate) records: u64,
    /// What it takes on disk.
    pub(crate) length: u64,
    /// Whether something behind its records is not readable.
    pub(crate) damaged: bool,
}

impl Segment {
    /// One from whose records none was removed.
    pub(crate) fn new(number: u64, records: u64, length: u64) -> Self {
        Self { number, removed: 0, start: HEADER, records, length, damaged: false }
    }

    /// Passes its oldest record, which ends there.
    pub(crate) fn pass(&mut self, end: u64) {
        self.start = end;
        self.removed += 1;
        self.records = self.records.saturating_sub(1);
    }

    /// The number that the record behind its last has; never its own, for names are not used twice.
    pub(crate) fn next(&self) -> u64 {
        self.number.saturating_add((self.removed + self.records).max(1))
    }
}
