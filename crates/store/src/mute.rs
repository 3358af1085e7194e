//! Mutes: whose signals nobody wants to hear of, until when, and why.
//!
//! The rule it protects: a mute marks and hides nothing; its search means what it means in a list, and
//! nobody mutes beyond the hosts that they may see; one whose time is over does nothing, stored or not.

use std::collections::HashMap;

use diesel::{dsl::count_star, prelude::*};
use milepost_domain::{
    Bounds, Build, Host, HostId, Id, Message, Name, Time,
    search::{self, Expr, ParseError},
    signal::Muted,
};
use uuid::Uuid;

use crate::{
    Conflict, Result, Store,
    audit::{self, Entry},
    host, list,
    notify::{self, Node},
    row::parsed,
    schema::mutes,
};

/// So many mutes by search there can be at once: each is asked of each build that is shown.
const SEARCHES_MAX: i64 = 100;

/// Whose signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Those of this host.
    Host(HostId),
    /// Those of the hosts that a search finds.
    Search(Search),
}

/// Which hosts, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    text: String,
    expr: Expr,
}

impl Search {
    /// Reads a search over [`list::STORED`]; times such as `1 hour ago` count from `at`. `None` when nothing
    /// is asked for.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn parse(text: &str, at: Time) -> std::result::Result<Option<Self>, ParseError> {
        let expr = search::parse(text, list::STORED, at)?;
        Ok(expr.map(|expr| Self { text: text.to_owned(), expr }))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Somebody does not want to hear of some signals for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// UUID v7.
    pub id: Uuid,
    /// Of which hosts.
    pub subject: Subject,
    /// Until when.
    pub until: Time,
    /// Why.
    pub reason: Message,
    /// When it was made.
    pub created_at: Time,
    /// By whom, in words.
    pub created_by: String,
    /// What whoever made it was bound to; a search finds nothing beyond.
    pub bounds: Bounds,
}

impl Mute {
    /// What is said of a signal that it mutes.
    #[must_use]
    pub fn told(&self) -> Muted {
        let (reason, by) = (self.reason.to_string(), self.created_by.clone());
        Muted { id: self.id, until: self.until, reason, by }
    }

    fn covers(&self, host: &Host, build: Option<&Build>) -> bool {
        match &self.subject {
            Subject::Host(id) => *id == host.id,
            Subject::Search(search) => {
                self.bounds.allow(&host.facts)
                    && search.expr.matches(&|field| list::value(field, host, build))
            }
        }
    }
}

/// All mutes, to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutes {
    hosts: HashMap<HostId, Vec<Mute>>,
    searches: Vec<Mute>,
}

impl Mutes {
    /// The mute of the signals of a build of that host at `now`; of several the one that lasts longest. Asks
    /// nobody.
    #[must_use]
    pub fn of(&self, host: &Host, build: Option<&Build>, now: Time) -> Option<&Mute> {
        let own = self.hosts.get(&host.id).into_iter().flatten();
        let in_force = own.chain(&self.searches).filter(|mute| now < mute.until);
        in_force.filter(|mute| mute.covers(host, build)).max_by_key(|mute| (mute.until, mute.id))
    }
}

impl FromIterator<Mute> for Mutes {
    fn from_iter<I: IntoIterator<Item = Mute>>(all: I) -> Self {
        let mut mutes = Self::default();
        for mute in all {
            match mute.subject {
                Subject::Host(id) => mutes.hosts.entry(id).or_default().push(mute),
                Subject::Search(_) => mutes.searches.push(mute),
            }
        }
        mutes
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = mutes)]
struct Row {
    id: Uuid,
    host_id: Option<Uuid>,
    search: Option<String>,
    until: Time,
    reason: String,
    created_at: Time,
    created_by: String,
    organizations: Vec<String>,
    locations: Vec<String>,
}

impl Row {
    fn of(mute: &Mute) -> Self {
        let (host_id, search) = match &mute.subject {
            Subject::Host(id) => (Some(id.uuid()), None),
            Subject::Search(search) => (None, Some(search.text.clone())),
        };
        let titles =
            |names: &std::collections::BTreeSet<Name>| names.iter().map(ToString::to_string).collect();
        Self {
            id: mute.id,
            host_id,
            search,
            until: mute.until,
            reason: mute.reason.to_string(),
            created_at: mute.created_at,
            created_by: mute.created_by.clone(),
            organizations: titles(&mute.bounds.organizations),
            locations: titles(&mute.bounds.locations),
        }
    }

    /// `None` for a search that this version cannot read any more: then it mutes nothing, rather than that
    /// nothing works.
    fn into_mute(self) -> Result<Option<Mute>> {
        let names = |column, titles: &[String]| {
            titles.iter().map(|title| parsed(column, title)).collect::<Result<_>>()
        };
        let subject = match (self.host_id, self.search) {
            (Some(id), _) => Some(Subject::Host(Id::from_uuid(id))),
            (None, search) => match Search::parse(&search.unwrap_or_default(), self.created_at) {
                Ok(search) => search.map(Subject::Search),
                Err(error) => {
                    log::warn!("the mute {} does nothing: its search cannot be read: {error}", self.id);
                    None
                }
            },
        };
        let Some(subject) = subject else { return Ok(None) };
        Ok(Some(Mute {
            subject,
            reason: parsed("mutes.reason", &self.reason)?,
            bounds: Bounds {
                organizations: names("mutes.organizations", &self.organizations)?,
                locations: names("mutes.locations", &self.locations)?,
            },
            id: self.id,
            until: self.until,
            created_at: self.created_at,
            created_by: self.created_by,
        }))
    }
}

/// All that are stored, those that end first before the others.
pub(crate) fn load(connection: &mut PgConnection) -> Result<Vec<Mute>> {
    let rows: Vec<Row> =
        mutes::table.order((mutes::until, mutes::id)).select(Row::as_select()).load(connection)?;
    let read: Result<Vec<Option<Mute>>> = rows.into_iter().map(Row::into_mute).collect();
    Ok(read?.into_iter().flatten().collect())
}

/// Those that are in force at `now`, each with its host if it is of one; those that end first before the
/// others.
///
/// # Errors
/// When the database cannot be reached.
pub fn list(connection: &mut PgConnection, now: Time) -> Result<Vec<(Mute, Option<Host>)>> {
    let in_force: Vec<Mute> = load(connection)?.into_iter().filter(|mute| now < mute.until).collect();
    let of_host = |mute: &Mute| match mute.subject {
        Subject::Host(id) => Some(id),
        Subject::Search(_) => None,
    };
    let ids: Vec<Uuid> = in_force.iter().filter_map(of_host).map(Id::uuid).collect();
    let hosts: HashMap<HostId, Host> =
        host::load_many(connection, &ids)?.into_iter().map(|host| (host.id, host)).collect();
    let with_host = |mute: Mute| {
        let host = of_host(&mute).and_then(|id| hosts.get(&id).cloned());
        (mute, host)
    };
    Ok(in_force.into_iter().map(with_host).collect())
}

fn insert(connection: &mut PgConnection, mute: &Mute, entry: &Entry, node: Node) -> Result<()> {
    if matches!(mute.subject, Subject::Search(_)) {
        let in_force =
            mutes::table.filter(mutes::search.is_not_null()).filter(mutes::until.gt(mute.created_at));
        let count: i64 = in_force.select(count_star()).first(connection)?;
        if count >= SEARCHES_MAX {
            return Err(Conflict::TooManyMutes.into());
        }
    }
    diesel::insert_into(mutes::table).values(Row::of(mute)).execute(connection)?;
    audit::record(connection, entry)?;
    notify::tell_of_mutes(connection, node)
}

/// Ends it; whether it was there.
fn remove(connection: &mut PgConnection, id: Uuid, entry: &Entry, node: Node) -> Result<bool> {
    let removed = diesel::delete(mutes::table.find(id)).execute(connection)?;
    if removed > 0 {
        audit::record(connection, entry)?;
        notify::tell_of_mutes(connection, node)?;
    }
    Ok(removed > 0)
}

/// Forgets those that have ended by then. They did nothing any more, so nobody need be told.
pub(crate) fn forget(connection: &mut PgConnection, now: Time) -> Result<()> {
    diesel::delete(mutes::table.filter(mutes::until.le(now))).execute(connection)?;
    Ok(())
}

impl Store {
    /// All mutes, as this process knows them; whether a signal is muted now is [`Mutes::of`]. Asks nobody.
    #[must_use]
    pub fn mutes(&self) -> std::sync::Arc<Mutes> {
        self.shared().memory.mutes()
    }

    /// Mutes from now on, on this node at once and on the others as soon as they hear of it.
    ///
    /// # Errors
    /// When there are too many by search, or the database cannot be reached.
    pub fn mute(&self, mute: &Mute, entry: &Entry) -> Result<()> {
        let node = self.shared().node;
        self.write(|connection| insert(connection, mute, entry, node))?;
        self.reread_mutes()
    }

    /// Ends a mute before its time; whether it was there.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn unmute(&self, id: Uuid, entry: &Entry) -> Result<bool> {
        let node = self.shared().node;
        let was_there = self.write(|connection| remove(connection, id, entry, node))?;
        self.reread_mutes()?;
        Ok(was_there)
    }

    fn reread_mutes(&self) -> Result<()> {
        self.read(|connection| self.shared().memory.reread_mutes(connection))
    }
}
