//! Foreman's own callbacks, so that one line of a template can serve both.
//!
//! The rule it protects: Foreman's parameters and codes (201; 404 for an unknown token), and the
//! log in the body kept by its end.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, post, web};
use milepost_domain::{Label, Log, Report, Status};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{answer, fields::Fields, record};
use crate::{
    App,
    auth::{self, Expiry},
    clock,
    problem::{Code, Problem},
};

/// What identifies the build.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what the forgiving reader takes")]
pub(crate) struct TokenParam {
    /// The build's token; it may also come as `Authorization: Bearer`.
    #[param(example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")]
    token: Option<String>,
}

async fn callback(
    app: &web::Data<App>,
    request: &HttpRequest,
    status: Status,
    body: &[u8],
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let head = Fields::of_head(request);
    // Foreman answers 404 for whatever identifies no host, and forgives a token that ran out.
    let reporter = auth::reporter(app, request, head.token(), head.get("mac"), Expiry::Forgiven, now).await;
    let reporter = reporter.map_err(|problem| {
        if problem.code == Code::Unauthenticated { Problem::not_found(problem.detail) } else { problem }
    })?;
    let mut report = Report::simple(clock::new_id(now), Label::built(), now);
    report.status = Some(status);
    report.log = Log::from_bytes(body);
    // Every workflow knows `built`; a site's own that leaves it out still gets told.
    let receipts = record(app, &reporter, vec![report], Some(milepost_domain::registry::Mode::Loose)).await?;
    answer::of_receipt(request, StatusCode::CREATED, receipts)
}

/// The installer is done.
///
/// As Foreman's `/unattended/built`. A body is kept as log, by its end.
#[utoipa::path(tag = "Installers", operation_id = "report_built", params(TokenParam), security(("build" = [])),
    request_body(content = String, content_type = "text/plain", description = "Log text, of which the end is kept"),
    responses((status = 201, body = answer::Recorded, description = "It is on disk")))]
#[post("/built")]
pub(crate) async fn report_built(
    app: web::Data<App>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    callback(&app, &request, Status::Done, &body).await
}

/// The installer is done, for a wget that can only GET.
#[utoipa::path(tag = "Installers", operation_id = "report_built_by_get", params(TokenParam), security(("build" = [])),
    responses((status = 201, body = answer::Recorded, description = "It is on disk")))]
#[get("/built")]
pub(crate) async fn report_built_by_get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    callback(&app, &request, Status::Done, &[]).await
}

/// The installer has failed.
///
/// As Foreman's `/unattended/failed`: the body is its log, of which the last 64 KiB are kept. The step at
/// work is the one that failed.
#[utoipa::path(tag = "Installers", operation_id = "report_failed", params(TokenParam), security(("build" = [])),
    request_body(content = String, content_type = "text/plain", description = "Log text, of which the end is kept"),
    responses((status = 201, body = answer::Recorded, description = "It is on disk")))]
#[post("/failed")]
pub(crate) async fn report_failed(
    app: web::Data<App>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    callback(&app, &request, Status::Failed, &body).await
}

/// The installer has failed, for a wget that can only GET.
#[utoipa::path(tag = "Installers", operation_id = "report_failed_by_get", params(TokenParam), security(("build" = [])),
    responses((status = 201, body = answer::Recorded, description = "It is on disk")))]
#[get("/failed")]
pub(crate) async fn report_failed_by_get(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    callback(&app, &request, Status::Failed, &[]).await
}
