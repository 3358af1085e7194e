//! Which processes belong to a data directory, and how to end them.
//!
//! The rule it protects: a number in a file is not a process. Before anything is adopted or killed,
//! /proc has to say that it is PostgreSQL and stands in our directory, as its servers do.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::Error;

/// How often a state is looked at while waiting for it to change.
const POLL: Duration = Duration::from_millis(5);
/// How long a killed process may take to go away.
const KILL_LIMIT: Duration = Duration::from_secs(20);

/// A directory, known by its inode: paths have links and bind mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    device: u64,
    inode: u64,
}

impl Home {
    /// The directory at a path.
    pub(crate) fn of(directory: &Path) -> Result<Self, Error> {
        let found = fs::metadata(directory).map_err(Error::io("look at", directory))?;
        Ok(Self { device: found.dev(), inode: found.ino() })
    }

    /// Whether a process is alive, is PostgreSQL's, and works in this directory. A zombie is not: it
    /// works nowhere any more.
    pub(crate) fn holds(self, pid: i32) -> bool {
        let process = Path::new("/proc").join(pid.to_string());
        let Ok(at) = fs::metadata(process.join("cwd")) else { return false };
        let Ok(name) = fs::read_to_string(process.join("comm")) else { return false };
        at.dev() == self.device && at.ino() == self.inode && ["postgres", "initdb"].contains(&name.trim_end())
    }

    fn processes(self) -> Vec<i32> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| self.holds(*pid))
            .collect()
    }

    /// Kills what a dead server left behind. While a backend without a postmaster is busy it keeps
    /// the shared memory, and PostgreSQL refuses to start.
    pub(crate) fn sweep(self, directory: &Path) {
        let left = self.processes();
        let place = directory.display();
        for pid in &left {
            log::warn!("killing process {pid}, left behind by a dead PostgreSQL on {place}");
            send(*pid, Signal::SIGKILL);
        }
        if !wait_until(KILL_LIMIT, || !left.iter().any(|pid| self.holds(*pid))) {
            log::warn!("processes {left:?} on {place} do not go away");
        }
    }
}

/// Whether any process has this number, a zombie too.
pub(crate) fn exists(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Sends a signal; a process that is gone already is what the caller wanted.
pub(crate) fn send(pid: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        log::debug!("{signal} to {pid}: {error}");
    }
}

/// Waits for a condition, at most so long; tells whether it came true.
pub(crate) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_postgresql_is_never_ours() {
        let here = std::env::current_dir().unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(!Home::of(&here).unwrap().holds(pid));
    }

    #[test]
    fn waiting_ends_at_its_limit() {
        assert!(!wait_until(Duration::ZERO, || false));
        assert!(wait_until(Duration::ZERO, || true));
    }
}
