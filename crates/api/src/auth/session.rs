//! Browsers: signed in with a token or a link, once, and known by a cookie from then on.
//!
//! The rule it protects: the cookie is for this service alone and for no script; a change that a
//! browser asks for by itself is made only for pages of ours.

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time},
    http::{Method, header},
    web,
};
use milepost_store::{audit::Entry, token::Kind};

use super::{Act, NewToken, Who, clock, program};
use crate::{
    App, db,
    problem::{Code, Problem},
};

/// The cookie's name.
const COOKIE: &str = "milepost_session";

/// The session that a request came with.
pub(super) fn cookie(request: &HttpRequest) -> Option<String> {
    Some(request.cookie(COOKIE)?.value().to_owned())
}

/// That a change was asked for by a page of ours: a browser sends its cookie, its certificate and its
/// proxy's word along with whatever page asks.
pub(crate) fn same_origin(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // Browsers that do not say so say at least from where.
        (None, Some(origin)) => {
            let host =
                |url: &str| url.split_once("://").map(|(_, host)| host.trim_end_matches('/').to_owned());
            let ours = app.base_url(request);
            let asked = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            let origin = host(origin);
            origin.is_some() && (origin.as_deref() == asked || origin == host(&ours))
        }
        // No browser sends a POST without either; whoever does holds the certificate by intent.
        (None, None) => cookie(request).is_none(),
    };
    if is_ours {
        return Ok(());
    }
    let detail = "a change by a signed-in browser must come from a page of this service";
    Err(Problem::new(Code::Forbidden, detail))
}

/// Signs a browser in with a token, or with a link's, which is used up.
pub(crate) async fn sign_in(
    app: &web::Data<App>,
    request: &HttpRequest,
    token: &str,
    entry: impl FnOnce(&Who) -> Entry,
) -> Result<Cookie<'static>, Problem> {
    same_origin(app, request)?;
    app.limits.admit(request, app)?;
    let now = clock::now();
    let wrong = |problem: Problem| app.limits.guessed(request, app, problem);
    let used = program(app, token, None, now).or_else(|problem| {
        program(app, token, Some(Act::SignIn), now).map_err(|as_link| {
            if as_link.code == Code::CredentialRevoked {
                Problem::new(
                    as_link.code,
                    "this link was used already; print another with `milepost token link`",
                )
            } else {
                problem
            }
        })
    });
    let used = used.map_err(wrong)?;
    let who = Who::of_token(Arc::clone(&used), true);
    let entry = entry(&who);
    let is_link = used.act == Some(Act::SignIn);
    let store = app.store.clone();
    if is_link {
        let void = used.void(&who.name(), now);
        let is_first = db::bounded(move || store.revoke(Kind::Link, &void, &entry)).await?;
        if !is_first {
            let detail = "this link was used already; print another with `milepost token link`";
            return Err(Problem::new(Code::CredentialRevoked, detail));
        }
    } else {
        db::write(app, move |connection| milepost_store::audit::record(connection, &entry)).await?;
    }
    let longest = app.settings.session_duration;
    // A link runs out soon; the session that it opens does not.
    let left = used.expires_at.filter(|_| !is_link).map_or(longest, |at| (at - now).min(longest));
    let new = NewToken {
        name: used.name.clone(),
        scope: used.scope,
        bounds: used.bounds.clone(),
        lifetime: Some(left),
    };
    let via = (!is_link).then_some(used.id);
    let (_, token) = app.keys.mint_as(&new, Some(Act::Session), via).map_err(Problem::internal)?;
    Ok(baked(app, request, token, time::Duration::seconds(left.num_seconds())))
}

/// Signs a browser out: the session is void from now on, wherever its cookie may lie.
pub(crate) async fn sign_out(
    app: &web::Data<App>,
    request: &HttpRequest,
    entry: impl FnOnce(&Who) -> Entry,
) -> Result<Cookie<'static>, Problem> {
    same_origin(app, request)?;
    let now = clock::now();
    if let Some(session) = cookie(request)
        && let Ok(session) = program(app, &session, Some(Act::Session), now)
    {
        let who = Who::of_token(Arc::clone(&session), true);
        let (store, entry, void) = (app.store.clone(), entry(&who), session.void(&who.name(), now));
        db::bounded(move || store.revoke(Kind::Session, &void, &entry)).await?;
    }
    Ok(baked(app, request, String::new(), time::Duration::ZERO))
}

fn baked(app: &App, request: &HttpRequest, value: String, max_age: time::Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(app.base_url(request).starts_with("https://"))
        .path("/")
        .max_age(max_age)
        .finish()
}
