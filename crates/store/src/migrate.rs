//! Brings the schema to this version, and back.
//!
//! The rule it protects: several nodes may start at once; an advisory lock lets one migrate while
//! the others wait.

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Error, Result, connect};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

/// Any constant will do, as long as every version takes the same.
const LOCK: &str = "SELECT pg_advisory_lock(hashtext('milepost migrate'))";
const UNLOCK: &str = "SELECT pg_advisory_unlock(hashtext('milepost migrate'))";

/// Applies what is missing and answers its names, in order; then puts the shipped steps and
/// workflows in.
///
/// # Errors
/// When the database cannot be reached or refuses a migration.
pub fn run(url: &str) -> Result<Vec<String>> {
    let mut connection = connect(url)?;
    sql_query(LOCK).execute(&mut connection)?;
    let applied = apply(&mut connection);
    let shipped = applied.and_then(|applied| {
        connection.transaction(crate::registry::ship)?;
        Ok(applied)
    });
    sql_query(UNLOCK).execute(&mut connection)?;
    shipped
}

fn apply(connection: &mut PgConnection) -> Result<Vec<String>> {
    let applied =
        connection.run_pending_migrations(MIGRATIONS).map_err(|error| Error::Database(error.to_string()))?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// What is not applied yet, in order.
///
/// # Errors
/// When the database cannot be reached.
pub fn pending(url: &str) -> Result<Vec<String>> {
    let pending =
        connect(url)?.pending_migrations(MIGRATIONS).map_err(|error| Error::Database(error.to_string()))?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

/// Takes every migration back, the last first. Everything that is stored goes with them.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub fn revert_all(url: &str) -> Result<()> {
    connect(url)?.revert_all_migrations(MIGRATIONS).map_err(|error| Error::Database(error.to_string()))?;
    Ok(())
}
