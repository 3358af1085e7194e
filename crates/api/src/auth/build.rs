//! Which build a machine may report of.
//!
//! The rule it protects: a credential opens its own build and nothing else; one that was sent and is
//! wrong never falls back to something weaker; a signed one needs no database.

use std::{fmt, str::FromStr, sync::Arc};

use actix_web::{HttpRequest, web};
use chrono::Duration;
use milepost_domain::{
    Build, BuildId, Time,
    host::{HostRef, parse_mac},
};
use milepost_store::{
    Error,
    build::{self, Announcement},
    credential::{Credential, TokenHash},
};
use sha2::{Digest as _, Sha256};

use super::{bearer, client_address, oauth};
use crate::{
    App, db,
    problem::{Code, Problem},
};

/// How long after it was opened reports can extend a build's credential at most.
const EXTENDED_MAX: Duration = Duration::days(7);

/// The credential of a build, as it travels. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BuildToken(String);

impl fmt::Debug for BuildToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BuildToken(..)")
    }
}

impl FromStr for BuildToken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (8..=512).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            // The text is not repeated: it may be a secret with a slip.
            Err("a token has 8 to 512 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'".to_owned())
        }
    }
}

impl BuildToken {
    /// One that says nothing, and is looked up.
    pub(crate) fn random() -> Self {
        Self(format!("mpb_{}", super::hex(&crate::clock::secret_bits())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// How forgiving a callback is about a credential that has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It is refused.
    Holds,
    /// It is forgiven, as Foreman forgives it for `built`: the install took longer than planned.
    Forgiven,
}

/// Of which build somebody may report.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    pub(crate) build: BuildId,
    /// What opens the build if nobody did, where that is known.
    pub(crate) announced: Option<Arc<Announcement>>,
    /// The token that was sent, if it was one.
    pub(crate) token: Option<String>,
}

/// Of which build the sender of a request may report: by the token that was sent, however it was;
/// without one, by where it comes from, if the settings allow that.
pub(crate) async fn reporter(
    app: &web::Data<App>,
    request: &HttpRequest,
    token: Option<&str>,
    mac: Option<&str>,
    expiry: Expiry,
    now: Time,
) -> Result<Reporter, Problem> {
    app.limits.admit(request, app)?;
    let sent = match token.filter(|token| !token.is_empty()).or_else(|| bearer(request)) {
        Some(token) => Some(token.to_owned()),
        None => oauth::token(request, now)?,
    };
    let found = match sent {
        Some(token) => {
            by_token(app, request, token).await.map_err(|problem| app.limits.guessed(request, app, problem))
        }
        None => by_place(app, request, mac).await,
    };
    let (reporter, expires_at) = found?;
    if expires_at <= now
        && expiry == Expiry::Holds
        && !is_extended(app, reporter.build, expires_at, now).await?
    {
        let detail = format!(
            "this build's token ran out at {}; open a new build",
            expires_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        );
        return Err(Problem::new(Code::CredentialExpired, detail));
    }
    Ok(reporter)
}

async fn by_token(
    app: &web::Data<App>,
    request: &HttpRequest,
    token: String,
) -> Result<(Reporter, Time), Problem> {
    if let Some(pass) = app.keys.pass(&token)? {
        let (announced, token) = (Some(Arc::clone(&pass.announced)), Some(token));
        return Ok((Reporter { build: pass.build, announced, token }, pass.announced.expires_at));
    }
    let unknown = || Problem::new(Code::Unauthenticated, "this token opens no build");
    let hash = BuildToken::from_str(&token).map_err(|_| unknown())?.hash();
    let Credential { build, expires_at } = if let Some(known) = app.store.remembered_credential(hash) {
        known
    } else {
        // Only a guess asks the database, so guesses are what is throttled.
        app.limits.may_guess(request, app)?;
        let store = app.store.clone();
        db::bounded(move || store.credential(hash)).await?.ok_or_else(unknown)?
    };
    Ok((Reporter { build, announced: None, token: Some(token) }, expires_at))
}

/// By MAC or address, as Foreman does it where it runs without tokens: any MAC that was sent counts,
/// and only without one the address does.
async fn by_place(
    app: &web::Data<App>,
    request: &HttpRequest,
    mac: Option<&str>,
) -> Result<(Reporter, Time), Problem> {
    let settings = &app.settings;
    let mut named: Vec<HostRef> = Vec::new();
    if settings.by_mac {
        named.extend(macs(request, mac).into_iter().map(HostRef::Mac));
    }
    if settings.by_address && named.is_empty() {
        named.extend(client_address(request, &settings.trusted_proxies).map(HostRef::Ip));
    }
    if named.is_empty() {
        let detail = "no token came; send it as token=..., in the path, or as `Authorization: Bearer`";
        return Err(Problem::new(Code::Unauthenticated, detail));
    }
    for host in named {
        let seen = if let Some(seen) = app.store.remembered(&host) {
            Ok(seen)
        } else {
            let store = app.store.clone();
            db::bounded(move || store.look_at(&host)).await
        };
        match seen {
            Ok(seen) => {
                let build = seen.build(crate::clock::now());
                let announced = Announcement {
                    host: seen.host().facts.clone(),
                    workflow: build.workflow.clone(),
                    expires_at: build.expires_at,
                };
                let announced = Some(Arc::new(announced));
                return Ok((Reporter { build: build.id, announced, token: None }, build.expires_at));
            }
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let detail = "no token came, and no build is known of the machine with this MAC or address";
    Err(Problem::new(Code::Unauthenticated, detail))
}

/// The MAC addresses that a machine says it has: Anaconda's headers, also with underscores as Foreman's
/// Smart Proxy forwards them, each `<interface> <address>`; and the parameter `mac`.
fn macs(request: &HttpRequest, parameter: Option<&str>) -> Vec<String> {
    let is_mac = |name: &str| name.replace('_', "-").starts_with("x-rhn-provisioning-mac-");
    let mut found: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter(|(name, _)| is_mac(name.as_str()))
        .filter_map(|(name, value)| {
            let address = value.to_str().ok()?.split_whitespace().last()?;
            Some((name.as_str().replace('_', "-"), parse_mac(address).ok()?))
        })
        .collect();
    found.sort();
    let from_headers = found.into_iter().map(|(_, mac)| mac);
    from_headers.chain(parameter.and_then(|mac| parse_mac(mac).ok())).collect()
}

/// Whether a credential that ran out is still good: for the first boot after the installer was done,
/// and for an installer that goes on reporting.
async fn is_extended(
    app: &web::Data<App>,
    id: BuildId,
    expires_at: Time,
    now: Time,
) -> Result<bool, Problem> {
    let settings = &app.settings;
    let extends = settings.token_extends.then_some(settings.token_duration);
    let is_good = |build: &Build| now < valid_until(build, expires_at, settings.report_grace, extends);
    // It only ever gets longer, so what is remembered will do if it is enough.
    if app.store.last_known_build(id).as_ref().is_some_and(is_good) {
        return Ok(true);
    }
    match db::read(app, move |connection| build::load(connection, id, now)).await {
        Ok(build) => Ok(is_good(&build)),
        Err(problem) if problem.code == Code::NotFound => Ok(false),
        Err(problem) => Err(problem),
    }
}

/// Until when the credential of a build is good.
fn valid_until(build: &Build, expires_at: Time, grace: Duration, extends: Option<Duration>) -> Time {
    let course = &build.course;
    let after_installed = course.installed_at.map(|at| at + grace);
    let while_heard = extends
        .zip(course.last_report_at)
        .map(|(duration, at)| (at + duration).min(build.started_at + EXTENDED_MAX));
    [after_installed, while_heard].into_iter().flatten().fold(expires_at, Time::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_read_from_headers_as_anaconda_and_the_smart_proxy_send_them() {
        let request = actix_web::test::TestRequest::default()
            .insert_header(("X-RHN-Provisioning-MAC-1", "eth1 52:54:00:00:00:02"))
            .insert_header(("X_RHN_PROVISIONING_MAC_0", "eth0 52:54:00:AA:00:01"))
            .insert_header(("X-RHN-Provisioning-MAC-2", "nonsense"))
            .to_http_request();
        let found = macs(&request, Some("52-54-00-00-00-03"));
        assert_eq!(found, ["52:54:00:aa:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"]);
    }
}
