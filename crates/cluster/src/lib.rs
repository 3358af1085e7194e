//! A private PostgreSQL server: the embedded database of Milepost and the throw-away one of its tests.
//!
//! The rule it protects: whoever starts a cluster gets one that is ready, theirs alone and whole, or a
//! message that says what to do; however the last owner ended.

mod binaries;
mod database;
mod error;
mod identity;
mod initdb;
mod layout;
mod lock;
mod pidfile;
mod postmaster;
mod process;
mod settings;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

pub use error::Error;

use crate::{
    binaries::Binaries, identity::ServerUser, layout::Layout, lock::Lock, postmaster::Postmaster,
    process::Home,
};

/// The database superuser that `initdb` makes, and whom everything connects as.
pub const SUPERUSER: &str = "milepost";

/// What cluster to run, and how.
#[derive(Debug, Clone)]
pub struct Config {
    /// PGDATA. `DIR.new`, `DIR.lock`, `DIR.log` and mostly `DIR.socket` come to lie beside it.
    pub data_dir: PathBuf,
    /// Where `postgres`, `initdb` and `psql` are; without it `MILEPOST_PG_BIN` is asked, then the usual places.
    pub bin_dir: Option<PathBuf>,
    /// As whom PostgreSQL runs when we are root; without it the owner of the cluster, `postgres` or `milepost`.
    pub user: Option<String>,
    /// Whether the data has to survive a power cut.
    pub durability: Durability,
    /// Further settings of PostgreSQL, stronger than the defaults here.
    pub settings: Vec<(String, String)>,
}

impl Config {
    /// A configuration with nothing out of the ordinary.
    #[must_use]
    pub fn new(data_dir: PathBuf, durability: Durability) -> Self {
        Self { data_dir, bin_dir: None, user: None, durability, settings: Vec::new() }
    }
}

/// Whether the data has to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A committed transaction is on disk.
    Durable,
    /// Nothing is synced; for tests.
    Throwaway,
}

/// How a running cluster came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// A new one was made.
    Fresh,
    /// An existing one was started.
    Warm,
    /// The server was running: it outlived a service that was killed.
    Adopted,
}

/// A running PostgreSQL server that is ours alone. Dropping it stops the server.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the server has ended before the lock is released.
    server: Postmaster,
    binaries: Binaries,
    user: ServerUser,
    layout: Layout,
    started: Started,
    _lock: Lock,
}

impl Cluster {
    /// Makes the cluster if there is none, adopts or starts its server, and waits until it is ready.
    ///
    /// This blocks: about a second for a new cluster, minutes at worst to recover a large one.
    ///
    /// # Errors
    /// Every [`Error`] but those about databases and stopping; nothing is left running.
    pub fn start(config: &Config) -> Result<Self, Error> {
        settings::check(&config.settings)?;
        let layout = Layout::new(&config.data_dir)?;
        let user = ServerUser::choose(config.user.as_deref(), &layout)?;
        let binaries = Binaries::find(config.bin_dir.as_deref(), &layout)?;
        user.check_reach(&binaries.program("postgres"), &layout)?;
        let lock = Lock::take(&layout, &user)?;

        let fresh = !layout.is_cluster();
        if fresh {
            initdb::run(config, &binaries, &user, &layout)?;
        }
        let lz4 = config.durability == Durability::Durable && knows_lz4(&binaries, &user, &layout);
        let arguments = settings::arguments(config, &layout, lz4);
        let (server, started) = if let Some(server) = Postmaster::adopt(&layout, &arguments)? {
            (server, Started::Adopted)
        } else {
            Home::of(&layout.data)?.sweep(&layout.data);
            pidfile::clear_misleading(&layout)?;
            let server = Postmaster::start(&binaries, &user, &layout, &arguments)?;
            (server, if fresh { Started::Fresh } else { Started::Warm })
        };
        log::info!(
            "PostgreSQL {} runs on {} (pid {}, {started:?})",
            binaries.major,
            layout.data.display(),
            server.pid(),
        );
        Ok(Self { server, binaries, user, layout, started, _lock: lock })
    }

    /// The URL of a database in the server that runs on that directory, whoever owns it; nothing
    /// when none takes connections there. For a visitor: nothing is made, locked or started.
    ///
    /// # Errors
    /// When the directory cannot be looked into, or the server there is not one of ours.
    pub fn url_of_running(config: &Config, database: &str) -> Result<Option<String>, Error> {
        // Before the layout, which makes the directory that it would be in.
        if !config.data_dir.exists() {
            return Ok(None);
        }
        let layout = Layout::new(&config.data_dir)?;
        std::fs::read_dir(&layout.data).map_err(Error::io("look into", &layout.data))?;
        let Some((file, _)) = Postmaster::find(&layout)? else { return Ok(None) };
        let listen = file.listen.filter(|listen| file.ready && listen.exists());
        Ok(listen.map(|listen| database::url(&listen, database)))
    }

    /// The URL of a database, for libpq and so for Diesel.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        database::url(&self.server.listen(), database)
    }

    /// Makes a database unless it is there.
    ///
    /// # Errors
    /// [`Error::BadDatabaseName`], or [`Error::DatabaseFailed`] with what `psql` said.
    pub fn ensure_database(&self, name: &str) -> Result<(), Error> {
        let Self { binaries, user, layout, .. } = self;
        database::Psql { binaries, user, layout, listen: self.server.listen() }.ensure(name)
    }

    /// PGDATA, as its real path.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.layout.data
    }

    /// What the server says goes into this file.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.layout.log
    }

    /// The process id of the server.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.server.pid()
    }

    /// The major version of PostgreSQL, for example 15.
    #[must_use]
    pub fn major_version(&self) -> u32 {
        self.binaries.major
    }

    /// How it came to run.
    #[must_use]
    pub fn started_how(&self) -> Started {
        self.started
    }

    /// Whether the server still runs; if not, drop this and start again, which recovers.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Stops the server: open sessions are ended, their transactions rolled back.
    ///
    /// # Errors
    /// [`Error::StopFailed`] when it is there even after an immediate shutdown.
    pub fn stop(mut self) -> Result<(), Error> {
        self.server.stop()
    }
}

/// Whether this build compresses its log with lz4; one without it would refuse to start.
fn knows_lz4(binaries: &Binaries, user: &ServerUser, layout: &Layout) -> bool {
    let mut command = user.command(&binaries.program("postgres"), &layout.parent);
    command.arg("-D").arg(&layout.data).args(["-c", "wal_compression=lz4", "-C", "wal_compression"]);
    let asked = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}
