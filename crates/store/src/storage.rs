//! How much room the data takes, and whether reports have partitions to go to.
//!
//! The rule it protects: asking costs a look at the catalog and at the sizes of files, however
//! many reports there are.

use chrono::NaiveDate;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types};

use crate::{
    Result,
    partition::{self, Table},
    retention::estimate,
};

/// How much room the data takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// How many daily partitions there are, of reports and of logs.
    pub partitions: usize,
    /// The oldest day that reports have a partition for.
    pub oldest_day: Option<NaiveDate>,
    /// The newest one.
    pub newest_day: Option<NaiveDate>,
    /// All reports and logs with their indexes.
    pub reports_bytes: i64,
    /// The whole database.
    pub database_bytes: i64,
    /// About how many reports lie in the default partition, for lack of one for their day.
    pub default_rows: i64,
}

#[derive(QueryableByName)]
struct Sizes {
    #[diesel(sql_type = sql_types::BigInt)]
    reports_bytes: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    database_bytes: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    default_rows: i64,
}

/// Looks.
///
/// # Errors
/// When the database cannot be reached.
pub fn storage(connection: &mut PgConnection) -> Result<Storage> {
    let [reports, logs] = Table::ALL;
    let days = partition::days(connection, reports)?;
    let partitions = days.len() + partition::days(connection, logs)?.len();
    // A partition that is dropped meanwhile has no size any more.
    let sizes: Sizes = sql_query(format!(
        "SELECT (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits
             WHERE inhparent IN ('{}'::regclass, '{}'::regclass)) AS reports_bytes,
             pg_database_size(current_database()) AS database_bytes,
             ({}) AS default_rows",
        reports.name(),
        logs.name(),
        estimate(reports.default()),
    ))
    .get_result(connection)?;
    Ok(Storage {
        partitions,
        oldest_day: days.first().copied(),
        newest_day: days.last().copied(),
        reports_bytes: sizes.reports_bytes,
        database_bytes: sizes.database_bytes,
        default_rows: sizes.default_rows,
    })
}
