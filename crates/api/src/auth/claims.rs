//! What a signed token says: of a program or a person, or of a build that opens itself.
//!
//! The rule it protects: claims are read once, into what they stand for; a token of one kind is never
//! taken for one of the other, and says no more than its key grants. `docs/security.md` lists them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use milepost_domain::{
    Bounds, BuildId, HostFacts, Id, Label, Name, Scope, Time,
    host::{parse_host_name, parse_mac},
};
use milepost_store::build::Announcement;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::problem::{Code, Faults, Problem};

/// Whom tokens of programs and people are for. Tokens of builds leave it out, to be short.
const AUDIENCE: &str = "milepost";

/// The claims as they travel: registered names (RFC 7519) where there are, short ones of our own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    scope: Scope,
    /// Of programs: tells tokens apart. Of builds: the build's id, a UUID v7.
    jti: String,
    /// Of builds: the host's FQDN. Of programs: what the token is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// The token that a browser signed in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<Uuid>,
    /// What it is good for, when it is not for use as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    orgs: Vec<Name>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locs: Vec<Name>,
    /// Foreman's id of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    org: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loc: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wf: Option<String>,
}

/// A token that is only good for one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    /// To sign in with, once.
    SignIn,
    /// In a cookie.
    Session,
}

/// Who holds a token.
#[derive(Debug, Clone)]
pub(super) enum Holder {
    Program(Arc<Program>),
    Machine(Arc<Pass>),
}

/// What the token of a program or a person allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) id: Uuid,
    pub(super) name: Option<String>,
    pub(super) scope: Scope,
    pub(super) bounds: Bounds,
    pub(super) expires_at: Option<Time>,
    pub(super) via: Option<Uuid>,
    pub(super) act: Option<Act>,
}

/// What the token of a build opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) build: BuildId,
    pub(crate) announced: Arc<Announcement>,
}

impl Claims {
    pub(super) fn of_program(program: &Program, now: Time) -> Self {
        Self {
            scope: program.scope,
            jti: program.id.to_string(),
            sub: program.name.clone(),
            exp: program.expires_at.map(|at| at.timestamp()),
            aud: Some(AUDIENCE.to_owned()),
            iat: Some(now.timestamp()),
            via: program.via,
            act: program.act,
            orgs: program.bounds.organizations.iter().cloned().collect(),
            locs: program.bounds.locations.iter().cloned().collect(),
            ..Self::empty()
        }
    }

    pub(super) fn of_build(build: BuildId, announced: &Announcement) -> Self {
        let host = &announced.host;
        let text = |name: &Option<Name>| name.as_ref().map(ToString::to_string);
        Self {
            scope: Scope::Report,
            jti: URL_SAFE_NO_PAD.encode(build.uuid().as_bytes()),
            sub: Some(host.name.to_string()),
            exp: Some(announced.expires_at.timestamp()),
            id: host.foreman_id,
            mac: host.mac.as_ref().map(|mac| mac.replace(':', "")),
            org: text(&host.organization),
            loc: text(&host.location),
            wf: Some(announced.workflow.to_string()),
            ..Self::empty()
        }
    }

    const fn empty() -> Self {
        Self {
            scope: Scope::Report,
            jti: String::new(),
            sub: None,
            exp: None,
            aud: None,
            iat: None,
            via: None,
            act: None,
            orgs: Vec::new(),
            locs: Vec::new(),
            id: None,
            mac: None,
            org: None,
            loc: None,
            wf: None,
        }
    }

    pub(super) fn expires_at(&self) -> Option<Time> {
        Time::from_timestamp(self.exp?, 0)
    }

    /// Reads the claims of a token whose signature is right, under a key that grants so much.
    pub(super) fn into_holder(self, grants: Scope) -> Result<Holder, Problem> {
        if self.scope > grants {
            let detail = format!(
                "the token asks for '{}', and its key grants '{grants}' at most; see `grants` in the settings",
                self.scope
            );
            return Err(Problem::new(Code::Unauthenticated, detail));
        }
        let holder = match self.scope {
            Scope::Report => self.into_pass().map(|pass| Holder::Machine(Arc::new(pass))),
            _ => self.into_program().map(|program| Holder::Program(Arc::new(program))),
        };
        holder.map_err(|problem| {
            let detail =
                format!("the token is signed well, but its claims cannot be used: {}", problem.detail);
            Problem::new(Code::Unauthenticated, detail)
        })
    }

    fn into_program(self) -> Result<Program, Problem> {
        let expires_at = self.expires_at();
        let mut faults = Faults::default();
        if self.aud.as_deref() != Some(AUDIENCE) {
            faults.note("aud", format!("must be '{AUDIENCE}'"));
        }
        let id = faults.take("jti", self.jti.parse::<Uuid>().map_err(|_| "must be a UUID"));
        let program = id.map(|id| Program {
            id,
            name: self.sub,
            scope: self.scope,
            bounds: Bounds {
                organizations: self.orgs.into_iter().collect(),
                locations: self.locs.into_iter().collect(),
            },
            expires_at,
            via: self.via,
            act: self.act,
        });
        faults.into_result(program)
    }

    fn into_pass(self) -> Result<Pass, Problem> {
        let expires_at = self.expires_at();
        let mut faults = Faults::default();
        if expires_at.is_none() {
            faults.note("exp", "is missing: seconds since 1970");
        }
        let build = faults.take("jti", build_id(&self.jti));
        let name = faults.take("sub", parse_host_name(self.sub.as_deref().unwrap_or_default()));
        let workflow: Option<Label> = faults.take("wf", self.wf.as_deref().unwrap_or_default().parse());
        let mut title = |claim: &str, text: Option<String>| -> Option<Name> {
            faults.take(claim, text.filter(|text| !text.trim().is_empty())?.parse())
        };
        let (organization, location) = (title("org", self.org), title("loc", self.loc));
        let mac = self.mac.and_then(|mac| faults.take("mac", parse_mac(&with_colons(&mac))));
        let (Some(build), Some(name), Some(workflow), Some(expires_at)) = (build, name, workflow, expires_at)
        else {
            return faults.into_result(None);
        };
        let foreman_id = self.id.filter(|id| *id > 0);
        let host = HostFacts { foreman_id, mac, organization, location, ..HostFacts::named(name) };
        let announced = Arc::new(Announcement { host, workflow, expires_at });
        faults.into_result(Some(Pass { build, announced }))
    }
}

/// A build's id, as UUID v7 in its usual text or in 22 characters of base64url.
fn build_id(text: &str) -> Result<BuildId, &'static str> {
    let short = || Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let uuid = text.parse::<Uuid>().ok().or_else(short).ok_or("must be a UUID")?;
    let id: BuildId = Id::from_uuid(uuid);
    // Builds lie in their database by the time in their id.
    id.made_at().map(|_| id).ok_or("must be a UUID of version 7, which begins with the time")
}

/// A MAC address without colons, as it is shorter, with them.
fn with_colons(mac: &str) -> String {
    if mac.contains([':', '-']) || !mac.is_ascii() {
        return mac.to_owned();
    }
    let octets: Vec<String> =
        mac.as_bytes().chunks(2).map(|octet| String::from_utf8_lossy(octet).into_owned()).collect();
    octets.join(":")
}
