//! The values that hosts have of the fields that take few, for whoever completes a search.
//!
//! The rule it protects: nobody is offered a value of a host that they may not see.

use diesel::{PgConnection, QueryableByName, RunQueryDsl, sql_types};
use milepost_domain::Bounds;

use crate::{
    Result,
    search::{Bind, Statement},
};

/// The fields of [`super::FIELDS`] that many hosts have alike, so that their values are worth a choice.
const FEW: [&str; 5] = ["location", "organization", "hostgroup", "operatingsystem", "model"];

#[derive(QueryableByName)]
struct Offered {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

/// By field, what the hosts within `bounds` have, sorted; of each field at most `limit`.
///
/// # Errors
/// When the database cannot be reached.
pub fn offered(
    connection: &mut PgConnection,
    bounds: &Bounds,
    limit: i64,
) -> Result<Vec<(&'static str, Vec<String>)>> {
    FEW.iter()
        .map(|field| {
            let mut statement = Statement::default();
            statement.push(&format!(
                "SELECT DISTINCT h.{field} AS value FROM hosts h WHERE h.{field} IS NOT NULL"
            ));
            statement.push_bounds(bounds, "h");
            statement.push(" ORDER BY 1 LIMIT ").bind(Bind::BigInt(limit));
            let values = statement.into_query().load::<Offered>(connection)?;
            Ok((*field, values.into_iter().map(|row| row.value).collect()))
        })
        .collect()
}
