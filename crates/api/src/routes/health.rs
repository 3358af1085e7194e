//! Whether the service lives, whether it can do its work, and what it counts.
//!
//! The rule it protects: `/healthz` needs nothing but the process, so a lost database does not
//! get the service killed; `/readyz` says what is missing, and that the spool fills up long before
//! it is full.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use milepost_store::ingest::Condition;
use prometheus_client::{encoding::text::encode, metrics::gauge::Gauge, registry::Registry};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App, clock, db,
    problem::{Code, Problem},
};

/// From here on the spool counts as nearly full: others should take what comes.
const NEARLY_FULL: f64 = 0.8;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: String,
}

/// Whether the process lives.
///
/// Needs no database and no credential.
#[utoipa::path(tag = "Service", operation_id = "get_health", responses((status = 200, body = Health, description = "It lives")))]
#[get("/healthz")]
pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok".to_owned() })
}

/// Reports that wait on disk for the database.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Spool {
    /// How many.
    pub reports: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many bytes they may take.
    pub bytes_max: u64,
    /// When the oldest of them came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_at: Option<DateTime<Utc>>,
}

impl Spool {
    /// What there is to say of the spool; nothing where there is none.
    pub(crate) fn of(condition: &Condition) -> Option<Self> {
        (condition.bytes_max > 0).then_some(Self {
            reports: condition.reports,
            bytes: condition.bytes,
            bytes_max: condition.bytes_max,
            oldest_at: condition.oldest,
        })
    }
}

/// Whether reports can be taken, and where they go.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ok`: into the database; `spooling`: to disk until the database is back. New words may come.
    #[schema(example = "ok")]
    pub status: String,
    /// Why reports do not go to the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What waits on disk; absent without a spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spool: Option<Spool>,
}

/// Whether reports can be taken.
///
/// Asks the database; needs no credential. While the database is away and the spool has room,
/// reports are taken and this says so; from four fifths of the spool's bounds on it answers 503.
#[utoipa::path(tag = "Service", operation_id = "get_readiness", responses((status = 200, body = Readiness, description = "It can take reports")))]
#[get("/readyz")]
pub(crate) async fn readyz(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let condition = app.store.condition();
    let away = match &condition.away {
        Some(away) => Some(away.clone()),
        None => match db::read(&app, milepost_store::ready).await {
            Ok(()) => None,
            Err(problem) if condition.bytes_max == 0 => return Err(problem),
            Err(problem) => Some(problem.internal.unwrap_or(problem.detail)),
        },
    };
    let fullness = condition.fullness(clock::now());
    if away.is_some() && fullness >= NEARLY_FULL {
        let detail = format!(
            "the database is away and the spool is {:.0} % full: {} reports wait; bring the database back, or send \
             reports to another node",
            fullness * 100.0,
            condition.reports
        );
        return Err(Problem { internal: away, ..Problem::new(Code::Unavailable, detail) });
    }
    // What the database said stands in the log; whoever asks here has shown no credential.
    let reason = away.is_some().then(|| "the database cannot be reached".to_owned());
    let status = if away.is_some() { "spooling" } else { "ok" }.to_owned();
    Ok(HttpResponse::Ok().json(Readiness { status, reason, spool: Spool::of(&condition) }))
}

/// What the service counts, for Prometheus.
///
/// Needs no credential and asks no database.
#[utoipa::path(tag = "Service", operation_id = "get_metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text", description = "The metrics")))]
#[get("/metrics")]
pub(crate) async fn metrics(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let condition = app.store.condition();
    let mut registry = Registry::with_prefix("milepost");
    app.store.meters().register(&app.store.registry(), &mut registry);
    app.limits.register(&mut registry);
    app.connections.register(&mut registry);
    app.announced.register(&mut registry, now);
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge("database_up", "1 while reports go to the database directly", u64::from(condition.away.is_none()));
    gauge(
        "event_streams",
        "Streams of events that are open",
        u64::try_from(app.live.count()).unwrap_or(u64::MAX),
    );
    gauge("spool_reports", "Reports that wait on disk for the database", condition.reports);
    gauge("spool_bytes", "Bytes that they take", condition.bytes);
    gauge("spool_bytes_max", "Bytes that they may take", condition.bytes_max);
    let age = condition.oldest.map_or(0, |oldest| (now - oldest).num_seconds());
    gauge("spool_age_seconds", "Age of the oldest of them", u64::try_from(age).unwrap_or(0));
    gauge("spool_age_max_seconds", "Age that it may reach", condition.age_max.as_secs());
    let mut text = String::new();
    encode(&mut text, &registry).map_err(Problem::internal)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok().content_type(content_type).body(text))
}
