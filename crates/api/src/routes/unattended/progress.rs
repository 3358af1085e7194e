//! A machine's own progress: for its console, or for a script that waits for something.
//!
//! The rule it protects: a build's credential shows that build and nothing else.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, web};
use milepost_domain::{Progress, host::HostRef};

use super::{answer, fields::Fields};
use crate::{
    App,
    auth::{self, Expiry},
    clock, db,
    problem::Problem,
    routes::unattended::callbacks::TokenParam,
    view::HostProgress,
};

async fn own_progress(
    app: &web::Data<App>,
    request: &HttpRequest,
    token: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let id = auth::reporter(app, request, token, None, Expiry::Holds, now).await?.build;
    let store = app.store.clone();
    let seen = db::bounded(move || {
        let host = store.read(|connection| milepost_store::build::load(connection, id, now))?.host;
        store.look_at(&HostRef::Id(host))
    })
    .await?;
    let build = seen.build(now);
    if build.id != id {
        return Err(Problem::not_found("a newer build of this host has taken this one's place"));
    }
    let progress = Progress::of(&build, now);
    let step = progress.current_step.as_ref().map(|step| format!(" {}", step.name)).unwrap_or_default();
    let percent = progress.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    let line = format!("{}{percent}{step}", progress.state);
    Ok(answer::line(request, StatusCode::OK, &line, &HostProgress::of(app, &seen, None, None, now)))
}

/// How far the machine's own build is.
#[utoipa::path(tag = "Installers", operation_id = "get_own_progress", params(TokenParam), security(("build" = [])),
    responses(
        (status = 200, body = HostProgress, description = "The progress"),
        (status = 404, body = crate::problem::ProblemBody, description = "A newer build has taken its place"),
    ))]
#[get("/progress")]
pub(crate) async fn get_own_progress(
    app: web::Data<App>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let head = Fields::of_head(&request);
    own_progress(&app, &request, head.token()).await
}

/// How far the machine's own build is, without a character that needs quoting.
#[utoipa::path(tag = "Installers", operation_id = "get_own_progress_by_path",
    params(("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")),
    responses(
        (status = 200, body = HostProgress, description = "The progress"),
        (status = 404, body = crate::problem::ProblemBody, description = "A newer build has taken its place"),
    ))]
#[get("/progress/{token}")]
pub(crate) async fn get_own_progress_by_path(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    own_progress(&app, &request, Some(&token)).await
}
