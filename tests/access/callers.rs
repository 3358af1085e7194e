//! Every kind of caller, and what each of them sends.
//!
//! The rule it protects: a caller is wrong in one way only: an expired token is signed well, a forged
//! one says what would be allowed, so that nothing else can be the reason why it is refused.

use chrono::TimeDelta;
use jsonwebtoken::{EncodingKey, Header};
use milepost_api::{Keys, NewToken, Scope};
use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::support::{
    FOREMANS, Opened, build_id, claims, forged, made, now, open_as, signed, signed_in, text, unsigned,
};

/// The organization of every host that is asked for.
pub(crate) const ORGANIZATION: &str = "acme";

/// Where nobody listens: the port of `discard`.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:9/";

/// Who calls, in the order of the table's columns. One more, known by the certificate that its connection
/// shows, needs TLS: `tests/service/tls.rs` asks every operation with that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Without any credential.
    None,
    /// With a token that was good an hour ago.
    Expired,
    /// With one that another service signed.
    Strange,
    /// With one that nobody signed.
    Unsigned,
    /// With one that is signed with the text of a public key.
    Forged,
    /// With the token of another build.
    OtherBuild,
    /// With the build's own.
    OwnBuild,
    Read,
    Manage,
    Admin,
    /// An admin of another organization.
    Elsewhere,
    /// An admin of the right one.
    Within,
    /// An admin whose token was revoked.
    Revoked,
    /// An admin's browser, asked by a page of ours.
    Session,
    /// The same, asked by a page of somebody else.
    CrossSite,
    /// With a link's token, as if it were one to call with.
    Link,
}

/// Their names, as the table's head has them.
pub(crate) const CALLERS: &[(&str, Caller)] = &[
    ("none", Caller::None),
    ("exp", Caller::Expired),
    ("strg", Caller::Strange),
    ("alg0", Caller::Unsigned),
    ("pub", Caller::Forged),
    ("othr", Caller::OtherBuild),
    ("own", Caller::OwnBuild),
    ("read", Caller::Read),
    ("mng", Caller::Manage),
    ("adm", Caller::Admin),
    ("else", Caller::Elsewhere),
    ("with", Caller::Within),
    ("rvkd", Caller::Revoked),
    ("sess", Caller::Session),
    ("xsit", Caller::CrossSite),
    ("link", Caller::Link),
];

/// What somebody sends to say who they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credential {
    pub(crate) token: Option<String>,
    pub(crate) cookie: Option<String>,
    /// What the browser says of the page that asks.
    pub(crate) site: Option<&'static str>,
}

/// What is there to be asked for: made anew for each request, so that none depends on another.
pub(crate) struct Stage {
    pub(crate) host: String,
    pub(crate) build: Opened,
    pub(crate) report: String,
    /// A token that is there to be revoked.
    pub(crate) token: String,
    /// A mute of the host, there to be ended.
    pub(crate) mute: String,
    /// A hook of the organization.
    pub(crate) hook: String,
    /// A step and a workflow, there to be removed.
    pub(crate) word: String,
}

/// The credentials that do not depend on what is asked for.
pub(crate) struct Cast {
    other: Opened,
    elsewhere: String,
    within: String,
    revoked: String,
    cookie: String,
}

fn admin_of(server: &Server, organization: &str) -> String {
    let bounds = [organization.parse().unwrap()].into();
    let new = NewToken {
        bounds: milepost_domain::Bounds { organizations: bounds, ..milepost_domain::Bounds::default() },
        ..NewToken::of(Scope::Admin, TimeDelta::try_hours(1))
    };
    server.keys.mint(&new).unwrap()
}

impl Cast {
    pub(crate) fn of(server: &Server) -> Self {
        let input = json!({"scope": "admin"});
        let revoked = server.admin().post("/api/v2/tokens", &input).expect(201).json();
        let path = format!("/api/v2/tokens/{}", text(&revoked["id"]));
        let _ = server.admin().delete(&path).expect(200);
        Self {
            other: open_as(server, &json!({"name": "other.example.com", "organization": ORGANIZATION})),
            elsewhere: admin_of(server, "globex"),
            within: admin_of(server, ORGANIZATION),
            revoked: text(&revoked["token"]),
            cookie: signed_in(server, &server.token(Scope::Admin)),
        }
    }

    /// What `caller` sends where the token of a build is wanted, or that of a program.
    pub(crate) fn credential(
        &self,
        caller: Caller,
        server: &Server,
        stage: &Stage,
        of_build: bool,
    ) -> Credential {
        let token = |token: String| Credential { token: Some(token), ..Credential::default() };
        let cookie = |site| Credential { token: None, cookie: Some(self.cookie.clone()), site: Some(site) };
        let good = if of_build {
            claims(build_id(now()), &stage.host, now() + TimeDelta::hours(1))
        } else {
            json!({"scope": "admin", "aud": "milepost", "jti": "0193b0a0-0000-7000-8000-000000000001"})
        };
        match caller {
            Caller::None => Credential::default(),
            Caller::Expired if of_build => {
                let past = now() - TimeDelta::hours(1);
                token(signed(FOREMANS, &claims(build_id(past), &stage.host, past)))
            }
            Caller::Expired => token(server.expired_token(Scope::Admin)),
            Caller::Strange => {
                let header = Header { kid: Some(FOREMANS.to_owned()), ..Header::default() };
                let secret = EncodingKey::from_secret(Keys::generate().as_bytes());
                token(jsonwebtoken::encode(&header, &good, &secret).unwrap())
            }
            Caller::Unsigned => token(unsigned(&good)),
            Caller::Forged => token(forged(&good)),
            Caller::OtherBuild => token(self.other.token.clone()),
            Caller::OwnBuild => token(stage.build.token.clone()),
            Caller::Read => token(server.token(Scope::Read)),
            Caller::Manage => token(server.token(Scope::Manage)),
            Caller::Admin => token(server.token(Scope::Admin)),
            Caller::Elsewhere => token(self.elsewhere.clone()),
            Caller::Within => token(self.within.clone()),
            Caller::Revoked => token(self.revoked.clone()),
            Caller::Session => cookie("same-origin"),
            Caller::CrossSite => cookie("cross-site"),
            Caller::Link => {
                token(server.keys.mint_link(&NewToken::of(Scope::Admin, TimeDelta::try_hours(1))).unwrap())
            }
        }
    }
}

impl Stage {
    /// A host with a build that has a report with a log, and what else there is to change: a step and a
    /// workflow only for whoever `names` them.
    pub(crate) fn new(server: &Server, number: usize, names: bool) -> Self {
        let host = format!("web{number}.example.com");
        let build = open_as(server, &json!({"name": host, "organization": ORGANIZATION}));
        let path = format!("/unattended/step/{}/packages/failed", build.token);
        let _ = server.anyone().send("POST", &path, &[], Some(b"a log\n")).expect(200);
        let list = server.read().get(&format!("/api/v2/builds/{}/reports", build.id)).expect(200).json();
        let word = format!("site_{number}");
        if names {
            let manage = server.manage();
            let _ = manage
                .put(
                    &format!("/api/v2/steps/{word}"),
                    &json!({"name": "A step", "priority": 500, "weight_seconds": 60}),
                )
                .expect(200);
            let workflow = json!({"title": "A workflow", "steps": [{"label": "get_ks"}]});
            let _ = manage.put(&format!("/api/v2/workflows/{word}"), &workflow).expect(200);
        }
        let (_, token) = made(server, &json!({"scope": "read", "organizations": [ORGANIZATION]}));
        let mute = json!({"host": host, "for_seconds": 60, "reason": "new firmware"});
        let mute = server.manage().post("/api/v2/mutes", &mute).expect(201).json();
        let within = server.with_token(admin_of(server, ORGANIZATION));
        let hook = within.post("/api/v2/hooks", &json!({"url": NOWHERE, "events": ["signal.flooding.*"]}));
        let (mute, hook) = (text(&mute["id"]), text(&hook.expect(201).json()["id"]));
        Self { host, build, report: text(&list["results"][0]["id"]), token, mute, hook, word }
    }

    /// How many reports its build has.
    pub(crate) fn reports(&self, server: &Server) -> Value {
        let list = server.read().get(&format!("/api/v2/builds/{}/reports", self.build.id)).expect(200);
        list.json()["total"].clone()
    }
}
