//! Everything of Milepost that knows SQL.
//!
//! The rule it protects: callers speak in domain values and get domain values back; a row never
//! leaves this crate, and there is one write path for reports, [`ingest`].

pub mod build;
mod change;
#[doc(hidden)]
pub mod constraint;
pub mod credential;
mod error;
pub mod host;
pub mod ingest;
pub mod list;
mod memory;
mod meters;
pub mod migrate;
mod notify;
mod pool;
pub mod registry;
pub mod report;
mod row;
mod schema;
mod search;
mod seen;

pub use diesel::PgConnection;
pub use error::{Conflict, Error};
pub use meters::Meters;
pub use pool::{Settings, Store};
pub use seen::Seen;

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
