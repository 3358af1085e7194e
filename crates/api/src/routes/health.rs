//! Whether the service lives, and whether it can do its work.
//!
//! The rule it protects: `/healthz` needs nothing but the process, so a lost database does not
//! get the service killed; `/readyz` says what is missing.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, db, problem::Problem};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: String,
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok".to_owned() })
}

/// Whether the process lives.
///
/// Needs no database and no credential.
#[utoipa::path(tag = "Service", operation_id = "get_health", responses((status = 200, body = Health, description = "It lives")))]
#[get("/healthz")]
pub(crate) async fn healthz() -> HttpResponse {
    ok()
}

/// Whether reports can be taken.
///
/// Asks the database; needs no credential.
#[utoipa::path(tag = "Service", operation_id = "get_readiness", responses((status = 200, body = Health, description = "It can take reports")))]
#[get("/readyz")]
pub(crate) async fn readyz(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    db::read(&app, milepost_store::ready).await?;
    Ok(ok())
}
