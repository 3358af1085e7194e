//! Hooks: who is to be told what, and where.
//!
//! The rule it protects: a hook's secret leaves this crate only towards whoever signs with it; a hook is
//! told of what its maker may see, and of nothing else.

use std::collections::BTreeSet;

use chrono::Duration;
use diesel::prelude::*;
use milepost_domain::{
    Bounds, Name, Time, Topic, TopicPattern,
    search::{self, Expr},
};
use uuid::Uuid;

use crate::{
    Error, Result,
    audit::{self, Entry},
    build::HostBuild,
    list,
    row::parsed,
    schema::hooks,
};

/// How long the secret before still signs after another took its place: time to tell the receiver.
pub const OLD_SECRET_SIGNS: Duration = Duration::hours(24);

/// How what is told looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON, signed, by the Standard Webhooks scheme.
    Standard,
    /// A message for a channel: `{"text": "..."}`, as Slack's and Mattermost's incoming webhooks take it.
    Slack,
}

impl Format {
    /// Their words, as they travel and are stored.
    pub const WORDS: &'static [&'static str] = &["standard", "slack"];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Slack => "slack",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = milepost_domain::state::UnknownWord;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        match text {
            "standard" => Ok(Self::Standard),
            "slack" => Ok(Self::Slack),
            other => Err(milepost_domain::state::UnknownWord::new("format", other, Self::WORDS)),
        }
    }
}

/// What a hook signs with. Not to be shown, so it has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Who is to be told what, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// UUID v7.
    pub id: Uuid,
    /// What its maker calls it.
    pub name: Name,
    /// Where to. It may hold a secret of its own: not to be logged.
    pub url: String,
    /// How what is told looks.
    pub format: Format,
    /// Of which events.
    pub events: Vec<TopicPattern>,
    /// Of which builds, in the language of searches, as it was written; `None`: of all.
    pub search: Option<String>,
    /// Of which hosts: those that its maker could see.
    pub bounds: Bounds,
    /// What it signs with.
    pub secret: Secret,
    /// What it signed with before, and signs with as well until then.
    pub old_secret: Option<(Secret, Time)>,
    /// Whether anything is sent.
    pub is_enabled: bool,
    /// Why the service itself has disabled it.
    pub disabled_reason: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// By whom, in words.
    pub created_by: String,
    /// Since when nothing was taken; `None`: the last delivery was, or there was none.
    pub failing_since: Option<Time>,
    /// How many deliveries in a row were not taken.
    pub failures: u32,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = hooks, treat_none_as_null = true)]
struct Row {
    id: Uuid,
    name: String,
    url: String,
    format: String,
    events: Vec<String>,
    search: Option<String>,
    organizations: Vec<String>,
    locations: Vec<String>,
    secret: String,
    old_secret: Option<String>,
    old_secret_until: Option<Time>,
    is_enabled: bool,
    disabled_reason: Option<String>,
    created_at: Time,
    created_by: String,
    failing_since: Option<Time>,
    failures: i32,
    busy_until: Time,
}

impl Row {
    /// One that may be sent to at once.
    fn of(hook: &Hook, now: Time) -> Self {
        let titles = |names: &BTreeSet<Name>| names.iter().map(ToString::to_string).collect();
        let (old_secret, old_secret_until) =
            hook.old_secret.clone().map(|(Secret(old), until)| (old, until)).unzip();
        Self {
            id: hook.id,
            name: hook.name.to_string(),
            url: hook.url.clone(),
            format: hook.format.as_str().to_owned(),
            events: hook.events.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            search: hook.search.clone(),
            organizations: titles(&hook.bounds.organizations),
            locations: titles(&hook.bounds.locations),
            secret: hook.secret.0.clone(),
            old_secret,
            old_secret_until,
            is_enabled: hook.is_enabled,
            disabled_reason: hook.disabled_reason.clone(),
            created_at: hook.created_at,
            created_by: hook.created_by.clone(),
            failing_since: hook.failing_since,
            failures: crate::row::count(hook.failures),
            busy_until: now,
        }
    }

    fn into_hook(self) -> Result<Hook> {
        let names = |column, titles: &[String]| {
            titles.iter().map(|title| parsed(column, title)).collect::<Result<_>>()
        };
        // A later version may know more events; here they come to nothing.
        let events = self.events.iter().filter_map(|pattern| pattern.parse().ok()).collect();
        Ok(Hook {
            name: parsed("hooks.name", &self.name)?,
            format: parsed("hooks.format", &self.format)?,
            bounds: Bounds {
                organizations: names("hooks.organizations", &self.organizations)?,
                locations: names("hooks.locations", &self.locations)?,
            },
            id: self.id,
            url: self.url,
            events,
            search: self.search,
            secret: Secret(self.secret),
            old_secret: self.old_secret.map(Secret).zip(self.old_secret_until),
            is_enabled: self.is_enabled,
            disabled_reason: self.disabled_reason,
            created_at: self.created_at,
            created_by: self.created_by,
            failing_since: self.failing_since,
            failures: crate::row::number("hooks.failures", self.failures)?,
        })
    }
}

/// A hook that listens, with its search as it is understood now.
pub(crate) struct Listening {
    pub(crate) id: Uuid,
    events: Vec<TopicPattern>,
    search: Option<Expr>,
    bounds: Bounds,
}

impl Listening {
    pub(crate) fn wants(&self, topic: Topic, found: &HostBuild) -> bool {
        let value = |field: &search::Field| list::value(field, &found.host, Some(&found.build));
        self.events.iter().any(|pattern| pattern.matches(topic))
            && self.bounds.allow(&found.host.facts)
            && self.search.as_ref().is_none_or(|search| search.matches(&value))
    }
}

/// The hooks that are enabled; times in their searches are counted from `now`.
pub(crate) fn listening(connection: &mut PgConnection, now: Time) -> Result<Vec<Listening>> {
    let rows: Vec<Row> = hooks::table.filter(hooks::is_enabled).select(Row::as_select()).load(connection)?;
    let mut listening = Vec::with_capacity(rows.len());
    for row in rows {
        let Hook { id, name, events, search, bounds, .. } = row.into_hook()?;
        match search::parse(search.as_deref().unwrap_or_default(), list::STORED, now) {
            Ok(search) => listening.push(Listening { id, events, search, bounds }),
            // It was read when the hook was made.
            Err(error) => {
                log::error!("the hook {name} ({id}) is told nothing: its search cannot be read: {error}");
            }
        }
    }
    Ok(listening)
}

/// All hooks, oldest first.
///
/// # Errors
/// When the database cannot be reached.
pub fn list(connection: &mut PgConnection) -> Result<Vec<Hook>> {
    let rows: Vec<Row> = hooks::table.order(hooks::id).select(Row::as_select()).load(connection)?;
    rows.into_iter().map(Row::into_hook).collect()
}

/// The hook of that id.
///
/// # Errors
/// When it is not known.
pub fn find(connection: &mut PgConnection, id: Uuid) -> Result<Hook> {
    let row: Option<Row> = hooks::table.find(id).select(Row::as_select()).first(connection).optional()?;
    row.ok_or_else(|| Error::not_found("hook", &id))?.into_hook()
}

/// Makes a hook.
///
/// # Errors
/// When the database refuses.
pub fn insert(connection: &mut PgConnection, hook: &Hook, now: Time, entry: &Entry) -> Result<()> {
    diesel::insert_into(hooks::table).values(Row::of(hook, now)).execute(connection)?;
    audit::record(connection, entry)
}

/// Changes a hook, within a transaction: `change` is given how it stands. What it says of its failures is
/// forgotten, so that it is tried at once.
///
/// # Errors
/// When it is not known, or `change` refuses.
pub fn update(
    connection: &mut PgConnection,
    id: Uuid,
    now: Time,
    entry: &Entry,
    change: impl FnOnce(Hook) -> Result<Hook>,
) -> Result<Hook> {
    let row: Option<Row> =
        hooks::table.find(id).for_update().select(Row::as_select()).first(connection).optional()?;
    let before = row.ok_or_else(|| Error::not_found("hook", &id))?.into_hook()?;
    let after = Hook { failing_since: None, failures: 0, ..change(before)? };
    diesel::update(hooks::table.find(id)).set(Row::of(&after, now)).execute(connection)?;
    audit::record(connection, &entry.clone().with(after.name.to_string()))?;
    Ok(after)
}

/// Removes a hook, with what was still to be delivered to it.
///
/// # Errors
/// When it is not known.
pub fn delete(connection: &mut PgConnection, id: Uuid, entry: &Entry) -> Result<()> {
    if diesel::delete(hooks::table.find(id)).execute(connection)? == 0 {
        return Err(Error::not_found("hook", &id));
    }
    audit::record(connection, entry)
}
