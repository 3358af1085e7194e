//! What the bytes of a segment are.
//!
//! The rule it protects: nothing is taken for a record that was not stored as one. All numbers are
//! little-endian; the checksums are CRC-32 (IEEE 802.3, as of zlib).
//!
//! ```text
//! header   magic 8, format version 4, CRC 4 of these
//! record   length 4, time 8, CRC 4 of the payload, CRC 4 of these; the payload
//! ```
//!
//! The head of a record has a checksum of its own, for its length decides what follows: with it, a record
//! that the end of the file cuts off (nobody waits for it) is told apart from one whose length was damaged
//! (others follow).

use crate::{Error, Record};

/// The most bytes of one payload. A damaged length cannot make us allocate more.
pub const MAX_PAYLOAD: usize = 4 * 1024 * 1024;
/// The format that is written, and the latest that is read.
pub(crate) const VERSION: u32 = 1;
/// The bytes in front of the first record.
pub(crate) const HEADER: u64 = 16;
/// The bytes in front of a payload.
pub(crate) const HEAD: u64 = 20;

const MAGIC: [u8; 8] = *b"MPSPOOL\n";

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// A segment of that format version.
    Version(u32),
    /// No header; which format follows is unknown.
    Damaged,
}

impl Header {
    pub(crate) fn decode(bytes: [u8; 16]) -> Self {
        let (said, crc) = split::<12, 4, 16>(bytes);
        let (magic, version) = split::<8, 4, 12>(said);
        if magic == MAGIC && crc32fast::hash(&said) == u32::from_le_bytes(crc) {
            Self::Version(u32::from_le_bytes(version))
        } else {
            Self::Damaged
        }
    }
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: u32,
    pub(crate) at_micros: i64,
    payload_crc: u32,
}

impl Head {
    /// `None` when it is not one that was written here.
    pub(crate) fn decode(bytes: [u8; 20]) -> Option<Self> {
        let (said, crc) = split::<16, 4, 20>(bytes);
        let (length, rest) = split::<4, 12, 16>(said);
        let (at, payload_crc) = split::<8, 4, 12>(rest);
        let head = Self {
            length: u32::from_le_bytes(length),
            at_micros: i64::from_le_bytes(at),
            payload_crc: u32::from_le_bytes(payload_crc),
        };
        let right = crc32fast::hash(&said) == u32::from_le_bytes(crc);
        (right && usize::try_from(head.length).is_ok_and(|length| length <= MAX_PAYLOAD)).then_some(head)
    }

    /// Whether this is the payload that was stored.
    pub(crate) fn fits(&self, payload: &[u8]) -> bool {
        crc32fast::hash(payload) == self.payload_crc
    }
}

/// The header of a segment that is written now.
pub(crate) fn header() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    seal(&mut bytes, 0);
    bytes
}

/// The bytes that these records take; an error when one of them is too large.
pub(crate) fn size(records: &[Record]) -> Result<u64, Error> {
    records.iter().try_fold(0, |sum: u64, record| Ok(sum.saturating_add(HEAD + u64::from(length(record)?))))
}

/// Writes the records behind what is there.
pub(crate) fn encode(records: &[Record], bytes: &mut Vec<u8>) -> Result<(), Error> {
    for record in records {
        let start = bytes.len();
        bytes.extend(length(record)?.to_le_bytes());
        bytes.extend(record.at_micros.to_le_bytes());
        bytes.extend(crc32fast::hash(&record.payload).to_le_bytes());
        seal(bytes, start);
        bytes.extend(&record.payload);
    }
    Ok(())
}

fn length(record: &Record) -> Result<u32, Error> {
    let bytes = record.payload.len();
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= MAX_PAYLOAD);
    length.ok_or(Error::TooLarge { bytes, most: MAX_PAYLOAD })
}

/// Adds the checksum of what follows `start`.
fn seal(bytes: &mut Vec<u8>, start: usize) {
    let crc = crc32fast::hash(bytes.get(start..).unwrap_or_default());
    bytes.extend(crc.to_le_bytes());
}

/// `A` and `B` bytes of `C`, which is their sum.
fn split<const A: usize, const B: usize, const C: usize>(bytes: [u8; C]) -> ([u8; A], [u8; B]) {
    const { assert!(A + B == C) };
    let mut bytes = bytes.into_iter();
    let mut next = || bytes.next().unwrap_or_default();
    (std::array::from_fn(|_| next()), std::array::from_fn(|_| next()))
}
