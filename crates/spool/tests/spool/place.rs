//! A directory for a spool, and what a test wants to know of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use milepost_spool::{Limits, Record, Spool};
use tempfile::TempDir;

/// Room for all that a test stores, in segments of that size.
pub(crate) const fn segments_of(segment_bytes: u64) -> Limits {
    Limits { bytes: 1 << 30, segment_bytes }
}

/// The record of that number, with so many bytes of its own.
pub(crate) fn record(number: u64, size: usize) -> Record {
    let payload = (0_u64..).map(|byte| u8::try_from((number * 31 + byte * 7) % 256).unwrap()).take(size);
    Record { at_micros: i64::try_from(number).unwrap() - 5, payload: payload.collect() }
}

/// A directory that goes with the test.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// Where the spool is; nobody makes it but the spool.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("spool")
    }

    pub(crate) fn open(&self, limits: Limits) -> Spool {
        Spool::open(&self.path(), limits).unwrap()
    }

    /// The files with that extension, in order.
    pub(crate) fn files(&self, extension: &str) -> Vec<PathBuf> {
        files(&self.path(), extension)
    }
}

pub(crate) fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    found.sort();
    found
}

pub(crate) fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// All that waits.
pub(crate) fn all(spool: &mut Spool) -> Vec<Record> {
    spool.peek(usize::MAX, usize::MAX).unwrap()
}

/// Takes out all that waits, a few at a time.
pub(crate) fn drain(spool: &mut Spool) -> Vec<Record> {
    let mut taken = Vec::new();
    loop {
        let some = spool.peek(3, 1000).unwrap();
        if some.is_empty() {
            return taken;
        }
        spool.remove(some.len()).unwrap();
        taken.extend(some);
    }
}

/// The variable that tells a child which directory is its own.
const DIRECTORY: &str = "MILEPOST_SPOOL_TEST_DIRECTORY";

/// This test binary as a command that runs only `test`, which asks [`child_directory`] for its place.
///
/// `through` is a program with arguments that runs the rest of its command line.
pub(crate) fn child(through: &[&str], test: &str, directory: &Path) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut words = through.iter().map(|word| (*word).into()).chain([this.into_os_string()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", test, "--ignored", "--nocapture"]).env(DIRECTORY, directory);
    command
}

/// The directory of a child; `None` when somebody runs its part by itself.
pub(crate) fn child_directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}
