//! Reading a segment, record by record.
//!
//! The rule it protects: a record comes out as it went in or not at all, and why it does not is told apart.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    Record,
    format::{HEAD, HEADER, Head, Header},
};

const BUFFER: usize = 64 * 1024;

/// Reads one segment from some record on.
#[derive(Debug)]
pub(crate) struct Reader {
    input: BufReader<File>,
    /// Where the next record begins.
    pub(crate) offset: u64,
    /// How long the segment is.
    pub(crate) length: u64,
}

/// What comes next in a segment.
#[derive(Debug)]
pub(crate) enum Found {
    Record(Record),
    /// The segment ends here.
    End,
    /// The segment was cut off in this record, or it was never written: a write that did not come to its end.
    Torn,
    /// This was a record, or should be one.
    Damaged,
}

impl Reader {
    /// Opens a segment at the beginning of a record.
    pub(crate) fn open(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { input: BufReader::with_capacity(BUFFER, file), offset, length })
    }

    /// The header of a segment; `None` when the segment is shorter.
    pub(crate) fn header(path: &Path) -> io::Result<Option<Header>> {
        let mut reader = Self::open(path, 0)?;
        if reader.length < HEADER {
            return Ok(None);
        }
        let mut bytes = [0; 16];
        reader.input.read_exact(&mut bytes)?;
        Ok(Some(Header::decode(bytes)))
    }

    /// The next record, or why there is none.
    pub(crate) fn next(&mut self) -> io::Result<Found> {
        let left = self.length.saturating_sub(self.offset);
        if left == 0 {
            return Ok(Found::End);
        }
        let Some(behind_head) = left.checked_sub(HEAD) else { return Ok(Found::Torn) };
        let mut bytes = [0; 20];
        self.input.read_exact(&mut bytes)?;
        let Some(head) = Head::decode(bytes) else {
            // Some file systems extend a file before they write to it.
            let unwritten = bytes == [0; 20] && self.only_zeros_follow()?;
            return Ok(if unwritten { Found::Torn } else { Found::Damaged });
        };
        let size = u64::from(head.length);
        if size > behind_head {
            return Ok(Found::Torn);
        }
        let mut payload = Vec::new();
        self.input.by_ref().take(size).read_to_end(&mut payload)?;
        if !head.fits(&payload) {
            return Ok(Found::Damaged);
        }
        self.offset += HEAD + size;
        Ok(Found::Record(Record { at_micros: head.at_micros, payload }))
    }

    /// When the next record was accepted; its payload is not looked at.
    pub(crate) fn at_micros(&mut self) -> io::Result<Option<i64>> {
        let mut bytes = [0; 20];
        self.input.read_exact(&mut bytes)?;
        Ok(Head::decode(bytes).map(|head| head.at_micros))
    }

    fn only_zeros_follow(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            let seen = bytes.len();
            self.input.consume(seen);
        }
    }
}
