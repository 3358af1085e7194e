//! Who one is here, as the service sees it.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Read};

/// Who calls, and what they may do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Session {
    /// A token by its name and id, a certificate, or a user that a proxy named.
    #[schema(example = "wall screen (0193b0a0-0000-7000-8000-000000000001)")]
    pub name: String,
    /// `read`, `manage` or `admin`; each includes those before it.
    #[schema(example = "read")]
    pub scope: String,
    /// Only hosts of these organizations are shown; empty: of all.
    pub organizations: Vec<String>,
    /// Only hosts of these locations are shown; empty: of all.
    pub locations: Vec<String>,
    /// When the credential runs out; absent: never, or not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who calls, and what they may do.
#[utoipa::path(tag = "Access", operation_id = "get_session", security(("token" = ["read"])),
    responses((status = 200, body = Session, description = "Who calls")))]
#[get("/session")]
pub(crate) async fn get_session(caller: Caller<Read>) -> web::Json<Session> {
    let who = caller.who;
    web::Json(Session {
        name: who.name(),
        expires_at: who.expires_at(),
        scope: who.scope.to_string(),
        organizations: who.bounds.organizations.into_iter().map(String::from).collect(),
        locations: who.bounds.locations.into_iter().map(String::from).collect(),
    })
}
