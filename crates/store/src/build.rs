//! Builds: opened, loaded as aggregates, saved by their version.
//!
//! The rule it protects: a build is saved only over the version that was loaded; opening one
//! closes those of the same host before it.

use std::{collections::HashMap, sync::Arc};

use diesel::prelude::*;
use milepost_domain::{
    Build, BuildId, Host, HostId, Id, Plan, State, StepRun, Time, build::MarkedEvent, host::HostRef,
};
use uuid::Uuid;

mod opening;

pub(crate) use self::opening::open_announced;
pub use self::opening::{Announcement, Opened, Opening};
use crate::{
    Conflict, Error, Result, Store,
    audit::{self, Entry},
    change::{self, Change},
    host,
    meters::Left,
    notify::{self, Node},
    plan,
    row::{BuildRow, HostRow, StepRunRow},
    schema::{builds, hosts, step_runs},
};

/// A build with its host.
#[derive(Debug, Clone)]
pub struct HostBuild {
    /// The host.
    pub host: Host,
    /// Its build.
    pub build: Build,
}

impl Store {
    /// Counts reports on a build that were refused because they were too many.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn note_over_limit(&self, id: BuildId, count: u32, now: Time) -> Result<()> {
        let shared = self.shared();
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        self.write(|connection| {
            // Whoever has the build in mind reads it anew.
            diesel::update(builds::table.find(id.uuid()))
                .set((
                    builds::limited_reports.eq(builds::limited_reports + count),
                    builds::limited_at.eq(now),
                    builds::version.eq(builds::version + 1),
                ))
                .execute(connection)?;
            notify::tell_of_builds(connection, shared.node, &[id.uuid()])
        })?;
        shared.memory.doubt_builds(&[id.uuid()]);
        Ok(())
    }

    /// Records a verdict, and that in the audit trail; saying again what is so already changes nothing.
    ///
    /// # Errors
    /// When the build is past that.
    pub fn judge(&self, id: BuildId, verdict: Verdict, now: Time, entry: &Entry) -> Result<HostBuild> {
        let node = self.shared().node;
        let judged = self.write(|connection| {
            let (judged, before) = judge(connection, id, verdict, now, node)?;
            if judged.build.course.state != before.state {
                let entry = entry.clone().to(format!("build {id}")).about(&judged.host.facts);
                audit::record(connection, &entry.with(judged.build.course.state.to_string()))?;
            }
            Ok((judged, before))
        })?;
        let (judged, before) = judged;
        self.shared().meters.reached(&self.shared().registry(), Some(before), &judged.build);
        self.shared().memory.doubt_builds(&[id.uuid()]);
        Ok(judged)
    }
}

/// The build that a host has under way, or the last one it had; `None` when it never had any.
///
/// # Errors
/// When the database cannot be reached.
pub fn latest(connection: &mut PgConnection, host: HostId, now: Time) -> Result<Option<Build>> {
    let Some(id) = latest_id(connection, host)? else { return Ok(None) };
    Ok(load_many(connection, &[id.uuid()], now)?.pop())
}

pub(crate) fn latest_id(connection: &mut PgConnection, host: HostId) -> Result<Option<BuildId>> {
    let id: Option<Uuid> = builds::table
        .filter(builds::host_id.eq(host.uuid()))
        // Ids are drawn before the host's row is locked, so the one under way need not have the highest.
        .order((builds::closed_at.is_null().desc(), builds::id.desc()))
        .select(builds::id)
        .first(connection)
        .optional()?;
    Ok(id.map(Id::from_uuid))
}

/// The build of that id, as it stands at `now`.
///
/// # Errors
/// When it is not known.
pub fn load(connection: &mut PgConnection, id: BuildId, now: Time) -> Result<Build> {
    load_many(connection, &[id.uuid()], now)?.pop().ok_or_else(|| Error::not_found("build", &id))
}

/// The build of that id with its host, as it stands at `now`.
///
/// # Errors
/// When it is not known.
pub fn load_with_host(connection: &mut PgConnection, id: BuildId, now: Time) -> Result<HostBuild> {
    let build = load(connection, id, now)?;
    let host = host::find(connection, &milepost_domain::host::HostRef::Id(build.host))?;
    Ok(HostBuild { host, build })
}

/// The builds of those ids, in that order; unknown ones are left out.
pub(crate) fn load_many(connection: &mut PgConnection, ids: &[Uuid], now: Time) -> Result<Vec<Build>> {
    let settled = |known: Known| {
        let mut build = known.build;
        build.settle(now);
        build
    };
    Ok(load_known(connection, ids)?.into_iter().map(settled).collect())
}

/// A build as it was committed, and the version of its row.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) build: Build,
    pub(crate) version: i64,
}

/// Locks the build's row until the transaction ends, and loads it.
fn load_for_update(connection: &mut PgConnection, id: BuildId) -> Result<Known> {
    builds::table
        .find(id.uuid())
        .select(builds::id)
        .for_update()
        .first::<Uuid>(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("build", &id))?;
    load_known(connection, &[id.uuid()])?.pop().ok_or_else(|| Error::not_found("build", &id))
}

/// The builds of those ids as they were committed, in that order; unknown ones are left out.
pub(crate) fn load_known(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Known>> {
    let rows: Vec<BuildRow> =
        builds::table.filter(builds::id.eq_any(ids)).select(BuildRow::as_select()).load(connection)?;
    let mut runs = load_runs(connection, ids)?;
    let plans = plan::load(connection, rows.iter().map(|row| row.plan.clone()).collect())?;
    let mut builds: HashMap<Uuid, Known> = HashMap::new();
    for row in rows {
        let (id, version) = (row.id, row.version);
        let runs = runs.remove(&id).unwrap_or_default();
        let plan = plans.get(&row.plan).cloned().unwrap_or_default();
        builds.insert(id, Known { build: row.into_domain(plan, runs)?, version });
    }
    Ok(ids.iter().filter_map(|id| builds.remove(id)).collect())
}

fn load_runs(connection: &mut PgConnection, builds: &[Uuid]) -> Result<HashMap<Uuid, Vec<Arc<StepRun>>>> {
    let mut runs: HashMap<Uuid, Vec<Arc<StepRun>>> = HashMap::new();
    for run in step_runs::table
        .filter(step_runs::build_id.eq_any(builds))
        .order((step_runs::build_id, step_runs::attempt, step_runs::started_at, step_runs::label))
        .select(StepRunRow::as_select())
        .load(connection)?
    {
        runs.entry(run.build_id).or_default().push(Arc::new(run.into_domain()?));
    }
    Ok(runs)
}

/// The host of that name or id with the build that it has under way, or had last, in as few round
/// trips as there can be: this is what every page asks for that is not remembered.
///
/// # Errors
/// When the host is not known, or never had a build.
pub(crate) fn look(connection: &mut PgConnection, named: &HostRef) -> Result<(Host, Known)> {
    let query = builds::table
        .inner_join(hosts::table)
        .order((builds::closed_at.is_null().desc(), builds::id.desc()))
        .select((HostRow::as_select(), BuildRow::as_select()));
    let found: Option<(HostRow, BuildRow)> = match named {
        HostRef::Id(id) => query.filter(hosts::id.eq(id.uuid())).first(connection),
        HostRef::Foreman(id) => query.filter(hosts::foreman_id.eq(id)).first(connection),
        // PostgreSQL's texts have no NUL, so no host is called that.
        HostRef::Name(name) if name.contains('\0') => Err(diesel::NotFound),
        HostRef::Name(name) => {
            query.filter(hosts::name.eq(name)).filter(hosts::retired_at.is_null()).first(connection)
        }
        HostRef::Mac(_) | HostRef::Ip(_) => {
            let id = host::find(connection, named)?.id;
            query.filter(hosts::id.eq(id.uuid())).first(connection)
        }
    }
    .optional()?;
    let Some((host, row)) = found else {
        let host = host::find(connection, named)?;
        return Err(Error::not_found("build of host", &host.facts.name));
    };
    let (id, version) = (row.id, row.version);
    let runs = load_runs(connection, &[id])?.remove(&id).unwrap_or_default();
    let plan = plan::load(connection, vec![row.plan.clone()])?.remove(&row.plan).unwrap_or_default();
    let build = row.into_domain(plan, runs)?;
    Ok((host.into_domain()?, Known { build, version }))
}

/// The builds of a host, oldest first.
pub(crate) fn ids_of(connection: &mut PgConnection, host: HostId) -> Result<Vec<Uuid>> {
    let ids = builds::table.filter(builds::host_id.eq(host.uuid())).order(builds::id).select(builds::id);
    Ok(ids.load(connection)?)
}

/// What is expected of the builds of those ids.
pub(crate) fn plans_of(connection: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Arc<Plan>>> {
    let digests: Vec<(Uuid, Vec<u8>)> =
        builds::table.filter(builds::id.eq_any(ids)).select((builds::id, builds::plan)).load(connection)?;
    let plans = plan::load(connection, digests.iter().map(|(_, digest)| digest.clone()).collect())?;
    Ok(digests.into_iter().filter_map(|(id, digest)| Some((id, Arc::clone(plans.get(&digest)?)))).collect())
}

/// Saves what changed, within a transaction.
///
/// # Errors
/// [`Error::Interrupted`] when another transaction saved it since it was loaded.
fn save(connection: &mut PgConnection, before: &Known, after: &Build, node: Node) -> Result<()> {
    let written = change::write(connection, vec![Change { before, after, reports: &[] }], node)?;
    if written.is_empty() {
        return Err(Error::Interrupted(format!("{:?} was changed by another node", after.id)));
    }
    Ok(())
}

/// What somebody can say of a build otherwise than by a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The host has booted its own system and is in order.
    Completed,
    /// The installation is called off.
    Canceled,
}

/// Whether the build is installed already, so that saying it again changes nothing.
///
/// # Errors
/// When it is not known, or was called off or closed, so that it cannot be recorded any more.
pub fn is_installed(connection: &mut PgConnection, id: BuildId, now: Time) -> Result<bool> {
    let course = load(connection, id, now)?.course;
    if course.closed_at.is_some() || course.state == State::Canceled {
        return Err(Conflict::BuildEnded.into());
    }
    Ok(matches!(course.state, State::Installed | State::Completed))
}

/// Records the verdict, and answers the build with the state that it left.
fn judge(
    connection: &mut PgConnection,
    id: BuildId,
    verdict: Verdict,
    now: Time,
    node: Node,
) -> Result<(HostBuild, Left)> {
    let known = load_for_update(connection, id)?;
    let mut build = known.build.clone();
    build.settle(now);
    let (state, before) = (build.course.state, Left::by(&build));
    let (event, target) = match verdict {
        Verdict::Completed => (MarkedEvent::Finished, State::Completed),
        Verdict::Canceled => (MarkedEvent::Cancel, State::Canceled),
    };
    if state != target {
        if build.course.closed_at.is_some() {
            return Err(Conflict::BuildEnded.into());
        }
        build.mark(event, now);
        if build.course.state != target {
            return Err(match verdict {
                Verdict::Canceled if matches!(state, State::Installed | State::Completed) => {
                    Conflict::AlreadyInstalled.into()
                }
                _ => Conflict::BuildEnded.into(),
            });
        }
        save(connection, &known, &build, node)?;
    }
    Ok((load_with_host(connection, id, now)?, before))
}
