//! Builds: opened by whoever puts a host into build mode, judged by whoever knows better.

use actix_web::{HttpRequest, HttpResponse, get, patch, post, web};
use chrono::{DateTime, Duration, NaiveDateTime};
use milepost_domain::{
    Bounds, BuildId, Host, HostFacts, Label, Name, Report, Status, Time,
    host::{HostRef, parse_host_name, parse_mac},
    registry::{Mode, Registry},
};
use milepost_store::{
    Error, PgConnection,
    build::{self, Announcement, HostBuild, Opened, Opening, Verdict},
    credential::TokenHash,
    list,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{BuildToken, Caller, Manage, Read, Who},
    body::Body,
    clock, db,
    page::ListParams,
    problem::{Code, Faults, Problem},
    view::{BuildList, BuildView, ReportUrls},
};

/// How long a credential may be valid at most.
const DURATION_MAX_DAYS: i64 = 366;

/// The host of a new build. What is left out stays as it was known.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct HostInput {
    /// The FQDN.
    #[schema(example = "web1.brno.example.com", min_length = 1, max_length = 255)]
    pub name: String,
    /// Foreman's numeric id.
    #[schema(example = 42)]
    pub foreman_id: Option<i64>,
    /// MAC address of the provisioning interface.
    #[schema(example = "52:54:00:12:34:56")]
    pub mac: Option<String>,
    /// Address of the provisioning interface.
    #[schema(example = "10.1.2.3")]
    pub ip: Option<String>,
    /// Foreman's organization.
    #[schema(example = "acme", max_length = 255)]
    pub organization: Option<String>,
    /// Foreman's location.
    #[schema(example = "brno", max_length = 255)]
    pub location: Option<String>,
    /// Foreman's host group.
    #[schema(example = "web", max_length = 255)]
    pub hostgroup: Option<String>,
    /// Operating system and version.
    #[schema(example = "RedHat 9.4", max_length = 255)]
    pub operatingsystem: Option<String>,
    /// Hardware model.
    #[schema(example = "R650", max_length = 255)]
    pub model: Option<String>,
}

/// What opens a build.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "host": {
        "name": "web1.brno.example.com", "foreman_id": 42, "mac": "52:54:00:12:34:56", "ip": "10.1.2.3",
        "organization": "acme", "location": "brno", "hostgroup": "web", "operatingsystem": "RedHat 9.4",
        "model": "R650"
    },
    "workflow": "kickstart"
}))]
pub(crate) struct BuildInput {
    /// The host that enters build mode.
    pub host: HostInput,
    /// How it is installed: the name of a workflow.
    #[schema(example = "kickstart")]
    pub workflow: String,
    /// Foreman's own token for the build; absent: one is made.
    #[schema(example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55", min_length = 8, max_length = 512)]
    pub token: Option<String>,
    /// When the token runs out, RFC 3339; absent: after six hours, or as the service is set.
    #[schema(format = DateTime, example = "2026-11-22T18:00:00Z")]
    pub expires_at: Option<String>,
}

/// What is to be recorded of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordableState {
    /// The installer is done.
    Installed,
    /// The machine has booted its own system and is in order.
    Completed,
    /// The installation is called off.
    Canceled,
}

/// A change of a build.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"state": "completed"}))]
pub(crate) struct BuildPatch {
    /// The state to record.
    pub state: RecordableState,
}

/// What a valid [`BuildInput`] comes to.
struct NewBuild {
    host: HostFacts,
    workflow: Label,
    token: Option<BuildToken>,
    expires_at: Option<Time>,
}

fn known_workflow(registry: &Registry, text: &str) -> Result<Label, String> {
    let workflow: Label = text.parse().map_err(|error| format!("{error}"))?;
    if registry.workflows.contains_key(&workflow) || registry.mode == Mode::Loose {
        return Ok(workflow);
    }
    let known: Vec<&str> = registry.workflows.keys().map(Label::as_str).collect();
    Err(format!("there is no workflow '{workflow}'; known are {}", known.join(", ")))
}

/// RFC 3339, or the forms that Foreman's API and plain Ruby print.
pub(super) fn parse_time(text: &str) -> Result<Time, String> {
    let rfc3339 = || DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let foreman = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S UTC").map(|time| time.and_utc());
    let ruby = || DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z").map(|time| time.to_utc());
    rfc3339()
        .or_else(|_| foreman())
        .or_else(|_| ruby())
        .map_err(|_| format!("a time looks like 2026-11-22T18:00:00Z, not '{text}'"))
}

fn expiry(text: &str, now: Time) -> Result<Time, String> {
    let at = parse_time(text)?;
    if at <= now {
        return Err("the token would have run out already".to_owned());
    }
    if at > now + Duration::days(DURATION_MAX_DAYS) {
        return Err(format!("a token may be valid for {DURATION_MAX_DAYS} days at most"));
    }
    Ok(at)
}

impl BuildInput {
    fn check(self, registry: &Registry, now: Time) -> Result<NewBuild, Problem> {
        let mut faults = Faults::default();
        let host = self.host;
        let name = faults.take("/host/name", parse_host_name(&host.name));
        let text = |faults: &mut Faults, pointer: &str, text: Option<String>| -> Option<Name> {
            let text = text.filter(|text| !text.trim().is_empty())?;
            faults.take(pointer, text.parse())
        };
        let organization = text(&mut faults, "/host/organization", host.organization);
        let location = text(&mut faults, "/host/location", host.location);
        let hostgroup = text(&mut faults, "/host/hostgroup", host.hostgroup);
        let operatingsystem = text(&mut faults, "/host/operatingsystem", host.operatingsystem);
        let model = text(&mut faults, "/host/model", host.model);
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let mac = given(host.mac).and_then(|mac| faults.take("/host/mac", parse_mac(&mac)));
        let ip = given(host.ip).and_then(|ip| {
            let parsed = ip.trim().parse().map_err(|_| format!("'{ip}' is no IPv4 or IPv6 address"));
            faults.take("/host/ip", parsed)
        });
        if host.foreman_id.is_some_and(|id| id < 1) {
            faults.note("/host/foreman_id", "Foreman's ids start at 1");
        }
        let workflow = faults.take("/workflow", known_workflow(registry, &self.workflow));
        let token = given(self.token).and_then(|token| faults.take("/token", token.parse()));
        let expires_at = self.expires_at.and_then(|at| faults.take("/expires_at", expiry(&at, now)));
        let facts = name.map(|name| HostFacts {
            name,
            foreman_id: host.foreman_id,
            mac,
            ip,
            organization,
            location,
            hostgroup,
            operatingsystem,
            model,
        });
        let built =
            facts.zip(workflow).map(|(host, workflow)| NewBuild { host, workflow, token, expires_at });
        faults.into_result(built)
    }
}

/// List builds, newest first.
///
/// Search by host, state, workflow, location and more; see `docs/search.md`.
#[utoipa::path(tag = "Builds", operation_id = "list_builds", params(ListParams), security(("token" = ["read"])),
    responses((status = 200, body = BuildList, description = "A page of builds")))]
#[get("/builds")]
pub(crate) async fn list_builds(
    caller: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<BuildList>, Problem> {
    page_of_builds(&app, &caller.who, params.into_inner(), None).await
}

pub(crate) async fn page_of_builds(
    app: &web::Data<App>,
    who: &Who,
    params: ListParams,
    only: Option<HostRef>,
) -> Result<web::Json<BuildList>, Problem> {
    let now = clock::now();
    let listing = params.read(list::FIELDS, list::SORTABLE, now)?;
    let query = super::worked_for(app, listing.query_of(&who.bounds)).await?;
    let page = db::read(app, move |connection| {
        let only = only.as_ref().map(|host| find_host(connection, host, &query.bounds)).transpose()?;
        list::builds(connection, &query, only.map(|host| host.id))
    })
    .await?;
    Ok(web::Json(BuildList::of(app, listing, page, now)))
}

/// The host that somebody names who may see only some.
pub(super) fn find_host(
    connection: &mut PgConnection,
    named: &HostRef,
    bounds: &Bounds,
) -> milepost_store::Result<Host> {
    let host = milepost_store::host::find(connection, named)?;
    if bounds.allow(&host.facts) { Ok(host) } else { Err(milepost_store::host::not_found(named)) }
}

/// The build of that id, for somebody who may see only some.
pub(super) fn find_build(
    connection: &mut PgConnection,
    id: BuildId,
    now: Time,
    bounds: &Bounds,
) -> milepost_store::Result<HostBuild> {
    let found = build::load_with_host(connection, id, now)?;
    if bounds.allow(&found.host.facts) { Ok(found) } else { Err(Error::not_found("build", &id)) }
}

/// Open a build.
///
/// A host enters build mode. A build of the same host that is under way is superseded. Opening
/// again with the same token answers the build that it identifies, with 200.
#[utoipa::path(tag = "Builds", operation_id = "create_build", request_body = BuildInput, security(("token" = ["manage"])),
    responses(
        (status = 201, body = BuildView, description = "The build is open; its token is shown this once"),
        (status = 200, body = BuildView, description = "The token identifies this build already"),
        (status = 409, body = crate::problem::ProblemBody, description = "The token belongs to another host's build"),
    ))]
#[post("/builds")]
pub(crate) async fn create_build(
    caller: Caller<Manage>,
    app: web::Data<App>,
    request: HttpRequest,
    Body(input): Body<BuildInput>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    // As the database has it: another node may have changed the workflow a moment ago.
    let registry = super::fresh_registry(&app).await?;
    let new = input.check(&registry, now)?;
    let bounds = caller.who.bounds.clone();
    caller.who.sees(&new.host, beyond_bounds)?;
    let pass = new.token.as_ref().map(|token| app.keys.pass(token.as_str()));
    let pass = pass.transpose().map(Option::flatten).map_err(|problem| {
        let mut faults = Faults::default();
        faults.note("/token", problem.detail);
        faults.into_result::<()>(None).err().unwrap_or_else(|| Problem::internal("no fault"))
    })?;
    let announced_expiry = pass.as_ref().map(|pass| pass.announced.expires_at);
    let usual_expiry = now + app.settings.token_duration;
    let expires_at = new.expires_at.or(announced_expiry).unwrap_or(usual_expiry);
    let mut opening = opening(&registry, new.host, new.workflow, None, now, expires_at);
    let token = match (new.token, pass) {
        (Some(token), Some(pass)) => {
            opening.build_id = pass.build;
            token
        }
        (Some(token), None) => {
            opening.credential = Some(token.hash());
            token
        }
        (None, _) => {
            let (host, workflow) = (opening.host.clone(), opening.workflow.clone());
            let announced = Announcement { host, workflow, expires_at };
            app.keys.mint_build(opening.build_id, &announced)?.unwrap_or_else(|| {
                let token = BuildToken::random();
                opening.credential = Some(token.hash());
                token
            })
        }
    };
    let (store, entry) = (app.store.clone(), caller.entry("create_build", now));
    let opened = db::bounded(move || {
        if bounds.is_bound() {
            // Whoever is bound cannot take over the host of somebody else by its name or number.
            let facts = &opening.host;
            let names = [facts.foreman_id.map(HostRef::Foreman), Some(HostRef::Name(facts.name.to_string()))];
            for named in names.into_iter().flatten() {
                match store.read(|connection| milepost_store::host::find(connection, &named)) {
                    Ok(host) if !bounds.allow(&host.facts) => return Ok(None),
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        store.open(&opening, Some(&entry)).map(Some)
    })
    .await?
    .ok_or_else(beyond_bounds)?;
    let (mut response, HostBuild { host, build }) = match opened {
        Opened::New(opened) => (HttpResponse::Created(), opened),
        Opened::Known(opened) => (HttpResponse::Ok(), opened),
    };
    let mut view = BuildView::of(&app, host, &build, now);
    let base = app.base_url(&request);
    let urls = ReportUrls::of(&base, &token);
    view.report_url = Some(urls.path.clone());
    view.report_urls = Some(urls);
    view.token = Some(token.as_str().to_owned());
    response.insert_header(("Location", format!("{base}/api/v2/builds/{}", build.id)));
    Ok(response.json(view))
}

fn beyond_bounds() -> Problem {
    let detail = "the token is bound to organizations or locations, and this host is not within them";
    Problem::new(Code::Forbidden, detail)
}

/// An opening of `host` with the workflow's plan as it is now.
pub(crate) fn opening(
    registry: &Registry,
    host: HostFacts,
    workflow: Label,
    credential: Option<TokenHash>,
    now: Time,
    expires_at: Time,
) -> Opening {
    let plan = registry.plan(&workflow).into();
    let (build_id, host_id) = (clock::new_id(now), clock::new_id(now));
    let is_announced = false;
    Opening { host, workflow, plan, credential, now, expires_at, build_id, host_id, is_announced }
}

impl ReportUrls {
    fn of(base: &str, token: &BuildToken) -> Self {
        let token = token.as_str();
        Self {
            path: format!("{base}/unattended/step/{token}"),
            form: format!("{base}/unattended/step"),
            batch: format!("{base}/unattended/batch"),
            built: format!("{base}/unattended/built?token={token}"),
            failed: format!("{base}/unattended/failed?token={token}"),
        }
    }
}

pub(super) fn parse_build_id(id: &str) -> Result<BuildId, Problem> {
    id.parse()
        .map_err(|_| Problem::not_found(format!("there is no build '{id}'; a build is named by its UUID")))
}

/// One build.
#[utoipa::path(tag = "Builds", operation_id = "get_build", security(("token" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "The build's id")),
    responses((status = 200, body = BuildView, description = "The build")))]
#[get("/builds/{id}")]
pub(crate) async fn get_build(
    caller: Caller<Read>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<web::Json<BuildView>, Problem> {
    let now = clock::now();
    let id = parse_build_id(&id)?;
    let bounds = caller.who.bounds;
    let (found, failure_log) = db::read(&app, move |connection| {
        let found = find_build(connection, id, now, &bounds)?;
        let failure_log = milepost_store::report::failure_log(connection, &found.build)?;
        Ok((found, failure_log))
    })
    .await?;
    Ok(web::Json(BuildView::telling(&app, found.host, &found.build, failure_log.as_ref(), now)))
}

/// Record that a build is installed, completed or canceled.
///
/// Saying again what is so already changes nothing.
#[utoipa::path(tag = "Builds", operation_id = "update_build", request_body = BuildPatch, security(("token" = ["manage"])),
    params(("id" = uuid::Uuid, Path, description = "The build's id")),
    responses(
        (status = 200, body = BuildView, description = "The build as it is now"),
        (status = 409, body = crate::problem::ProblemBody, description = "The build is past that"),
    ))]
#[patch("/builds/{id}")]
pub(crate) async fn update_build(
    caller: Caller<Manage>,
    app: web::Data<App>,
    id: web::Path<String>,
    Body(patch): Body<BuildPatch>,
) -> Result<web::Json<BuildView>, Problem> {
    let now = clock::now();
    let id = parse_build_id(&id)?;
    let (store, entry) = (app.store.clone(), caller.entry("update_build", now));
    let bounds = caller.who.bounds;
    let work = move || {
        let found = store.read(|connection| find_build(connection, id, now, &bounds))?;
        match patch.state {
            RecordableState::Completed => store.judge(id, Verdict::Completed, now, &entry),
            RecordableState::Canceled => store.judge(id, Verdict::Canceled, now, &entry),
            RecordableState::Installed => {
                if !store.read(|connection| build::is_installed(connection, id, now))? {
                    let mut report = Report::simple(clock::new_id(now), Label::built(), now);
                    report.status = Some(Status::Done);
                    store.record(id, &[report], Some(Mode::Loose))?;
                    let entry = entry.to(format!("build {id}")).about(&found.host.facts).with("installed");
                    store.write(|connection| milepost_store::audit::record(connection, &entry))?;
                }
                store.read(|connection| build::load_with_host(connection, id, now))
            }
        }
    };
    let found = db::bounded(work).await?;
    Ok(web::Json(BuildView::of(&app, found.host, &found.build, now)))
}
