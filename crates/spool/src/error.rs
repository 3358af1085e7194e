//! What can go wrong with a spool, said once.
//!
//! The rule it protects: a message tells what happened, where, and what to do next; and after an error of an
//! append, nothing of it counts as stored.

use std::{io, path::Path, path::PathBuf};

/// Why a spool could not be opened, filled or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the spool open.
    #[error(
        "the spool {directory} is in use by another process ({owner}), and can have only one. Stop that one, \
         or choose another directory"
    )]
    InUse {
        /// The directory of the spool.
        directory: PathBuf,
        /// Who holds it, for example `pid 4711`.
        owner: String,
    },
    /// A newer build has written the spool.
    #[error(
        "{path} was written in format {found} by a newer version, and this one knows up to {known}; nothing was \
         touched. Start the newer version, and let it empty the spool before you go back"
    )]
    Newer {
        /// The segment.
        path: PathBuf,
        /// The format version in its header.
        found: u32,
        /// The latest one that this build reads.
        known: u32,
    },
    /// An append does not fit; nothing of it was stored.
    #[error("the spool {directory} has no room for {needed} more bytes: {cause}")]
    Full {
        /// The directory of the spool.
        directory: PathBuf,
        /// What the append would have taken.
        needed: u64,
        /// Who says so.
        cause: NoRoom,
    },
    /// A record has more bytes than any may have; nothing of its append was stored.
    #[error(
        "a record of {bytes} bytes is too large for a spool, which takes up to {most}. Store it in parts"
    )]
    TooLarge {
        /// The bytes of its payload.
        bytes: usize,
        /// [`crate::MAX_PAYLOAD`].
        most: usize,
    },
    /// More records were to be removed than the last peek showed; none was.
    #[error(
        "{asked} records were to be removed from a spool, but only {shown} of those there have been looked at. \
         Peek before you remove"
    )]
    NotShown {
        /// How many were to go.
        asked: usize,
        /// How many may go.
        shown: usize,
    },
    /// Any other failure of the operating system.
    #[error(
        "cannot {action} {path}: {source}. Check its permissions, the disk and the file system, then try again"
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Who says that there is no room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoom {
    /// The spool itself.
    #[error(
        "it holds {used} of the {limit} bytes that it may. Have its records taken out, or raise its limit"
    )]
    Limit {
        /// The bytes of all segments.
        used: u64,
        /// [`crate::Limits::bytes`].
        limit: u64,
    },
    /// The system: the disk is full, or a quota or a limit of the process is reached.
    #[error("{0}. Free some space on its file system, or raise the quota or the limit")]
    System(io::Error),
}

impl Error {
    /// Wraps a failure of the system.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// Wraps a failure to store so many bytes in a segment, telling a want of space apart from the rest.
    pub(crate) fn store(action: &'static str, path: &Path, needed: u64) -> impl FnOnce(io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        move |source| match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => {
                let directory = path.parent().unwrap_or(path).to_path_buf();
                Self::Full { directory, needed, cause: NoRoom::System(source) }
            }
            _ => Self::io(action, path)(source),
        }
    }
}
