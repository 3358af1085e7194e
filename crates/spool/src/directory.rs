//! The directory of a spool, and the names in it.
//!
//! The rule it protects: a file that was made or removed stays so through a power cut, and no file that may
//! hold something unread is deleted.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{Error, segment::Segment};

const EXTENSION: &str = "spool";
/// The digits of the largest number, so that names sort as numbers do.
const DIGITS: usize = 20;

/// The directory of a spool.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    handle: File,
}

impl Directory {
    /// Opens it, and makes it if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        make(path).map_err(Error::io("make the directory", path))?;
        let handle = File::open(path).map_err(Error::io("open the directory", path))?;
        Ok(Self { path: path.to_path_buf(), handle })
    }

    /// Makes durable which files there are: syncing a file does not sync its name.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    /// Where the segment of that number is.
    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:0DIGITS$}.{EXTENSION}"))
    }

    /// The numbers of all segments, in order.
    pub(crate) fn segments(&self) -> Result<Vec<u64>, Error> {
        let list = || {
            let mut numbers = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                numbers.extend(entry?.file_name().to_str().and_then(number));
            }
            numbers.sort_unstable();
            Ok(numbers)
        };
        list().map_err(Error::io("list", &self.path))
    }

    /// Deletes segments without records. One that was not readable to its end is kept under another name.
    ///
    /// What cannot be deleted lies behind the cursor, and is tried again when the spool is opened again.
    pub(crate) fn discard(&self, segments: &[Segment]) {
        for segment in segments {
            let path = self.segment(segment.number);
            let done = if segment.damaged { set_aside(&path) } else { fs::remove_file(&path) };
            if let Err(error) = done {
                log::warn!(
                    "cannot delete the emptied {}: {error}. The next start tries again",
                    path.display()
                );
            }
        }
        if !segments.is_empty()
            && let Err(error) = self.sync()
        {
            log::warn!(
                "cannot sync {}: {error}. After a power cut, records may come again",
                self.path.display()
            );
        }
    }
}

/// The number in the name of a segment.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    (digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

/// Makes the directory and those above it, each of which is on disk before there is anything in it.
fn make(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    if path.is_dir() {
        // Whoever made it may have been killed before it was synced. A parent that we may not even list was
        // made by somebody else.
        return match sync_directory(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            result => result,
        };
    }
    if !parent.is_dir() {
        make(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !path.is_dir() => return Err(error),
        _ => {}
    }
    sync_directory(parent)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn set_aside(path: &Path) -> io::Result<()> {
    let named = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let mut aside = named(".damaged");
    let mut others = 0;
    // A rename would replace what was set aside before.
    while aside.try_exists()? {
        others += 1;
        aside = named(&format!(".damaged.{others}"));
    }
    fs::rename(path, &aside)?;
    log::error!(
        "{} is what could not be read to its end. Keep it if somebody shall look for what was lost, else delete it",
        aside.display()
    );
    Ok(())
}
