//! What this process remembers of the database: builds as they were last committed, hosts with
//! what they have under way, and credentials.
//!
//! The rule it protects: what is remembered is never older than what was forgotten: whoever reads
//! the database takes a [`Ticket`] first, and what it brings is kept only if nothing was said of
//! that build meanwhile.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use lru::LruCache;
use milepost_domain::{BuildId, Host, host::HostRef};
use uuid::Uuid;

use crate::{
    build::Known,
    credential::{Credential, TokenHash},
};

/// How many builds are remembered: all that a large site has under way, some 8 KiB each.
const BUILDS: usize = 8_192;
/// How many hosts; one that is named in three ways counts three times.
const HOSTS: usize = 16_384;
/// How many credentials, of some 100 bytes each.
const CREDENTIALS: usize = 32_768;
/// Builds of one shard share a count of what was said; more shards, fewer in vain.
const SHARDS: usize = 256;

pub(crate) const fn at_least_one(count: usize) -> NonZeroUsize {
    match NonZeroUsize::new(count) {
        Some(count) => count,
        None => NonZeroUsize::MIN,
    }
}

/// A host, and what it has under way or had last.
#[derive(Debug, Clone)]
pub(crate) struct KnownHost {
    pub(crate) host: Host,
    pub(crate) latest: Option<BuildId>,
    /// Of this process, never the same for another reading of a host.
    pub(crate) reading: u64,
}

impl KnownHost {
    pub(crate) fn new(host: Host, latest: Option<BuildId>) -> Self {
        static READINGS: AtomicU64 = AtomicU64::new(0);
        Self { host, latest, reading: READINGS.fetch_add(1, Ordering::Relaxed) }
    }
}

/// When somebody began to read the database: what was said since makes it void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// A [`Ticket`] for whichever build it turns out to be.
pub(crate) struct Tickets(Vec<Ticket>);

impl Tickets {
    /// The ticket of that build.
    pub(crate) fn of(&self, id: Uuid) -> Ticket {
        // Without one, nothing fits.
        self.0.get(place(id)).copied().unwrap_or(Ticket(u64::MAX))
    }
}

/// In which shard a build is.
fn place(id: Uuid) -> usize {
    // The last byte of a UUID v7 is random.
    usize::from(id.as_bytes().last().copied().unwrap_or_default()) % SHARDS
}

struct Shard {
    builds: Mutex<LruCache<Uuid, Arc<Known>>>,
    /// How often something was said of a build in here; changed with the builds locked.
    said: AtomicU64,
}

struct Hosts {
    known: LruCache<HostRef, Arc<KnownHost>>,
    said: u64,
}

/// What this process remembers.
pub(crate) struct Memory {
    /// Whether every other node is heard, so that what is remembered is what is.
    is_sure: AtomicBool,
    /// When the database last answered.
    proven: Mutex<Instant>,
    shards: Vec<Shard>,
    hosts: Mutex<Hosts>,
    credentials: Mutex<LruCache<TokenHash, Credential>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    pub(crate) fn new() -> Self {
        let shard = || Shard {
            builds: Mutex::new(LruCache::new(at_least_one(BUILDS / SHARDS))),
            said: AtomicU64::new(0),
        };
        Self {
            is_sure: AtomicBool::new(false),
            proven: Mutex::new(Instant::now()),
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hosts: Mutex::new(Hosts { known: LruCache::new(at_least_one(HOSTS)), said: 0 }),
            credentials: Mutex::new(LruCache::new(at_least_one(CREDENTIALS))),
        }
    }

    /// Whether what is remembered may be shown as what is.
    pub(crate) fn is_sure(&self) -> bool {
        self.is_sure.load(Ordering::Acquire)
    }

    /// Other nodes are not heard: what is remembered may be old.
    pub(crate) fn doubt(&self) {
        self.is_sure.store(false, Ordering::Release);
    }

    /// The database has answered.
    pub(crate) fn prove(&self) {
        *lock(&self.proven) = Instant::now();
    }

    /// How long ago the database last answered.
    pub(crate) fn proven_for(&self) -> Duration {
        lock(&self.proven).elapsed()
    }

    /// Other nodes are heard from now on.
    pub(crate) fn believe(&self) {
        self.prove();
        self.forget_all();
        self.is_sure.store(true, Ordering::Release);
    }

    fn shard(&self, id: Uuid) -> Option<&Shard> {
        self.shards.get(place(id))
    }

    /// The build as it was last committed, as far as this process knows.
    pub(crate) fn build(&self, id: Uuid) -> Option<Arc<Known>> {
        lock(&self.shard(id)?.builds).get(&id).cloned()
    }

    /// To be taken before the database is asked of a build, or told of it.
    pub(crate) fn ticket(&self, id: Uuid) -> Ticket {
        Ticket(self.shard(id).map_or(0, |shard| shard.said.load(Ordering::Acquire)))
    }

    /// To be taken before the database is asked of a build that is not known yet.
    pub(crate) fn tickets(&self) -> Tickets {
        Tickets(self.shards.iter().map(|shard| Ticket(shard.said.load(Ordering::Acquire))).collect())
    }

    /// Keeps a build as the database has it, unless something was said since the ticket was taken
    /// or a later version is known.
    pub(crate) fn learn(&self, ticket: Ticket, known: &Arc<Known>) {
        let id = known.build.id.uuid();
        let Some(shard) = self.shard(id) else { return };
        let mut builds = lock(&shard.builds);
        let is_newer = builds.peek(&id).is_none_or(|old| old.version < known.version);
        if shard.said.load(Ordering::Acquire) == ticket.0 && is_newer {
            builds.put(id, Arc::clone(known));
        }
    }

    /// Somebody else changed these builds.
    pub(crate) fn forget_builds(&self, ids: &[Uuid]) {
        for id in ids {
            if let Some(shard) = self.shard(*id) {
                let mut builds = lock(&shard.builds);
                shard.said.fetch_add(1, Ordering::AcqRel);
                builds.pop(id);
            }
        }
    }

    /// The host of that name or id.
    pub(crate) fn host(&self, named: &HostRef) -> Option<Arc<KnownHost>> {
        lock(&self.hosts).known.get(named).cloned()
    }

    /// To be taken before the database is asked of a host.
    pub(crate) fn host_ticket(&self) -> Ticket {
        Ticket(lock(&self.hosts).said)
    }

    /// Keeps a host under the name by which it was found, unless something was said since.
    pub(crate) fn learn_host(&self, ticket: Ticket, named: HostRef, known: &Arc<KnownHost>) {
        let mut hosts = lock(&self.hosts);
        if hosts.said == ticket.0 {
            hosts.known.put(named, Arc::clone(known));
        }
    }

    /// Somebody changed these hosts, or what they have under way.
    pub(crate) fn forget_hosts(&self, ids: &[Uuid]) {
        let mut hosts = lock(&self.hosts);
        hosts.said += 1;
        let named: Vec<HostRef> = hosts
            .known
            .iter()
            .filter(|(_, known)| ids.contains(&known.host.id.uuid()))
            .map(|(named, _)| named.clone())
            .collect();
        for named in named {
            hosts.known.pop(&named);
        }
    }

    /// Nothing that is remembered is sure.
    pub(crate) fn forget_all(&self) {
        for shard in &self.shards {
            let mut builds = lock(&shard.builds);
            shard.said.fetch_add(1, Ordering::AcqRel);
            builds.clear();
        }
        let mut hosts = lock(&self.hosts);
        hosts.said += 1;
        hosts.known.clear();
    }

    /// What the credential of that hash opens. One that was registered never changes.
    pub(crate) fn credential(&self, hash: TokenHash) -> Option<Credential> {
        lock(&self.credentials).get(&hash).copied()
    }

    pub(crate) fn learn_credential(&self, hash: TokenHash, credential: Credential) {
        lock(&self.credentials).put(hash, credential);
    }
}
