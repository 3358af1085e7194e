//! What is sent to a hook: as it happens, as a test, and what became of it.
//!
//! The rule it protects: a test goes the way of every delivery, and each says why it was not taken.

use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use milepost_store::{
    delivery::{self, Delivery},
    hook,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::hooks::{find, parse_id, visible};
use crate::{
    App, announce,
    auth::{Admin, Caller},
    clock, db,
    page::{ListParams, envelope},
    problem::Problem,
};

/// One event on its way to a hook.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// The event's id, as in the header `webhook-id`: the same with each try.
    pub id: Uuid,
    /// What it is about.
    #[schema(example = "build.completed")]
    pub event: String,
    /// When that happened.
    pub at: DateTime<Utc>,
    /// `pending`, `delivered`, or `failed` once it is tried no more; new words may come.
    #[schema(example = "pending")]
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempted_at: Option<DateTime<Utc>>,
    /// When it is tried next, at the earliest; absent unless it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 500)]
    pub status: Option<u16>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "answered 500 Internal Server Error")]
    pub error: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.event_id,
            event: delivery.event,
            at: delivery.at,
            due_at: (delivery.state == delivery::State::Pending).then_some(delivery.due_at),
            state: delivery.state.as_str().to_owned(),
            attempts: delivery.attempts,
            attempted_at: delivery.attempted_at,
            status: delivery.status,
            error: delivery.error,
        }
    }
}

/// What became of a test.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HookTest {
    /// The event's id, as in the header `webhook-id`.
    pub id: Uuid,
    /// Whether it was taken.
    pub delivered: bool,
    /// The HTTP status of the answer; absent: none came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 204)]
    pub status: Option<u16>,
    /// Why it was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "no answer within 10 s")]
    pub error: Option<String>,
    /// How long that took, in milliseconds.
    #[schema(example = 42)]
    pub milliseconds: u64,
}

envelope! {
    /// A page of what was sent to a hook, and is to be.
    DeliveryList of DeliveryView
}

/// Send a test to a hook now, also to one that is disabled, and say what became of it.
///
/// The event is `hook.test`; it is tried once.
#[utoipa::path(tag = "Hooks", operation_id = "test_hook", security(("token" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "The hook's id")),
    responses((status = 200, body = HookTest, description = "What became of it, whether it was taken or not")))]
#[post("/hooks/{id}/test")]
pub(crate) async fn test_hook(
    caller: Caller<Admin>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<web::Json<HookTest>, Problem> {
    let began = clock::now();
    let hook = find(&app, parse_id(&id)?, caller.who.bounds.clone()).await?;
    let event = clock::new_id::<()>(began).uuid();
    let body = announce::test_event(&app, hook.name.as_str(), began)?;
    let outcome = app.courier.send(&hook, event, &body).await;
    let took = clock::now() - began;
    let entry =
        caller.entry("test_hook", clock::now()).to(format!("hook {}", hook.id)).with(hook.name.to_string());
    let noted = outcome.clone();
    db::write(&app, move |connection| delivery::tested(connection, hook.id, event, &body, &noted, &entry))
        .await?;
    Ok(web::Json(HookTest {
        id: event,
        delivered: outcome.error.is_none(),
        status: outcome.status,
        error: outcome.error,
        milliseconds: u64::try_from(took.num_milliseconds()).unwrap_or(0),
    }))
}

/// List what was sent to a hook and is to be, the newest first, with what became of it.
///
/// Search by `event`, `state`, `attempts` and `at`. It is kept for a week.
#[utoipa::path(tag = "Hooks", operation_id = "list_hook_deliveries", security(("token" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "The hook's id"), ListParams),
    responses((status = 200, body = DeliveryList, description = "A page of deliveries")))]
#[get("/hooks/{id}/deliveries")]
pub(crate) async fn list_hook_deliveries(
    caller: Caller<Admin>,
    app: web::Data<App>,
    id: web::Path<String>,
    params: web::Query<ListParams>,
) -> Result<web::Json<DeliveryList>, Problem> {
    let listing = params.into_inner().read(delivery::FIELDS, delivery::SORTABLE, clock::now())?;
    let (id, query) = (parse_id(&id)?, listing.query.clone());
    let bounds = caller.who.bounds;
    let page = db::read(&app, move |connection| {
        let hook = visible(hook::find(connection, id)?, &bounds)?;
        delivery::list(connection, &query, hook.id)
    })
    .await?;
    Ok(web::Json(DeliveryList::new(listing, page, DeliveryView::from)))
}
