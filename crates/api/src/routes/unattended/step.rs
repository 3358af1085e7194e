//! One report about one step, in all its forms.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{answer, fields::Fields, record};
use crate::{
    App,
    auth::{self, Expiry},
    clock,
    problem::Problem,
};

/// A report, as form, JSON or query. Unknown members are ignored.
#[derive(Debug, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[schema(example = json!({"token": "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55", "label": "packages", "status": "init", "message": "412 packages"}))]
#[expect(dead_code, reason = "documents what the forgiving reader takes")]
pub(crate) struct StepReport {
    /// The build's token; it may also stand in the path or in `Authorization: Bearer`.
    #[schema(example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")]
    token: Option<String>,
    /// Which step: 1 to 128 of `a-z 0-9 _ . : -`.
    #[schema(example = "packages")]
    label: Option<String>,
    /// `init`, `done` or `failed`; absent: this happened.
    #[schema(example = "init")]
    status: Option<String>,
    /// What people call the step.
    #[schema(max_length = 255)]
    name: Option<String>,
    /// The step's order, 0 to 10000.
    priority: Option<i32>,
    /// How far the step is, 0 to 100.
    percentage: Option<f64>,
    /// A sentence for people, at most 4096 bytes.
    message: Option<String>,
    /// Log text, of which the last 64 KiB are kept. A body that is neither form nor JSON is the log.
    logs: Option<String>,
    /// Any word that is this report's own: a repeat with the same one changes nothing.
    #[schema(max_length = 128)]
    id: Option<String>,
    /// The sender's count of its reports; puts those of one boot into order.
    seq: Option<i64>,
    /// The sender's clock, RFC 3339 or seconds since 1970.
    reported_at: Option<String>,
    /// The kernel's boot id.
    #[schema(max_length = 64)]
    boot_id: Option<String>,
}

async fn report(
    app: &web::Data<App>,
    request: &HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let reporter =
        auth::reporter(app, request, fields.token(), fields.get("mac"), Expiry::Holds, now).await?;
    let report = fields.report(now)?;
    let receipts = record(app, &reporter, vec![report], None).await?;
    answer::of_receipt(request, StatusCode::OK, receipts)
}

/// Report a step, with a body.
///
/// The same fields are taken as a form, as JSON, with or without a Content-Type, and as query
/// parameters; a body that is neither form nor JSON is the log.
#[utoipa::path(tag = "Installers", operation_id = "report_step", security(("build" = [])),
    request_body = StepReport,
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[post("/step")]
pub(crate) async fn report_step(
    app: web::Data<App>,
    request: HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    report(&app, &request, fields).await
}

/// Report a step, by query parameters.
#[utoipa::path(tag = "Installers", operation_id = "report_step_by_query", params(StepReport), security(("build" = [])),
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[get("/step")]
pub(crate) async fn report_step_by_query(
    app: web::Data<App>,
    request: HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    report(&app, &request, fields).await
}

async fn by_path(
    app: &web::Data<App>,
    request: &HttpRequest,
    path: impl IntoIterator<Item = (&'static str, String)>,
    mut fields: Fields,
) -> Result<HttpResponse, Problem> {
    for (name, value) in path {
        fields.set(name, value);
    }
    report(app, request, fields).await
}

/// Report that a step happened, without a character that needs quoting.
#[utoipa::path(tag = "Installers", operation_id = "report_label",
    params(
        ("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"),
        ("label" = String, Path, description = "Which step", example = "get_ks"),
    ),
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[get("/step/{token}/{label}")]
pub(crate) async fn report_label(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let (token, label) = path.into_inner();
    by_path(&app, &request, [("token", token), ("label", label)], fields).await
}

/// Report that a step happened by the path, and more of it or its log in the body.
#[utoipa::path(tag = "Installers", operation_id = "report_label_with_body",
    params(
        ("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"),
        ("label" = String, Path, description = "Which step", example = "get_ks"),
    ),
    request_body = StepReport,
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[post("/step/{token}/{label}")]
pub(crate) async fn report_label_with_body(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let (token, label) = path.into_inner();
    by_path(&app, &request, [("token", token), ("label", label)], fields).await
}

/// Report a step and its status, without a character that needs quoting.
#[utoipa::path(tag = "Installers", operation_id = "report_label_status",
    params(
        ("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"),
        ("label" = String, Path, description = "Which step", example = "get_ks"),
        ("status" = String, Path, description = "`init`, `done` or `failed`", example = "done"),
    ),
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[get("/step/{token}/{label}/{status}")]
pub(crate) async fn report_label_status(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let (token, label, status) = path.into_inner();
    by_path(&app, &request, [("token", token), ("label", label), ("status", status)], fields).await
}

/// Report a step and its status by the path, and more of it or its log in the body.
#[utoipa::path(tag = "Installers", operation_id = "report_label_status_with_body",
    params(
        ("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"),
        ("label" = String, Path, description = "Which step", example = "get_ks"),
        ("status" = String, Path, description = "`init`, `done` or `failed`", example = "done"),
    ),
    request_body = StepReport,
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[post("/step/{token}/{label}/{status}")]
pub(crate) async fn report_label_status_with_body(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let (token, label, status) = path.into_inner();
    by_path(&app, &request, [("token", token), ("label", label), ("status", status)], fields).await
}
