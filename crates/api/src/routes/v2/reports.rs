//! Reports as a stream: filtered, followed by a cursor, their logs read one at a time.

use actix_web::{HttpResponse, get, web};
use milepost_domain::{Bounds, BuildId, ReportId, Time, host::HostRef};
use milepost_store::{
    list::{self, Cursor, ReportsOf},
    report,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::builds::{find_build, find_host};
use crate::{
    App,
    auth::{Caller, Read},
    clock, db,
    page::{ListParams, envelope},
    problem::{Code, Problem},
    view::ReportView,
};

envelope! {
    /// A page of reports, and where the stream goes on.
    ReportList of ReportView,
    /// Send this as `after` to get what comes next; absent while there is nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>
}

/// How a stream is followed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FollowParams {
    /// The `cursor` of the last answer: only what came after it is listed.
    #[param(example = "1794500000000000.0193b0a0-0000-7000-8000-000000000001.17")]
    after: Option<String>,
}

fn parse_cursor(text: &str) -> Result<Cursor, Problem> {
    let mut parts = text.splitn(3, '.');
    let mut cursor = || {
        let received_at = Time::from_timestamp_micros(parts.next()?.parse().ok()?)?;
        let build = parts.next()?.parse().ok()?;
        Some(Cursor { received_at, build, position: parts.next()?.parse().ok()? })
    };
    let cursor = cursor();
    cursor.ok_or_else(|| {
        Problem::new(
            Code::MalformedRequest,
            format!("after must be the `cursor` of an earlier answer, not '{text}'"),
        )
    })
}

/// The order in which reports can be listed; `DESC` gives the newest first.
const SORTABLE: &[&str] = &["received_at"];

async fn stream(
    app: &web::Data<App>,
    bounds: Bounds,
    of: HostOrBuild,
    params: ListParams,
    follow: FollowParams,
) -> Result<web::Json<ReportList>, Problem> {
    let now = clock::now();
    let after = follow.after.as_deref().filter(|after| !after.is_empty()).map(parse_cursor).transpose()?;
    let listing = params.read(list::REPORT_FIELDS, SORTABLE, now)?;
    let query = listing.query.clone();
    let (page, seen) = db::read(app, move |connection| {
        let of = match &of {
            HostOrBuild::Host(named) => ReportsOf::Host(find_host(connection, named, &bounds)?.id),
            HostOrBuild::Build(id) => ReportsOf::Build(find_build(connection, *id, now, &bounds)?.build.id),
        };
        let page = list::reports(connection, &query, of, after)?;
        let seen = Cursor::after(of, &page.results);
        Ok((page, seen))
    })
    .await?;
    let cursor = seen
        .or(after)
        .map(|place| format!("{}.{}.{}", place.received_at.timestamp_micros(), place.build, place.position));
    Ok(web::Json(ReportList::new(listing, page, ReportView::from, cursor)))
}

enum HostOrBuild {
    Host(HostRef),
    Build(BuildId),
}

/// List the reports of a host's builds, in the server's order.
///
/// Search by `step`, `status`, `message`, `received_at` and more; follow with `after`.
#[utoipa::path(tag = "Reports", operation_id = "list_host_reports", security(("token" = ["read"])),
    params(("host" = String, Path, description = "Foreman's id, the FQDN or our id", example = "42"), ListParams, FollowParams),
    responses((status = 200, body = ReportList, description = "A page of reports")))]
#[get("/hosts/{host}/reports")]
pub(crate) async fn list_host_reports(
    caller: Caller<Read>,
    app: web::Data<App>,
    host: web::Path<String>,
    params: web::Query<ListParams>,
    follow: web::Query<FollowParams>,
) -> Result<web::Json<ReportList>, Problem> {
    stream(
        &app,
        caller.who.bounds,
        HostOrBuild::Host(HostRef::parse(&host)),
        params.into_inner(),
        follow.into_inner(),
    )
    .await
}

/// List the reports of a build, in the server's order.
///
/// Search by `step`, `status`, `message`, `received_at` and more; follow with `after`.
#[utoipa::path(tag = "Reports", operation_id = "list_build_reports", security(("token" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "The build's id"), ListParams, FollowParams),
    responses((status = 200, body = ReportList, description = "A page of reports")))]
#[get("/builds/{id}/reports")]
pub(crate) async fn list_build_reports(
    caller: Caller<Read>,
    app: web::Data<App>,
    id: web::Path<String>,
    params: web::Query<ListParams>,
    follow: web::Query<FollowParams>,
) -> Result<web::Json<ReportList>, Problem> {
    let id = super::builds::parse_build_id(&id)?;
    stream(&app, caller.who.bounds, HostOrBuild::Build(id), params.into_inner(), follow.into_inner()).await
}

/// The log that came with a report, as text.
///
/// Where its front was cut, the first line says how much.
#[utoipa::path(tag = "Reports", operation_id = "get_report_log", security(("token" = ["read"])),
    params(
        ("id" = uuid::Uuid, Path, description = "The build's id"),
        ("report" = uuid::Uuid, Path, description = "The report's id"),
    ),
    responses((status = 200, body = String, content_type = "text/plain", description = "The log")))]
#[get("/builds/{id}/reports/{report}/log")]
pub(crate) async fn get_report_log(
    caller: Caller<Read>,
    app: web::Data<App>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (build, report) = path.into_inner();
    let build = super::builds::parse_build_id(&build)?;
    let report: ReportId = report.parse().map_err(|_| {
        Problem::not_found(format!("there is no report '{report}'; a report is named by its UUID"))
    })?;
    let (now, bounds) = (clock::now(), caller.who.bounds);
    let log = db::read(&app, move |connection| {
        if bounds.is_bound() {
            find_build(connection, build, now, &bounds)?;
        }
        report::log(connection, build, report)
    })
    .await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(log.shown()))
}
