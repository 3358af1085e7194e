//! Lists: searched, sorted and paged in SQL, filled with whole aggregates.
//!
//! The rule it protects: a list has a total order that ends in the id, and `state` means what it
//! means at the moment of the request, also for a build whose credential ran out unheard.

mod fields;
mod offered;
mod value;

use std::sync::Arc;

use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use milepost_domain::{
    Bounds, Build, BuildId, Host, HostId, Label, State, Time,
    search::{Expr, Field, Order},
};
use uuid::Uuid;

pub(crate) use self::fields::{STATE, column};
use self::fields::{Values, WORKED, report_column};
pub use self::{
    fields::{FIELDS, REPORT_FIELDS, SORTABLE, STORED, Worked},
    offered::offered,
    value::{value, worked_value},
};
use crate::{
    Result, build, host,
    report::{ReportRow, StoredReport},
    row::parsed,
    search::{Bind, Column, Statement},
};

/// Which page of which list.
#[derive(Debug, Clone)]
pub struct Query {
    /// What is searched for.
    pub search: Option<Expr>,
    /// How it is sorted, before the id.
    pub order: Option<Order>,
    /// How many at most.
    pub limit: i64,
    /// How many are left out before.
    pub offset: i64,
    /// The request's time.
    pub now: Time,
    /// Of which hosts.
    pub bounds: Bounds,
    /// What is worked out, if it [is asked for](Query::asks_for_worked).
    pub worked: Arc<Worked>,
}

impl Query {
    /// Whether the search asks for what is worked out, so that it is to be there.
    #[must_use]
    pub fn asks_for_worked(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.mentions(WORKED))
    }
}

/// One page, and how many there are in all.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// How many there are before the search.
    pub total: i64,
    /// How many the search leaves.
    pub subtotal: i64,
    /// Those of this page.
    pub results: Vec<T>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Ids {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

pub(crate) fn count(connection: &mut PgConnection, statement: Statement) -> Result<i64> {
    Ok(statement.into_query().get_result::<Count>(connection)?.count)
}

/// A condition that always stands first, so that `$1` is the request's time whatever follows.
fn condition(statement: &mut Statement, query: &Query) {
    statement.push(" WHERE ").bind(Bind::Time(query.now)).push(" IS NOT NULL");
}

pub(crate) fn searched<'a>(
    statement: &mut Statement,
    search: Option<&Expr>,
    column: &dyn Fn(&Field) -> Column<'a>,
) {
    if let Some(expr) = search {
        statement.push(" AND ");
        statement.push_search(expr, column);
    }
}

fn ordered(statement: &mut Statement, query: &Query, default: &str, id: &str) {
    statement.push(" ORDER BY ");
    match &query.order {
        Some(order) => {
            let known = FIELDS.iter().find(|field| field.name == order.field);
            statement.push(&known.map_or_else(|| id.to_owned(), column));
            statement.push(if order.descending { " DESC NULLS LAST, " } else { " ASC NULLS LAST, " });
        }
        None => {
            statement.push(default);
        }
    }
    statement.push(id).push(if query.order.as_ref().is_some_and(|order| !order.descending) {
        " ASC"
    } else {
        " DESC"
    });
    statement
        .push(" LIMIT ")
        .bind(Bind::BigInt(query.limit))
        .push(" OFFSET ")
        .bind(Bind::BigInt(query.offset));
}

/// What is listed: one for counting all of it, the other for searching.
#[derive(Debug, Clone, Copy)]
struct From {
    all: &'static str,
    searched: &'static str,
    /// The column of the host's id.
    host: &'static str,
    /// The column of its own id.
    id: &'static str,
}

const BUILDS: From = From {
    all: " FROM builds b",
    searched: " FROM builds b JOIN hosts h ON h.id = b.host_id",
    host: "b.host_id",
    id: "b.id",
};
const HOSTS: From = From {
    all: " FROM hosts h",
    searched: " FROM hosts h LEFT JOIN LATERAL \
        (SELECT * FROM builds WHERE host_id = h.id ORDER BY closed_at IS NULL DESC, id DESC LIMIT 1) b ON true",
    host: "h.id",
    id: "h.id",
};

/// A page of ids from `from`, with the counts.
fn page_of_ids(
    connection: &mut PgConnection,
    query: &Query,
    from: From,
    only: Option<HostId>,
    default_order: &str,
) -> Result<Page<Uuid>> {
    let id = from.id;
    let values = Values::of(&query.worked);
    let column = |field: &Field| values.column(field);
    let start = |select: &str, tables: &str| {
        let mut statement = Statement::default();
        statement.push("SELECT ").push(select).push(tables);
        condition(&mut statement, query);
        if let Some(host) = only {
            statement.push(" AND ").push(from.host).push(" = ").bind(Bind::Uuid(host.uuid()));
        }
        statement.push_bounds(&query.bounds, "h");
        statement
    };
    // Who is bound counts hosts by what they say of themselves.
    let all = if query.bounds.is_bound() { from.searched } else { from.all };
    let total = count(connection, start("count(*)", all))?;
    let subtotal = if query.search.is_some() {
        let mut statement = start("count(*)", from.searched);
        searched(&mut statement, query.search.as_ref(), &column);
        count(connection, statement)?
    } else {
        total
    };
    let mut statement = start(&format!("{id} AS id"), from.searched);
    searched(&mut statement, query.search.as_ref(), &column);
    ordered(&mut statement, query, default_order, id);
    let results = statement.into_query().load::<Ids>(connection)?.into_iter().map(|row| row.id).collect();
    Ok(Page { total, subtotal, results })
}

/// A host with the build that it has under way, or the last it had.
#[derive(Debug, Clone)]
pub struct HostWithBuild {
    /// The host.
    pub host: Host,
    /// Its latest build.
    pub build: Option<Build>,
}

/// Builds with their hosts, newest first unless ordered otherwise; of one host, or of all.
///
/// # Errors
/// When the database cannot be reached.
pub fn builds(
    connection: &mut PgConnection,
    query: &Query,
    only: Option<HostId>,
) -> Result<Page<build::HostBuild>> {
    let page = page_of_ids(connection, query, BUILDS, only, "")?;
    let builds = build::load_many(connection, &page.results, query.now)?;
    let host_ids: Vec<Uuid> = builds.iter().map(|build| build.host.uuid()).collect();
    let hosts = host::load_many(connection, &host_ids)?;
    let results = builds
        .into_iter()
        .filter_map(|build| {
            let host = hosts.iter().find(|host| host.id == build.host)?.clone();
            Some(build::HostBuild { host, build })
        })
        .collect();
    Ok(Page { total: page.total, subtotal: page.subtotal, results })
}

/// Hosts with their latest build, by name unless ordered otherwise.
///
/// # Errors
/// When the database cannot be reached.
pub fn hosts(connection: &mut PgConnection, query: &Query) -> Result<Page<HostWithBuild>> {
    let page = page_of_ids(connection, query, HOSTS, None, "h.name, ")?;
    let mut hosts = host::load_many(connection, &page.results)?;
    hosts.sort_by_key(|host| page.results.iter().position(|id| *id == host.id.uuid()));
    let results = hosts
        .into_iter()
        .map(|host| Ok(HostWithBuild { build: build::latest(connection, host.id, query.now)?, host }))
        .collect::<Result<_>>()?;
    Ok(Page { total: page.total, subtotal: page.subtotal, results })
}

/// Whose reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportsOf {
    /// Those of one build.
    Build(BuildId),
    /// Those of all builds of a host.
    Host(HostId),
}

/// A place in a stream of reports: everything up to it has been seen.
///
/// Within a build the position is the order. Over the builds of a host it is when they came: an
/// older build may still report while a newer one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the last report seen came.
    pub received_at: Time,
    /// Of which build it was.
    pub build: BuildId,
    /// Its position there.
    pub position: u32,
}

impl Cursor {
    /// The place right after the last of `reports`, however they are sorted.
    #[must_use]
    pub fn after(of: ReportsOf, reports: &[StoredReport]) -> Option<Self> {
        let places = reports.iter().map(|report| Self {
            received_at: report.report.received_at,
            build: report.build,
            position: report.position,
        });
        match of {
            ReportsOf::Build(_) => places.max_by_key(|place| place.position),
            ReportsOf::Host(_) => places.max(),
        }
    }
}

/// Reports in the server's order, from `after` on; `query.order` turns it around when it
/// descends.
///
/// # Errors
/// When the database cannot be reached.
pub fn reports(
    connection: &mut PgConnection,
    query: &Query,
    of: ReportsOf,
    after: Option<Cursor>,
) -> Result<Page<StoredReport>> {
    // Named one by one, so that PostgreSQL passes over the partitions of other days.
    let builds = match of {
        ReportsOf::Build(build) => vec![build.uuid()],
        ReportsOf::Host(host) => build::ids_of(connection, host)?,
    };
    let start = |select: &str| {
        let mut statement = Statement::default();
        statement.push("SELECT ").push(select).push(" FROM reports r");
        condition(&mut statement, query);
        statement.push(" AND r.build_id = ANY (").bind(Bind::Uuids(builds.clone())).push(")");
        statement
    };
    let total = count(connection, start("count(*)"))?;
    let narrowed = |select: &str| {
        let mut statement = start(select);
        searched(&mut statement, query.search.as_ref(), &|field| Column::Stored(report_column(field)));
        statement
    };
    let subtotal = if query.search.is_some() { count(connection, narrowed("count(*)"))? } else { total };
    let mut statement = narrowed("r.*");
    let columns: &[&str] = match of {
        ReportsOf::Build(_) => &["r.position"],
        ReportsOf::Host(_) => &["r.received_at", "r.build_id", "r.position"],
    };
    if let Some(after) = after {
        statement.push(" AND (").push(&columns.join(", ")).push(") > (");
        if matches!(of, ReportsOf::Host(_)) {
            statement.bind(Bind::Time(after.received_at)).push(", ");
            statement.bind(Bind::Uuid(after.build.uuid())).push(", ");
        }
        statement.bind(Bind::Integer(crate::row::count(after.position))).push(")");
    }
    let direction = if query.order.as_ref().is_some_and(|order| order.descending) { " DESC" } else { " ASC" };
    let sorted: Vec<String> = columns.iter().map(|column| format!("{column}{direction}")).collect();
    statement.push(" ORDER BY ").push(&sorted.join(", "));
    statement
        .push(" LIMIT ")
        .bind(Bind::BigInt(query.limit))
        .push(" OFFSET ")
        .bind(Bind::BigInt(query.offset));
    let rows: Vec<ReportRow> = statement.into_query().load(connection)?;
    let mut ids: Vec<Uuid> = rows.iter().map(|row| row.build_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let plans = build::plans_of(connection, &ids)?;
    let plan_of = |row: &ReportRow| plans.get(&row.build_id).cloned().unwrap_or_default();
    let results = rows
        .into_iter()
        .map(|row| {
            let plan = plan_of(&row);
            row.into_domain(&plan)
        })
        .collect::<Result<_>>()?;
    Ok(Page { total, subtotal, results })
}

/// How many builds are in each state, of those that have not ended or ended since `since`.
///
/// # Errors
/// When the database cannot be reached.
pub fn states(
    connection: &mut PgConnection,
    since: Time,
    now: Time,
    bounds: &Bounds,
) -> Result<Vec<(State, i64)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        state: String,
        #[diesel(sql_type = sql_types::BigInt)]
        count: i64,
    }
    let mut statement = Statement::default();
    statement.push("SELECT s.state, count(*) AS count FROM (SELECT ");
    statement.push(STATE).push(" AS state FROM builds b");
    statement.push(if bounds.is_bound() { " JOIN hosts h ON h.id = b.host_id" } else { "" });
    statement.push(" WHERE ").bind(Bind::Time(now));
    statement.push(" IS NOT NULL AND (b.ended_at IS NULL OR b.ended_at > ").bind(Bind::Time(since));
    statement.push(")").push_bounds(bounds, "h");
    statement.push(") s GROUP BY s.state");
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    rows.into_iter().map(|row| Ok((crate::row::parsed("builds.state", &row.state)?, row.count))).collect()
}

/// The builds of which something was heard, or that ended or were opened, since then; at most so many.
///
/// # Errors
/// When the database cannot be reached.
pub fn changed_since(
    connection: &mut PgConnection,
    since: Time,
    bounds: &Bounds,
    limit: i64,
) -> Result<Vec<BuildId>> {
    let mut statement = Statement::default();
    statement.push("SELECT b.id FROM builds b JOIN hosts h ON h.id = b.host_id WHERE (b.ended_at IS NULL OR b.ended_at > ");
    statement.bind(Bind::Time(since)).push(") AND GREATEST(b.started_at, b.last_report_at, b.installed_at, ");
    statement.push("b.ended_at, b.closed_at, b.rejected_at, b.limited_at) > ").bind(Bind::Time(since));
    statement.push_bounds(bounds, "h");
    statement.push(" LIMIT ").bind(Bind::BigInt(limit));
    let rows = statement.into_query().load::<Ids>(connection)?;
    Ok(rows.into_iter().map(|row| milepost_domain::Id::from_uuid(row.id)).collect())
}

/// How many builds of a workflow are in a state at a location, of those that have not ended.
#[derive(Debug, Clone)]
pub(crate) struct OpenBuilds {
    pub(crate) workflow: Label,
    pub(crate) state: State,
    /// Empty where hosts do not say where they are.
    pub(crate) location: String,
    pub(crate) builds: i64,
}

/// The builds that have not ended, counted.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) fn open(connection: &mut PgConnection, now: Time) -> Result<Vec<OpenBuilds>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        workflow: String,
        #[diesel(sql_type = sql_types::Text)]
        state: String,
        #[diesel(sql_type = sql_types::Text)]
        location: String,
        #[diesel(sql_type = sql_types::BigInt)]
        builds: i64,
    }
    let mut statement = Statement::default();
    statement.push("SELECT b.workflow, b.state, COALESCE(h.location, '') AS location, count(*) AS builds");
    statement.push(" FROM builds b JOIN hosts h ON h.id = b.host_id WHERE b.ended_at IS NULL");
    statement.push(" AND NOT (b.state = 'pending' AND b.expires_at <= ").bind(Bind::Time(now));
    statement.push(") GROUP BY 1, 2, 3");
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    let counted = |row: Row| {
        let workflow = parsed("builds.workflow", &row.workflow)?;
        let state = parsed("builds.state", &row.state)?;
        Ok(OpenBuilds { workflow, state, location: row.location, builds: row.builds })
    };
    rows.into_iter().map(counted).collect()
}
