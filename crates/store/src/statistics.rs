//! What the installations of some days came to: how many, how long, and where they fail.
//!
//! The rule it protects: what is counted is bounded by its days, which are those of the builds' ids, so
//! that only their rows are read; and whoever is bound counts nothing else than what they may see.

use chrono::NaiveDate;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use milepost_domain::{Bounds, HostId, Id, Label, State, Time, search::Expr};
use uuid::Uuid;

use crate::{
    Result, list,
    partition::first_id,
    row::parsed,
    search::{Bind, Column, Statement},
};

/// How many of the slowest and of those that fail most are answered.
pub const TOP: i64 = 20;

/// Which builds are counted.
#[derive(Debug, Clone)]
pub struct Query {
    /// Those that were opened on this day (UTC) or later.
    pub from: NaiveDate,
    /// Those that were opened before this day.
    pub until: NaiveDate,
    /// Those that are found, by [`list::STORED`].
    pub search: Option<Expr>,
    /// Of which hosts.
    pub bounds: Bounds,
    /// The request's time.
    pub now: Time,
}

/// What the installations of some days came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// How many builds were opened on each day, by what has become of them; days without any are
    /// left out.
    pub days: Vec<Outcome>,
    /// How long installing takes, by workflow.
    pub workflows: Vec<WorkflowTimes>,
    /// The steps that take longest, the slowest first; at most [`TOP`].
    pub slowest_steps: Vec<StepTimes>,
    /// The steps at which most builds stand failed, the worst first; at most [`TOP`].
    pub failing_steps: Vec<FailingStep>,
    /// The hosts of which most builds failed, the worst first; at most [`TOP`].
    pub failing_hosts: Vec<FailingHost>,
}

/// Builds of one day in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The day (UTC) on which they were opened.
    pub day: NaiveDate,
    /// What has become of them.
    pub state: State,
    /// How many.
    pub builds: i64,
}

/// From the opening of a build to the end of its installer.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowTimes {
    /// Which.
    pub workflow: Label,
    /// How many builds were opened.
    pub builds: i64,
    /// How many of them were installed.
    pub installed: i64,
    /// How many of them failed.
    pub failed: i64,
    /// Half took no longer, in seconds; `None` where none was installed.
    pub median_seconds: Option<f64>,
    /// Nine in ten took no longer, in seconds.
    pub p90_seconds: Option<f64>,
}

/// How long a step takes: from the end of the one before it to its own, in builds that needed one
/// attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTimes {
    /// How the hosts are installed.
    pub workflow: Label,
    /// Which step.
    pub label: Label,
    /// What people call it.
    pub name: Option<String>,
    /// In how many builds it was done.
    pub builds: i64,
    /// Half took no longer, in seconds.
    pub median_seconds: f64,
    /// Nine in ten took no longer, in seconds.
    pub p90_seconds: f64,
}

/// A step that failed, and was not repeated with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingStep {
    /// How the hosts are installed.
    pub workflow: Label,
    /// Which step.
    pub label: Label,
    /// What people call it.
    pub name: Option<String>,
    /// In how many builds it was reported.
    pub builds: i64,
    /// In how many of them it failed.
    pub failed: i64,
}

/// A host of which builds failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingHost {
    /// Our id.
    pub id: HostId,
    /// The FQDN.
    pub name: String,
    /// How many builds it had.
    pub builds: i64,
    /// How many of them failed.
    pub failed: i64,
    /// When the last of these was opened.
    pub last_failed_at: Option<Time>,
}

/// Counts the builds of some days.
///
/// # Errors
/// When the database cannot be reached.
pub fn of(connection: &mut PgConnection, query: &Query) -> Result<Statistics> {
    Ok(Statistics {
        days: days(connection, query)?,
        workflows: workflows(connection, query)?,
        slowest_steps: slowest_steps(connection, query)?,
        failing_steps: failing_steps(connection, query)?,
        failing_hosts: failing_hosts(connection, query)?,
    })
}

/// The builds that count, with their hosts as `h`; `$1` is the request's time.
fn counted(select: &str, more: &str, query: &Query) -> Statement {
    let mut statement = Statement::default();
    statement.push(select).push(" FROM builds b JOIN hosts h ON h.id = b.host_id").push(more);
    statement.push(" WHERE ").bind(Bind::Time(query.now)).push(" IS NOT NULL");
    within_days(&mut statement, "b.id", query);
    statement.push_bounds(&query.bounds, "h");
    list::searched(&mut statement, query.search.as_ref(), &|field| Column::Stored(list::column(field)));
    statement
}

fn within_days(statement: &mut Statement, column: &str, query: &Query) {
    statement.push(" AND ").push(column).push(" >= ").bind(Bind::Uuid(first_id(query.from)));
    statement.push(" AND ").push(column).push(" < ").bind(Bind::Uuid(first_id(query.until)));
}

fn days(connection: &mut PgConnection, query: &Query) -> Result<Vec<Outcome>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Date)]
        day: NaiveDate,
        #[diesel(sql_type = sql_types::Text)]
        state: String,
        #[diesel(sql_type = sql_types::BigInt)]
        builds: i64,
    }
    let select = format!(
        "SELECT (b.started_at AT TIME ZONE 'UTC')::date AS day, {} AS state, count(*) AS builds",
        list::STATE
    );
    let mut statement = counted(&select, "", query);
    statement.push(" GROUP BY 1, 2 ORDER BY 1, 2");
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    rows.into_iter()
        .map(|row| {
            Ok(Outcome { day: row.day, state: parsed("builds.state", &row.state)?, builds: row.builds })
        })
        .collect()
}

fn workflows(connection: &mut PgConnection, query: &Query) -> Result<Vec<WorkflowTimes>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        workflow: String,
        #[diesel(sql_type = sql_types::BigInt)]
        builds: i64,
        #[diesel(sql_type = sql_types::BigInt)]
        installed: i64,
        #[diesel(sql_type = sql_types::BigInt)]
        failed: i64,
        #[diesel(sql_type = sql_types::Nullable<sql_types::Double>)]
        median: Option<f64>,
        #[diesel(sql_type = sql_types::Nullable<sql_types::Double>)]
        p90: Option<f64>,
    }
    // Somebody may have recorded that a build is completed of which nobody said that it is installed.
    let select = "SELECT t.workflow, count(*) AS builds, count(t.took) AS installed, \
         count(*) FILTER (WHERE t.state = 'failed') AS failed, \
         percentile_cont(0.5) WITHIN GROUP (ORDER BY t.took) AS median, \
         percentile_cont(0.9) WITHIN GROUP (ORDER BY t.took) AS p90 \
         FROM (SELECT b.workflow, b.state, extract(epoch FROM COALESCE(b.installed_at, \
         CASE WHEN b.state = 'completed' THEN b.ended_at END) - b.started_at)::float8 AS took";
    let mut statement = counted(select, "", query);
    statement.push(") t GROUP BY 1 ORDER BY 1");
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    let times = |row: Row| {
        Ok(WorkflowTimes {
            workflow: parsed("builds.workflow", &row.workflow)?,
            builds: row.builds,
            installed: row.installed,
            failed: row.failed,
            median_seconds: row.median,
            p90_seconds: row.p90,
        })
    };
    rows.into_iter().map(times).collect()
}

fn slowest_steps(connection: &mut PgConnection, query: &Query) -> Result<Vec<StepTimes>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        workflow: String,
        #[diesel(sql_type = sql_types::Text)]
        label: String,
        #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
        name: Option<String>,
        #[diesel(sql_type = sql_types::BigInt)]
        builds: i64,
        #[diesel(sql_type = sql_types::Double)]
        median: f64,
        #[diesel(sql_type = sql_types::Double)]
        p90: f64,
    }
    // Most installers report only ends: a step's time is what passed since the end before.
    let select = "SELECT t.workflow, t.label, max(t.name) AS name, count(*) AS builds, \
         percentile_cont(0.5) WITHIN GROUP (ORDER BY t.took) AS median, \
         percentile_cont(0.9) WITHIN GROUP (ORDER BY t.took) AS p90 \
         FROM (SELECT b.workflow, s.label, s.name, extract(epoch FROM s.finished_at - lag(s.finished_at, 1, \
         b.started_at) OVER (PARTITION BY b.id ORDER BY s.finished_at, s.priority, s.label))::float8 AS took";
    let mut statement = counted(select, " JOIN step_runs s ON s.build_id = b.id AND s.state = 'done'", query);
    within_days(&mut statement, "s.build_id", query);
    statement
        .push(" AND b.attempt = 1 AND s.finished_at IS NOT NULL) t GROUP BY 1, 2 ORDER BY median DESC, 1, 2");
    statement.push(" LIMIT ").bind(Bind::BigInt(TOP));
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    let times = |row: Row| {
        Ok(StepTimes {
            workflow: parsed("builds.workflow", &row.workflow)?,
            label: parsed("step_runs.label", &row.label)?,
            name: row.name,
            builds: row.builds,
            median_seconds: row.median,
            p90_seconds: row.p90,
        })
    };
    rows.into_iter().map(times).collect()
}

fn failing_steps(connection: &mut PgConnection, query: &Query) -> Result<Vec<FailingStep>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Text)]
        workflow: String,
        #[diesel(sql_type = sql_types::Text)]
        label: String,
        #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
        name: Option<String>,
        #[diesel(sql_type = sql_types::BigInt)]
        builds: i64,
        #[diesel(sql_type = sql_types::BigInt)]
        failed: i64,
    }
    let select = "SELECT b.workflow, s.label, max(s.name) AS name, count(DISTINCT s.build_id) AS builds, \
         count(DISTINCT s.build_id) FILTER (WHERE s.state = 'failed') AS failed";
    let mut statement = counted(select, " JOIN step_runs s ON s.build_id = b.id", query);
    within_days(&mut statement, "s.build_id", query);
    statement.push(" GROUP BY 1, 2 HAVING bool_or(s.state = 'failed') ORDER BY failed DESC, 1, 2 LIMIT ");
    statement.bind(Bind::BigInt(TOP));
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    let failing = |row: Row| {
        Ok(FailingStep {
            workflow: parsed("builds.workflow", &row.workflow)?,
            label: parsed("step_runs.label", &row.label)?,
            name: row.name,
            builds: row.builds,
            failed: row.failed,
        })
    };
    rows.into_iter().map(failing).collect()
}

fn failing_hosts(connection: &mut PgConnection, query: &Query) -> Result<Vec<FailingHost>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
        #[diesel(sql_type = sql_types::Text)]
        name: String,
        #[diesel(sql_type = sql_types::BigInt)]
        builds: i64,
        #[diesel(sql_type = sql_types::BigInt)]
        failed: i64,
        #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
        last_failed_at: Option<Time>,
    }
    let select = "SELECT h.id, h.name, count(*) AS builds, count(*) FILTER (WHERE b.state = 'failed') AS failed, \
         max(b.started_at) FILTER (WHERE b.state = 'failed') AS last_failed_at";
    let mut statement = counted(select, "", query);
    statement.push(
        " GROUP BY h.id, h.name HAVING bool_or(b.state = 'failed') ORDER BY failed DESC, h.name LIMIT ",
    );
    statement.bind(Bind::BigInt(TOP));
    let rows: Vec<Row> = statement.into_query().load(connection)?;
    let failing = |row: Row| FailingHost {
        id: Id::from_uuid(row.id),
        name: row.name,
        builds: row.builds,
        failed: row.failed,
        last_failed_at: row.last_failed_at,
    };
    Ok(rows.into_iter().map(failing).collect())
}
