//! What can go wrong with our own PostgreSQL, said once.
//!
//! The rule it protects: a message tells what happened, where, and what to do next, because it is
//! read by someone who asked for Milepost and never wanted to operate a database.

use std::{io, path::Path, path::PathBuf};

/// Why the private PostgreSQL server could not be started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No directory holds the programs of a PostgreSQL server.
    #[error(
        "no PostgreSQL server programs found (looked in {looked}). Install them (Debian, Ubuntu: \
         apt install postgresql; Fedora, EL: dnf install postgresql-server), or name their \
         directory in MILEPOST_PG_BIN"
    )]
    NoBinaries {
        /// The directories that were searched, separated by commas.
        looked: String,
    },
    /// The cluster was made by a major version that is not installed.
    #[error(
        "{directory} was made by PostgreSQL {found}, but installed is {installed}; one major \
         version cannot read the files of another. Install PostgreSQL {found} (Debian, Ubuntu: \
         apt install postgresql-{found}), or move the data with pg_upgrade or with pg_dumpall \
         and a new directory"
    )]
    VersionMismatch {
        /// The data directory.
        directory: PathBuf,
        /// The major version in its `PG_VERSION`.
        found: u32,
        /// The installed major versions and where they are.
        installed: String,
    },
    /// Another Milepost holds the directory.
    #[error(
        "{directory} is in use by another Milepost ({owner}). Stop that one, or choose another \
         --data-dir"
    )]
    AlreadyOwned {
        /// The data directory.
        directory: PathBuf,
        /// Who holds it, for example `pid 4711`.
        owner: String,
    },
    /// A PostgreSQL that Milepost did not start runs on the directory.
    #[error(
        "a PostgreSQL server that Milepost did not start (pid {pid}) runs on {directory}. Stop it \
         with: pg_ctl -D {directory} stop"
    )]
    ForeignServer {
        /// The data directory.
        directory: PathBuf,
        /// The process id of that server.
        pid: i32,
    },
    /// The directory holds something, but no PostgreSQL cluster.
    #[error(
        "{directory} holds files but no PostgreSQL cluster (no PG_VERSION in it); nothing was \
         touched. Move them away, or choose another --data-dir"
    )]
    NotACluster {
        /// The data directory.
        directory: PathBuf,
    },
    /// The path cannot be used for a data directory.
    #[error("{directory} cannot hold a database: {reason}. Choose another --data-dir")]
    UnusablePath {
        /// The data directory as it was given.
        directory: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Run as root, and no account exists to run PostgreSQL as.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor a user \
         milepost to run it as. Make one (useradd --system --user-group milepost), or name one in \
         the configuration"
    )]
    NoServerUser,
    /// The configured account cannot run PostgreSQL.
    #[error("cannot run PostgreSQL as the user {user}: {reason}. Name an existing unprivileged user")]
    UnusableUser {
        /// The configured name.
        user: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory belongs to someone else than the user PostgreSQL runs as.
    #[error(
        "{directory} belongs to {owner}, but PostgreSQL would run as {user} and refuses other \
         people's files. Start Milepost as root or as {owner}, or give it the files (as root, with \
         Milepost stopped): chown -R {user}: {directory}"
    )]
    WrongOwner {
        /// The data directory.
        directory: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who PostgreSQL would run as.
        user: String,
    },
    /// The user PostgreSQL runs as may not pass a directory on the way.
    #[error(
        "the user {user}, as whom PostgreSQL runs, cannot reach {directory}: it may not enter \
         {blocking}. Use --data-dir /var/lib/milepost, or allow it to pass: chmod o+x {blocking}"
    )]
    Unreachable {
        /// The data directory.
        directory: PathBuf,
        /// The first directory on the way that refuses.
        blocking: PathBuf,
        /// Who PostgreSQL would run as.
        user: String,
    },
    /// The service itself lacks a permission.
    #[error(
        "no permission to {action} {path} as {user}. Start Milepost as the owner of that \
         directory, or choose another --data-dir"
    )]
    NoPermission {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Who tried.
        user: String,
    },
    /// Any other failure of the operating system.
    #[error("cannot {action} {path}: {source}. Check the disk and the file system, then start again")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory that has to be private, as that of the unix socket, is not.
    #[error(
        "{path} cannot be used as a private directory of PostgreSQL: {reason}. Remove it, or \
         choose another --data-dir"
    )]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting has no valid name, or a value that cannot be passed.
    #[error(
        "'{name}' cannot be passed to PostgreSQL as a setting: a name is letters, digits, '_' and \
         '.', and a value has no control characters. Correct it in the configuration"
    )]
    BadSetting {
        /// The name as it was given.
        name: String,
    },
    /// `initdb` did not finish.
    #[error(
        "initdb could not make a database cluster in {directory} ({status}). Its last words:\n\
         {output}\nRemove the cause and start again; nothing half made is kept"
    )]
    InitdbFailed {
        /// The data directory.
        directory: PathBuf,
        /// How it ended.
        status: String,
        /// The last lines of its output.
        output: String,
    },
    /// PostgreSQL ended, or did not become ready in time.
    #[error(
        "PostgreSQL on {directory} did not start: {reason}. Its last words:\n{output}\nThe whole \
         log is {log}"
    )]
    StartFailed {
        /// The data directory.
        directory: PathBuf,
        /// How it ended, or that it took too long.
        reason: String,
        /// The last lines of its log.
        output: String,
        /// Where the log is.
        log: PathBuf,
    },
    /// PostgreSQL did not stop, not even at once.
    #[error(
        "PostgreSQL on {directory} (pid {pid}) does not stop; see {log}. A start adopts it; to end \
         it by force: kill -9 {pid} (the next start recovers)"
    )]
    StopFailed {
        /// The data directory.
        directory: PathBuf,
        /// The process id of the server.
        pid: i32,
        /// Where the log is.
        log: PathBuf,
    },
    /// The name of a database is not one we quote.
    #[error(
        "'{name}' is no name for a database: use a letter or '_', then letters, digits, '_' and \
         '-', at most 63 characters"
    )]
    BadDatabaseName {
        /// The name as it was given.
        name: String,
    },
    /// `psql` failed.
    #[error("cannot make the database {database}: psql said:\n{output}\nThe log of the server is {log}")]
    DatabaseFailed {
        /// The database.
        database: String,
        /// The last lines of the output of `psql`.
        output: String,
        /// Where the server's log is.
        log: PathBuf,
    },
}

impl Error {
    /// Wraps a failure of the system, telling a missing permission apart from the rest.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.to_path_buf();
            if source.kind() == io::ErrorKind::PermissionDenied {
                let user = crate::identity::name_of(nix::unistd::geteuid());
                Self::NoPermission { action, path, user }
            } else {
                Self::Io { action, path, source }
            }
        }
    }
}

/// The last lines of what a program said, enough to see the reason and short enough for a message.
pub(crate) fn tail(output: &[u8]) -> String {
    const LINES: usize = 15;
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "  (nothing)".to_owned();
    }
    let skip = lines.len().saturating_sub(LINES);
    let kept: Vec<String> = lines.into_iter().skip(skip).map(|line| format!("  {line}")).collect();
    kept.join("\n")
}
