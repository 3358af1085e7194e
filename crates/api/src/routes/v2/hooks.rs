//! Hooks: who is told what, made, changed and removed.
//!
//! The rule it protects: a hook carries what its maker may see to another place, so only an admin makes
//! one, within their own bounds; its secret is shown once.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use milepost_domain::{
    Bounds, Name, TopicPattern,
    search::{self, Field, Kind, Value},
};
use milepost_store::{
    Error,
    hook::{self, Format, Hook, OLD_SECRET_SIGNS},
    list,
};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::memory;
use crate::{
    App,
    announce::{names_a_private_one, new_secret, read_secret},
    auth::{Admin, Caller},
    body::Body,
    clock, db,
    page::{ListParams, envelope},
    problem::{Faults, Problem},
};

/// The longest URL, in characters.
const URL_MAX: usize = 2_048;
/// How many patterns a hook may have.
const EVENTS_MAX: usize = 50;

/// A hook that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "chat", "url": "https://chat.example.com/hooks/4kx", "format": "slack",
    "events": ["build.failed", "signal.*.began"], "search": "location = brno"}))]
pub(crate) struct HookInput {
    /// What it is for; absent: the host of its URL.
    #[schema(example = "chat", max_length = 255)]
    pub name: Option<String>,
    /// Where to, by `POST`.
    #[schema(example = "https://chat.example.com/hooks/4kx", max_length = 2048)]
    pub url: String,
    /// Of which events; `*` stands for any part of a name, and at its end for all that follow. Absent: of all.
    #[schema(example = json!(["build.failed", "signal.*.began"]), min_items = 1, max_items = 50)]
    pub events: Option<Vec<String>>,
    /// Of which builds, in the language of `search`; absent: of all that its maker may see.
    #[schema(example = "location = brno", max_length = 2048)]
    pub search: Option<String>,
    /// `standard`: signed JSON; `slack`: a message for a channel of Slack or Mattermost. Absent: `standard`.
    #[schema(example = "standard")]
    pub format: Option<String>,
    /// What it signs with: `whsec_` and 24 to 64 bytes in base64; absent: one is made, and shown this once.
    pub secret: Option<String>,
    /// Whether anything is sent; absent: yes.
    pub enabled: Option<bool>,
}

/// What is to change about a hook; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"enabled": true}))]
pub(crate) struct HookPatch {
    /// What it is for.
    #[schema(example = "chat", min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// Where to.
    #[schema(example = "https://chat.example.com/hooks/4kx", max_length = 2048)]
    pub url: Option<String>,
    /// Of which events.
    #[schema(example = json!(["build.*"]), min_items = 1, max_items = 50)]
    pub events: Option<Vec<String>>,
    /// Of which builds; empty: of all that its maker may see.
    #[schema(example = "location = brno", max_length = 2048)]
    pub search: Option<String>,
    /// `standard` or `slack`.
    #[schema(example = "standard")]
    pub format: Option<String>,
    /// What it signs with from now on; the one before signs as well for a day.
    pub secret: Option<String>,
    /// Whether a new secret is to be made, and shown this once; the one before signs as well for a day.
    pub new_secret: Option<bool>,
    /// Whether anything is sent; enabling it forgets its failures and sends what waits.
    pub enabled: Option<bool>,
}

/// Who is told what, and where.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Hook)]
pub(crate) struct HookView {
    /// Its id.
    pub id: Uuid,
    /// What it is for.
    #[schema(example = "chat")]
    pub name: String,
    /// Where to. It may hold a secret of the receiver's.
    #[schema(example = "https://chat.example.com/hooks/4kx")]
    pub url: String,
    /// `standard` or `slack`; more may come.
    #[schema(example = "standard")]
    pub format: String,
    /// Of which events.
    #[schema(example = json!(["build.failed", "signal.*.began"]))]
    pub events: Vec<String>,
    /// Of which builds; absent: of all within its bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "location = brno")]
    pub search: Option<String>,
    /// The organizations that its maker was bound to; empty: none.
    pub organizations: Vec<String>,
    /// The locations that its maker was bound to; empty: none.
    pub locations: Vec<String>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Why the service itself has disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// Since when nothing was taken; absent: the last delivery was, or there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<DateTime<Utc>>,
    /// How many deliveries in a row were not taken.
    pub failures: u32,
    /// What it signs with; only in the answer to whoever had it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

impl From<Hook> for HookView {
    fn from(hook: Hook) -> Self {
        let titles = |names: std::collections::BTreeSet<Name>| names.into_iter().map(String::from).collect();
        Self {
            id: hook.id,
            name: hook.name.into(),
            url: hook.url,
            format: hook.format.as_str().to_owned(),
            events: hook.events.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            search: hook.search,
            organizations: titles(hook.bounds.organizations),
            locations: titles(hook.bounds.locations),
            enabled: hook.is_enabled,
            disabled_reason: hook.disabled_reason,
            created_at: hook.created_at,
            created_by: hook.created_by,
            failing_since: hook.failing_since,
            failures: hook.failures,
            secret: None,
        }
    }
}

envelope! {
    /// A page of hooks.
    HookList of HookView
}
const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text).in_free_text(),
    Field::new("url", Kind::Text).in_free_text(),
    Field::new("format", Kind::Choice(Format::WORDS)),
    Field::new("enabled", Kind::Boolean),
];

fn value(hook: &Hook, field: &str) -> Option<Value> {
    Some(match field {
        "name" => Value::Text(hook.name.to_string()),
        "url" => Value::Text(hook.url.clone()),
        "format" => Value::Text(hook.format.as_str().to_owned()),
        "enabled" => Value::Boolean(hook.is_enabled),
        _ => return None,
    })
}

/// A URL that can be sent to.
fn read_url(app: &App, text: &str) -> Result<Url, String> {
    if text.chars().count() > URL_MAX {
        return Err(format!("a URL has at most {URL_MAX} characters"));
    }
    let url = Url::parse(text.trim()).map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("a URL begins with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL has no user or password here; the receiver knows us by our signature".to_owned());
    }
    if !app.settings.hooks.private_addresses && names_a_private_one(&url) {
        return Err(
            "names a private address, and those are not sent to here ([hooks] private_addresses)".to_owned()
        );
    }
    Ok(url)
}

fn read_events(faults: &mut Faults, events: Vec<String>) -> Vec<TopicPattern> {
    if events.is_empty() || events.len() > EVENTS_MAX {
        faults.note("/events", format!("has {} entries; 1 to {EVENTS_MAX} are allowed", events.len()));
    }
    let events = events.into_iter().take(EVENTS_MAX).enumerate();
    events.filter_map(|(at, pattern)| faults.take(&format!("/events/{at}"), pattern.parse())).collect()
}

/// The search, if it can be read and looks for anything.
fn read_search(faults: &mut Faults, text: &str) -> Option<String> {
    let parsed = faults.take("/search", search::parse(text, list::STORED, clock::now()))?;
    parsed.map(|_| text.trim().to_owned())
}

impl HookInput {
    fn check(self, app: &App, caller: &Caller<Admin>) -> Result<Hook, Problem> {
        let now = clock::now();
        let mut faults = Faults::default();
        let url = faults.take("/url", read_url(app, &self.url));
        let named = self.name.filter(|name| !name.trim().is_empty());
        let host = || url.as_ref().and_then(Url::host_str).map(ToOwned::to_owned);
        let name = named.or_else(host).and_then(|name| faults.take("/name", name.parse::<Name>()));
        let events = read_events(&mut faults, self.events.unwrap_or_else(|| vec!["*".to_owned()]));
        let search = self.search.as_deref().and_then(|search| read_search(&mut faults, search));
        let format = faults.take("/format", self.format.as_deref().unwrap_or("standard").parse::<Format>());
        let secret = match &self.secret {
            Some(secret) => faults.take("/secret", read_secret(secret)),
            None => Some(new_secret()),
        };
        let hook = || {
            Some(Hook {
                id: clock::new_id::<()>(now).uuid(),
                name: name?,
                url: url?.into(),
                format: format?,
                events,
                search,
                bounds: caller.who.bounds.clone(),
                secret: secret?,
                old_secret: None,
                is_enabled: self.enabled.unwrap_or(true),
                disabled_reason: None,
                created_at: now,
                created_by: caller.who.name(),
                failing_since: None,
                failures: 0,
            })
        };
        let hook = hook();
        faults.into_result(hook)
    }
}

/// A patch that was read: what is there changes.
#[derive(Debug, Clone)]
struct Change {
    name: Option<Name>,
    url: Option<Url>,
    events: Option<Vec<TopicPattern>>,
    /// Empty: of all builds.
    search: Option<String>,
    format: Option<Format>,
    secret: Option<hook::Secret>,
    is_enabled: Option<bool>,
}

impl HookPatch {
    fn check(self, app: &App) -> Result<Change, Problem> {
        let mut faults = Faults::default();
        let url = self.url.and_then(|url| faults.take("/url", read_url(app, &url)));
        let name = self.name.and_then(|name| faults.take("/name", name.parse()));
        let events = self.events.map(|events| read_events(&mut faults, events));
        let search = self.search.map(|search| read_search(&mut faults, &search).unwrap_or_default());
        let format = self.format.and_then(|format| faults.take("/format", format.parse()));
        if self.secret.is_some() && self.new_secret == Some(true) {
            faults.note("/new_secret", "a secret is given, so none is to be made");
        }
        let given = self.secret.and_then(|secret| faults.take("/secret", read_secret(&secret)));
        let secret = given.or_else(|| (self.new_secret == Some(true)).then(new_secret));
        faults.into_result(Some(Change {
            name,
            url,
            events,
            search,
            format,
            secret,
            is_enabled: self.enabled,
        }))
    }
}

impl Change {
    fn apply(self, hook: Hook, now: milepost_domain::Time) -> Hook {
        let is_enabled = self.is_enabled.unwrap_or(hook.is_enabled);
        let (secret, old_secret) = match self.secret {
            Some(secret) if secret != hook.secret => (secret, Some((hook.secret, now + OLD_SECRET_SIGNS))),
            _ => (hook.secret, hook.old_secret),
        };
        Hook {
            name: self.name.unwrap_or(hook.name),
            url: self.url.map_or(hook.url, String::from),
            events: self.events.unwrap_or(hook.events),
            search: self.search.or(hook.search).filter(|search| !search.is_empty()),
            format: self.format.unwrap_or(hook.format),
            secret,
            old_secret,
            is_enabled,
            disabled_reason: hook.disabled_reason.filter(|_| !is_enabled),
            ..hook
        }
    }
}

pub(super) fn parse_id(text: &str) -> Result<Uuid, Problem> {
    let unknown = |_| Problem::not_found(format!("there is no hook '{text}'; a hook is named by its UUID"));
    text.parse().map_err(unknown)
}

/// The hook, where somebody with these bounds sees it; else it is as if it were not there.
pub(super) fn visible(hook: Hook, bounds: &Bounds) -> milepost_store::Result<Hook> {
    if bounds.contain(&hook.bounds) { Ok(hook) } else { Err(Error::not_found("hook", &hook.id)) }
}

pub(super) async fn find(app: &web::Data<App>, id: Uuid, bounds: Bounds) -> Result<Hook, Problem> {
    db::read(app, move |connection| visible(hook::find(connection, id)?, &bounds)).await
}

/// List the hooks, oldest first.
#[utoipa::path(tag = "Hooks", operation_id = "list_hooks", params(ListParams), security(("token" = ["admin"])),
    responses((status = 200, body = HookList, description = "A page of hooks")))]
#[get("/hooks")]
pub(crate) async fn list_hooks(
    caller: Caller<Admin>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<HookList>, Problem> {
    let listing = params.into_inner().read(FIELDS, &["name", "url", "format"], clock::now())?;
    let bounds = caller.who.bounds;
    let mut hooks = db::read(&app, hook::list).await?;
    hooks.retain(|hook| bounds.contain(&hook.bounds));
    let page = memory::page(hooks, &listing, value);
    Ok(web::Json(HookList::new(listing, page, HookView::from)))
}

/// Make a hook: a URL that is told what happens.
///
/// It is told of what its maker may see. What is sent, and how to check its signature, is in `docs/hooks.md`.
#[utoipa::path(tag = "Hooks", operation_id = "create_hook", request_body = HookInput, security(("token" = ["admin"])),
    responses((status = 201, body = HookView, description = "The hook; its secret is shown this once")))]
#[post("/hooks")]
pub(crate) async fn create_hook(
    caller: Caller<Admin>,
    app: web::Data<App>,
    Body(input): Body<HookInput>,
) -> Result<HttpResponse, Problem> {
    let was_given = input.secret.is_some();
    let hook = input.check(&app, &caller)?;
    let now = hook.created_at;
    let entry = caller.entry("create_hook", now).to(format!("hook {}", hook.id)).with(hook.name.to_string());
    let stored = hook.clone();
    db::write(&app, move |connection| hook::insert(connection, &stored, now, &entry)).await?;
    let secret = Some(hook.secret.0.clone()).filter(|_| !was_given);
    Ok(HttpResponse::Created().json(HookView { secret, ..HookView::from(hook) }))
}

/// Get a hook.
#[utoipa::path(tag = "Hooks", operation_id = "get_hook", security(("token" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "The hook's id")),
    responses((status = 200, body = HookView, description = "The hook")))]
#[get("/hooks/{id}")]
pub(crate) async fn get_hook(
    caller: Caller<Admin>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<web::Json<HookView>, Problem> {
    Ok(web::Json(find(&app, parse_id(&id)?, caller.who.bounds).await?.into()))
}

/// Change a hook.
///
/// Its failures are forgotten, and what waits is sent at once.
#[utoipa::path(tag = "Hooks", operation_id = "update_hook", request_body = HookPatch, security(("token" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "The hook's id")),
    responses((status = 200, body = HookView, description = "The hook as it is now; a secret that was made is shown this once")))]
#[patch("/hooks/{id}")]
pub(crate) async fn update_hook(
    caller: Caller<Admin>,
    app: web::Data<App>,
    id: web::Path<String>,
    Body(patch): Body<HookPatch>,
) -> Result<web::Json<HookView>, Problem> {
    let (now, id) = (clock::now(), parse_id(&id)?);
    let is_made = patch.new_secret == Some(true);
    let change = patch.check(&app)?;
    let entry = caller.entry("update_hook", now).to(format!("hook {id}"));
    let bounds = caller.who.bounds;
    let hook = db::write(&app, move |connection| {
        let apply = |hook| Ok(change.clone().apply(visible(hook, &bounds)?, now));
        hook::update(connection, id, now, &entry, apply)
    })
    .await?;
    let secret = Some(hook.secret.0.clone()).filter(|_| is_made);
    Ok(web::Json(HookView { secret, ..HookView::from(hook) }))
}

/// Remove a hook, with what was still to be sent to it.
#[utoipa::path(tag = "Hooks", operation_id = "delete_hook", security(("token" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "The hook's id")),
    responses((status = 200, body = HookView, description = "The hook that was removed")))]
#[delete("/hooks/{id}")]
pub(crate) async fn delete_hook(
    caller: Caller<Admin>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<web::Json<HookView>, Problem> {
    let (now, id) = (clock::now(), parse_id(&id)?);
    let entry = caller.entry("delete_hook", now).to(format!("hook {id}"));
    let bounds = caller.who.bounds;
    let hook = db::write(&app, move |connection| {
        let hook = visible(hook::find(connection, id)?, &bounds)?;
        hook::delete(connection, id, &entry.clone().with(hook.name.to_string()))?;
        Ok(hook)
    })
    .await?;
    Ok(web::Json(hook.into()))
}
