//! Where a run keeps its files: a directory of its own on a real disk.
//!
//! The rule it protects: "durable" is measured on a disk, never in memory, and nothing is left
//! behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use nix::sys::statfs::{self, FsType};
use tempfile::TempDir;

use crate::{
    failure::{Context as _, Failure, Result},
    janitor,
};

/// The file systems that are memory.
const MEMORY: [FsType; 2] = [statfs::TMPFS_MAGIC, FsType(0x8584_58f6)];
/// What the largest line needs, in bytes for each report that is stored beforehand, on both sides.
const ROOM_PER_REPORT: u64 = 1200;
/// What all others need.
const ROOM: u64 = 12 << 30;

pub(crate) struct Place {
    /// Absent when it is kept.
    directory: Option<TempDir>,
    path: PathBuf,
}

impl Place {
    /// Makes the directory.
    pub(crate) fn make(parent: &Path, keep: bool, stored: u64) -> Result<Self> {
        let found = statfs::statfs(parent).context(&format!("cannot look at {}", parent.display()))?;
        if MEMORY.contains(&found.filesystem_type()) {
            let parent = parent.display();
            return Err(Failure::new(format!(
                "{parent} is in memory, where nothing is durable; name a directory on a disk with --dir"
            )));
        }
        let block = u64::try_from(found.block_size()).unwrap_or(4096);
        let free = found.blocks_available().saturating_mul(block);
        let needed = ROOM + stored * ROOM_PER_REPORT;
        if free < needed {
            let parent = parent.display();
            let [free, needed] = [free, needed].map(|bytes| bytes >> 30);
            return Err(Failure::new(format!(
                "{parent} has {free} GiB free, {needed} are needed; name another place with --dir, or store \
                 fewer with --reports"
            )));
        }
        let directory = tempfile::Builder::new().prefix("milepost-bench-").tempdir_in(parent)?;
        // The database runs as a user of its own where we are root.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let path = directory.path().to_path_buf();
        janitor::start(&path)?;
        let directory = if keep {
            janitor::keep();
            // Into a path: from here on nobody removes it.
            let _ = directory.keep();
            None
        } else {
            Some(directory)
        };
        Ok(Self { directory, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.directory.is_none()
    }
}

/// The type and the device of the file system that holds a path, as they are mounted.
pub(crate) fn file_system(path: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let of = |line: &str| {
        let mut words = line.split_whitespace();
        let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(point).then(|| (point.len(), format!("{kind} ({device} on {point})")))
    };
    mounts.lines().filter_map(of).max_by_key(|(length, _)| *length).map_or("unknown".into(), |(_, text)| text)
}
