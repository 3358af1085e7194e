//! What is left in the directory when a spool is opened.
//!
//! The rule it protects: every record that can be read is kept, in order. Of the rest, only what was
//! certainly never acknowledged is cut off; whatever else is not readable stays in a file, and the log says
//! in which.

use std::fs::OpenOptions;

use crate::{
    Error,
    cursor::Cursor,
    directory::Directory,
    format::{HEADER, Header, VERSION},
    reader::{Found, Reader},
    segment::Segment,
};

/// All segments, also those without records, and the number of the next record.
pub(crate) struct Recovered {
    pub(crate) segments: Vec<Segment>,
    pub(crate) next: u64,
}

/// How the readable part of a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Torn { at: u64 },
    Damaged { at: u64 },
}

/// Looks through all segments; nothing is touched before each of them is known to be of a format we know.
pub(crate) fn recover(directory: &Directory) -> Result<Recovered, Error> {
    let cursor = Cursor::read(directory)?;
    let scanned = directory.segments()?.into_iter().map(|number| scan(directory, number, cursor));
    let mut scanned: Vec<(Segment, End)> = scanned.collect::<Result<_, _>>()?;
    // Only the last one was being written: what ends another one too early is damage.
    if let Some((segment, end)) = scanned.last_mut()
        && let End::Torn { at } = *end
    {
        cut(directory, segment, at)?;
        *end = End::Whole;
    }
    let mut next = cursor.segment.saturating_add(cursor.removed);
    let mut segments = Vec::with_capacity(scanned.len());
    for (mut segment, end) in scanned {
        if let End::Torn { at } | End::Damaged { at } = end {
            mark_damaged(directory, &mut segment, at);
        }
        next = next.max(segment.next());
        if segment.number < cursor.segment {
            // It was emptied, but not deleted any more.
            segment.records = 0;
        }
        segments.push(segment);
    }
    Ok(Recovered { segments, next })
}

/// Remembers that a segment is not readable from there on, and says so.
pub(crate) fn mark_damaged(directory: &Directory, segment: &mut Segment, at: u64) {
    segment.damaged = true;
    let path = directory.segment(segment.number);
    log::error!(
        "{} is damaged at byte {at} of {}. {} records that wait in it are whole and kept; what else is in this file \
         is lost to us. When they were taken, the file stays as {0}.damaged. Check the disk it is on",
        path.display(),
        segment.length,
        segment.records
    );
}

/// Reads a segment from the cursor on.
fn scan(directory: &Directory, number: u64, cursor: Cursor) -> Result<(Segment, End), Error> {
    let path = directory.segment(number);
    let from = if number == cursor.segment { cursor } else { Cursor::at_start_of(number) };
    let header = Reader::header(&path).map_err(Error::io("read", &path))?;
    let mut reader = Reader::open(&path, from.offset).map_err(Error::io("read", &path))?;
    let mut segment = Segment::new(number, 0, reader.length);
    (segment.removed, segment.start) = (from.removed, from.offset);
    match header {
        None => return Ok((segment, End::Torn { at: 0 })),
        Some(Header::Version(found)) if found > VERSION => {
            return Err(Error::Newer { path, found, known: VERSION });
        }
        // Damage to a header does not hinder reading: each record vouches for itself.
        Some(Header::Version(_) | Header::Damaged) => {}
    }
    let end = loop {
        match reader.next().map_err(Error::io("read", &path))? {
            Found::Record(_) => segment.records += 1,
            Found::End => break End::Whole,
            Found::Torn => break End::Torn { at: reader.offset },
            Found::Damaged => break End::Damaged { at: reader.offset },
        }
    };
    let damaged_header = header == Some(Header::Damaged) && from.offset == HEADER;
    Ok((segment, if damaged_header && end == End::Whole { End::Damaged { at: 0 } } else { end }))
}

fn cut(directory: &Directory, segment: &mut Segment, at: u64) -> Result<(), Error> {
    let path = directory.segment(segment.number);
    log::warn!(
        "cut {} bytes off the end of {}: the last write to it did not come to its end, and was not acknowledged",
        segment.length - at,
        path.display()
    );
    let file = OpenOptions::new().write(true).open(&path).map_err(Error::io("open", &path))?;
    // Synced, for it is the last segment only until the next append.
    file.set_len(at).and_then(|()| file.sync_all()).map_err(Error::io("cut the end off", &path))?;
    segment.length = at;
    Ok(())
}
