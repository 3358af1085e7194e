//! What changed about builds, written down to be told: the outbox, and the one who fills it.
//!
//! The rule it protects: what was told of a build last is written in the transaction that writes what is
//! to be told now, by the session that holds the lock: when that dies, both are there or neither, and
//! another node goes on. Nothing here waits for those who report, or makes them wait.

use std::collections::{BTreeSet, HashMap};

use chrono::Duration;
use diesel::{prelude::*, sql_query, sql_types, upsert::excluded};
use milepost_domain::{Build, BuildId, Host, News, Signal, Time, Told, news};
use uuid::Uuid;

use crate::{
    Result, Store,
    build::{self, HostBuild},
    delivery, hook, host, notify,
    partition::id_at,
    row::{count, number, parsed, parsed_option},
    schema::{outbox, sweeper, told},
};

/// How many builds are looked at in one transaction.
const PAGE: usize = 256;
/// How many rows a statement writes: PostgreSQL takes 65535 values.
pub(crate) const ROWS: usize = 1_000;
/// A silent build is looked at again after this part of its silence, so that thousands that wait for
/// nothing cost nothing; what the clock alone brings about is told that much later at most.
const SILENCE_PART: i32 = 60;
/// And no later than this.
const LOOK_AGAIN: Duration = Duration::minutes(10);
/// A build that had ended and was told of may have begun and ended anew while nobody looked.
const ENDED_LATELY: Duration = Duration::hours(1);
/// Any constant will do, as long as every version takes the same.
const TRY_LOCK: &str = "pg_try_advisory_lock(hashtext('milepost sweeper'))";
/// A frozen node gives the lock up with its session.
const SESSION: &[&str] = &[
    "SET enable_seqscan = off",
    "SET jit = off",
    "SET statement_timeout = '60s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    "SELECT set_config('idle_session_timeout', '300s', false) \
     WHERE current_setting('server_version_num')::integer >= 140000",
];

/// The builds that may have changed: those under way, those that were when they were told of last, and
/// those that ended lately.
const CANDIDATES: &str = "
    WITH lately AS MATERIALIZED (SELECT id FROM builds WHERE ended_at > $3)
    SELECT b.id, b.version FROM builds b WHERE b.id = ANY (ARRAY(
        SELECT id FROM (
            (SELECT id FROM builds WHERE ended_at IS NULL AND id > $1 ORDER BY id LIMIT $2)
            UNION (SELECT build_id FROM told WHERE is_open AND build_id > $1 ORDER BY build_id LIMIT $2)
            UNION (SELECT id FROM lately WHERE id > $1 ORDER BY id LIMIT $2)
        ) found ORDER BY id LIMIT $2))
    ORDER BY b.id";

/// Puts news into words: the id under which it is told, and all of what is told.
pub type Words<'a> = &'a dyn Fn(&HostBuild, &News, &[Signal]) -> Result<(Uuid, String)>;

/// What a sweep has to know beside the database.
pub struct Eyes<'a> {
    /// The time.
    pub now: Time,
    /// What needs a person on a build: muted ones say so themselves.
    pub signals: &'a dyn Fn(&HostBuild) -> Vec<Signal>,
    /// How it is told.
    pub words: Words<'a>,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many builds were looked at.
    pub builds: usize,
    /// How many things were written down to be told.
    pub news: usize,
}

/// Something that is to be told.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = outbox)]
pub(crate) struct Letter {
    pub(crate) id: Uuid,
    pub(crate) build_id: Option<Uuid>,
    pub(crate) topic: String,
    pub(crate) at: Time,
    pub(crate) body: String,
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = told)]
struct Row {
    build_id: Uuid,
    is_open: bool,
    state: Option<String>,
    attempt: i32,
    signals: Vec<String>,
}

impl Row {
    fn of(build: &Build, told: &Told) -> Self {
        Self {
            build_id: build.id.uuid(),
            is_open: build.course.ended_at.is_none(),
            state: Some(told.state.to_string()),
            attempt: count(told.attempt),
            signals: told.signals.iter().map(ToString::to_string).collect(),
        }
    }

    fn into_told(self) -> Result<Option<Told>> {
        let Some(state) = parsed_option("told.state", self.state.as_deref())? else { return Ok(None) };
        let signals = self.signals.iter().map(|word| parsed("told.signals", word));
        let signals = signals.collect::<Result<BTreeSet<_>>>()?;
        Ok(Some(Told { state, attempt: number("told.attempt", self.attempt)?, signals }))
    }
}

/// That a build is there to be told of, in the transaction that opens it.
pub(crate) fn note_opened(connection: &mut PgConnection, id: BuildId) -> Result<()> {
    let row = Row { build_id: id.uuid(), is_open: true, state: None, attempt: 1, signals: Vec::new() };
    diesel::insert_into(told::table).values(row).execute(connection)?;
    Ok(())
}

/// Forgets what was told before that, delivered or not.
///
/// # Errors
/// When the database refuses.
pub(crate) fn forget(connection: &mut PgConnection, before: Time, rows: i64) -> Result<i64> {
    let sql =
        "DELETE FROM outbox WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE id < $1 ORDER BY id LIMIT $2))";
    let query = sql_query(sql).bind::<sql_types::Uuid, _>(id_at(before)).bind::<sql_types::BigInt, _>(rows);
    Ok(i64::try_from(query.execute(connection)?).unwrap_or(i64::MAX))
}

/// When a sweep was last done, by whichever node; `None`: never.
///
/// # Errors
/// When the database cannot be reached.
pub fn last_run(connection: &mut PgConnection) -> Result<Option<Time>> {
    Ok(sweeper::table.select(sweeper::ran_at).first(connection).optional()?)
}

/// Writes letters down, in the transaction of what they tell of.
pub(crate) fn post(connection: &mut PgConnection, letters: &[Letter]) -> Result<()> {
    for letters in letters.chunks(ROWS) {
        diesel::insert_into(outbox::table).values(letters).execute(connection)?;
    }
    Ok(())
}

/// One node's try to be the one that looks, on a connection of its own.
pub struct Sweeper {
    store: Store,
    /// The session; it holds the lock once it is `elected`.
    session: Option<PgConnection>,
    is_elected: bool,
    /// The builds that need not be looked at again yet: their version, and until when.
    rested: HashMap<Uuid, (i64, Time)>,
}

#[derive(QueryableByName)]
struct Candidate {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = sql_types::BigInt)]
    version: i64,
}

impl Store {
    /// A sweeper of this node; it connects when it first sweeps.
    #[must_use]
    pub fn sweeper(&self) -> Sweeper {
        Sweeper { store: self.clone(), session: None, is_elected: false, rested: HashMap::new() }
    }
}

impl Sweeper {
    /// Looks at all builds that may have changed, and writes down what is to be told; `None` where
    /// another node does. Several may try at any time.
    ///
    /// # Errors
    /// When the database cannot be reached, or something cannot be put into words.
    pub fn sweep(&mut self, eyes: &Eyes<'_>) -> Result<Option<Swept>> {
        let swept = self.try_sweep(eyes);
        if swept.is_err() {
            // The lock goes with the session, so that another node may be luckier.
            self.session = None;
            self.is_elected = false;
            self.rested.clear();
        }
        swept
    }

    fn try_sweep(&mut self, eyes: &Eyes<'_>) -> Result<Option<Swept>> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(begin(&self.store)?),
        };
        if !self.is_elected {
            self.is_elected =
                diesel::select(diesel::dsl::sql::<sql_types::Bool>(TRY_LOCK)).get_result(session)?;
        }
        if !self.is_elected {
            return Ok(None);
        }
        let since = last_run(session)?.unwrap_or(eyes.now) - ENDED_LATELY;
        let mut swept = Swept::default();
        let mut rested = HashMap::with_capacity(self.rested.len());
        let mut after = Uuid::nil();
        loop {
            let page = candidates(session, after, since)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            let mut due = Vec::new();
            for Candidate { id, version } in page {
                match self.rested.get(&id).filter(|(known, until)| *known == version && eyes.now < *until) {
                    Some(rest) => drop(rested.insert(id, *rest)),
                    None => due.push(id),
                }
            }
            swept.builds += due.len();
            let page = session
                .build_transaction()
                // A build and its steps as they were at one moment.
                .repeatable_read()
                .run(|session| look(session, &self.store, &due, eyes))?;
            swept.news += page.news;
            // A stream shows what the clock alone brought about.
            self.store.shared().memory.note_changed(page.changed);
            rested.extend(page.rested);
        }
        self.rested = rested;
        diesel::insert_into(sweeper::table)
            .values((sweeper::is_only.eq(true), sweeper::ran_at.eq(eyes.now)))
            .on_conflict(sweeper::is_only)
            .do_update()
            .set(sweeper::ran_at.eq(excluded(sweeper::ran_at)))
            .execute(session)?;
        Ok(Some(swept))
    }
}

fn begin(store: &Store) -> Result<PgConnection> {
    let mut session = store.shared().establish()?;
    for statement in SESSION {
        sql_query(*statement).execute(&mut session)?;
    }
    Ok(session)
}

fn candidates(session: &mut PgConnection, after: Uuid, since: Time) -> Result<Vec<Candidate>> {
    let page = sql_query(CANDIDATES)
        .bind::<sql_types::Uuid, _>(after)
        .bind::<sql_types::BigInt, _>(i64::try_from(PAGE).unwrap_or(i64::MAX))
        .bind::<sql_types::Timestamptz, _>(since);
    Ok(page.load(session)?)
}

/// What looking at some builds came to.
#[derive(Default)]
struct Page {
    news: usize,
    changed: Vec<Uuid>,
    rested: Vec<(Uuid, (i64, Time))>,
}

/// Looks at builds, and writes down what is to be told of them and to whom, within a transaction.
fn look(session: &mut PgConnection, store: &Store, ids: &[Uuid], eyes: &Eyes<'_>) -> Result<Page> {
    let mut page = Page::default();
    let known = build::load_known(session, ids)?;
    let host_ids: Vec<Uuid> = known.iter().map(|known| known.build.host.uuid()).collect();
    let hosts: HashMap<_, Host> =
        host::load_many(session, &host_ids)?.into_iter().map(|host| (host.id, host)).collect();
    let rows: Vec<Row> =
        told::table.filter(told::build_id.eq_any(ids)).select(Row::as_select()).load(session)?;
    let mut told_before: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.build_id, row)).collect();
    let (mut letters, mut told_now, mut addressed) = (Vec::new(), Vec::new(), Vec::new());
    let mut hooks = None;
    for known in known {
        let (version, mut build) = (known.version, known.build);
        build.settle(eyes.now);
        let Some(host) = hosts.get(&build.host).cloned() else { continue };
        let found = HostBuild { host, build };
        let signals = (eyes.signals)(&found);
        let row = told_before.remove(&found.build.id.uuid());
        let was_open = row.as_ref().is_none_or(|row| row.is_open);
        let before = row.map(Row::into_told).transpose()?.flatten();
        let (news, told) = news::news(before.as_ref(), &found.build, &signals, eyes.now);
        let id = found.build.id.uuid();
        page.rested.push((id, (version, rest(&found.build, eyes.now))));
        if news.is_empty() && was_open == found.build.course.ended_at.is_none() {
            continue;
        }
        told_now.push(Row::of(&found.build, &told));
        if news.is_empty() {
            continue;
        }
        page.changed.push(id);
        let hooks = match &mut hooks {
            Some(hooks) => hooks,
            none => none.insert(hook::listening(session, eyes.now)?),
        };
        for news in news {
            let (letter, body) = (eyes.words)(&found, &news, &signals)?;
            let wanting = hooks.iter().filter(|hook| hook.wants(news.topic, &found));
            addressed.extend(wanting.map(|hook| (hook.id, letter)));
            let (topic, at) = (news.topic.to_string(), news.at);
            letters.push(Letter { id: letter, build_id: Some(id), topic, at, body });
        }
    }
    for rows in told_now.chunks(ROWS) {
        diesel::insert_into(told::table)
            .values(rows)
            .on_conflict(told::build_id)
            .do_update()
            .set((
                told::is_open.eq(excluded(told::is_open)),
                told::state.eq(excluded(told::state)),
                told::attempt.eq(excluded(told::attempt)),
                told::signals.eq(excluded(told::signals)),
            ))
            .execute(session)?;
    }
    post(session, &letters)?;
    delivery::address(session, &addressed, eyes.now)?;
    notify::tell_of_builds(session, store.shared().node, &page.changed)?;
    page.news = letters.len();
    Ok(page)
}

/// Until when a build that does not change need not be looked at again.
fn rest(build: &Build, now: Time) -> Time {
    let rejected = build.rejections.last.as_ref().map(|(_, at)| *at);
    let heard = build.course.last_report_at.max(rejected).max(build.rejections.over_limit.last_at);
    let silence = now - heard.unwrap_or(build.started_at).max(build.started_at);
    let until = now + (silence / SILENCE_PART).clamp(Duration::zero(), LOOK_AGAIN);
    if build.expires_at > now { until.min(build.expires_at) } else { until }
}
