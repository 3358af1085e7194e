//! A durable queue of opaque records on disk, for what was accepted while its taker is away.
//!
//! The rule it protects: what [`Spool::append`] has acknowledged is shown by [`Spool::peek`], in order, until
//! it is removed; however the process or the machine ended in between, and whatever else on the disk is
//! damaged.
//!
//! Appending is durable: it returns after the records are on disk. Removing is at-least-once: the cursor is
//! exact after a killed process, but it is not synced, so after a power cut some of the records that were
//! removed may be shown again. Whoever takes records has to bear a repeat. An append that failed, or that was
//! cut off by the end of the process, was not acknowledged; some of its first records may be shown
//! nevertheless.
//!
//! The directory holds:
//!
//! ```text
//! 00000000000000000042.spool           a segment, named by the number of its first record
//! 00000000000000000017.spool.damaged   a segment that could not be read to its end; yours to look at and delete
//! cursor                               up to where records were removed
//! lock                                 held by the one process that has the spool open
//! ```

mod cursor;
mod directory;
mod error;
mod format;
mod lock;
mod reader;
mod recovery;
mod segment;
mod spool;
mod writer;

pub use error::{Error, NoRoom};
pub use format::MAX_PAYLOAD;
pub use spool::Spool;

/// How much a spool may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that all segments may have together.
    pub bytes: u64,
    /// When a segment would become longer than this, a new one is begun. Space comes back by whole segments,
    /// so this should be a small part of `bytes`.
    pub segment_bytes: u64,
}

/// What is stored: bytes, and when they were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was accepted, in microseconds by the caller's clock. It has no influence on the order.
    pub at_micros: i64,
    /// At most [`MAX_PAYLOAD`] bytes, which mean nothing here.
    pub payload: Vec<u8>,
}

/// How much waits in a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// The records that were not removed.
    pub records: u64,
    /// What the segments take of [`Limits::bytes`], removed records in front of the oldest included.
    pub bytes: u64,
    /// When the oldest record was accepted; `None` when there is none, or when it cannot be read.
    pub oldest_micros: Option<i64>,
}
