//! The audit trail: who did what, when and from where.
//!
//! The rule it protects: an entry is written in the transaction of what it tells of, so neither is
//! there without the other; no entry holds a secret.

use chrono::{DateTime, Utc};
use diesel::{prelude::*, sql_types};
use milepost_domain::{
    HostFacts, Time,
    search::{Field, Kind},
};
use uuid::Uuid;

use crate::{
    Result,
    list::{Page, Query, count},
    schema::audit,
    search::{Bind, Column, Statement},
};

/// What the trail is searched by.
pub const FIELDS: &[Field] = &[
    Field::new("actor", Kind::Text).also_called(&["who"]).in_free_text(),
    Field::new("action", Kind::Text).in_free_text(),
    Field::new("target", Kind::Text).in_free_text(),
    Field::new("address", Kind::Text).also_called(&["from"]),
    Field::new("at", Kind::Time).also_called(&["time"]),
];

/// What it is sorted by; its own order is the newest first.
pub const SORTABLE: &[&str] = &["at"];

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Insertable, Queryable, QueryableByName)]
#[diesel(table_name = audit)]
pub struct Entry {
    /// UUID v7.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, in words: `token deploy (0193...)`.
    pub actor: String,
    /// What: the operation's id in the published document, or a word of its kind.
    pub action: String,
    /// To what: `build 0193...`, `step packages`.
    pub target: String,
    /// More of it, where there is more to say.
    pub detail: Option<String>,
    /// The organization of the host that it is about.
    pub organization: Option<String>,
    /// Its location.
    pub location: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// The request's id.
    pub request_id: String,
}

impl Entry {
    /// The same, done to this.
    #[must_use]
    pub fn to(self, target: impl Into<String>) -> Self {
        Self { target: target.into(), ..self }
    }

    /// The same, with more to say.
    #[must_use]
    pub fn with(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The same, about that host.
    #[must_use]
    pub fn about(self, host: &HostFacts) -> Self {
        let text = |name: &Option<milepost_domain::Name>| name.as_ref().map(ToString::to_string);
        Self { organization: text(&host.organization), location: text(&host.location), ..self }
    }
}

/// Writes an entry, in the transaction of what it tells of.
///
/// # Errors
/// When the database refuses.
pub fn record(connection: &mut PgConnection, entry: &Entry) -> Result<()> {
    diesel::insert_into(audit::table).values(entry).execute(connection)?;
    Ok(())
}

/// A page of the trail, newest first unless ordered otherwise.
///
/// # Errors
/// When the database cannot be reached.
pub fn list(connection: &mut PgConnection, query: &Query) -> Result<Page<Entry>> {
    let start = |select: &str| {
        let mut statement = Statement::default();
        statement.push("SELECT ").push(select).push(" FROM audit a WHERE true");
        statement.push_bounds(&query.bounds, "a");
        statement
    };
    let searched = |select: &str| {
        let mut statement = start(select);
        if let Some(expr) = &query.search {
            statement.push(" AND ");
            statement.push_search(expr, &|field: &Field| Column::Stored(format!("a.{}", field.name)));
        }
        statement
    };
    let total = count(connection, start("count(*)"))?;
    let subtotal = if query.search.is_some() { count(connection, searched("count(*)"))? } else { total };
    let mut statement = searched("a.*");
    let ascending = query.order.as_ref().is_some_and(|order| !order.descending);
    statement.push(if ascending { " ORDER BY a.at, a.id" } else { " ORDER BY a.at DESC, a.id DESC" });
    statement.push(" LIMIT ").bind(Bind::BigInt(query.limit));
    statement.push(" OFFSET ").bind(Bind::BigInt(query.offset));
    Ok(Page { total, subtotal, results: statement.into_query().load(connection)? })
}

/// Forgets what is older.
///
/// # Errors
/// When the database refuses.
pub(crate) fn forget(connection: &mut PgConnection, before: Time, rows: i64) -> Result<i64> {
    let sql =
        "DELETE FROM audit WHERE id = ANY (ARRAY(SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2))";
    let deleted = diesel::sql_query(sql)
        .bind::<sql_types::Timestamptz, _>(before)
        .bind::<sql_types::BigInt, _>(rows)
        .execute(connection)?;
    Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
}
