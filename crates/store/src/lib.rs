//! Everything of Milepost that knows SQL.
//!
//! The rule it protects: callers speak in domain values and get domain values back; a row never
//! leaves this crate, and there is one write path for reports, [`ingest`].

pub mod audit;
pub mod build;
mod change;
#[doc(hidden)]
pub mod constraint;
pub mod credential;
pub mod delivery;
mod error;
pub mod hook;
pub mod host;
pub mod ingest;
pub mod list;
mod memory;
mod meters;
pub mod migrate;
pub mod mute;
mod notify;
pub mod partition;
mod plan;
mod pool;
pub mod registry;
pub mod report;
pub mod retention;
mod row;
mod schema;
mod search;
mod seen;
pub mod standing;
pub mod statistics;
pub mod storage;
pub mod sweep;
pub mod timing;
pub mod token;

pub use diesel::PgConnection;
pub use error::{Conflict, Error};
pub use meters::Meters;
pub use pool::{Settings, Store};
pub use seen::{Seen, Stamp};

/// What every function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;

/// A connection of one's own, for work that is done beside that of the service: see
/// [`partition`] and [`retention`].
///
/// # Errors
/// When the database cannot be reached.
pub fn connect(url: &str) -> Result<PgConnection> {
    diesel::Connection::establish(url).map_err(|error| Error::Unavailable(error.to_string()))
}

/// Whether the database answers.
///
/// # Errors
/// When it does not.
pub fn ready(connection: &mut PgConnection) -> Result<()> {
    diesel::RunQueryDsl::execute(diesel::sql_query("SELECT 1"), connection)?;
    Ok(())
}
