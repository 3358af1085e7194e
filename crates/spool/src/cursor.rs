//! Up to where records were removed.
//!
//! The rule it protects: a cursor that is lost, stale or damaged shows records again and never hides one. It
//! is replaced as a whole, so a killed process leaves it exact; it is not synced, so a power cut may leave an
//! older one. That is safe as long as the name of a segment is not used for another one: hence it outlives
//! the last segment.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
};

use crate::{Error, directory::Directory, format::HEADER};

const NAME: &str = "cursor";
const NAME_NEW: &str = "cursor.new";
/// More bytes than a cursor has.
const LONGEST: u64 = 256;
/// What each starts with: the version of this format.
const VERSION: &str = "1";

/// All before this was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The oldest segment, or that which will be made next.
    pub(crate) segment: u64,
    /// How many of its records were removed.
    pub(crate) removed: u64,
    /// Where the next one begins.
    pub(crate) offset: u64,
}

impl Cursor {
    /// A cursor in front of all that a segment holds.
    pub(crate) fn at_start_of(segment: u64) -> Self {
        Self { segment, removed: 0, offset: HEADER }
    }

    /// The cursor that was written last; without one, all that is there is shown.
    pub(crate) fn read(directory: &Directory) -> Result<Self, Error> {
        let path = directory.path.join(NAME);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::at_start_of(0)),
            // One that cannot be read now may be readable later, and must not then belong to other segments.
            Err(error) => return Err(Error::io("read", &path)(error)),
        }
        Ok(Self::decode(&bytes).unwrap_or_else(|| {
            log::warn!("{} is damaged; records that were removed may be shown again", path.display());
            Self::at_start_of(0)
        }))
    }

    /// Replaces the cursor.
    pub(crate) fn write(self, directory: &Directory) -> io::Result<()> {
        let new = directory.path.join(NAME_NEW);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(self.encode().as_bytes())?;
        fs::rename(&new, directory.path.join(NAME))
    }

    fn encode(self) -> String {
        let said = format!("{VERSION} {} {} {}", self.segment, self.removed, self.offset);
        let crc = crc32fast::hash(said.as_bytes());
        format!("{said} {crc:08x}\n")
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (said, crc) = str::from_utf8(bytes).ok()?.strip_suffix('\n')?.rsplit_once(' ')?;
        if format!("{:08x}", crc32fast::hash(said.as_bytes())) != crc {
            return None;
        }
        let (VERSION, numbers) = said.split_once(' ')? else { return None };
        let mut numbers = numbers.split(' ').map(|number| number.parse().ok());
        let cursor = Self { segment: numbers.next()??, removed: numbers.next()??, offset: numbers.next()?? };
        numbers.next().is_none().then_some(cursor)
    }
}
