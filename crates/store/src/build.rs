//! Builds: opened, loaded as aggregates, saved by their version.
//!
//! The rule it protects: a build is saved only over the version that was loaded; opening one
//! closes those of the same host before it.

use std::{collections::HashMap, sync::Arc};

use diesel::{prelude::*, upsert::excluded};
use milepost_domain::{
    Build, BuildId, Host, HostFacts, HostId, Label, Plan, StepRun, Time, build::MarkedEvent,
};
use uuid::Uuid;

use crate::{
    Conflict, Error, Result,
    credential::{self, TokenHash},
    host,
    row::{BuildRow, StepRunRow, from_json, to_json},
    schema::{builds, plans, step_runs},
};

/// What is said when a build is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Whose build it is.
    pub host: HostFacts,
    /// How the host is installed.
    pub workflow: Label,
    /// What is expected of it.
    pub plan: Arc<Plan>,
    /// Hash of the credential for its reports, if it has one.
    pub credential: Option<TokenHash>,
    /// When it is opened.
    pub now: Time,
    /// When the credential runs out.
    pub expires_at: Time,
    /// The build's id, if one is made.
    pub build_id: BuildId,
    /// The host's id, if one is made.
    pub host_id: HostId,
}

/// A build with its host.
#[derive(Debug, Clone)]
pub struct HostBuild {
    /// The host.
    pub host: Host,
    /// Its build.
    pub build: Build,
}

/// What opening came to.
#[derive(Debug, Clone)]
pub enum Opened {
    /// A new build.
    New(HostBuild),
    /// The credential was known: the build that it identifies, as it is.
    Known(HostBuild),
}

/// Opens a build, or answers the one that the credential identifies already. Call it within
/// [`crate::Store::write`].
///
/// # Errors
/// When the credential belongs to another host's build.
pub fn open(connection: &mut PgConnection, opening: &Opening) -> Result<Opened> {
    let host = host::register(connection, &opening.host, opening.host_id, opening.now)?;
    if let Some(hash) = opening.credential
        && let Some(known) = credential::find(connection, hash)?
    {
        let build = load(connection, known.build, opening.now)?;
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
    for mut earlier in load_versions(connection, &unclosed, opening.now)? {
        earlier.build.mark(MarkedEvent::Supersede, opening.now);
        save(connection, &mut earlier)?;
    }
    let (id, plan) = (opening.build_id, Arc::clone(&opening.plan));
    let build = Build::open(id, host.id, opening.workflow.clone(), plan, opening.now, opening.expires_at);
    insert(connection, &build)?;
    if let Some(hash) = opening.credential {
        credential::insert(connection, hash, build.id, opening.expires_at)?;
    }
    Ok(Opened::New(HostBuild { host, build }))
}

fn insert(connection: &mut PgConnection, build: &Build) -> Result<()> {
    diesel::insert_into(plans::table)
        .values((plans::digest.eq(build.plan.digest().to_vec()), plans::steps.eq(to_json(&*build.plan)?)))
        .on_conflict_do_nothing()
        .execute(connection)?;
    diesel::insert_into(builds::table).values(BuildRow::of(build, 0)?).execute(connection)?;
    Ok(())
}

/// The build that a host has under way, or the last one it had; `None` when it never had any.
///
/// # Errors
/// When the database cannot be reached.
pub fn latest(connection: &mut PgConnection, host: HostId, now: Time) -> Result<Option<Build>> {
    let id: Option<Uuid> = builds::table
        .filter(builds::host_id.eq(host.uuid()))
        // Ids are drawn before the host's row is locked, so the one under way need not have the highest.
        .order((builds::closed_at.is_null().desc(), builds::id.desc()))
        .select(builds::id)
        .first(connection)
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    Ok(load_many(connection, &[id], now)?.pop())
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
    Ok(load_versions(connection, ids, now)?.into_iter().map(|versioned| versioned.build).collect())
}

/// A build and the version of its row that was read.
pub(crate) struct Versioned {
    pub(crate) build: Build,
    version: i64,
    /// The runs as they are stored, so that only what changed is written.
    stored: Vec<StepRunRow>,
}

/// Locks the build's row until the transaction ends, and loads it.
pub(crate) fn load_for_update(connection: &mut PgConnection, id: BuildId, now: Time) -> Result<Versioned> {
    builds::table
        .find(id.uuid())
        .select(builds::id)
        .for_update()
        .first::<Uuid>(connection)
        .optional()?
        .ok_or_else(|| Error::not_found("build", &id))?;
    load_versions(connection, &[id.uuid()], now)?.pop().ok_or_else(|| Error::not_found("build", &id))
}

fn load_versions(connection: &mut PgConnection, ids: &[Uuid], now: Time) -> Result<Vec<Versioned>> {
    let rows: Vec<BuildRow> =
        builds::table.filter(builds::id.eq_any(ids)).select(BuildRow::as_select()).load(connection)?;
    let mut runs: HashMap<Uuid, Vec<StepRunRow>> = HashMap::new();
    for run in step_runs::table
        .filter(step_runs::build_id.eq_any(ids))
        .order((step_runs::build_id, step_runs::attempt, step_runs::started_at, step_runs::label))
        .select(StepRunRow::as_select())
        .load(connection)?
    {
        runs.entry(run.build_id).or_default().push(run);
    }
    let mut digests: Vec<Vec<u8>> = rows.iter().map(|row| row.plan.clone()).collect();
    digests.sort();
    digests.dedup();
    let plans: HashMap<Vec<u8>, serde_json::Value> = plans::table
        .filter(plans::digest.eq_any(&digests))
        .select((plans::digest, plans::steps))
        .load(connection)?
        .into_iter()
        .collect();
    let mut plans: HashMap<Vec<u8>, Arc<Plan>> = plans
        .into_iter()
        .map(|(digest, steps)| Ok((digest, Arc::new(from_json("plans.steps", steps)?))))
        .collect::<Result<_>>()?;
    let mut builds: HashMap<Uuid, Versioned> = HashMap::new();
    for row in rows {
        let (id, version) = (row.id, row.version);
        let stored = runs.remove(&id).unwrap_or_default();
        let runs: Vec<StepRun> =
            stored.iter().cloned().map(StepRunRow::into_domain).collect::<Result<_>>()?;
        let plan = Arc::clone(plans.entry(row.plan.clone()).or_default());
        let mut build = row.into_domain(plan, runs)?;
        build.settle(now);
        builds.insert(id, Versioned { build, version, stored });
    }
    Ok(ids.iter().filter_map(|id| builds.remove(id)).collect())
}

/// Saves what changed.
///
/// # Errors
/// [`Error::Interrupted`] when another transaction saved it since it was loaded.
pub(crate) fn save(connection: &mut PgConnection, versioned: &mut Versioned) -> Result<()> {
    let build = &versioned.build;
    let row = BuildRow::of(build, versioned.version + 1)?;
    let saved = diesel::update(builds::table.find(build.id.uuid()))
        .filter(builds::version.eq(versioned.version))
        .set(&row)
        .execute(connection)?;
    if saved == 0 {
        return Err(Error::Interrupted(format!("{:?} was changed by another node", build.id)));
    }
    let runs: Vec<StepRunRow> = build.course.runs.iter().map(|run| StepRunRow::of(build, run)).collect();
    let changed: Vec<&StepRunRow> = runs.iter().filter(|run| !versioned.stored.contains(run)).collect();
    // A replay may find that a step belongs to another attempt than was thought.
    for gone in versioned
        .stored
        .iter()
        .filter(|old| !runs.iter().any(|run| (run.attempt, &run.label) == (old.attempt, &old.label)))
    {
        diesel::delete(step_runs::table.find((gone.build_id, gone.attempt, &gone.label)))
            .execute(connection)?;
    }
    diesel::insert_into(step_runs::table)
        .values(changed)
        .on_conflict((step_runs::build_id, step_runs::attempt, step_runs::label))
        .do_update()
        .set((
            step_runs::name.eq(excluded(step_runs::name)),
            step_runs::priority.eq(excluded(step_runs::priority)),
            step_runs::state.eq(excluded(step_runs::state)),
            step_runs::inferred.eq(excluded(step_runs::inferred)),
            step_runs::percentage.eq(excluded(step_runs::percentage)),
            step_runs::started_at.eq(excluded(step_runs::started_at)),
            step_runs::finished_at.eq(excluded(step_runs::finished_at)),
            step_runs::attempts.eq(excluded(step_runs::attempts)),
            step_runs::message.eq(excluded(step_runs::message)),
        ))
        .execute(connection)?;
    versioned.version += 1;
    versioned.stored = runs;
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
    use milepost_domain::State;
    let course = load(connection, id, now)?.course;
    if course.closed_at.is_some() || course.state == State::Canceled {
        return Err(Conflict::BuildEnded.into());
    }
    Ok(matches!(course.state, State::Installed | State::Completed))
}

/// Records a verdict; saying again what is so already changes nothing.
///
/// # Errors
/// When the build is past that.
pub fn judge(connection: &mut PgConnection, id: BuildId, verdict: Verdict, now: Time) -> Result<HostBuild> {
    use milepost_domain::State;
    let mut versioned = load_for_update(connection, id, now)?;
    let state = versioned.build.course.state;
    let (event, target) = match verdict {
        Verdict::Completed => (MarkedEvent::Finished, State::Completed),
        Verdict::Canceled => (MarkedEvent::Cancel, State::Canceled),
    };
    if state != target {
        if versioned.build.course.closed_at.is_some() {
            return Err(Conflict::BuildEnded.into());
        }
        versioned.build.mark(event, now);
        if versioned.build.course.state != target {
            return Err(match verdict {
                Verdict::Canceled if matches!(state, State::Installed | State::Completed) => {
                    Conflict::AlreadyInstalled.into()
                }
                _ => Conflict::BuildEnded.into(),
            });
        }
        save(connection, &mut versioned)?;
    }
    load_with_host(connection, id, now)
}
