//! Who may do what: tokens of programs and people, sessions of browsers, certificates, and the
//! credentials of builds.
//!
//! The rule it protects: what a caller may do is part of a handler's signature ([`Caller`]); a
//! build's credential opens that build and nothing else, and no credential is ever logged.

mod build;
mod claims;
mod identity;
mod keys;
mod oauth;
pub(crate) mod session;

use std::{fmt, future::Future, marker::PhantomData, pin::Pin};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, http::header, web};
use chrono::{Duration, SubsecRound as _};
use milepost_domain::{Bounds, HostFacts, Time};
use milepost_store::{audit::Entry, build::Announcement, token::Token};
use uuid::Uuid;

use self::claims::{Act, Claims, Holder, Program};
pub(crate) use self::{
    build::{BuildToken, Expiry, Reporter, reporter},
    claims::Pass,
};
pub use self::{
    identity::{Proxy, TrustedHost, client_address},
    keys::{InvalidKey, Key, Keys, SECRET_MIN},
};
use crate::{
    App, clock,
    problem::{Code, Problem},
};
pub use milepost_domain::Scope;

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its maker calls it.
    pub name: Option<String>,
    /// What it allows: never [`Scope::Report`].
    pub scope: Scope,
    /// Of which hosts.
    pub bounds: Bounds,
    /// How long it is valid; `None`: for ever.
    pub lifetime: Option<Duration>,
}

impl NewToken {
    /// One that is bound to nothing and has no name.
    #[must_use]
    pub fn of(scope: Scope, lifetime: Option<Duration>) -> Self {
        Self { name: None, scope, bounds: Bounds::default(), lifetime }
    }
}

impl Keys {
    /// Makes a token for a program or a person.
    ///
    /// # Errors
    /// When the first key cannot sign.
    pub fn mint(&self, new: &NewToken) -> Result<String, jsonwebtoken::errors::Error> {
        Ok(self.mint_as(new, None, None)?.1)
    }

    /// Makes a token, and says by which id it is known and when it runs out.
    pub(crate) fn mint_known(&self, new: &NewToken) -> Result<(Uuid, String, Option<Time>), Problem> {
        let (program, token) = self.mint_as(new, None, None).map_err(Problem::internal)?;
        Ok((program.id, token, program.expires_at))
    }

    /// Makes a link's token, to sign in with once.
    ///
    /// # Errors
    /// When the first key cannot sign.
    pub fn mint_link(&self, new: &NewToken) -> Result<String, jsonwebtoken::errors::Error> {
        Ok(self.mint_as(new, Some(Act::SignIn), None)?.1)
    }

    fn mint_as(
        &self,
        new: &NewToken,
        act: Option<Act>,
        via: Option<Uuid>,
    ) -> Result<(Program, String), jsonwebtoken::errors::Error> {
        let now = clock::now();
        let program = Program {
            id: clock::new_id::<()>(now).uuid(),
            name: new.name.clone(),
            scope: new.scope,
            bounds: new.bounds.clone(),
            // As the token says it: in whole seconds.
            expires_at: new.lifetime.map(|lifetime| (now + lifetime).trunc_subsecs(0)),
            via,
            act,
        };
        let token = self.sign(&Claims::of_program(&program, now))?;
        Ok((program, token))
    }

    /// Makes the token of a build; `None` where the names of its host are too long for one that travels.
    pub(crate) fn mint_build(
        &self,
        build: milepost_domain::BuildId,
        announced: &Announcement,
    ) -> Result<Option<BuildToken>, Problem> {
        let token = self.sign(&Claims::of_build(build, announced)).map_err(Problem::internal)?;
        Ok(token.parse().ok())
    }

    /// What the token of a build says, if this is one that is valid.
    pub(crate) fn pass(&self, token: &str) -> Result<Option<std::sync::Arc<Pass>>, Problem> {
        if !keys::looks_signed(token) {
            return Ok(None);
        }
        let strange = "this token opens no build: no key of this service verifies its signature";
        let verified = self.verify_at_any_time(token, strange)?;
        match verified.holder {
            Holder::Machine(pass) => Ok(Some(pass)),
            Holder::Program(_) => {
                Err(Problem::new(Code::Unauthenticated, "this is the token of a program, not of a build"))
            }
        }
    }
}

/// A scope as a type, for [`Caller`].
pub trait Needs: 'static {
    /// The scope that is needed.
    const SCOPE: Scope;
}

/// Needs [`Scope::Read`].
#[derive(Debug)]
pub enum Read {}
/// Needs [`Scope::Manage`].
#[derive(Debug)]
pub enum Manage {}
/// Needs [`Scope::Admin`].
#[derive(Debug)]
pub enum Admin {}

impl Needs for Read {
    const SCOPE: Scope = Scope::Read;
}
impl Needs for Manage {
    const SCOPE: Scope = Scope::Manage;
}
impl Needs for Admin {
    const SCOPE: Scope = Scope::Admin;
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    identity: Identity,
    pub(crate) scope: Scope,
    pub(crate) bounds: Bounds,
    /// A browser sends it by itself, whoever wrote the page that asks.
    is_ambient: bool,
}

#[derive(Debug, Clone)]
enum Identity {
    Token(std::sync::Arc<Program>),
    /// What the connection says.
    Named(String),
}

impl Who {
    fn of_token(program: std::sync::Arc<Program>, is_ambient: bool) -> Self {
        let (scope, bounds) = (program.scope, program.bounds.clone());
        Self { identity: Identity::Token(program), scope, bounds, is_ambient }
    }

    /// In words, for the audit trail and for whoever reads what somebody did.
    pub(crate) fn name(&self) -> String {
        match &self.identity {
            Identity::Named(name) => name.clone(),
            Identity::Token(program) => match &program.name {
                Some(name) => format!("{name} ({})", program.id),
                None => format!("token {}", program.id),
            },
        }
    }

    /// When the credential runs out; `None`: not by itself.
    pub(crate) fn expires_at(&self) -> Option<Time> {
        match &self.identity {
            Identity::Token(program) => program.expires_at,
            Identity::Named(_) => None,
        }
    }

    /// Whether the credential would still open what it has opened: it did not run out, and nobody revoked it.
    pub(crate) fn holds(&self, app: &App, now: Time) -> bool {
        match &self.identity {
            Identity::Token(program) => {
                program.expires_at.is_none_or(|at| now < at) && !program.is_revoked(app)
            }
            Identity::Named(_) => true,
        }
    }

    /// That the caller may see what belongs there; else it is as if it were not there.
    pub(crate) fn sees(&self, host: &HostFacts, unseen: impl FnOnce() -> Problem) -> Result<(), Problem> {
        if self.bounds.allow(host) { Ok(()) } else { Err(unseen()) }
    }

    /// That the caller may change what everybody shares.
    pub(crate) fn shares(&self, what: &str) -> Result<(), Problem> {
        if self.bounds.is_bound() {
            let detail = format!(
                "the token is bound to organizations or locations; {what} belongs to all of them, so it takes one \
                 that is not bound"
            );
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(())
    }
}

/// A caller that may do what `S` stands for. A handler with this argument cannot be reached
/// without it.
#[derive(Debug)]
pub struct Caller<S> {
    pub(crate) who: Who,
    /// Where it came from, for the audit trail.
    request: HttpRequest,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// An entry of the audit trail: that this caller does `action` now.
    pub(crate) fn entry(&self, action: &str, now: Time) -> Entry {
        entry(&self.request, &self.who, action, now)
    }
}

/// An entry of the audit trail: that somebody does `action` now.
pub(crate) fn entry(request: &HttpRequest, who: &Who, action: &str, now: Time) -> Entry {
    let trusted = app(request).map_or(&[][..], |app| &app.settings.trusted_proxies);
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    Entry {
        id: clock::new_id::<()>(now).uuid(),
        at: now,
        actor: who.name(),
        action: action.to_owned(),
        target: String::new(),
        detail: None,
        organization: None,
        location: None,
        address: client_address(request, trusted).map(|address| address.to_string()),
        request_id: request_id.unwrap_or_default(),
    }
}

impl<S: Needs> FromRequest for Caller<S> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(caller(request))
    }
}

fn caller<S: Needs>(request: &HttpRequest) -> Result<Caller<S>, Problem> {
    let app = app(request)?;
    app.limits.admit(request, app)?;
    let who = who(app, request)?;
    if who.scope < S::SCOPE {
        let detail = format!("the credential has the scope '{}'; this needs '{}'", who.scope, S::SCOPE);
        return Err(Problem::new(Code::Forbidden, detail));
    }
    if who.is_ambient {
        session::same_origin(app, request)?;
    }
    Ok(Caller { who, request: request.clone(), scope: PhantomData })
}

/// The request's id, as the envelope gave it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Who calls: by a token, by the session of a browser, by a certificate, or by the word of a proxy
/// that has asked; in this order.
fn who(app: &web::Data<App>, request: &HttpRequest) -> Result<Who, Problem> {
    let now = clock::now();
    if let Some(token) = bearer(request) {
        let failed = |problem: Problem| app.limits.guessed(request, app, problem);
        return Ok(Who::of_token(program(app, token, None, now).map_err(failed)?, false));
    }
    if let Some(token) = session::cookie(request) {
        return Ok(Who::of_token(program(app, &token, Some(Act::Session), now)?, true));
    }
    identity::of_connection(app, request).ok_or_else(|| {
        Problem::new(
            Code::Unauthenticated,
            "send `Authorization: Bearer TOKEN`; make a token with `milepost token create`",
        )
    })
}

/// What a token allows, if it is one of a program, good for `act`, and not revoked.
fn program(app: &App, token: &str, act: Option<Act>, now: Time) -> Result<std::sync::Arc<Program>, Problem> {
    let Holder::Program(program) = app.keys.verify(token, now)? else {
        let detail = "this is the token of a build; it reports, and opens nothing here";
        return Err(Problem::new(Code::Unauthenticated, detail));
    };
    if program.act != act {
        let detail = match program.act {
            Some(Act::SignIn) => "this token is good for signing in, once, and for nothing else",
            Some(Act::Session) => "this token is the session of a browser; it comes as a cookie only",
            None => "this token is to be sent as `Authorization: Bearer`",
        };
        return Err(Problem::new(Code::Unauthenticated, detail));
    }
    if program.is_revoked(app) {
        let detail = "the token has been revoked; ask whoever gave it to you for another";
        return Err(Problem::new(Code::CredentialRevoked, detail));
    }
    Ok(program)
}

impl Program {
    /// Whether it was revoked, or the token by which it was made.
    fn is_revoked(&self, app: &App) -> bool {
        app.store.is_revoked(self.id) || self.via.is_some_and(|via| app.store.is_revoked(via))
    }

    /// As the database knows it, void from now on.
    fn void(&self, by: &str, now: Time) -> Token {
        Token {
            id: self.id,
            name: self.name.clone().unwrap_or_default(),
            scope: Some(self.scope),
            bounds: self.bounds.clone(),
            created_at: now,
            created_by: by.to_owned(),
            expires_at: self.expires_at,
            revoked_at: Some(now),
            revoked_by: Some(by.to_owned()),
        }
    }
}

fn app(request: &HttpRequest) -> Result<&web::Data<App>, Problem> {
    request.app_data::<web::Data<App>>().ok_or_else(|| Problem::internal("the application has no state"))
}

/// The token of an `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Boxed, as extractors that read the body return it.
pub(crate) type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

#[cfg(test)]
mod tests;
