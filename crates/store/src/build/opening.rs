//! Opening builds: by whoever puts hosts into build mode, or by what a build's own credential
//! announces.
//!
//! The rule it protects: one credential is one build, however often and by whomever it is opened; the
//! build that a host is in is the latest one.

use std::sync::Arc;

use diesel::{Connection as _, prelude::*};
use milepost_domain::{
    Build, BuildId, HostFacts, HostId, Id, Label, Plan, Time, build::MarkedEvent, registry::Registry,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{HostBuild, load, load_known, save};
use crate::{
    Conflict, Error, Result, Store,
    audit::{self, Entry},
    credential::{self, Credential, TokenHash},
    host,
    meters::Left,
    notify::{self, Node},
    pool::Shared,
    registry,
    row::{BuildRow, PlanRow},
    schema::{builds, plans},
    sweep,
};
/// What is said when a build is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Whose build it is.
    pub host: HostFacts,
    /// How the host is installed.
    pub workflow: Label,
    /// What is expected of it, as the registry has it: what was learned of such hosts weighs more.
    pub plan: Arc<Plan>,
    /// Hash of the credential for its reports, if it has one that is looked up; a signed one names
    /// the build by itself, and opening that again answers what there is.
    pub credential: Option<TokenHash>,
    /// When it is opened.
    pub now: Time,
    /// When the credential runs out.
    pub expires_at: Time,
    /// The build's id, if one is made.
    pub build_id: BuildId,
    /// The host's id, if one is made.
    pub host_id: HostId,
    /// Whether it is opened by what its credential announces, rather than by whoever puts hosts into
    /// build mode: then it may be one that is over already.
    pub is_announced: bool,
}

/// What a signed credential says of its build: enough to open it when nobody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Whose build it is.
    pub host: HostFacts,
    /// How the host is installed.
    pub workflow: Label,
    /// When the credential runs out.
    pub expires_at: Time,
}

/// What opening came to.
#[derive(Debug, Clone)]
pub enum Opened {
    /// A new build.
    New(HostBuild),
    /// The credential was known: the build that it identifies, as it is.
    Known(HostBuild),
}

impl Announcement {
    /// The opening of the build that is announced, heard of at `now`.
    fn opening(&self, id: BuildId, registry: &Registry, now: Time) -> Opening {
        // The same whoever hears of it first.
        let mut random = [0; 10];
        random.iter_mut().zip(Sha256::digest(id.uuid().as_bytes())).for_each(|(to, from)| *to = from);
        Opening {
            host: self.host.clone(),
            workflow: self.workflow.clone(),
            plan: registry.plan(&self.workflow).into(),
            credential: None,
            now: id.made_at().map_or(now, |made_at| made_at.min(now)),
            expires_at: self.expires_at,
            build_id: id,
            host_id: Id::at(now, random),
            is_announced: true,
        }
    }
}

/// Opens a build that is not known by what its credential announces, on a connection of the caller's
/// own. Where another one did at the same time, that one's stands.
///
/// # Errors
/// When the database refuses.
pub(crate) fn open_announced(
    connection: &mut PgConnection,
    shared: &Shared,
    id: BuildId,
    announced: &Announcement,
    now: Time,
) -> Result<()> {
    let mut registry = shared.registry();
    if !registry.workflows.contains_key(&announced.workflow) {
        // Another node may have registered it meanwhile.
        registry = Arc::new(registry::load(connection, shared.mode)?);
        shared.keep_registry(Arc::clone(&registry));
    }
    let opening = announced.opening(id, &registry, now);
    let opened = connection.transaction(|connection| {
        let mut touched = Touched::default();
        open(connection, &opening, shared, &mut touched)?;
        touched.tell(connection, shared.node)?;
        Ok::<_, Error>(touched)
    });
    match opened {
        Ok(touched) => {
            log::info!("{id:?} of {} was opened by its own token", announced.host.name);
            touched.forget(shared);
            Ok(())
        }
        Err(Error::Interrupted(_)) if !load_known(connection, &[id.uuid()])?.is_empty() => Ok(()),
        Err(error) => Err(error),
    }
}

/// What was changed on the way to an answer, and is to be counted and forgotten once that is committed.
#[derive(Default)]
struct Touched {
    hosts: Vec<HostId>,
    builds: Vec<Uuid>,
    /// Builds that came into another state, with the one before.
    moved: Vec<(Option<Left>, Build)>,
}

impl Touched {
    fn tell(&self, connection: &mut PgConnection, node: Node) -> Result<()> {
        notify::tell_of_builds(connection, node, &self.builds)?;
        notify::tell_of_hosts(connection, node, &self.hosts)
    }

    fn forget(&self, shared: &Shared) {
        let (memory, registry) = (&shared.memory, shared.registry());
        for (before, build) in &self.moved {
            shared.meters.reached(&registry, *before, build);
        }
        memory.doubt_builds(&self.builds);
        memory.doubt_hosts(&self.hosts.iter().map(|host| host.uuid()).collect::<Vec<_>>());
    }
}

impl Store {
    /// Opens a build, or answers the one that the credential identifies already. Those of the same
    /// host before it are closed. A new one is entered in the audit trail.
    ///
    /// # Errors
    /// When the credential belongs to another host's build.
    pub fn open(&self, opening: &Opening, entry: Option<&Entry>) -> Result<Opened> {
        let shared = self.shared();
        let (memory, node) = (&shared.memory, shared.node);
        let (opened, touched) = self.write(|connection| {
            let mut touched = Touched::default();
            let opened = open(connection, opening, shared, &mut touched)?;
            if let (Opened::New(new), Some(entry)) = (&opened, entry) {
                let entry = entry.clone().to(format!("build {}", new.build.id)).about(&new.host.facts);
                audit::record(connection, &entry.with(new.host.facts.name.to_string()))?;
            }
            touched.tell(connection, node)?;
            Ok((opened, touched))
        })?;
        touched.forget(shared);
        if let (Opened::New(new), Some(hash)) = (&opened, opening.credential) {
            memory
                .learn_credential(hash, Credential { build: new.build.id, expires_at: new.build.expires_at });
        }
        Ok(opened)
    }
}

fn open(
    connection: &mut PgConnection,
    opening: &Opening,
    shared: &Shared,
    touched: &mut Touched,
) -> Result<Opened> {
    let (host, retired) = host::register(connection, &opening.host, opening.host_id, opening.now)?;
    touched.hosts.push(host.id);
    touched.hosts.extend(retired);
    if let Some(hash) = opening.credential
        && let Some(known) = credential::find(connection, hash)?
    {
        let build = load(connection, known.build, opening.now)?;
        if build.host != host.id {
            return Err(Conflict::CredentialInUse.into());
        }
        return Ok(Opened::Known(HostBuild { host, build }));
    }
    if opening.credential.is_none()
        && let Some(known) = load_known(connection, &[opening.build_id.uuid()])?.pop()
    {
        let mut build = known.build;
        build.settle(opening.now);
        if build.host != host.id {
            return Err(Conflict::CredentialInUse.into());
        }
        return Ok(Opened::Known(HostBuild { host, build }));
    }
    let unclosed: Vec<Uuid> = builds::table
        .filter(builds::host_id.eq(host.id.uuid()))
        .filter(builds::closed_at.is_null())
        .select(builds::id)
        .for_update()
        .load(connection)?;
    // A straggler of an earlier build does not close the one that the host is in now.
    let is_past = opening.is_announced && unclosed.iter().any(|id| *id > opening.build_id.uuid());
    if !is_past {
        for earlier in load_known(connection, &unclosed)? {
            let mut closed = earlier.build.clone();
            closed.settle(opening.now);
            closed.mark(MarkedEvent::Supersede, opening.now);
            save(connection, &earlier, &closed, shared.node)?;
            touched.moved.push((Some(Left::by(&earlier.build)), closed));
        }
        touched.builds = unclosed;
    }
    let id = opening.build_id;
    let plan = shared.learned.weigh(&opening.plan, &opening.workflow, &host.facts);
    let mut build = Build::open(id, host.id, opening.workflow.clone(), plan, opening.now, opening.expires_at);
    if is_past {
        build.mark(MarkedEvent::Supersede, opening.now);
    }
    insert(connection, &build)?;
    touched.builds.push(id.uuid());
    touched.moved.push((None, build.clone()));
    if let Some(hash) = opening.credential {
        credential::insert(connection, hash, build.id, opening.expires_at)?;
    }
    Ok(Opened::New(HostBuild { host, build }))
}

fn insert(connection: &mut PgConnection, build: &Build) -> Result<()> {
    diesel::insert_into(plans::table)
        .values(PlanRow::of(&build.plan)?)
        .on_conflict_do_nothing()
        .execute(connection)?;
    diesel::insert_into(builds::table).values(BuildRow::of(build)?).execute(connection)?;
    sweep::note_opened(connection, build.id)
}
