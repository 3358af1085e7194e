//! Mutes: whose signals nobody wants to hear of, until when, and why.
//!
//! The rule it protects: nobody mutes, sees or ends what lies beyond the hosts that they may see, and each mute
//! has an end, a reason and somebody's name.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Duration, Utc};
use milepost_domain::{
    Bounds, Host, Message, Time,
    host::HostRef,
    search::{Field, Kind, Value},
};
use milepost_store::{
    Error,
    mute::{self, Mute, Search, Subject},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    builds::{find_host, parse_time},
    memory,
};
use crate::{
    App,
    auth::{Caller, Manage, Read},
    body::Body,
    clock, db,
    page::{ListParams, envelope},
    problem::{Faults, Problem},
    view::HostView,
};

/// How long a mute may last at most.
const DAYS_MAX: i64 = 366;

/// A mute that is to be made: of a host or of a search, until a time or for so long.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"host": "web1.brno.example.com", "for_seconds": 14_400, "reason": "new firmware in rack 7"}))]
pub(crate) struct MuteInput {
    /// Of this host: Foreman's id, the FQDN or our id.
    #[schema(example = "web1.brno.example.com")]
    pub host: Option<String>,
    /// Of the hosts that this search finds, now or later; the language and fields of the list of builds, but for
    /// `signal` and `muted`.
    #[schema(example = "location = brno and hostgroup ~ db", max_length = 2048)]
    pub search: Option<String>,
    /// Until when, RFC 3339; at most a year ahead.
    #[schema(format = DateTime, example = "2026-11-22T18:00:00Z")]
    pub until: Option<String>,
    /// For how long, in seconds, instead of `until`.
    #[schema(minimum = 1, maximum = 31_622_400, example = 14_400)]
    pub for_seconds: Option<i64>,
    /// Why; whoever looks at the host reads it.
    #[schema(example = "new firmware in rack 7", min_length = 1, max_length = 4096)]
    pub reason: String,
}

/// Somebody does not want to hear of some signals for a time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Mute)]
pub(crate) struct MuteView {
    /// Its id: what to end it by.
    pub id: Uuid,
    /// The host, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostView>,
    /// The search that finds the hosts, if it is of several. Times such as `1 hour ago` count from when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "location = brno and hostgroup ~ db")]
    pub search: Option<String>,
    /// Until when; then it ends by itself.
    pub until: DateTime<Utc>,
    /// Why.
    #[schema(example = "new firmware in rack 7")]
    pub reason: String,
    /// Who made it.
    #[schema(example = "deploy (0193b0a0-0000-7000-8000-000000000001)")]
    pub by: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The organizations that whoever made it is bound to, beyond which it does nothing; empty: it is not.
    pub organizations: Vec<String>,
    /// The locations that whoever made it is bound to; empty: it is not.
    pub locations: Vec<String>,
}

/// A mute with the host that it is of.
type Listed = (Mute, Option<Host>);

impl MuteView {
    fn of((mute, host): Listed) -> Self {
        let titles = |names: std::collections::BTreeSet<_>| names.into_iter().map(String::from).collect();
        let search = match mute.subject {
            Subject::Host(_) => None,
            Subject::Search(search) => Some(search.as_str().to_owned()),
        };
        Self {
            id: mute.id,
            host: host.map(HostView::from),
            search,
            until: mute.until,
            reason: mute.reason.into(),
            by: mute.created_by,
            created_at: mute.created_at,
            organizations: titles(mute.bounds.organizations),
            locations: titles(mute.bounds.locations),
        }
    }
}

envelope! {
    /// A page of mutes.
    MuteList of MuteView
}

const FIELDS: &[Field] = &[
    Field::new("host", Kind::Text).also_called(&["name"]).in_free_text(),
    Field::new("search", Kind::Text).in_free_text(),
    Field::new("reason", Kind::Text).in_free_text(),
    Field::new("by", Kind::Text),
    Field::new("until", Kind::Time),
    Field::new("created_at", Kind::Time).also_called(&["created"]),
];

fn value((mute, host): &Listed, field: &str) -> Option<Value> {
    Some(match field {
        "host" => Value::Text(host.as_ref()?.facts.name.to_string()),
        "search" => match &mute.subject {
            Subject::Host(_) => return None,
            Subject::Search(search) => Value::Text(search.as_str().to_owned()),
        },
        "reason" => Value::Text(mute.reason.to_string()),
        "by" => Value::Text(mute.created_by.clone()),
        "until" => Value::Time(mute.until),
        "created_at" => Value::Time(mute.created_at),
        _ => return None,
    })
}

/// Whether somebody who is bound may see a mute, and end it.
fn is_within(bounds: &Bounds, (mute, host): &Listed) -> bool {
    match (&mute.subject, host) {
        (Subject::Host(_), Some(host)) => bounds.allow(&host.facts),
        // Its host has just gone.
        (Subject::Host(_), None) => !bounds.is_bound(),
        (Subject::Search(_), _) => bounds.contain(&mute.bounds),
    }
}

/// Whose signals are to be muted, as it was asked for.
enum Asked {
    Host(HostRef),
    Search(Search),
}

/// What a valid [`MuteInput`] comes to.
struct NewMute {
    asked: Asked,
    until: Time,
    reason: Message,
}

impl MuteInput {
    fn check(self, now: Time) -> Result<NewMute, Problem> {
        let mut faults = Faults::default();
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let asked = match (given(self.host), given(self.search)) {
            (Some(host), None) => Some(Asked::Host(HostRef::parse(host.trim()))),
            (None, Some(search)) => {
                faults.take("/search", Search::parse(&search, now)).flatten().map(Asked::Search)
            }
            (Some(_), Some(_)) => {
                faults.note("/search", "name a host or a search, not both");
                None
            }
            (None, None) => {
                faults.note("/host", "name a host, or a search for several; `name ~ *` finds all");
                None
            }
        };
        let until = match (given(self.until), self.for_seconds) {
            (Some(until), None) => faults.take("/until", parse_time(&until).and_then(|at| ending(at, now))),
            (None, Some(seconds)) => {
                let at = Duration::try_seconds(seconds).and_then(|span| now.checked_add_signed(span));
                faults.take("/for_seconds", ending(at.unwrap_or(Time::MAX_UTC), now))
            }
            (Some(_), Some(_)) => {
                faults.note("/for_seconds", "say `until` or `for_seconds`, not both");
                None
            }
            (None, None) => {
                faults
                    .note("/until", "say when it ends: a time, or `for_seconds`; nothing is muted for ever");
                None
            }
        };
        let reason = faults.take("/reason", self.reason.parse::<Message>());
        let new = asked.zip(until).zip(reason);
        faults.into_result(new.map(|((asked, until), reason)| NewMute { asked, until, reason }))
    }
}

fn ending(at: Time, now: Time) -> Result<Time, String> {
    if at <= now {
        return Err("that is over already".to_owned());
    }
    if at > now + Duration::days(DAYS_MAX) {
        return Err(format!("a mute may last {DAYS_MAX} days at most"));
    }
    Ok(at)
}

/// List the mutes that are in force, those that end first before the others.
#[utoipa::path(tag = "Hosts", operation_id = "list_mutes", params(ListParams), security(("token" = ["read"])),
    responses((status = 200, body = MuteList, description = "A page of mutes")))]
#[get("/mutes")]
pub(crate) async fn list_mutes(
    caller: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<MuteList>, Problem> {
    let now = clock::now();
    let listing = params.into_inner().read(FIELDS, &["host", "search", "until", "created_at"], now)?;
    let bounds = caller.who.bounds;
    let mut mutes = db::read(&app, move |connection| mute::list(connection, now)).await?;
    mutes.retain(|listed| is_within(&bounds, listed));
    let page = memory::page(mutes, &listing, value);
    Ok(web::Json(MuteList::new(listing, page, MuteView::of)))
}

/// Mute the signals of a host, or of those that a search finds, for a time.
///
/// They are still worked out and shown, with who muted them, until when and why; they are counted apart, and
/// nothing is announced of them.
#[utoipa::path(tag = "Hosts", operation_id = "create_mute", request_body = MuteInput, security(("token" = ["manage"])),
    responses(
        (status = 201, body = MuteView, description = "It is muted"),
        (status = 404, body = crate::problem::ProblemBody, description = "There is no such host"),
        (status = 409, body = crate::problem::ProblemBody, description = "There are too many mutes by search"),
    ))]
#[post("/mutes")]
pub(crate) async fn create_mute(
    caller: Caller<Manage>,
    app: web::Data<App>,
    Body(input): Body<MuteInput>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let NewMute { asked, until, reason } = input.check(now)?;
    let (store, bounds, created_by) = (app.store.clone(), caller.who.bounds.clone(), caller.who.name());
    let entry = caller.entry("create_mute", now);
    let made = db::bounded(move || {
        let (subject, host) = match asked {
            Asked::Host(named) => {
                let host = store.read(|connection| find_host(connection, &named, &bounds))?;
                (Subject::Host(host.id), Some(host))
            }
            Asked::Search(search) => (Subject::Search(search), None),
        };
        let id = clock::new_id::<()>(now).uuid();
        let mute = Mute { id, subject, until, reason, created_at: now, created_by, bounds };
        store.mute(&mute, &told(entry, &mute, host.as_ref()))?;
        Ok((mute, host))
    })
    .await?;
    Ok(HttpResponse::Created().json(MuteView::of(made)))
}

/// What the trail says of a mute.
fn told(
    entry: milepost_store::audit::Entry,
    mute: &Mute,
    host: Option<&Host>,
) -> milepost_store::audit::Entry {
    let of = match (&mute.subject, host) {
        (Subject::Search(search), _) => search.as_str().to_owned(),
        (Subject::Host(_), Some(host)) => host.facts.name.to_string(),
        (Subject::Host(id), None) => id.to_string(),
    };
    let entry =
        entry.to(format!("mute {}", mute.id)).with(format!("{of}, until {}: {}", mute.until, mute.reason));
    match host {
        Some(host) => entry.about(&host.facts),
        None => entry,
    }
}

/// End a mute before its time.
#[utoipa::path(tag = "Hosts", operation_id = "delete_mute", security(("token" = ["manage"])),
    params(("id" = uuid::Uuid, Path, description = "The mute's id")),
    responses((status = 200, body = MuteView, description = "The mute that is over now")))]
#[delete("/mutes/{id}")]
pub(crate) async fn delete_mute(
    caller: Caller<Manage>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<web::Json<MuteView>, Problem> {
    let now = clock::now();
    let unknown = || {
        Problem::not_found(format!(
            "there is no mute '{id}' in force; a mute is named by its UUID, see `milepost mutes`"
        ))
    };
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let (store, bounds) = (app.store.clone(), caller.who.bounds.clone());
    let entry = caller.entry("delete_mute", now);
    let ended = db::bounded(move || {
        let all = store.read(|connection| mute::list(connection, now))?;
        let found = all.into_iter().find(|listed| listed.0.id == id && is_within(&bounds, listed));
        let Some((mute, host)) = found else { return Ok(None) };
        let was_there = store.unmute(id, &told(entry.clone(), &mute, host.as_ref()))?;
        Ok::<_, Error>(was_there.then_some((mute, host)))
    })
    .await?;
    ended.map(|ended| web::Json(MuteView::of(ended))).ok_or_else(unknown)
}
