//! What `postmaster.pid` says.
//!
//! The rule it protects: the server itself is asked where it listens and whether it is ready; we do
//! not guess from time or from our own configuration.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, layout::Layout, process::exists};

/// The parts of `postmaster.pid` that we use. It grows line by line while the server starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PidFile {
    /// The process; negative for a single-user server.
    pub(crate) pid: i32,
    /// Where it listens, once it does.
    pub(crate) listen: Option<Endpoint>,
    /// Whether it takes connections.
    pub(crate) ready: bool,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The directory of the unix socket.
    pub(crate) socket: PathBuf,
    /// The number in the name of the socket.
    pub(crate) port: u16,
}

impl Endpoint {
    /// Whether the socket can be found; something may have cleaned /tmp.
    pub(crate) fn exists(&self) -> bool {
        self.socket.join(format!(".s.PGSQL.{}", self.port)).exists()
    }
}

impl PidFile {
    /// Reads it; nothing where there is none, or none that says a pid yet.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // pid, data directory, start time, port, socket directory, address, shared memory, status
        let line = |number: usize| text.lines().nth(number).map(str::trim);
        let socket = line(4).filter(|socket| !socket.is_empty());
        let port = line(3).and_then(|port| port.parse().ok());
        Some(Self {
            pid: line(0)?.parse().ok()?,
            listen: socket.zip(port).map(|(socket, port)| Endpoint { socket: socket.into(), port }),
            ready: line(7) == Some("ready"),
        })
    }
}

/// Removes the pid files of a dead server whose number another process has by now, as happens after a
/// reboot or under an init that leaves zombies. PostgreSQL only asks whether the number is in use by
/// its user, and would refuse to start for ever.
///
/// Only for the owner of the lock, after nothing of ours was found alive on the directory.
pub(crate) fn clear_misleading(layout: &Layout) -> Result<(), Error> {
    let socket_lock = layout.socket.join(".s.PGSQL.5432.lock");
    for path in [layout.data.join("postmaster.pid"), socket_lock] {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let pid = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
        if pid.is_some_and(|pid| exists(pid.saturating_abs())) {
            log::warn!("removing the stale {}: its pid is another process now", path.display());
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "4711\n/d\n1700000000\n5432\n/d.socket\n\n  123  456\nready   \n";

    #[test]
    fn a_ready_server_tells_where_it_listens() {
        let file = PidFile::parse(READY).unwrap();
        assert_eq!((file.pid, file.ready), (4711, true));
        assert_eq!(file.listen.unwrap(), Endpoint { socket: "/d.socket".into(), port: 5432 });
    }

    #[test]
    fn a_starting_server_is_not_ready_and_a_half_written_file_is_no_error() {
        assert!(!PidFile::parse(&READY.replace("ready   ", "starting")).unwrap().ready);
        assert_eq!(PidFile::parse("4711\n/d\n").unwrap().listen, None);
        assert_eq!(PidFile::parse(""), None);
    }
}
