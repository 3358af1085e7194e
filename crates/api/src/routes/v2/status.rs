//! How the service is doing, for a dashboard or Foreman's own status page.

use actix_web::{get, web};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use milepost_domain::{State, signal::SignalKind};
use milepost_store::{delivery, list, retention::Policy, standing, storage, sweep};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, Read},
    clock, db,
    problem::Problem,
    routes::health::Spool,
};

/// How many builds are in a state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateCount {
    /// The state; new ones may come.
    pub state: State,
    /// How many builds.
    pub count: i64,
}

/// How many builds that have not ended have a signal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignalCount {
    /// Which kind; more will come.
    pub kind: SignalKind,
    /// How many builds have it that are not muted.
    #[schema(minimum = 0, example = 2)]
    pub count: u32,
    /// How many have it and are muted.
    #[schema(minimum = 0, example = 1)]
    pub muted: u32,
}

/// How much room the data takes, and how long it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Storage {
    /// How many daily partitions there are, of reports and of logs.
    #[schema(minimum = 0, example = 70)]
    pub partitions: usize,
    /// The oldest day (UTC) of which reports have a partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-10-23")]
    pub oldest_day: Option<NaiveDate>,
    /// The newest one. It lies ahead; when it does not, the housekeeping of the service fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-26")]
    pub newest_day: Option<NaiveDate>,
    /// Size of all reports and logs with their indexes, in bytes.
    #[schema(example = 734_003_200)]
    pub reports_bytes: i64,
    /// Size of the whole database, in bytes.
    #[schema(example = 801_112_064)]
    pub database_bytes: i64,
    /// About how many reports lie outside the daily partitions, because there was none for their day.
    #[schema(example = 0)]
    pub default_rows_estimate: i64,
    /// For how many days reports and logs are kept; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 31)]
    pub reports_retention_days: Option<u32>,
    /// For how many days builds are kept after they ended; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 400)]
    pub builds_retention_days: Option<u32>,
}

impl Storage {
    fn of(storage: &storage::Storage, retention: Policy) -> Self {
        Self {
            partitions: storage.partitions,
            oldest_day: storage.oldest_day,
            newest_day: storage.newest_day,
            reports_bytes: storage.reports_bytes,
            database_bytes: storage.database_bytes,
            default_rows_estimate: storage.default_rows,
            reports_retention_days: retention.reports_days,
            builds_retention_days: retention.builds_days,
        }
    }
}

/// How it stands with telling others what happens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Announcing {
    /// When it was last looked for what has changed, by any node; absent: never. Much longer ago than
    /// `[hooks] sweep_seconds`, nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sweep_at: Option<DateTime<Utc>>,
    /// How many deliveries are to be made.
    #[schema(example = 0)]
    pub pending_deliveries: i64,
    /// When the oldest of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_pending_at: Option<DateTime<Utc>>,
    /// How many hooks did not take what was sent to them last.
    #[schema(example = 0)]
    pub failing_hooks: i64,
    /// How many hooks were disabled because they failed.
    #[schema(example = 0)]
    pub disabled_hooks: i64,
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
    /// Builds under way that need a person, by signal; every kind is listed.
    #[schema(required = false)]
    pub signals: Vec<SignalCount>,
    /// How much room the data takes, and how long it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Reports that wait on disk for the database; absent without a spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<Spool>,
    /// How it stands with telling others what happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announcing: Option<Announcing>,
}

/// How the service is doing.
#[utoipa::path(tag = "Service", operation_id = "get_status", security(("token" = ["read"])),
    responses((status = 200, body = ServiceStatus, description = "The status")))]
#[get("/status")]
pub(crate) async fn get_status(
    caller: Caller<Read>,
    app: web::Data<App>,
) -> Result<web::Json<ServiceStatus>, Problem> {
    let now = clock::now();
    let (bounds, context, store) = (caller.who.bounds, app.settings.context(), app.store.clone());
    let (counts, storage, signals, (last_sweep_at, backlog)) = db::bounded(move || {
        let needs = store.needs(now, &context)?;
        let seen = needs.iter().filter(|need| bounds.allow(&need.host));
        let signals = standing::count(seen);
        store.read(|connection| {
            let counts = list::states(connection, now - Duration::days(1), now, &bounds)?;
            let announcing = (sweep::last_run(connection)?, delivery::backlog(connection)?);
            Ok((counts, storage::storage(connection)?, signals.clone(), announcing))
        })
    })
    .await?;
    let signals = signals
        .into_iter()
        .map(|(kind, count)| SignalCount { kind, count: count.heard, muted: count.muted })
        .collect();
    let count = |state| counts.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
    let builds = State::ALL.iter().map(|&state| StateCount { state, count: count(state) }).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let storage = Some(Storage::of(&storage, app.settings.retention));
    let spool = Spool::of(&app.store.condition());
    let announcing = Some(Announcing {
        last_sweep_at,
        pending_deliveries: backlog.pending,
        oldest_pending_at: backlog.oldest_at,
        failing_hooks: backlog.failing,
        disabled_hooks: backlog.disabled,
    });
    let started_at = app.started_at;
    Ok(web::Json(ServiceStatus { version, started_at, builds, signals, storage, spool, announcing }))
}
