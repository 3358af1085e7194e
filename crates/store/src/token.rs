//! Tokens of programs and people: known by name, and revoked.
//!
//! The rule it protects: a token is valid by its signature alone; a revocation, once answered, holds
//! on this node at once and on the others as soon as they hear of it.

use std::collections::HashSet;

use diesel::{prelude::*, query_dsl::methods};
use milepost_domain::{Bounds, Name, Scope, Time};
use uuid::Uuid;

use crate::{
    Result, Store,
    audit::{self, Entry},
    notify::{self, Node},
    row::parsed_option,
    schema::tokens,
};

/// What sort of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Made for a program or a person.
    Token,
    /// A link to sign in with, once.
    Link,
    /// What a browser got for signing in.
    Session,
}

impl Kind {
    /// Their words, as they are stored.
    pub const WORDS: &'static [&'static str] = &["token", "link", "session"];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Link => "link",
            Self::Session => "session",
        }
    }
}

/// A token that was made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its `jti`.
    pub id: Uuid,
    /// What its maker calls it; empty for one that is only known because it was revoked.
    pub name: String,
    /// What it allows; unknown for one that is only known because it was revoked.
    pub scope: Option<Scope>,
    /// Of which hosts.
    pub bounds: Bounds,
    /// When it was made.
    pub created_at: Time,
    /// By whom, in words.
    pub created_by: String,
    /// When it runs out; `None`: never.
    pub expires_at: Option<Time>,
    /// Since when it is void.
    pub revoked_at: Option<Time>,
    /// Who made it void.
    pub revoked_by: Option<String>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens)]
struct Row {
    id: Uuid,
    kind: String,
    name: String,
    scope: Option<String>,
    organizations: Vec<String>,
    locations: Vec<String>,
    created_at: Time,
    created_by: String,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
    revoked_by: Option<String>,
}

impl Row {
    fn of(kind: Kind, token: &Token) -> Self {
        let titles =
            |names: &std::collections::BTreeSet<Name>| names.iter().map(ToString::to_string).collect();
        Self {
            id: token.id,
            kind: kind.as_str().to_owned(),
            name: token.name.clone(),
            scope: token.scope.map(|scope| scope.to_string()),
            organizations: titles(&token.bounds.organizations),
            locations: titles(&token.bounds.locations),
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            revoked_by: token.revoked_by.clone(),
        }
    }

    fn into_token(self) -> Result<Token> {
        let names = |column, titles: &[String]| {
            titles.iter().map(|title| crate::row::parsed(column, title)).collect::<Result<_>>()
        };
        Ok(Token {
            scope: parsed_option("tokens.scope", self.scope.as_deref())?,
            bounds: Bounds {
                organizations: names("tokens.organizations", &self.organizations)?,
                locations: names("tokens.locations", &self.locations)?,
            },
            id: self.id,
            name: self.name,
            created_at: self.created_at,
            created_by: self.created_by,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            revoked_by: self.revoked_by,
        })
    }
}

/// The tokens that were made here or revoked, newest first; not those of browsers.
///
/// # Errors
/// When the database cannot be reached.
pub fn list(connection: &mut PgConnection) -> Result<Vec<Token>> {
    let rows: Vec<Row> = tokens::table
        .filter(tokens::kind.eq(Kind::Token.as_str()))
        .order((tokens::created_at.desc(), tokens::id.desc()))
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Row::into_token).collect()
}

/// The token of that id, if it was made here or revoked.
///
/// # Errors
/// When the database cannot be reached.
pub fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<Token>> {
    let row: Option<Row> = tokens::table.find(id).select(Row::as_select()).first(connection).optional()?;
    row.map(Row::into_token).transpose()
}

/// Makes a token known.
///
/// # Errors
/// When the database refuses.
pub fn insert(connection: &mut PgConnection, token: &Token, entry: &Entry) -> Result<()> {
    diesel::insert_into(tokens::table).values(Row::of(Kind::Token, token)).execute(connection)?;
    audit::record(connection, entry)
}

/// The ids of those that are void although their time has not run out.
pub(crate) fn revoked(connection: &mut PgConnection) -> Result<HashSet<Uuid>> {
    let void: Vec<Uuid> = tokens::table
        .filter(tokens::revoked_at.is_not_null())
        .filter(tokens::expires_at.is_null().or(tokens::expires_at.gt(diesel::dsl::now)))
        .select(tokens::id)
        .load(connection)?;
    Ok(void.into_iter().collect())
}

/// Forgets tokens that ran out before that: no signature makes them valid any more.
///
/// # Errors
/// When the database refuses.
pub(crate) fn forget(connection: &mut PgConnection, before: Time) -> Result<()> {
    diesel::delete(tokens::table.filter(tokens::expires_at.lt(before))).execute(connection)?;
    Ok(())
}

fn revoke(
    connection: &mut PgConnection,
    kind: Kind,
    token: &Token,
    entry: &Entry,
    node: Node,
) -> Result<bool> {
    let upsert = diesel::insert_into(tokens::table)
        .values(Row::of(kind, token))
        .on_conflict(tokens::id)
        .do_update()
        .set((tokens::revoked_at.eq(token.revoked_at), tokens::revoked_by.eq(&token.revoked_by)));
    let changed = methods::FilterDsl::filter(upsert, tokens::revoked_at.is_null()).execute(connection)?;
    if changed > 0 {
        audit::record(connection, entry)?;
        notify::tell_of_tokens(connection, node)?;
    }
    Ok(changed > 0)
}

impl Store {
    /// Whether a token was made void.
    #[must_use]
    pub fn is_revoked(&self, id: Uuid) -> bool {
        self.shared().memory.is_revoked(id)
    }

    /// Makes a token void, whether it was known or not; whether it was not so already.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn revoke(&self, kind: Kind, token: &Token, entry: &Entry) -> Result<bool> {
        let node = self.shared().node;
        let is_new = self.write(|connection| revoke(connection, kind, token, entry, node))?;
        self.shared().memory.revoke(token.id);
        Ok(is_new)
    }
}
