//! The way from an async handler to the blocking store.
//!
//! The rule it protects: the connection is taken inside the closure, and a closure that has begun
//! ends, whether the caller is still there or not: no transaction dangles. Whoever waits for a
//! database that hangs is answered all the same.

use std::time::Duration;

use actix_web::{rt::time::timeout, web};
use milepost_store::{Error, PgConnection};

use crate::{App, problem::Problem};

/// How long a caller waits. Longer than for a connection, which has an error of its own.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs what blocks, and answers for it when it takes too long.
pub(crate) async fn bounded<T: Send + 'static>(
    work: impl FnOnce() -> milepost_store::Result<T> + Send + 'static,
) -> milepost_store::Result<T> {
    match timeout(PATIENCE, web::block(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Error::Database(error.to_string())),
        Err(_) => Err(Error::Unavailable(format!("no answer for {} s", PATIENCE.as_secs()))),
    }
}

pub(crate) async fn read<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnMut(&mut PgConnection) -> milepost_store::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let store = app.store.clone();
    Ok(bounded(move || store.read(work)).await?)
}

pub(crate) async fn write<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnMut(&mut PgConnection) -> milepost_store::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let store = app.store.clone();
    Ok(bounded(move || store.write(work)).await?)
}
