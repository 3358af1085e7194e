//! Tokens of programs and people: made, listed, revoked.
//!
//! The rule it protects: nobody makes a token that can do more than they can; a token is shown once,
//! to whoever made it.

use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Duration, Utc};
use milepost_domain::{
    Bounds, Name, Scope,
    search::{Field, Kind, Value},
};
use milepost_store::token::{self, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{memory, steps::within};
use crate::{
    App,
    auth::{Admin, Caller, NewToken},
    body::Body,
    clock, db,
    page::{ListParams, envelope},
    problem::{Code, Faults, Problem},
};

/// How long a token may be valid at most, in seconds: a hundred years.
const SECONDS_MAX: i64 = 3_153_600_000;
/// How many organizations or locations a token may be bound to; it travels with each request.
const BOUNDS_MAX: usize = 50;

/// A token that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "wall screen", "scope": "read", "expires_in": 2_592_000, "locations": ["brno"]}))]
pub(crate) struct TokenInput {
    /// What it is for; shown in lists and in the audit trail.
    #[schema(example = "wall screen", max_length = 255)]
    pub name: Option<String>,
    /// `read`, `manage` or `admin`; each includes those before it.
    #[schema(example = "read")]
    pub scope: String,
    /// How long it is valid, in seconds; absent: until it is revoked.
    #[schema(minimum = 1, example = 2_592_000)]
    pub expires_in: Option<i64>,
    /// Only hosts of these organizations, with what is below them; absent or empty: of all.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// Only hosts of these locations, with what is below them; absent or empty: of all.
    #[serde(default)]
    pub locations: Vec<String>,
}

/// A token, without what makes it one.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    /// Its `jti`: what to revoke it by.
    pub id: Uuid,
    /// What it is for.
    #[schema(example = "wall screen")]
    pub name: String,
    /// `read`, `manage` or `admin`; absent for one that was not made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "read")]
    pub scope: Option<String>,
    /// The organizations that it is bound to; empty: it is not.
    pub organizations: Vec<String>,
    /// The locations that it is bound to; empty: it is not.
    pub locations: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// When it runs out; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// Who made it void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
    /// The token itself; only in the answer to whoever made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        let titles = |names: std::collections::BTreeSet<Name>| names.into_iter().map(String::from).collect();
        Self {
            id: token.id,
            name: token.name,
            scope: token.scope.map(|scope| scope.to_string()),
            organizations: titles(token.bounds.organizations),
            locations: titles(token.bounds.locations),
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            revoked_by: token.revoked_by,
            token: None,
        }
    }
}

envelope! {
    /// A page of tokens.
    TokenList of TokenView
}

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text).in_free_text(),
    Field::new("scope", Kind::Choice(Scope::WORDS)),
    Field::new("created_by", Kind::Text).in_free_text(),
    Field::new("revoked", Kind::Boolean),
];

fn value(token: &Token, field: &str) -> Option<Value> {
    Some(match field {
        "name" => Value::Text(token.name.clone()),
        "scope" => Value::Text(token.scope?.to_string()),
        "created_by" => Value::Text(token.created_by.clone()),
        "revoked" => Value::Boolean(token.revoked_at.is_some()),
        _ => return None,
    })
}

impl TokenInput {
    fn check(self) -> Result<NewToken, Problem> {
        let mut faults = Faults::default();
        let named = self.name.filter(|name| !name.trim().is_empty());
        let name: Option<Name> = named.and_then(|name| faults.take("/name", name.parse()));
        let scope = faults.take("/scope", self.scope.parse::<Scope>());
        let expires_in = self.expires_in;
        let seconds: Option<i64> =
            expires_in.and_then(|seconds| faults.take("/expires_in", within(seconds, 1, SECONDS_MAX)));
        let mut titles = |pointer: &str, titles: Vec<String>| {
            if titles.len() > BOUNDS_MAX {
                faults
                    .note(pointer, format!("has {} entries; at most {BOUNDS_MAX} are allowed", titles.len()));
            }
            let titles = titles.into_iter().take(BOUNDS_MAX).enumerate();
            titles.filter_map(|(at, title)| faults.take(&format!("{pointer}/{at}"), title.parse())).collect()
        };
        let organizations = titles("/organizations", self.organizations);
        let locations = titles("/locations", self.locations);
        let new = scope.map(|scope| NewToken {
            name: name.map(String::from),
            scope,
            bounds: Bounds { organizations, locations },
            lifetime: seconds.and_then(Duration::try_seconds),
        });
        faults.into_result(new)
    }
}

/// List the tokens that were made here or revoked, newest first.
#[utoipa::path(tag = "Access", operation_id = "list_tokens", params(ListParams), security(("token" = ["admin"])),
    responses((status = 200, body = TokenList, description = "A page of tokens")))]
#[get("/tokens")]
pub(crate) async fn list_tokens(
    caller: Caller<Admin>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<TokenList>, Problem> {
    let listing = params.into_inner().read(FIELDS, &["name", "scope", "created_by"], clock::now())?;
    let bounds = caller.who.bounds;
    let mut tokens = db::read(&app, token::list).await?;
    tokens.retain(|token| bounds.contain(&token.bounds));
    let page = memory::page(tokens, &listing, value);
    Ok(web::Json(TokenList::new(listing, page, TokenView::from)))
}

/// Make a token.
///
/// It cannot do more than the one it is made with.
#[utoipa::path(tag = "Access", operation_id = "create_token", request_body = TokenInput, security(("token" = ["admin"])),
    responses((status = 201, body = TokenView, description = "The token; it is shown this once")))]
#[post("/tokens")]
pub(crate) async fn create_token(
    caller: Caller<Admin>,
    app: web::Data<App>,
    Body(input): Body<TokenInput>,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let new = input.check()?;
    if !caller.who.bounds.contain(&new.bounds) {
        let detail = "your own token is bound to organizations or locations; the new one must be bound to some of them";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let (id, text, expires_at) = app.keys.mint_known(&new)?;
    let token = Token {
        id,
        name: new.name.unwrap_or_default(),
        scope: Some(new.scope),
        bounds: new.bounds,
        created_at: now,
        created_by: caller.who.name(),
        expires_at,
        revoked_at: None,
        revoked_by: None,
    };
    let entry = caller.entry("create_token", now).to(format!("token {id}"));
    let entry = entry.with(format!("{} {}", new.scope, token.name).trim_end().to_owned());
    let stored = token.clone();
    db::write(&app, move |connection| token::insert(connection, &stored, &entry)).await?;
    Ok(HttpResponse::Created().json(TokenView { token: Some(text), ..TokenView::from(token) }))
}

/// Revoke a token: it is void at once, and so are the sessions that were opened with it.
///
/// Also one that is not listed, such as one that was made while the service was down.
#[utoipa::path(tag = "Access", operation_id = "revoke_token", security(("token" = ["admin"])),
    params(("id" = uuid::Uuid, Path, description = "The token's `jti`")),
    responses((status = 200, body = TokenView, description = "The token that is void now")))]
#[delete("/tokens/{id}")]
pub(crate) async fn revoke_token(
    caller: Caller<Admin>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<web::Json<TokenView>, Problem> {
    let now = clock::now();
    let unknown = || Problem::not_found(format!("there is no token '{id}'; a token is named by its UUID"));
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let known = db::read(&app, move |connection| token::find(connection, id)).await?;
    let bounds = &caller.who.bounds;
    let is_beyond = known.as_ref().map_or(bounds.is_bound(), |token| !bounds.contain(&token.bounds));
    if is_beyond {
        return Err(unknown());
    }
    let known = known.unwrap_or_else(|| Token {
        id,
        name: String::new(),
        scope: None,
        bounds: Bounds::default(),
        created_at: now,
        created_by: String::new(),
        expires_at: None,
        revoked_at: None,
        revoked_by: None,
    });
    let void = match known.revoked_at {
        Some(_) => known,
        None => Token { revoked_at: Some(now), revoked_by: Some(caller.who.name()), ..known },
    };
    let entry = caller.entry("revoke_token", now).to(format!("token {id}")).with(void.name.clone());
    let (store, revoked) = (app.store.clone(), void.clone());
    db::bounded(move || store.revoke(token::Kind::Token, &revoked, &entry)).await?;
    Ok(web::Json(void.into()))
}
