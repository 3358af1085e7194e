//! Writing records to the end of a segment.
//!
//! The rule it protects: a write returns after it is on disk, or the segment ends where it ended before.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{Error, directory::Directory, format};

/// The one segment that can be appended to. Only the process that made it does so.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) number: u64,
    pub(crate) length: u64,
    path: PathBuf,
    file: File,
}

impl Active {
    /// Makes a segment of these records; when that fails, there is none.
    pub(crate) fn create(directory: &Directory, number: u64, records: &[u8]) -> Result<Self, Error> {
        let path = directory.segment(number);
        let mut bytes = format::header();
        bytes.extend(records);
        let length = size(&bytes);
        let options = OpenOptions::new().write(true).create_new(true).mode(0o600).to_owned();
        let file = options.open(&path).map_err(Error::store("make", &path, length))?;
        // One sync for all that is in it, then one for its name.
        let stored = file.write_all_at(&bytes, 0).map_err(Error::store("write to", &path, length));
        let stored = stored.and_then(|()| file.sync_data().map_err(Error::store("sync", &path, length)));
        let stored = stored.and_then(|()| directory.sync().map_err(Error::io("sync", &directory.path)));
        match stored {
            Ok(()) => Ok(Self { number, length, path, file }),
            Err(error) => {
                fs::remove_file(&path).unwrap_or_else(|again| warn_of_remains("remove", &path, &again));
                Err(error)
            }
        }
    }

    /// Whether a segment of that size has room for so many bytes more.
    pub(crate) fn has_room(&self, bytes: u64, segment_bytes: u64) -> bool {
        self.length.saturating_add(bytes) <= segment_bytes
    }

    /// Writes behind the last record. When that fails, the segment ends where it did; it is given back only
    /// if it can be written to again.
    pub(crate) fn append(mut self, records: &[u8]) -> (Option<Self>, Result<(), Error>) {
        let length = size(records);
        if let Err(error) = self.file.write_all_at(records, self.length) {
            let error = Error::store("write to", &self.path, length)(error);
            return (self.back().then_some(self), Err(error));
        }
        if let Err(error) = self.file.sync_data() {
            // A failed sync cannot be repeated. The kernel has dropped what it could not write and reported
            // that once: the next sync would succeed, without these bytes being on disk. So this file is
            // written no more.
            let error = Error::store("sync", &self.path, length)(error);
            self.back();
            return (None, Err(error));
        }
        self.length += length;
        (Some(self), Ok(()))
    }

    /// Takes back what a failed write has left.
    fn back(&self) -> bool {
        let done = self.file.set_len(self.length);
        done.inspect_err(|error| warn_of_remains("cut off", &self.path, error)).is_ok()
    }
}

fn warn_of_remains(action: &str, path: &Path, error: &io::Error) {
    log::warn!(
        "cannot {action} what a failed write has left in {}: {error}. After a restart, records that were never \
         acknowledged may come out of it",
        path.display()
    );
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl Active {
    /// Puts another file in place of this one, to see a write or a sync really fail.
    pub(crate) fn swap(&mut self, file: File) {
        self.file = file;
    }
}
