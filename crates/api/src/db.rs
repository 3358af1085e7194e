//! The way from an async handler to the blocking store.
//!
//! The rule it protects: the connection is taken inside the closure, and a closure that has begun
//! ends, whether the caller is still there or not: no transaction dangles.

use actix_web::web;
use milepost_store::PgConnection;

use crate::{App, problem::Problem};

pub(crate) async fn read<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnMut(&mut PgConnection) -> milepost_store::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let store = app.store.clone();
    web::block(move || store.read(work)).await.map_err(Problem::internal)?.map_err(Problem::from)
}

pub(crate) async fn write<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnMut(&mut PgConnection) -> milepost_store::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let store = app.store.clone();
    web::block(move || store.write(work)).await.map_err(Problem::internal)?.map_err(Problem::from)
}
