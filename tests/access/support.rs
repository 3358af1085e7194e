//! Keys as a site has them, tokens as Foreman would mint them, builds to open and look at.
//!
//! The rule it protects: build tokens are minted here from the claims that `docs/security.md` lists,
//! by another hand than the service's, so what is written there is what is read.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use milepost_api::{Key, Keys, Scope, Settings};
use milepost_domain::{BuildId, Id};
use milepost_testkit::{Answer, Api, Options, Server};
use serde_json::{Value, json};

/// Asks an installer's route for JSON.
pub(crate) const ACCEPT_JSON: (&str, &str) = ("accept", "application/json");
pub(crate) const SENDS_JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const SENDS_FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// What a browser says of a request that a page of ours makes.
pub(crate) const FROM_OURS: (&str, &str) = ("sec-fetch-site", "same-origin");

/// The ids of the keys, as tokens name them.
pub(crate) const FOREMANS: &str = "foreman";
pub(crate) const FOREMANS_PUBLIC: &str = "foreman-ed";
/// Foreman's secret, which opens builds and nothing else.
pub(crate) const FOREMANS_SECRET: &str = "a secret of Foreman's, for tests alone, of 32 bytes or more";
/// A pair of keys as `openssl genpkey -algorithm ed25519` makes them, for tests alone.
const ED25519: (&str, &str) = (
    "-----BEGIN PRIVATE KEY-----\n\
     MC4CAQAwBQYDK2VwBCIEIOXjG3CHzG3grwutn2MOKoS8w8Z0jLJJxvqOzpBZPT/M\n\
     -----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n\
     MCowBQYDK2VwAyEA3Zil9E3jbIYrvA9CGTdeRMnvY9dyAguI0J+lplLfDvQ=\n\
     -----END PUBLIC KEY-----\n",
);

/// The service's own secret, and two keys of Foreman's that grant `report`.
pub(crate) fn keys() -> Keys {
    let own = Key::read(&Keys::generate(), None, Scope::Admin).unwrap();
    let secret = Key::read(FOREMANS_SECRET, Some(FOREMANS), Scope::Report).unwrap();
    let public = Key::read(ED25519.1, Some(FOREMANS_PUBLIC), Scope::Report).unwrap();
    Keys::new(vec![own, secret, public]).unwrap()
}

/// A service with those keys and settings.
pub(crate) fn server(settings: Settings) -> Server {
    Server::with(Options { settings, keys: Some(keys()), ..Options::default() })
}

/// Signs claims as Foreman does, with the key of that id.
pub(crate) fn signed(key: &str, claims: &Value) -> String {
    let (algorithm, secret) = match key {
        FOREMANS => (Algorithm::HS256, EncodingKey::from_secret(FOREMANS_SECRET.as_bytes())),
        _ => (Algorithm::EdDSA, EncodingKey::from_ed_pem(ED25519.0.as_bytes()).unwrap()),
    };
    let header = Header { kid: Some(key.to_owned()), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, &secret).unwrap()
}

/// The old trick: signed with the text of a public key as if that were a secret.
pub(crate) fn forged(claims: &Value) -> String {
    let header = Header { kid: Some(FOREMANS_PUBLIC.to_owned()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(ED25519.1.trim().as_bytes())).unwrap()
}

/// Signed by nobody.
pub(crate) fn unsigned(claims: &Value) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// The service's clock, which is the test's.
pub(crate) fn now() -> DateTime<Utc> {
    milepost_api::now()
}

/// The id of a build that is opened at that time.
pub(crate) fn build_id(at: DateTime<Utc>) -> BuildId {
    let mut random = [0; 10];
    random.copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[..10]);
    Id::at(at, random)
}

/// The claims of a build's token.
pub(crate) fn claims(build: BuildId, host: &str, expires_at: DateTime<Utc>) -> Value {
    json!({
        "scope": "report", "jti": build.to_string(), "sub": host, "wf": "kickstart", "exp": expires_at.timestamp(),
    })
}

/// A token of Foreman's for a build that nobody has opened, good for an hour.
pub(crate) fn announced(host: &str) -> (BuildId, String) {
    let build = build_id(now());
    (build, signed(FOREMANS, &claims(build, host, now() + TimeDelta::hours(1))))
}

/// An open build, as its opener and its machine know it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
}

#[track_caller]
pub(crate) fn open(server: &Server, host: &str) -> Opened {
    open_as(server, &json!({"name": host}))
}

#[track_caller]
pub(crate) fn open_as(server: &Server, host: &Value) -> Opened {
    let input = json!({"host": host, "workflow": "kickstart"});
    let opened = server.manage().post("/api/v2/builds", &input).expect(201).json();
    Opened { id: text(&opened["id"]), token: text(&opened["token"]) }
}

/// A report that needs no token in its path or body: who sends it is all that identifies it.
#[track_caller]
pub(crate) fn report(server: &Server, headers: &[(&str, &str)]) -> Answer {
    let headers = [headers, &[ACCEPT_JSON]].concat();
    server.anyone().send("GET", "/unattended/step?label=get_ks&status=done", &headers, None)
}

/// A report with that token.
#[track_caller]
pub(crate) fn report_with(server: &Server, token: &str) -> Answer {
    report(server, &[("authorization", &format!("Bearer {token}"))])
}

/// How many reports of a host are known.
#[track_caller]
pub(crate) fn reports_of(server: &Server, host: &str) -> Value {
    server.read().get(&format!("/api/v2/hosts/{host}/reports")).expect(200).json()["total"].clone()
}

#[track_caller]
pub(crate) fn progress(server: &Server, host: &str) -> Value {
    server.read().get(&format!("/api/v2/hosts/{host}/progress")).expect(200).json()
}

/// A client with a token that an admin made, and its id.
#[track_caller]
pub(crate) fn made(server: &Server, input: &Value) -> (Api, String) {
    let token = server.admin().post("/api/v2/tokens", input).expect(201).json();
    (server.with_token(text(&token["token"])), text(&token["id"]))
}

/// The cookie of a browser that signed in with that token, as it is sent.
#[track_caller]
pub(crate) fn signed_in(server: &Server, token: &str) -> String {
    let answer = sign_in(server, token, &[FROM_OURS]);
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn sign_in(server: &Server, token: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [headers, &[SENDS_FORM]].concat();
    let form = format!("token={token}");
    server.anyone().send_undocumented("POST", "/sign-in", &headers, Some(form.as_bytes()))
}

/// Waits for what another thread or node does by itself.
#[track_caller]
pub(crate) fn comes_true(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::yield_now();
    }
}

#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{}", answer.text);
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
