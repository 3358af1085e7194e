//! Hosts, and everything that one host page shows.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, EntityTag, Header as _, HeaderValue, IfNoneMatch},
    web::{self, Bytes},
};
use milepost_domain::{Progress, Time, host::HostRef};
use milepost_store::{Error, Seen, list};

use super::builds::page_of_builds;
use crate::{
    App,
    auth::{Caller, Read},
    badge, clock, db,
    page::ListParams,
    problem::Problem,
    shown::content_name,
    view::{BuildList, HostList, HostProgress, HostSummary},
};

/// List hosts with their latest build, by name.
///
/// Search by the host's facts and by its latest build; see `docs/search.md`.
#[utoipa::path(tag = "Hosts", operation_id = "list_hosts", params(ListParams), security(("token" = ["read"])),
    responses((status = 200, body = HostList, description = "A page of hosts")))]
#[get("/hosts")]
pub(crate) async fn list_hosts(
    caller: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<HostList>, Problem> {
    let now = clock::now();
    let listing = params.into_inner().read(list::FIELDS, list::SORTABLE, now)?;
    let query = super::worked_for(&app, listing.query_of(&caller.who.bounds)).await?;
    let page = db::read(&app, move |connection| list::hosts(connection, &query)).await?;
    Ok(web::Json(HostList::new(listing, page, |entry| HostSummary::of(&app, entry, now))))
}

/// How far a host's build is: everything that one host page shows.
///
/// Carries an `ETag`; send it back as `If-None-Match` and get 304 while nothing has changed.
#[utoipa::path(tag = "Hosts", operation_id = "get_host_progress", security(("token" = ["read"])),
    params(
        ("host" = String, Path, description = "Foreman's id, the FQDN or our id", example = "web1.brno.example.com"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the last answer"),
    ),
    responses(
        (status = 200, body = HostProgress, description = "The progress",
            headers(("ETag" = String, description = "Names this very content"))),
        (status = 304, description = "Nothing has changed"),
    ))]
#[get("/hosts/{host}/progress")]
pub(crate) async fn get_host_progress(
    caller: Caller<Read>,
    app: web::Data<App>,
    request: HttpRequest,
    host: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let named = HostRef::parse(&host);
    let (seen, as_of) = look(&app, &named, now).await?;
    caller.who.sees(&seen.host().facts, || Error::not_found("host", &host).into())?;
    let failure_log = app.shown.failure_log(&app, &seen, now).await;
    let page = app.shown.page(&app, named, &seen, failure_log.as_deref(), as_of, now)?;
    Ok(unless_known(&request, page.etag, "application/json", page.body))
}

/// `body`, or 304 for whoever has just that already.
fn unless_known(request: &HttpRequest, etag: String, kind: &'static str, body: Bytes) -> HttpResponse {
    let etag = EntityTag::new_strong(etag);
    let is_known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag)),
        Err(_) => false,
    };
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // Shared caches must not keep what needs a credential.
    response.insert_header(header::ETag(etag)).insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if is_known { response.finish() } else { response.content_type(kind).body(body) }
}

/// How a host's build is going, as a small picture.
///
/// For wikis and chats: the host's name, its state, and how far it is. Carries an `ETag`.
#[utoipa::path(tag = "Hosts", operation_id = "get_host_badge", security(("token" = ["read"])),
    params(
        ("host" = String, Path, description = "Foreman's id, the FQDN or our id", example = "web1.brno.example.com"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the last answer"),
    ),
    responses(
        (status = 200, body = String, content_type = "image/svg+xml", description = "The picture",
            headers(("ETag" = String, description = "Names this very content"))),
        (status = 304, description = "Nothing has changed"),
    ))]
#[get("/hosts/{host}/badge.svg")]
pub(crate) async fn get_host_badge(
    caller: Caller<Read>,
    app: web::Data<App>,
    request: HttpRequest,
    host: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let (seen, as_of) = look(&app, &HostRef::parse(&host), now).await?;
    caller.who.sees(&seen.host().facts, || Error::not_found("host", &host).into())?;
    let picture = badge::svg(seen.host(), &Progress::of(&seen.build(now), now), as_of);
    let mut response =
        unless_known(&request, content_name(picture.as_bytes()), "image/svg+xml", picture.into());
    // Opened by itself, it is a document: one that does nothing.
    let nothing = HeaderValue::from_static("default-src 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, nothing);
    Ok(response)
}

/// What there is to see of a host: what is remembered, if that is sure; else what the database
/// says; and while that is away what was last known, with the time as of which it was.
async fn look(app: &web::Data<App>, named: &HostRef, now: Time) -> Result<(Seen, Option<Time>), Problem> {
    if let Some(seen) = app.store.remembered(named) {
        return Ok((seen, None));
    }
    let last_known = |named: &HostRef| {
        let (seen, age) = app.store.last_known(named)?;
        Some((seen, Some(now - chrono::Duration::from_std(age).unwrap_or_default())))
    };
    if app.store.condition().away.is_some()
        && let Some(seen) = last_known(named)
    {
        return Ok(seen);
    }
    let (store, asked) = (app.store.clone(), named.clone());
    let looked = db::bounded(move || store.look_at(&asked)).await;
    match looked {
        Err(error @ Error::Unavailable(_)) => last_known(named).ok_or_else(|| error.into()),
        answer => Ok((answer?, None)),
    }
}

/// List the builds of a host, newest first.
#[utoipa::path(tag = "Hosts", operation_id = "list_host_builds", security(("token" = ["read"])),
    params(("host" = String, Path, description = "Foreman's id, the FQDN or our id", example = "42"), ListParams),
    responses((status = 200, body = BuildList, description = "A page of builds")))]
#[get("/hosts/{host}/builds")]
pub(crate) async fn list_host_builds(
    caller: Caller<Read>,
    app: web::Data<App>,
    host: web::Path<String>,
    params: web::Query<ListParams>,
) -> Result<web::Json<BuildList>, Problem> {
    page_of_builds(&app, &caller.who, params.into_inner(), Some(HostRef::parse(&host))).await
}
