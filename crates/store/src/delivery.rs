//! Deliveries: what is still to be sent to whom, and what became of it.
//!
//! The rule it protects: one node at a time sends to a hook, in the order of the events, and for as long
//! as it holds it; one that fails waits for its own next try and holds up none of those behind it. What was
//! sent may be sent again, under the same id, when a node dies before it could write that down.

use chrono::Duration;
use diesel::{prelude::*, sql_query, sql_types};
use milepost_domain::{
    Id, Time,
    search::{Field, Kind},
};
use uuid::Uuid;

use crate::{
    Result,
    audit::{self, Entry},
    hook::{self, Hook},
    list::{Page, Query, count},
    row::{self, parsed},
    schema::{deliveries, hooks, outbox},
    search::{Bind, Column, Statement},
    sweep::{self, Letter, ROWS},
};

/// How many are sent to a hook before another one gets its turn.
const TURN: i64 = 100;
/// A hook that took nothing for so long and then does is sent all that waits, at once.
const LONG_AWAY: Duration = Duration::minutes(1);

/// How it stands with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is to be sent, or sent again.
    Pending,
    /// It was taken.
    Delivered,
    /// It was tried often enough.
    Failed,
}

impl State {
    /// Their words, as they travel and are stored.
    pub const WORDS: &'static [&'static str] = &["pending", "delivered", "failed"];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for State {
    type Err = milepost_domain::state::UnknownWord;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text {
            "pending" => Ok(Self::Pending),
            "delivered" => Ok(Self::Delivered),
            "failed" => Ok(Self::Failed),
            other => Err(milepost_domain::state::UnknownWord::new("state", other, Self::WORDS)),
        }
    }
}

/// What deliveries are searched by.
pub const FIELDS: &[Field] = &[
    Field::new("event", Kind::Text).in_free_text(),
    Field::new("state", Kind::Choice(State::WORDS)),
    Field::new("attempts", Kind::Integer),
    Field::new("at", Kind::Time).also_called(&["time"]),
];

/// What they are sorted by; their own order is the newest first.
pub const SORTABLE: &[&str] = &["at"];

/// One event on its way to one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id, the same with each try.
    pub event_id: Uuid,
    /// What it is about.
    pub event: String,
    /// When that happened.
    pub at: Time,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last.
    pub attempted_at: Option<Time>,
    /// When it is tried next, while it is pending.
    pub due_at: Time,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// Something that is to be sent.
#[derive(Debug, Clone, Queryable)]
pub struct Due {
    /// The event's id.
    pub event_id: Uuid,
    /// What is to be sent, in the standard form.
    pub body: String,
    /// How often it was tried before.
    attempts: i32,
}

impl Due {
    /// How often it was tried before.
    #[must_use]
    pub fn attempts(&self) -> usize {
        usize::try_from(self.attempts).unwrap_or(0)
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// Why it counts as failed; `None`: it was taken.
    pub error: Option<String>,
}

/// How it goes on after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setback {
    /// When this delivery is tried again; `None`: never.
    pub again_at: Option<Time>,
    /// Until when nothing is sent to the hook.
    pub rests_until: Time,
    /// The hook is disabled when nothing was taken for so long.
    pub give_up_after: Duration,
    /// The receiver wants no more, ever.
    pub is_gone: bool,
}

/// How much there is to deliver, and how hooks stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many deliveries are pending.
    pub pending: i64,
    /// When the oldest of them happened.
    pub oldest_at: Option<Time>,
    /// How many enabled hooks take nothing.
    pub failing: i64,
    /// How many hooks the service has disabled.
    pub disabled: i64,
}

/// Writes down that these events are to be sent to these hooks, in the transaction of the events.
pub(crate) fn address(connection: &mut PgConnection, addressed: &[(Uuid, Uuid)], now: Time) -> Result<()> {
    for chunk in addressed.chunks(ROWS) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|(hook, event)| {
                (
                    deliveries::hook_id.eq(hook),
                    deliveries::event_id.eq(event),
                    deliveries::state.eq(State::Pending.as_str()),
                    deliveries::due_at.eq(now),
                    deliveries::attempts.eq(0),
                )
            })
            .collect();
        diesel::insert_into(deliveries::table).values(rows).execute(connection)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// Takes a hook to which something is to be sent until then, with what; `None` when there is nothing to do
/// or others are at it.
///
/// # Errors
/// When the database cannot be reached.
pub fn claim(connection: &mut PgConnection, now: Time, until: Time) -> Result<Option<(Hook, Vec<Due>)>> {
    let sql = "UPDATE hooks SET busy_until = $2 WHERE id = (
            SELECT h.id FROM hooks h WHERE h.is_enabled AND h.busy_until <= $1 AND EXISTS (
                SELECT FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'pending' AND d.due_at <= $1)
            ORDER BY h.busy_until LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id";
    let claimed: Option<Claimed> = sql_query(sql)
        .bind::<sql_types::Timestamptz, _>(now)
        .bind::<sql_types::Timestamptz, _>(until)
        .get_result(connection)
        .optional()?;
    let Some(Claimed { id }) = claimed else { return Ok(None) };
    let due = deliveries::table
        .inner_join(outbox::table)
        .filter(deliveries::hook_id.eq(id))
        .filter(deliveries::state.eq(State::Pending.as_str()))
        .filter(deliveries::due_at.le(now))
        .order(deliveries::event_id)
        .limit(TURN)
        .select((deliveries::event_id, outbox::body, deliveries::attempts))
        .load(connection)?;
    Ok(Some((hook::find(connection, id)?, due)))
}

/// Lets go of a hook, so that others may send to it; or holds it for longer.
///
/// # Errors
/// When the database cannot be reached.
pub fn hold_until(connection: &mut PgConnection, hook: Uuid, until: Time) -> Result<()> {
    diesel::update(hooks::table.find(hook)).set(hooks::busy_until.eq(until)).execute(connection)?;
    Ok(())
}

fn note(
    connection: &mut PgConnection,
    hook: Uuid,
    event: Uuid,
    outcome: &Outcome,
    next: (State, Time),
    now: Time,
) -> Result<()> {
    diesel::update(deliveries::table.find((hook, event)))
        .set((
            deliveries::state.eq(next.0.as_str()),
            deliveries::due_at.eq(next.1),
            deliveries::attempts.eq(deliveries::attempts + 1),
            deliveries::attempted_at.eq(now),
            deliveries::status.eq(outcome.status.map(i32::from)),
            deliveries::error.eq(&outcome.error),
        ))
        .execute(connection)?;
    Ok(())
}

/// Writes down that a delivery was taken, and holds its hook until then.
///
/// # Errors
/// When the database cannot be reached.
pub fn delivered(
    connection: &mut PgConnection,
    hook: &Hook,
    event: Uuid,
    outcome: &Outcome,
    now: Time,
    until: Time,
) -> Result<()> {
    note(connection, hook.id, event, outcome, (State::Delivered, now), now)?;
    diesel::update(hooks::table.find(hook.id))
        .set((hooks::failing_since.eq(None::<Time>), hooks::failures.eq(0), hooks::busy_until.eq(until)))
        .execute(connection)?;
    // It is back: what waits for its next try need not wait.
    if hook.failing_since.is_some_and(|since| now - since >= LONG_AWAY) {
        diesel::update(deliveries::table)
            .filter(deliveries::hook_id.eq(hook.id))
            .filter(deliveries::state.eq(State::Pending.as_str()))
            .filter(deliveries::due_at.gt(now))
            .set(deliveries::due_at.eq(now))
            .execute(connection)?;
    }
    Ok(())
}

/// Writes down that a delivery was not taken, and lets its hook rest. Answers why the hook is disabled, if
/// it is by that; `entry` says so in the audit trail.
///
/// # Errors
/// When the database cannot be reached.
pub fn failed(
    connection: &mut PgConnection,
    hook: Uuid,
    event: Uuid,
    outcome: &Outcome,
    setback: &Setback,
    entry: &Entry,
) -> Result<Option<String>> {
    let now = entry.at;
    let next = setback.again_at.map_or((State::Failed, now), |at| (State::Pending, at));
    note(connection, hook, event, outcome, next, now)?;
    let row: Option<(Time, bool)> = diesel::update(hooks::table.find(hook))
        .set((
            hooks::failing_since.eq(diesel::dsl::sql::<sql_types::Nullable<sql_types::Timestamptz>>(
                "COALESCE(failing_since, ",
            )
            .bind::<sql_types::Timestamptz, _>(now)
            .sql(")")),
            hooks::failures.eq(hooks::failures + 1),
            hooks::busy_until.eq(setback.rests_until),
        ))
        .returning((hooks::failing_since.assume_not_null(), hooks::is_enabled))
        .get_result(connection)
        .optional()?;
    let Some((failing_since, true)) = row else { return Ok(None) };
    let last = outcome.error.as_deref().unwrap_or("no answer");
    let reason = if setback.is_gone {
        format!("the receiver says that it is gone for good ({last})")
    } else if now - failing_since >= setback.give_up_after {
        let days = setback.give_up_after.num_days();
        format!(
            "nothing was taken for {days} days, since {}; at last: {last}",
            failing_since.format("%Y-%m-%d %H:%M UTC")
        )
    } else {
        return Ok(None);
    };
    diesel::update(hooks::table.find(hook))
        .set((hooks::is_enabled.eq(false), hooks::disabled_reason.eq(&reason)))
        .execute(connection)?;
    audit::record(connection, &entry.clone().to(format!("hook {hook}")).with(reason.clone()))?;
    Ok(Some(reason))
}

/// Writes down a test of a hook: what was sent and what became of it.
///
/// # Errors
/// When the database refuses.
pub fn tested(
    connection: &mut PgConnection,
    hook: Uuid,
    event: Uuid,
    body: &str,
    outcome: &Outcome,
    entry: &Entry,
) -> Result<()> {
    let now = entry.at;
    let letter = Letter { id: event, build_id: None, topic: TEST.to_owned(), at: now, body: body.to_owned() };
    sweep::post(connection, &[letter])?;
    let state = if outcome.error.is_none() { State::Delivered } else { State::Failed };
    address(connection, &[(hook, event)], now)?;
    note(connection, hook, event, outcome, (state, now), now)?;
    audit::record(connection, entry)
}

/// What a test is about.
pub const TEST: &str = "hook.test";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::Uuid)]
    event_id: Uuid,
    #[diesel(sql_type = sql_types::Text)]
    topic: String,
    #[diesel(sql_type = sql_types::Timestamptz)]
    at: Time,
    #[diesel(sql_type = sql_types::Text)]
    state: String,
    #[diesel(sql_type = sql_types::Integer)]
    attempts: i32,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    attempted_at: Option<Time>,
    #[diesel(sql_type = sql_types::Timestamptz)]
    due_at: Time,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Integer>)]
    status: Option<i32>,
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    error: Option<String>,
}

impl Row {
    fn into_delivery(self) -> Result<Delivery> {
        Ok(Delivery {
            event_id: self.event_id,
            event: self.topic,
            at: self.at,
            state: parsed("deliveries.state", &self.state)?,
            attempts: row::number("deliveries.attempts", self.attempts)?,
            attempted_at: self.attempted_at,
            due_at: self.due_at,
            status: self.status.map(|status| row::number("deliveries.status", status)).transpose()?,
            error: self.error,
        })
    }
}

/// A page of what was and is to be sent to a hook, the newest first unless ordered otherwise.
///
/// # Errors
/// When the database cannot be reached.
pub fn list(connection: &mut PgConnection, query: &Query, hook: Uuid) -> Result<Page<Delivery>> {
    let column = |field: &Field| {
        Column::Stored(match field.name {
            "event" => "o.topic".to_owned(),
            "at" => "o.at".to_owned(),
            other => format!("d.{other}"),
        })
    };
    let start = |select: &str| {
        let mut statement = Statement::default();
        statement.push("SELECT ").push(select).push(" FROM deliveries d JOIN outbox o ON o.id = d.event_id");
        statement.push(" WHERE d.hook_id = ").bind(Bind::Uuid(hook));
        statement
    };
    let searched = |select: &str| {
        let mut statement = start(select);
        if let Some(expr) = &query.search {
            statement.push(" AND ");
            statement.push_search(expr, &column);
        }
        statement
    };
    let total = count(connection, start("count(*)"))?;
    let subtotal = if query.search.is_some() { count(connection, searched("count(*)"))? } else { total };
    let mut statement = searched("d.*, o.topic, o.at");
    let ascending = query.order.as_ref().is_some_and(|order| !order.descending);
    // Ids are of the time when it was written down.
    statement.push(if ascending { " ORDER BY d.event_id" } else { " ORDER BY d.event_id DESC" });
    statement.push(" LIMIT ").bind(Bind::BigInt(query.limit));
    statement.push(" OFFSET ").bind(Bind::BigInt(query.offset));
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    let results = rows.into_iter().map(Row::into_delivery).collect::<Result<_>>()?;
    Ok(Page { total, subtotal, results })
}

/// How much there is to deliver, and how hooks stand.
///
/// # Errors
/// When the database cannot be reached.
pub fn backlog(connection: &mut PgConnection) -> Result<Backlog> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::BigInt)]
        pending: i64,
        #[diesel(sql_type = sql_types::Nullable<sql_types::Uuid>)]
        oldest: Option<Uuid>,
        #[diesel(sql_type = sql_types::BigInt)]
        failing: i64,
        #[diesel(sql_type = sql_types::BigInt)]
        disabled: i64,
    }
    // What waits for a hook that is disabled is nobody's concern.
    let sql = "SELECT
            (SELECT count(*) FROM deliveries d JOIN hooks h ON h.id = d.hook_id
                WHERE d.state = 'pending' AND h.is_enabled) AS pending,
            (SELECT d.event_id FROM deliveries d JOIN hooks h ON h.id = d.hook_id
                WHERE d.state = 'pending' AND h.is_enabled ORDER BY d.event_id LIMIT 1) AS oldest,
            (SELECT count(*) FROM hooks WHERE is_enabled AND failing_since IS NOT NULL) AS failing,
            (SELECT count(*) FROM hooks WHERE NOT is_enabled AND disabled_reason IS NOT NULL) AS disabled";
    let row: Row = sql_query(sql).get_result(connection)?;
    let oldest_at = row.oldest.and_then(|id| Id::<()>::from_uuid(id).made_at());
    Ok(Backlog { pending: row.pending, oldest_at, failing: row.failing, disabled: row.disabled })
}
