//! Everything of Milepost that knows SQL.
//!
//! The rule it protects: callers speak in domain values and get domain values back; a row never
//! leaves this crate, and there is one write path for reports, [`ingest`].

pub mod build;
#[doc(hidden)]
pub mod constraint;
pub mod credential;
mod error;
pub mod host;
pub mod ingest;
pub mod list;
pub mod migrate;
mod pool;
pub mod registry;
pub mod report;
mod row;
mod schema;
mod search;

pub use diesel::PgConnection;
pub use error::{Conflict, Error};
pub use pool::{PoolSettings, Store};

/// What every function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Whether the database answers.
///
/// # Errors
/// When it does not.
pub fn ready(connection: &mut PgConnection) -> Result<()> {
    diesel::RunQueryDsl::execute(diesel::sql_query("SELECT 1"), connection)?;
    Ok(())
}
