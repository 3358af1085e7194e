//! What this process remembers of the database: builds as they were last committed, hosts with
//! what they have under way, and credentials.
//!
//! The rule it protects: what is remembered as sure is never older than what was said of it: whoever
//! reads the database takes a [`Ticket`] first, and what it brings is kept only if nothing was said
//! of that build meanwhile. What is doubted is kept for when the database is away, with its age.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::PgConnection;
use lru::LruCache;
use milepost_domain::{BuildId, Host, host::HostRef};
use uuid::Uuid;

use crate::{
    Result,
    build::Known,
    credential::{Credential, TokenHash},
    mute::{self, Mutes},
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

/// Something that was read, and since when it may no longer be so.
struct Entry<T> {
    value: Arc<T>,
    doubted: Option<Instant>,
}

impl<T> Entry<T> {
    const fn sure(value: Arc<T>) -> Self {
        Self { value, doubted: None }
    }

    fn doubt(&mut self, now: Instant) {
        self.doubted.get_or_insert(now);
    }

    fn if_sure(&self) -> Option<Arc<T>> {
        self.doubted.is_none().then(|| Arc::clone(&self.value))
    }
}

struct Shard {
    builds: Mutex<LruCache<Uuid, Entry<Known>>>,
    /// How often something was said of a build in here; changed with the builds locked.
    said: AtomicU64,
}

struct Hosts {
    known: LruCache<HostRef, Entry<KnownHost>>,
    said: u64,
}

/// What was last known, and how long ago it may have ceased to be so.
pub(crate) type LastKnown<T> = (Arc<T>, Duration);

/// What this process remembers.
pub(crate) struct Memory {
    /// Whether every other node is heard, so that what is remembered is what is.
    is_sure: AtomicBool,
    /// When the database last answered.
    proven: Mutex<Instant>,
    shards: Vec<Shard>,
    hosts: Mutex<Hosts>,
    credentials: Mutex<LruCache<TokenHash, Credential>>,
    /// Tokens that are void, all of them.
    revoked: RwLock<HashSet<Uuid>>,
    mutes: RwLock<Arc<Mutes>>,
    /// Held while they are read anew, so that an older reading never takes the place of a newer one.
    rereads_mutes: Mutex<()>,
    /// Whether somebody wants to know what changes.
    is_watched: AtomicBool,
    changed: Mutex<Changed>,
}

/// What has changed since somebody asked last.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) builds: HashSet<Uuid>,
    /// Something may have been missed: look at everything.
    pub(crate) is_everything: bool,
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
            revoked: RwLock::default(),
            mutes: RwLock::default(),
            rereads_mutes: Mutex::default(),
            is_watched: AtomicBool::new(false),
            changed: Mutex::default(),
        }
    }

    /// Whether what is remembered may be shown as what is.
    pub(crate) fn is_sure(&self) -> bool {
        self.is_sure.load(Ordering::Acquire)
    }

    /// Other nodes are not heard: what is remembered may be old.
    pub(crate) fn stop_believing(&self) {
        self.is_sure.store(false, Ordering::Release);
    }

    /// The database has answered.
    pub(crate) fn prove(&self) {
        *lock(&self.proven) = Instant::now();
    }

    /// How long ago something that is remembered may have ceased to be so: since the database last
    /// answered, or since it was doubted.
    fn age<T>(&self, entry: &Entry<T>) -> Duration {
        let proven = lock(&self.proven).elapsed();
        entry.doubted.map_or(proven, |doubted| proven.max(doubted.elapsed()))
    }

    /// Other nodes are heard from now on.
    pub(crate) fn believe(&self) {
        self.prove();
        self.doubt_all();
        self.is_sure.store(true, Ordering::Release);
    }

    fn shard(&self, id: Uuid) -> Option<&Shard> {
        self.shards.get(place(id))
    }

    /// The build as it was last committed, as far as this process knows.
    pub(crate) fn build(&self, id: Uuid) -> Option<Arc<Known>> {
        lock(&self.shard(id)?.builds).get(&id)?.if_sure()
    }

    /// The build as it was last known, although it may have changed since.
    pub(crate) fn last_build(&self, id: Uuid) -> Option<LastKnown<Known>> {
        let mut builds = lock(&self.shard(id)?.builds);
        builds.get(&id).map(|entry| (Arc::clone(&entry.value), self.age(entry)))
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
        let is_better = builds.peek(&id).is_none_or(|old| {
            let version = old.value.version;
            version < known.version || (version == known.version && old.doubted.is_some())
        });
        if !is_better {
            return;
        }
        self.note_changed([id]);
        if shard.said.load(Ordering::Acquire) == ticket.0 {
            builds.put(id, Entry::sure(Arc::clone(known)));
        } else if let Some(old) = builds.peek_mut(&id) {
            // What there is now is not known, but that it is no longer this.
            old.doubt(Instant::now());
        }
    }

    /// These builds may have changed: they are read anew.
    pub(crate) fn doubt_builds(&self, ids: &[Uuid]) {
        let now = Instant::now();
        self.note_changed(ids.iter().copied());
        for id in ids {
            if let Some(shard) = self.shard(*id) {
                let mut builds = lock(&shard.builds);
                shard.said.fetch_add(1, Ordering::AcqRel);
                if let Some(entry) = builds.peek_mut(id) {
                    entry.doubt(now);
                }
            }
        }
    }

    /// The host of that name or id.
    pub(crate) fn host(&self, named: &HostRef) -> Option<Arc<KnownHost>> {
        lock(&self.hosts).known.get(named)?.if_sure()
    }

    /// The host as it was last known, although it may have changed since.
    pub(crate) fn last_host(&self, named: &HostRef) -> Option<LastKnown<KnownHost>> {
        lock(&self.hosts).known.get(named).map(|entry| (Arc::clone(&entry.value), self.age(entry)))
    }

    /// To be taken before the database is asked of a host.
    pub(crate) fn host_ticket(&self) -> Ticket {
        Ticket(lock(&self.hosts).said)
    }

    /// Keeps a host under the name by which it was found, unless something was said since.
    pub(crate) fn learn_host(&self, ticket: Ticket, named: HostRef, known: &Arc<KnownHost>) {
        let mut hosts = lock(&self.hosts);
        if hosts.said == ticket.0 {
            hosts.known.put(named, Entry::sure(Arc::clone(known)));
        }
    }

    /// These hosts, or what they have under way, may have changed: they are read anew.
    pub(crate) fn doubt_hosts(&self, ids: &[Uuid]) {
        let now = Instant::now();
        let mut hosts = lock(&self.hosts);
        hosts.said += 1;
        for (_, entry) in
            hosts.known.iter_mut().filter(|(_, entry)| ids.contains(&entry.value.host.id.uuid()))
        {
            entry.doubt(now);
        }
    }

    /// Nothing that is remembered is sure.
    pub(crate) fn doubt_all(&self) {
        let now = Instant::now();
        lock(&self.changed).is_everything = true;
        for shard in &self.shards {
            let mut builds = lock(&shard.builds);
            shard.said.fetch_add(1, Ordering::AcqRel);
            builds.iter_mut().for_each(|(_, entry)| entry.doubt(now));
        }
        let mut hosts = lock(&self.hosts);
        hosts.said += 1;
        hosts.known.iter_mut().for_each(|(_, entry)| entry.doubt(now));
    }

    /// Notes what changes from now on, or no longer.
    pub(crate) fn watch(&self, is_watched: bool) {
        if self.is_watched.swap(is_watched, Ordering::AcqRel) != is_watched {
            *lock(&self.changed) = Changed::default();
        }
    }

    /// What has changed since this was asked last.
    pub(crate) fn take_changed(&self) -> Changed {
        std::mem::take(&mut *lock(&self.changed))
    }

    pub(crate) fn note_changed(&self, builds: impl IntoIterator<Item = Uuid>) {
        if self.is_watched.load(Ordering::Acquire) {
            lock(&self.changed).builds.extend(builds);
        }
    }

    pub(crate) fn is_revoked(&self, token: Uuid) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains(&token)
    }

    pub(crate) fn revoke(&self, token: Uuid) {
        self.revoked.write().unwrap_or_else(PoisonError::into_inner).insert(token);
    }

    /// Takes over what the database says.
    pub(crate) fn keep_revoked(&self, tokens: HashSet<Uuid>) {
        *self.revoked.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    pub(crate) fn mutes(&self) -> Arc<Mutes> {
        Arc::clone(&self.mutes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over which mutes the database has. Where they have changed, so has whatever somebody looks at.
    pub(crate) fn reread_mutes(&self, connection: &mut PgConnection) -> Result<()> {
        let _one_at_a_time = lock(&self.rereads_mutes);
        let fresh: Mutes = mute::load(connection)?.into_iter().collect();
        if *self.mutes() != fresh {
            *self.mutes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
            if self.is_watched.load(Ordering::Acquire) {
                lock(&self.changed).is_everything = true;
            }
        }
        Ok(())
    }

    /// What the credential of that hash opens. One that was registered never changes.
    pub(crate) fn credential(&self, hash: TokenHash) -> Option<Credential> {
        lock(&self.credentials).get(&hash).copied()
    }

    pub(crate) fn learn_credential(&self, hash: TokenHash, credential: Credential) {
        lock(&self.credentials).put(hash, credential);
    }
}

#[cfg(test)]
mod tests {
    use milepost_domain::{Build, Id, Label, Plan};

    use super::*;

    fn known(random: u8, version: i64) -> Arc<Known> {
        let at = milepost_domain::Time::from_timestamp_millis(1_790_000_000_000).unwrap();
        // The last byte decides on the shard.
        let id = Id::at(at, [random, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        let workflow = Label::from_words("kickstart").unwrap();
        let plan = Arc::new(Plan::default());
        let build = Build::open(id, Id::at(at, [9; 10]), workflow, plan, at, at);
        Arc::new(Known { build, version })
    }

    fn version(memory: &Memory, of: &Known) -> Option<i64> {
        memory.build(of.build.id.uuid()).map(|known| known.version)
    }

    #[test]
    fn what_was_doubted_is_believed_again_when_it_was_read_anew() {
        let memory = Memory::new();
        let (first, id) = (known(1, 5), known(1, 5).build.id.uuid());
        memory.learn(memory.ticket(id), &first);
        assert_eq!(version(&memory, &first), Some(5));
        memory.doubt_builds(&[id]);
        assert_eq!(version(&memory, &first), None);
        assert_eq!(memory.last_build(id).unwrap().0.version, 5, "as it was");
        memory.learn(memory.ticket(id), &known(1, 5));
        assert_eq!(version(&memory, &first), Some(5));
    }

    #[test]
    fn what_was_read_before_something_was_said_is_not_believed() {
        let memory = Memory::new();
        let (old, id) = (known(1, 5), known(1, 5).build.id.uuid());
        let ticket = memory.ticket(id);
        let tickets = memory.tickets();
        memory.doubt_builds(&[id]);
        memory.learn(ticket, &old);
        memory.learn(tickets.of(id), &old);
        assert_eq!(version(&memory, &old), None);
    }

    #[test]
    fn an_older_version_never_takes_the_place_of_a_newer_one() {
        let memory = Memory::new();
        let id = known(1, 5).build.id.uuid();
        for (learned, expected) in [(5, 5), (7, 7), (6, 7)] {
            memory.learn(memory.ticket(id), &known(1, learned));
            assert_eq!(version(&memory, &known(1, 0)), Some(expected));
        }
    }

    #[test]
    fn a_commit_that_cannot_be_kept_leaves_nothing_older_to_be_believed() {
        let memory = Memory::new();
        let (here, there) = (known(1, 5), known(2, 1));
        memory.learn(memory.ticket(here.build.id.uuid()), &here);
        let ticket = memory.ticket(here.build.id.uuid());
        // Said of another build, which happens to share the count.
        memory.doubt_builds(&[there.build.id.uuid()]);
        memory.learn(ticket, &known(1, 6));
        assert_eq!(version(&memory, &here), None, "not 5, which is no more");
    }
}
