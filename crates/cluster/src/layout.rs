//! Where the things of one cluster are: the data directory and its neighbours.
//!
//! The rule it protects: every path follows from the real path of the data directory alone, so that
//! whoever comes after a crash finds the same lock, log and socket.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf, absolute},
};

use crate::Error;

/// `sun_path` has 108 bytes, one of them for the terminating zero.
const SOCKET_PATH_LIMIT: usize = 107;
/// What PostgreSQL appends to the directory.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";

/// The paths of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// PGDATA itself.
    pub(crate) data: PathBuf,
    /// The directory that holds it.
    pub(crate) parent: PathBuf,
    /// Where `initdb` works until it has finished.
    pub(crate) unfinished: PathBuf,
    /// Whoever holds this file owns the cluster.
    pub(crate) lock: PathBuf,
    /// What the server says.
    pub(crate) log: PathBuf,
    /// The directory of the unix socket.
    pub(crate) socket: PathBuf,
}

impl Layout {
    /// Derives the paths; makes the parent directory, so that the real path is known.
    pub(crate) fn new(directory: &Path) -> Result<Self, Error> {
        let unusable = |reason| Error::UnusablePath { directory: directory.to_path_buf(), reason };
        // The line-based postmaster.pid cannot carry such a path.
        if directory.as_os_str().as_bytes().iter().any(u8::is_ascii_control) {
            return Err(unusable("its path has control characters"));
        }
        let given = absolute(directory).map_err(|_| unusable("the path is empty"))?;
        let data = if let Ok(real) = given.canonicalize() {
            real
        } else {
            let (Some(parent), Some(name)) = (given.parent(), given.file_name()) else {
                return Err(unusable("it has no name"));
            };
            fs::create_dir_all(parent).map_err(Error::io("make the directory", parent))?;
            parent.canonicalize().map_err(Error::io("enter", parent))?.join(name)
        };
        let (Some(parent), Some(name)) = (data.parent(), data.file_name()) else {
            return Err(unusable("it is the root directory"));
        };
        if data.exists() && !data.is_dir() {
            return Err(unusable("it is a file"));
        }
        let beside = |suffix: &str| {
            let mut sibling = OsString::from(name);
            sibling.push(suffix);
            parent.join(sibling)
        };
        Ok(Self {
            parent: parent.to_path_buf(),
            unfinished: beside(".new"),
            lock: beside(".lock"),
            log: beside(".log"),
            socket: socket_directory(&data, beside(".socket")),
            data,
        })
    }

    /// Whether a finished cluster is there.
    pub(crate) fn is_cluster(&self) -> bool {
        self.data.join("PG_VERSION").exists()
    }
}

/// Next to the data where the limit allows, else below /tmp under a name that follows from the path.
///
/// Not below `$XDG_RUNTIME_DIR`: that one goes away at log-out, while the server stays.
fn socket_directory(data: &Path, beside: PathBuf) -> PathBuf {
    let fits = beside.as_os_str().len() + SOCKET_NAME.len() <= SOCKET_PATH_LIMIT;
    // libpq reads a comma in a host as two hosts.
    let speakable = beside.to_str().is_some_and(|path| !path.contains(','));
    if fits && speakable {
        return beside;
    }
    PathBuf::from(format!("/tmp/milepost-{:016x}", stable_hash(data.as_os_str())))
}

/// FNV-1a: std's hasher may change between releases, and then a restart would not find the socket.
fn stable_hash(text: &OsStr) -> u64 {
    text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_keeps_its_socket_beside_the_data() {
        let beside = PathBuf::from("/srv/m/postgres.socket");
        assert_eq!(socket_directory(Path::new("/srv/m/postgres"), beside.clone()), beside);
    }

    #[test]
    fn the_longest_socket_path_has_107_bytes() {
        let exact = PathBuf::from(format!("/{}", "x".repeat(107 - SOCKET_NAME.len() - 1)));
        assert_eq!(socket_directory(Path::new("/d"), exact.clone()), exact);
        let over = PathBuf::from(format!("/{}", "x".repeat(107 - SOCKET_NAME.len())));
        assert!(socket_directory(Path::new("/d"), over).starts_with("/tmp"));
    }

    #[test]
    fn a_path_that_libpq_would_split_gets_another_socket() {
        let socket = socket_directory(Path::new("/a,b"), PathBuf::from("/a,b.socket"));
        assert_eq!(socket, PathBuf::from("/tmp/milepost-363b429cb38cd723"));
    }

    #[test]
    fn a_path_with_a_line_break_is_refused() {
        let error = Layout::new(Path::new("/tmp/a\nb")).unwrap_err();
        assert!(error.to_string().contains("control characters"), "{error}");
    }
}
