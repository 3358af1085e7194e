//! The PostgreSQL below the services, and what is done to it.
//!
//! The rule it protects: it is a durable one, and comes back by its own recovery only.

use std::{path::PathBuf, sync::Mutex, time::Duration};

use milepost_cluster::{Cluster, Config, Durability};

use crate::place::{signal, until, working_in};

const DATABASE: &str = "milepost";
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL.
pub(crate) struct Postgres {
    config: Config,
    /// Absent when a service brings it along, and while it is stopped.
    cluster: Mutex<Option<Cluster>>,
    is_ours: bool,
}

impl Postgres {
    /// One that we start, and that is nobody else's.
    pub(crate) fn start(directory: PathBuf) -> Self {
        let postgres = Self::embedded(directory);
        postgres.again().unwrap();
        postgres.cluster.lock().unwrap().as_ref().unwrap().ensure_database(DATABASE).unwrap();
        Self { is_ours: true, ..postgres }
    }

    /// The one that a service keeps in that directory.
    pub(crate) fn embedded(directory: PathBuf) -> Self {
        let config = Config::new(directory, Durability::Durable);
        Self { config, cluster: Mutex::new(None), is_ours: false }
    }

    /// How to connect, once it runs.
    pub(crate) fn url(&self) -> String {
        if let Some(cluster) = self.cluster.lock().unwrap().as_ref() {
            return cluster.url(DATABASE);
        }
        Cluster::url_of_running(&self.config, DATABASE).unwrap().expect("PostgreSQL runs")
    }

    pub(crate) fn is_running(&self) -> bool {
        Cluster::url_of_running(&self.config, DATABASE).is_ok_and(|url| url.is_some())
    }

    fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.config.data_dir.join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    /// Stops it in order.
    pub(crate) fn stop(&self) {
        if let Some(cluster) = self.cluster.lock().unwrap().take() {
            cluster.stop().unwrap();
        }
    }

    /// Starts it again, where that is our business.
    pub(crate) fn again(&self) -> Result<(), String> {
        let mut cluster = self.cluster.lock().unwrap();
        // Its lock goes with it.
        drop(cluster.take());
        *cluster = Some(Cluster::start(&self.config).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// After it was killed: whoever's it is starts it.
    pub(crate) fn recover(&self) -> Result<(), String> {
        if self.is_ours {
            return self.again();
        }
        let came = until(PATIENCE, || self.is_running());
        came.then_some(()).ok_or_else(|| "the embedded PostgreSQL does not come back".to_owned())
    }

    pub(crate) fn kill(&self) {
        let pid = self.postmaster().unwrap();
        signal("KILL", &[pid]);
        let gone = until(PATIENCE, || !working_in(&self.config.data_dir, "postgres").contains(&pid));
        assert!(gone, "the postmaster was killed");
    }

    /// The postmaster first, so that no process is made meanwhile.
    pub(crate) fn freeze(&self) {
        signal("STOP", self.postmaster().as_slice());
        signal("STOP", &working_in(&self.config.data_dir, "postgres"));
    }

    pub(crate) fn thaw(&self) {
        signal("CONT", &working_in(&self.config.data_dir, "postgres"));
    }
}
