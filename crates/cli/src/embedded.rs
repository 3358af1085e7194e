//! The PostgreSQL that `milepost serve` brings along, kept running while the service does.
//!
//! The rule it protects: a database that dies under the service is started again, and recovers,
//! without anybody being called; it is stopped when the service has stopped.

use std::{
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use milepost_cluster::{Cluster, Config, Durability, Started};

use crate::failure::Failure;

/// The database of the service within its cluster.
const DATABASE: &str = "milepost";
/// How often the server is looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A running embedded database, looked after by a thread of its own.
pub(crate) struct Embedded {
    /// How to connect; the same after a restart.
    pub(crate) url: String,
    /// Whether it was made just now.
    pub(crate) is_fresh: bool,
    stop: mpsc::Sender<()>,
    keeper: thread::JoinHandle<Result<(), milepost_cluster::Error>>,
}

impl Embedded {
    /// Starts the PostgreSQL that lives in the data directory.
    ///
    /// # Errors
    /// When it cannot be started; the message says what to do.
    pub(crate) fn start(data_dir: &Path) -> Result<Self, Failure> {
        let config = config(data_dir);
        let cluster = Cluster::start(&config)?;
        cluster.ensure_database(DATABASE)?;
        let (url, is_fresh) = (cluster.url(DATABASE), cluster.started_how() == Started::Fresh);
        let (stop, stopped) = mpsc::channel();
        let keeper = thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || keep(&config, cluster, &stopped))?;
        Ok(Self { url, is_fresh, stop, keeper })
    }

    /// Where the PostgreSQL of the data directory listens, when a service runs there.
    ///
    /// # Errors
    /// When that cannot be told; the message says what to do.
    pub(crate) fn url_of_running(data_dir: &Path) -> Result<Option<String>, Failure> {
        Ok(Cluster::url_of_running(&config(data_dir), DATABASE)?)
    }

    /// Whether there is one to start, rather than one to make.
    pub(crate) fn is_in(data_dir: &Path) -> bool {
        config(data_dir).data_dir.join("PG_VERSION").exists()
    }

    /// Stops it and waits until it is gone.
    ///
    /// # Errors
    /// When it does not stop.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        drop(self.stop);
        let stopped =
            self.keeper.join().map_err(|_| Failure::usage("the keeper of the embedded database panicked"))?;
        Ok(stopped?)
    }
}

fn config(data_dir: &Path) -> Config {
    Config::new(data_dir.join("postgres"), Durability::Durable)
}

/// Looks after the server until the sender is gone, then stops it.
fn keep(
    config: &Config,
    cluster: Cluster,
    stopped: &mpsc::Receiver<()>,
) -> Result<(), milepost_cluster::Error> {
    let mut running = Some(cluster);
    while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        if running.as_ref().is_some_and(Cluster::is_running) {
            continue;
        }
        log::error!("the embedded PostgreSQL is gone; starting it again");
        // Its lock goes with it, before the new one is taken.
        drop(running.take());
        match Cluster::start(config) {
            Ok(cluster) => running = Some(cluster),
            Err(error) => log::error!("cannot start the embedded PostgreSQL, trying again: {error}"),
        }
    }
    running.map_or(Ok(()), Cluster::stop)
}
