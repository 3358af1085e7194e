//! The way to the database: connections for reading, the lanes that write reports, and what this
//! process remembers.
//!
//! The rule it protects: a transaction that lost a race is run again as a whole; the closure
//! takes the connection inside, so nothing can hold one across another wait; no read holds up a
//! report, which is written on a connection of its lane's own.

use std::{
    sync::{Arc, PoisonError, RwLock, mpsc},
    thread,
    time::Duration,
};

use diesel::{
    Connection, PgConnection, RunQueryDsl,
    r2d2::{ManageConnection, Pool, PooledConnection, R2D2Connection as _},
    sql_query,
};
use milepost_domain::registry::{Mode, Registry};

use crate::{
    Error, Result,
    ingest::{self, Condition, Ingest},
    memory::Memory,
    meters::Meters,
    notify::{self, Node},
    registry,
    standing::Needs,
    timing::Learned,
    token,
};

/// How often a transaction is run again before its error is answered.
const TRIES: usize = 5;
/// How long a connection may take to be made, in seconds, where the URL does not say.
const CONNECT_SECONDS: u32 = 4;

/// How the database is used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many connections there are for reading and for opening builds, at most.
    pub connections: u32,
    /// How long a request waits for one before it is answered with an error.
    pub wait: Duration,
    /// How reports are taken.
    pub ingest: ingest::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connections: 10, wait: Duration::from_secs(3), ingest: ingest::Settings::default() }
    }
}

/// What the store's threads have in common.
pub(crate) struct Shared {
    url: String,
    pub(crate) node: Node,
    pub(crate) mode: Mode,
    pub(crate) memory: Arc<Memory>,
    pub(crate) meters: Meters,
    pub(crate) learned: Learned,
    pub(crate) needs: Needs,
    registry: RwLock<Arc<Registry>>,
}

impl Shared {
    /// A connection outside of the pool.
    pub(crate) fn establish(&self) -> Result<PgConnection> {
        PgConnection::establish(&self.url).map_err(|error| Error::Unavailable(error.to_string()))
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn keep_registry(&self, fresh: Arc<Registry>) {
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

/// Makes the pool's connections. Diesel's own manager takes one for broken only when a transaction
/// on it was, and would hand out a dead one for ever.
#[derive(Debug)]
struct Manager {
    url: String,
}

/// A connection of the pool.
struct Pooled {
    connection: PgConnection,
    /// It was found dead, and is of no use to anybody.
    is_dead: bool,
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = Error;

    fn connect(&self) -> Result<Pooled> {
        let mut connection = crate::connect(&self.url)?;
        // Every list has an index to walk.
        for setting in ["enable_seqscan = off", "jit = off"] {
            sql_query(format!("SET {setting}")).execute(&mut connection)?;
        }
        Ok(Pooled { connection, is_dead: false })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<()> {
        crate::ready(&mut pooled.connection)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        thread::panicking() || pooled.is_dead || pooled.connection.is_broken()
    }
}

struct Inner {
    // Dropped in this order: the lanes have answered everybody before the rest goes.
    ingest: Ingest,
    /// Ends the listener, which is not waited for: it may hang on a database that hangs.
    _listener: mpsc::Sender<()>,
    pool: Pool<Manager>,
    shared: Arc<Shared>,
}

/// The database, with what this process knows of it. The last clone ends its threads, after
/// everything that was submitted is answered.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

impl Store {
    /// Connects, reads the registry and starts the lanes. The schema must be there (see
    /// [`crate::migrate`]).
    ///
    /// # Errors
    /// When the database cannot be reached, the registry cannot be read, or the spool cannot be
    /// used.
    pub fn connect(url: &str, settings: &Settings, mode: Mode) -> Result<Self> {
        let url = with_connect_timeout(url);
        let pool = Pool::builder()
            .max_size(settings.connections)
            .min_idle(Some(1))
            .connection_timeout(settings.wait)
            // A broken connection is noticed by its error; asking each time would double the reads.
            .test_on_check_out(false)
            .build(Manager { url: url.clone() })
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let mut connection = pool.get().map_err(|error| Error::Unavailable(error.to_string()))?;
        let registry = registry::load(&mut connection.connection, mode)?;
        let revoked = token::revoked(&mut connection.connection)?;
        let learned = Learned::default();
        learned.refresh(&mut connection.connection)?;
        let memory = Arc::new(Memory::new());
        memory.reread_mutes(&mut connection.connection)?;
        drop(connection);
        let shared = Arc::new(Shared {
            url,
            node: Node::new(),
            mode,
            memory,
            meters: Meters::default(),
            learned,
            needs: Needs::default(),
            registry: RwLock::new(Arc::new(registry)),
        });
        shared.memory.keep_revoked(revoked);
        let listener = listen(&shared)?;
        let ingest = Ingest::start(&shared, &settings.ingest)?;
        Ok(Self(Arc::new(Inner { ingest, _listener: listener, pool, shared })))
    }

    fn connection(&self) -> Result<PooledConnection<Manager>> {
        self.0.pool.get().map_err(|error| Error::Unavailable(error.to_string()))
    }

    pub(crate) fn ingest(&self) -> &Ingest {
        &self.0.ingest
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Reads.
    ///
    /// # Errors
    /// What `work` answers, or that no connection could be had.
    pub fn read<T>(&self, mut work: impl FnMut(&mut PgConnection) -> Result<T>) -> Result<T> {
        let mut dead = 0;
        loop {
            let mut pooled = self.connection()?;
            match work(&mut pooled.connection) {
                // It may have died while it lay idle, and so may all the others.
                Err(Error::Unavailable(why)) => {
                    pooled.is_dead = true;
                    dead += 1;
                    if dead > self.0.pool.max_size() {
                        return Err(Error::Unavailable(why));
                    }
                    log::debug!("read again on another connection: {why}");
                }
                answer => return answer,
            }
        }
    }

    /// A connection that lives, for work that is not to be done twice.
    fn live_connection(&self) -> Result<PooledConnection<Manager>> {
        let mut dead = 0;
        loop {
            let mut pooled = self.connection()?;
            let Err(error) = crate::ready(&mut pooled.connection) else { return Ok(pooled) };
            pooled.is_dead = true;
            dead += 1;
            if dead > self.0.pool.max_size() {
                return Err(error);
            }
        }
    }

    /// Writes in one transaction, run again when another one came in between.
    ///
    /// # Errors
    /// What `work` answers, or that no connection could be had.
    pub fn write<T>(&self, mut work: impl FnMut(&mut PgConnection) -> Result<T>) -> Result<T> {
        let mut pooled = self.live_connection()?;
        let mut tries = 0;
        loop {
            tries += 1;
            match pooled.connection.transaction(&mut work) {
                Err(Error::Interrupted(why)) if tries < TRIES => log::debug!("transaction runs again: {why}"),
                Err(error) => {
                    pooled.is_dead = matches!(error, Error::Unavailable(_));
                    return Err(error);
                }
                done => return done,
            }
        }
    }

    /// The registry as this process last read it.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        self.0.shared.registry()
    }

    /// Reads the registry again, after a change or on a doubt.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn refresh_registry(&self) -> Result<Arc<Registry>> {
        let fresh = Arc::new(self.read(|connection| registry::load(connection, self.0.shared.mode))?);
        self.0.shared.keep_registry(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// How it stands with the database and the spool.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.0.ingest.spooling().condition()
    }

    /// Waits until nothing lies in the spool any more; whether that was so within `patience`. Not to
    /// be called where futures run.
    #[must_use]
    pub fn wait_until_back(&self, patience: Duration) -> bool {
        self.0.ingest.spooling().wait_until_back(patience)
    }

    /// What was counted since the start.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.0.shared.meters
    }
}

fn listen(shared: &Arc<Shared>) -> Result<mpsc::Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    let (url, node, memory) = (shared.url.clone(), shared.node, Arc::downgrade(&shared.memory));
    thread::Builder::new()
        .name("listener".to_owned())
        .spawn(move || notify::listen(&url, node, &memory, &stopped))
        .map_err(|error| Error::Unavailable(format!("no thread can be started: {error}")))?;
    Ok(stop)
}

/// A server that hangs must not hang whoever connects to it.
fn with_connect_timeout(url: &str) -> String {
    if url.contains("connect_timeout") {
        return url.to_owned();
    }
    let separator = match (url.contains("://"), url.contains('?')) {
        (false, _) => " ",
        (true, false) => "?",
        (true, true) => "&",
    };
    format!("{url}{separator}connect_timeout={CONNECT_SECONDS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connecting_takes_a_bounded_time_unless_the_url_says_otherwise() {
        for (url, expected) in [
            ("postgresql://db/m", "postgresql://db/m?connect_timeout=4"),
            ("postgresql://db/m?port=1", "postgresql://db/m?port=1&connect_timeout=4"),
            ("host=db dbname=m", "host=db dbname=m connect_timeout=4"),
            ("postgresql://db/m?connect_timeout=9", "postgresql://db/m?connect_timeout=9"),
        ] {
            assert_eq!(with_connect_timeout(url), expected);
        }
    }
}
