//! What one look at a host shows: from what is remembered where that is sure, else from the
//! database, and at worst as it was last known.
//!
//! The rule it protects: a reader never waits for a writer, and an answer that may be old says as
//! of when.

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use milepost_domain::{Build, BuildId, Host, HostId, Id, Time, host::HostRef};
use uuid::Uuid;

use crate::{
    Result, Store,
    build::{self, HostBuild, Known},
    credential::{self, Credential, TokenHash},
    host,
    memory::KnownHost,
};

/// A host with the build that it has under way, or had last.
#[derive(Debug, Clone)]
pub struct Seen {
    host: Arc<KnownHost>,
    build: Arc<Known>,
}

/// What was seen, as something to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    host: u64,
    build: BuildId,
    version: i64,
}

impl Seen {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host.host
    }

    /// Its build, as it stands at `now`.
    #[must_use]
    pub fn build(&self, now: Time) -> Cow<'_, Build> {
        let build = &self.build.build;
        if build.would_settle(now) {
            let mut settled = build.clone();
            settled.settle(now);
            return Cow::Owned(settled);
        }
        Cow::Borrowed(build)
    }

    /// Another one whenever anything of it may have changed; only the clock is not in it.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp { host: self.host.reading, build: self.build.build.id, version: self.build.version }
    }
}

impl Store {
    /// What is remembered of a host, if that is sure to be what is. Asks nobody.
    #[must_use]
    pub fn remembered(&self, named: &HostRef) -> Option<Seen> {
        let memory = &self.shared().memory;
        let is_sure = memory.is_sure() && !self.ingest().spooling().is_away();
        let host = memory.host(named).filter(|_| is_sure)?;
        let build = memory.build(host.latest?.uuid())?;
        Some(Seen { host, build })
    }

    /// What was last known of a host, and how long ago it may have ceased to be so. Asks nobody.
    #[must_use]
    pub fn last_known(&self, named: &HostRef) -> Option<(Seen, Duration)> {
        let memory = &self.shared().memory;
        let (host, host_age) = memory.last_host(named)?;
        let (build, build_age) = memory.last_build(host.latest?.uuid())?;
        Some((Seen { host, build }, host_age.max(build_age)))
    }

    /// Looks at a host in the database, and remembers it.
    ///
    /// # Errors
    /// When it is not known, or never had a build; or when the database cannot be reached.
    pub fn look_at(&self, named: &HostRef) -> Result<Seen> {
        let memory = &self.shared().memory;
        let host_ticket = memory.host_ticket();
        self.read(|connection| {
            let tickets = memory.tickets();
            let (host, build) = build::look(connection, named)?;
            let build = Arc::new(build);
            memory.learn(tickets.of(build.build.id.uuid()), &build);
            let host = Arc::new(KnownHost::new(host, Some(build.build.id)));
            memory.learn_host(host_ticket, named.clone(), &host);
            Ok(Seen { host, build })
        })
    }

    /// Whether what changes is to be noted, for [`Store::take_changed`].
    pub fn watch(&self, is_watched: bool) {
        self.shared().memory.watch(is_watched);
    }

    /// The builds that have changed since this was asked last, on any node; `None` when some may have
    /// been missed, so that everything is to be looked at anew.
    #[must_use]
    pub fn take_changed(&self) -> Option<Vec<BuildId>> {
        let changed = self.shared().memory.take_changed();
        (!changed.is_everything).then(|| changed.builds.into_iter().map(Id::from_uuid).collect())
    }

    /// Those builds with their hosts, from what is remembered where that is sure; unknown ones are left
    /// out.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn look_at_builds(&self, ids: &[BuildId], now: Time) -> Result<Vec<HostBuild>> {
        self.read(|connection| {
            let mut builds: Vec<Build> = Vec::with_capacity(ids.len());
            let mut missing: Vec<Uuid> = Vec::new();
            for id in ids {
                match self.shared().memory.build(id.uuid()).filter(|_| self.shared().memory.is_sure()) {
                    Some(known) => {
                        let mut build = known.build.clone();
                        build.settle(now);
                        builds.push(build);
                    }
                    None => missing.push(id.uuid()),
                }
            }
            builds.extend(build::load_many(connection, &missing, now)?);
            let hosts: Vec<Uuid> = builds.iter().map(|build| build.host.uuid()).collect();
            let hosts = host::load_many(connection, &hosts)?;
            let hosts: HashMap<HostId, Host> = hosts.into_iter().map(|host| (host.id, host)).collect();
            let with_host = |build: Build| Some(HostBuild { host: hosts.get(&build.host)?.clone(), build });
            Ok(builds.into_iter().filter_map(with_host).collect())
        })
    }

    /// A build as it was last known here, although it may have changed since. Asks nobody.
    #[must_use]
    pub fn last_known_build(&self, id: BuildId) -> Option<Build> {
        self.shared().memory.last_build(id.uuid()).map(|(known, _)| known.build.clone())
    }

    /// What the credential of that hash opens, if it is remembered. Asks nobody.
    #[must_use]
    pub fn remembered_credential(&self, hash: TokenHash) -> Option<Credential> {
        self.shared().memory.credential(hash)
    }

    /// What the credential of that hash opens; `None` when nobody registered it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn credential(&self, hash: TokenHash) -> Result<Option<Credential>> {
        let found = self.read(|connection| credential::find(connection, hash))?;
        if let Some(credential) = found {
            self.shared().memory.learn_credential(hash, credential);
        }
        Ok(found)
    }
}
