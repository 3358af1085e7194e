//! Work on the database of a service itself, beside the service or while it rests.
//!
//! The rule it protects: an embedded database that rests is started for the work and stopped after it,
//! whatever comes of that; none is made; and one of another version is left alone.

use std::path::Path;

use milepost_store::{PgConnection, connect, migrate};

use crate::{embedded::Embedded, failure::Failure};

/// Does `work` on the database that is named, else on the embedded one; `None` where there is none.
///
/// # Errors
/// When the database cannot be found or reached, or has not the schema of this version; or what the
/// work fails with.
pub(crate) fn work_on<T>(
    data_dir: &Path,
    database_url: Option<String>,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let known = match database_url {
        Some(url) => Some(url),
        None => Embedded::url_of_running(data_dir)?,
    };
    let at = |url: &str| {
        if !migrate::pending(url)?.is_empty() {
            return Err(Failure::usage(
                "the database is older than this program; bring it to this version first: milepost migrate",
            ));
        }
        work(&mut connect(url)?)
    };
    match known {
        Some(url) => at(&url).map(Some),
        None if Embedded::is_in(data_dir) => {
            let embedded = Embedded::start(data_dir)?;
            let done = at(&embedded.url);
            embedded.stop()?;
            done.map(Some)
        }
        None => Ok(None),
    }
}
