//! Learned times: taken in once from each build that completed, and remembered here for plans and
//! estimates.
//!
//! The rule it protects: a build is marked in the transaction that learns from it, and one node learns
//! at a time, so each teaches once, whoever asks and however often; learning reads the builds that
//! ended since, never history, and waits for nobody who reports.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use diesel::{
    dsl::{max, sql},
    prelude::*,
    sql_query, sql_types,
    upsert::excluded,
};
use milepost_domain::{
    Durations, HostFacts, Id, Label, Plan, Time, Timings,
    signal::Context,
    timing::{Key, Kind, first_with_enough},
};
use uuid::Uuid;

use crate::{
    Result, Store, build, host, list,
    row::{from_json, parsed, parsed_option, to_json},
    schema::{builds, timings},
    standing,
};

/// How many builds are taken in at once: their rows are locked for that long.
const CHUNK: usize = 256;
/// Held to the end of a transaction that changes what was learned. Any constant will do, as long as
/// every version takes the same.
const LOCK: &str = "pg_advisory_xact_lock(hashtext('milepost timings'))";
const TRY_LOCK: &str = "pg_try_advisory_xact_lock(hashtext('milepost timings'))";

/// Said as the index has it, so that it is used whatever else is bound.
const UNLEARNED: &str = "builds.state = 'completed' AND NOT builds.is_learned";

/// What this process knows of what was learned.
#[derive(Default)]
pub(crate) struct Learned(RwLock<ByKey>);

#[derive(Default)]
struct ByKey {
    timings: HashMap<Key, Arc<Timings>>,
    revision: i64,
}

impl Learned {
    /// What a build of such a host is estimated by; `None` where too little was learned.
    pub(crate) fn of(&self, workflow: &Label, facts: &HostFacts) -> Option<Arc<Timings>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let candidates = Key::of(workflow, facts);
        first_with_enough(candidates.iter().filter_map(|key| known.timings.get(key).cloned()))
    }

    /// The plan of a build that is opened now, with the weights that were learned.
    pub(crate) fn weigh(&self, plan: &Arc<Plan>, workflow: &Label, facts: &HostFacts) -> Arc<Plan> {
        self.of(workflow, facts).map_or_else(|| Arc::clone(plan), |timings| Arc::new(timings.weigh(plan)))
    }

    /// Reads what was learned since it was last read, here or on another node.
    pub(crate) fn refresh(&self, connection: &mut PgConnection) -> Result<()> {
        let since = self.0.read().unwrap_or_else(PoisonError::into_inner).revision;
        let rows = timings::table.filter(timings::revision.gt(since)).select(Row::as_select());
        let rows: Vec<Row> = rows.load(connection)?;
        if rows.is_empty() {
            return Ok(());
        }
        let revision = rows.iter().map(|row| row.revision).fold(since, i64::max);
        let fresh: Vec<Timings> = rows.into_iter().map(Row::into_domain).collect::<Result<_>>()?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.revision = known.revision.max(revision);
        known.timings.extend(fresh.into_iter().map(|timings| (timings.key().clone(), Arc::new(timings))));
        Ok(())
    }
}

impl Store {
    /// What a build of such a host is estimated by; `None` where too little was learned. Asks nobody.
    #[must_use]
    pub fn timings(&self, workflow: &Label, facts: &HostFacts) -> Option<Arc<Timings>> {
        self.shared().learned.of(workflow, facts)
    }

    /// Learns from the builds that completed since, unless another node is at it, and takes over what
    /// others have learned. Answers how many builds were taken in.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn learn(&self) -> Result<usize> {
        let shared = self.shared();
        let lessons = self.write(learn)?;
        let known = shared.registry();
        for (workflow, durations) in lessons.taught {
            shared.meters.took(&known, &workflow, &durations);
        }
        self.read(|connection| shared.learned.refresh(connection))?;
        Ok(lessons.builds)
    }

    /// Counts the builds that have not ended and their signals, for those who ask for metrics.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn count_open(&self, now: Time, context: &Context<'_>) -> Result<()> {
        let counts = self.read(|connection| list::open(connection, now))?;
        self.shared().meters.keep_open(counts);
        self.shared().meters.keep_signals(standing::count(&*self.needs(now, context)?));
        Ok(())
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = timings)]
struct Row {
    workflow: String,
    hostgroup: String,
    model: String,
    steps: serde_json::Value,
    revision: i64,
}

impl Row {
    fn of(timings: &Timings, revision: i64) -> Result<Self> {
        let (workflow, hostgroup, model) = columns(timings.key());
        Ok(Self { workflow, hostgroup, model, steps: to_json(&timings.rows())?, revision })
    }

    fn into_domain(self) -> Result<Timings> {
        let given = |text: &'_ str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let hostgroup = parsed_option("timings.hostgroup", given(&self.hostgroup).as_deref())?;
        let model = parsed_option("timings.model", given(&self.model).as_deref())?;
        let kind = match (hostgroup, model) {
            (Some(hostgroup), Some(model)) => Kind::Both { hostgroup, model },
            (Some(hostgroup), None) => Kind::Hostgroup(hostgroup),
            (None, Some(model)) => Kind::Model(model),
            (None, None) => Kind::Any,
        };
        let key = Key { workflow: parsed("timings.workflow", &self.workflow)?, kind };
        Ok(Timings::from_rows(key, from_json("timings.steps", self.steps)?))
    }
}

/// Workflow, host group and model; empty for any.
fn columns(key: &Key) -> (String, String, String) {
    let (hostgroup, model) = match &key.kind {
        Kind::Both { hostgroup, model } => (hostgroup.as_str(), model.as_str()),
        Kind::Hostgroup(hostgroup) => (hostgroup.as_str(), ""),
        Kind::Model(model) => ("", model.as_str()),
        Kind::Any => ("", ""),
    };
    (key.workflow.to_string(), hostgroup.to_owned(), model.to_owned())
}

/// Everything that was learned, by workflow, host group and model.
///
/// # Errors
/// When the database cannot be reached.
pub fn list(connection: &mut PgConnection) -> Result<Vec<Timings>> {
    let order = (timings::workflow, timings::hostgroup, timings::model);
    let rows: Vec<Row> = timings::table.order(order).select(Row::as_select()).load(connection)?;
    let all: Vec<Timings> = rows.into_iter().map(Row::into_domain).collect::<Result<_>>()?;
    Ok(all.into_iter().filter(|timings| timings.builds() > 0).collect())
}

/// What was learned at once.
#[derive(Default)]
struct Lessons {
    /// How many builds were looked at.
    builds: usize,
    /// What those taught that went well.
    taught: Vec<(Label, Durations)>,
}

/// Takes in a chunk of the builds that completed and have not taught yet, in the order in which they
/// ended, within a transaction of the caller's.
fn learn(connection: &mut PgConnection) -> Result<Lessons> {
    if !diesel::select(sql::<sql_types::Bool>(TRY_LOCK)).get_result::<bool>(connection)? {
        return Ok(Lessons::default());
    }
    // One that somebody is writing to is left for the next time.
    let ids: Vec<Uuid> = builds::table
        .filter(sql::<sql_types::Bool>(UNLEARNED))
        .order((builds::ended_at, builds::id))
        .limit(i64::try_from(CHUNK).unwrap_or(i64::MAX))
        .select(builds::id)
        .for_update()
        .skip_locked()
        .load(connection)?;
    if ids.is_empty() {
        return Ok(Lessons::default());
    }
    let mut taught = BTreeMap::new();
    let lessons = take_in(connection, &ids, &mut taught, |connection, key| {
        let row = timings::table.find(columns(key)).select(Row::as_select()).first(connection).optional()?;
        row.map(Row::into_domain).transpose()
    })?;
    let revision = next_revision(connection)?;
    keep(connection, taught.values(), revision)?;
    diesel::update(builds::table.filter(builds::id.eq_any(&ids)))
        .set(builds::is_learned.eq(true))
        .execute(connection)?;
    Ok(Lessons { builds: ids.len(), taught: lessons })
}

/// Learns anew from all builds that are kept, in the order in which they ended, and answers from how
/// many. What was learned from those that are gone is forgotten. Others go on meanwhile, but learn
/// nothing.
///
/// # Errors
/// When the database cannot be reached.
pub fn rebuild(connection: &mut PgConnection) -> Result<usize> {
    // Those that have not taught yet do so first: then all are marked.
    while connection.transaction(learn)?.builds > 0 {}
    connection.transaction(|connection| {
        sql_query(format!("SELECT {LOCK}")).execute(connection)?;
        let revision = next_revision(connection)?;
        // An empty row tells other nodes to forget, too.
        diesel::update(timings::table)
            .set((timings::steps.eq(serde_json::json!([])), timings::revision.eq(revision)))
            .execute(connection)?;
        let ids: Vec<Uuid> = builds::table
            .filter(builds::state.eq("completed"))
            .filter(builds::is_learned)
            .order((builds::ended_at, builds::id))
            .select(builds::id)
            .load(connection)?;
        let mut taught = BTreeMap::new();
        for chunk in ids.chunks(CHUNK) {
            take_in(connection, chunk, &mut taught, |_, _| Ok(None))?;
        }
        keep(connection, taught.values(), revision)?;
        Ok(ids.len())
    })
}

/// Lets the builds of those ids teach, in that order, and answers what they taught; `stored` answers what
/// is known of a key already.
fn take_in(
    connection: &mut PgConnection,
    ids: &[Uuid],
    taught: &mut BTreeMap<Key, Timings>,
    stored: impl Fn(&mut PgConnection, &Key) -> Result<Option<Timings>>,
) -> Result<Vec<(Label, Durations)>> {
    let mut lessons = Vec::new();
    let known = build::load_known(connection, ids)?;
    let host_ids: Vec<Uuid> = known.iter().map(|known| known.build.host.uuid()).collect();
    let hosts: HashMap<Id<_>, _> =
        host::load_many(connection, &host_ids)?.into_iter().map(|host| (host.id, host.facts)).collect();
    for build in known.into_iter().map(|known| known.build) {
        let Some((durations, facts)) = Durations::of(&build).zip(hosts.get(&build.host)) else { continue };
        for key in Key::of(&build.workflow, facts) {
            if !taught.contains_key(&key) {
                let known = stored(connection, &key)?.unwrap_or_else(|| Timings::new(key.clone()));
                taught.insert(key.clone(), known);
            }
            if let Some(timings) = taught.get_mut(&key) {
                timings.learn(&durations);
            }
        }
        lessons.push((build.workflow, durations));
    }
    Ok(lessons)
}

/// Whoever asks holds the lock, so that no lower one is committed later.
fn next_revision(connection: &mut PgConnection) -> Result<i64> {
    let last: Option<i64> = timings::table.select(max(timings::revision)).first(connection)?;
    Ok(last.unwrap_or(0) + 1)
}

fn keep<'a>(
    connection: &mut PgConnection,
    taught: impl Iterator<Item = &'a Timings>,
    revision: i64,
) -> Result<()> {
    let rows: Vec<Row> = taught.map(|timings| Row::of(timings, revision)).collect::<Result<_>>()?;
    for row in rows {
        diesel::insert_into(timings::table)
            .values(&row)
            .on_conflict((timings::workflow, timings::hostgroup, timings::model))
            .do_update()
            .set((
                timings::steps.eq(excluded(timings::steps)),
                timings::revision.eq(excluded(timings::revision)),
            ))
            .execute(connection)?;
    }
    Ok(())
}
