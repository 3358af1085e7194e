//! The audit trail, to be read.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use milepost_store::audit::{self, Entry};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    auth::{Admin, Caller},
    clock, db,
    page::{ListParams, envelope},
    problem::Problem,
};

/// Something that somebody did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its own id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: a token by its name and id, a certificate, or a user that a proxy named.
    #[schema(example = "deploy (0193b0a0-0000-7000-8000-000000000001)")]
    pub actor: String,
    /// What: the operation's id in this document; or `sign_in`, `sign_out`.
    #[schema(example = "create_build")]
    pub action: String,
    /// To what.
    #[schema(example = "build 0193b0a0-0000-7000-8000-000000000001")]
    pub target: String,
    /// More of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "web1.brno.example.com")]
    pub detail: Option<String>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10.1.2.3")]
    pub address: Option<String>,
    /// The request's id, as in the log.
    pub request_id: String,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, actor, action, target, detail, address, request_id, .. } = entry;
        Self { id, at, actor, action, target, detail, address, request_id }
    }
}

envelope! {
    /// A page of the audit trail.
    AuditList of AuditEntry
}

/// List who did what, newest first.
///
/// Search by `actor`, `action`, `target`, `address` and `at`; see `docs/search.md`.
#[utoipa::path(tag = "Access", operation_id = "list_audit", params(ListParams), security(("token" = ["admin"])),
    responses((status = 200, body = AuditList, description = "A page of the trail")))]
#[get("/audit")]
pub(crate) async fn list_audit(
    caller: Caller<Admin>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<AuditList>, Problem> {
    let listing = params.into_inner().read(audit::FIELDS, audit::SORTABLE, clock::now())?;
    let query = listing.query_of(&caller.who.bounds);
    let page = db::read(&app, move |connection| audit::list(connection, &query)).await?;
    Ok(web::Json(AuditList::new(listing, page, AuditEntry::from)))
}
