//! The connections, and the registry as this process last read it.
//!
//! The rule it protects: a transaction that lost a race is run again as a whole; the closure
//! takes the connection inside, so nothing can hold one across another wait.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use diesel::{
    Connection, PgConnection,
    r2d2::{ConnectionManager, Pool, PooledConnection},
};
use milepost_domain::registry::{Mode, Registry};

use crate::{Error, Result, registry};

/// How often a transaction is run again before its error is answered.
const TRIES: usize = 5;

/// How the pool is made.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// How many connections at most.
    pub connections: u32,
    /// How long a request waits for one before it is answered with an error.
    pub wait: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { connections: 10, wait: Duration::from_secs(3) }
    }
}

/// The database, with the registry at hand.
#[derive(Clone)]
pub struct Store {
    pool: Pool<ConnectionManager<PgConnection>>,
    registry: Arc<RwLock<Arc<Registry>>>,
    mode: Mode,
}

impl Store {
    /// Connects, and reads the registry. The schema must be there (see [`crate::migrate`]).
    ///
    /// # Errors
    /// When the database cannot be reached or the registry cannot be read.
    pub fn connect(url: &str, settings: &PoolSettings, mode: Mode) -> Result<Self> {
        let pool = Pool::builder()
            .max_size(settings.connections)
            .min_idle(Some(1))
            .connection_timeout(settings.wait)
            .build(ConnectionManager::new(url))
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let store = Self { pool, registry: Arc::default(), mode };
        store.refresh_registry()?;
        Ok(store)
    }

    fn connection(&self) -> Result<PooledConnection<ConnectionManager<PgConnection>>> {
        self.pool.get().map_err(|error| Error::Unavailable(error.to_string()))
    }

    /// Reads.
    ///
    /// # Errors
    /// What `work` answers, or that no connection could be had.
    pub fn read<T>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T>) -> Result<T> {
        let mut connection = self.connection()?;
        work(&mut connection)
    }

    /// Writes in one transaction, run again when another one came in between.
    ///
    /// # Errors
    /// What `work` answers, or that no connection could be had.
    pub fn write<T>(&self, mut work: impl FnMut(&mut PgConnection) -> Result<T>) -> Result<T> {
        let mut pooled = self.connection()?;
        let connection: &mut PgConnection = &mut pooled;
        let mut tries = 0;
        loop {
            tries += 1;
            match connection.transaction(&mut work) {
                Err(Error::Interrupted(why)) if tries < TRIES => log::debug!("transaction runs again: {why}"),
                answer => return answer,
            }
        }
    }

    /// The registry as this process last read it.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the registry again, after a change or on a doubt.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn refresh_registry(&self) -> Result<Arc<Registry>> {
        let fresh = Arc::new(self.read(|connection| registry::load(connection, self.mode))?);
        self.keep_registry(Arc::clone(&fresh));
        Ok(fresh)
    }

    pub(crate) fn keep_registry(&self, fresh: Arc<Registry>) {
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}
