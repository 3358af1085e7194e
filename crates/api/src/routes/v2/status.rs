//! How the service is doing, for a dashboard or Foreman's own status page.

use actix_web::{get, web};
use chrono::{DateTime, Duration, Utc};
use milepost_domain::State;
use milepost_store::list;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, Read},
    clock, db,
    problem::Problem,
};

/// How many builds are in a state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateCount {
    /// The state; new ones may come.
    pub state: State,
    /// How many builds.
    pub count: i64,
}

/// How the service is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceStatus {
    /// The version of the service.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// When this process was started.
    pub started_at: DateTime<Utc>,
    /// Builds that are under way or ended within the last day, by state; every state is listed.
    pub builds: Vec<StateCount>,
}

/// How the service is doing.
#[utoipa::path(tag = "Service", operation_id = "get_status", security(("token" = ["read"])),
    responses((status = 200, body = ServiceStatus, description = "The status")))]
#[get("/status")]
pub(crate) async fn get_status(
    _: Caller<Read>,
    app: web::Data<App>,
) -> Result<web::Json<ServiceStatus>, Problem> {
    let now = clock::now();
    let counts =
        db::read(&app, move |connection| list::states(connection, now - Duration::days(1), now)).await?;
    let count = |state| counts.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
    let builds = State::ALL.iter().map(|&state| StateCount { state, count: count(state) }).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(web::Json(ServiceStatus { version, started_at: app.started_at, builds }))
}
