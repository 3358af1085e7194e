//! Tokens, as they are signed and read.

use milepost_domain::{HostFacts, Id, Label};

use super::*;

fn keys() -> Keys {
    Keys::generate().parse().unwrap()
}

fn scope(keys: &Keys, token: &str) -> Result<Scope, Code> {
    match keys.verify(token, clock::now()) {
        Ok(Holder::Program(program)) => Ok(program.scope),
        Ok(Holder::Machine(_)) => Ok(Scope::Report),
        Err(problem) => Err(problem.code),
    }
}

fn announced() -> Announcement {
    let host = HostFacts {
        foreman_id: Some(4_242),
        mac: Some("52:54:00:12:34:56".to_owned()),
        location: Some("brno".parse().unwrap()),
        ..HostFacts::named("web1.brno.example.com".parse().unwrap())
    };
    let expires_at = Time::from_timestamp(clock::now().timestamp() + 21_600, 0).unwrap();
    Announcement { host, workflow: Label::from_words("kickstart").unwrap(), expires_at }
}

fn at(seconds: i64) -> NewToken {
    NewToken::of(Scope::Manage, Duration::try_seconds(seconds))
}

#[test]
fn a_token_is_taken_by_its_own_secret_only() {
    let (ours, theirs) = (keys(), keys());
    let token = ours.mint(&at(60)).unwrap();
    assert_eq!(scope(&ours, &token), Ok(Scope::Manage));
    assert_eq!(scope(&theirs, &token), Err(Code::Unauthenticated));
}

#[test]
fn an_expired_token_reads_differently_from_a_wrong_one() {
    let keys = keys();
    assert_eq!(scope(&keys, &keys.mint(&at(-3_600)).unwrap()), Err(Code::CredentialExpired));
    assert_eq!(scope(&keys, "x.y.z"), Err(Code::Unauthenticated));
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJhdWQiOiJtaWxlcG9zdCIsInNjb3BlIjoibWFuYWdlIiwianRpIjoiMSIsImlhdCI6MX0.";
    assert_eq!(scope(&keys(), unsigned), Err(Code::Unauthenticated));
}

#[test]
fn a_new_secret_signs_while_tokens_of_the_old_one_are_still_good() {
    let (old, new) = (Keys::generate(), Keys::generate());
    let keys: Keys = old.parse().unwrap();
    let before = keys.mint(&at(60)).unwrap();
    let key = |text: &str| Key::read(text, None, Scope::Admin).unwrap();
    keys.replace(vec![key(&new), key(&old)]).unwrap();
    let after = keys.mint(&at(60)).unwrap();
    assert_eq!((scope(&keys, &before), scope(&keys, &after)), (Ok(Scope::Manage), Ok(Scope::Manage)));
    keys.replace(vec![key(&new)]).unwrap();
    assert_eq!(
        (scope(&keys, &before), scope(&keys, &after)),
        (Err(Code::Unauthenticated), Ok(Scope::Manage))
    );
}

#[test]
fn a_key_grants_no_more_than_it_is_trusted_with() {
    let secret = Keys::generate();
    let (trusted, foremans): (Keys, _) =
        (secret.parse().unwrap(), Key::read(&secret, None, Scope::Report).unwrap());
    let limited = Keys::new(vec![foremans]).unwrap();
    assert_eq!(scope(&limited, &trusted.mint(&at(60)).unwrap()), Err(Code::Unauthenticated));
    let build = Id::at(clock::now(), [7; 10]);
    let token = trusted.mint_build(build, &announced()).unwrap().unwrap();
    assert_eq!(scope(&limited, token.as_str()), Ok(Scope::Report));
}

#[test]
fn the_token_of_a_build_says_all_that_opens_it_and_is_short() {
    let (keys, build) = (keys(), Id::at(clock::now(), [7; 10]));
    let token = keys.mint_build(build, &announced()).unwrap().unwrap();
    let pass = keys.pass(token.as_str()).unwrap().unwrap();
    assert_eq!((pass.build, &*pass.announced), (build, &announced()));
    // A kernel's command line has 2048 bytes on x86, and iPXE less.
    assert!(token.as_str().len() < 300, "{} bytes", token.as_str().len());
}

#[test]
fn claims_that_open_nothing_are_refused_with_their_names() {
    let secret = Keys::generate();
    let keys: Keys = secret.parse().unwrap();
    let sign = |claims: serde_json::Value| {
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let whole = serde_json::json!({
        "scope": "report", "jti": "0193b0a0-0000-7000-8000-000000000001", "sub": "web1.example.com",
        "wf": "kickstart", "exp": 4_000_000_000_i64,
    });
    assert!(keys.pass(&sign(whole.clone())).unwrap().is_some());
    for (claim, value) in [
        ("jti", serde_json::json!("0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")),
        ("sub", serde_json::json!("42")),
        ("wf", serde_json::Value::Null),
        ("exp", serde_json::Value::Null),
        ("mac", serde_json::json!("5254")),
    ] {
        let mut claims = whole.clone();
        claims[claim] = value;
        let problem = keys.pass(&sign(claims)).unwrap_err();
        assert_eq!(problem.code, Code::Unauthenticated, "{claim}");
        assert!(problem.detail.contains(claim), "{claim}: {problem}");
    }
}

/// A pair of keys as `openssl genpkey` makes them, for tests alone.
const ED25519: (&str, &str) = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
);

#[test]
fn a_public_key_verifies_and_never_signs() {
    let public = Key::read(ED25519.1, Some("foreman"), Scope::Report);
    assert!(public.is_ok());
    assert_eq!(Key::read(ED25519.1, None, Scope::Report).unwrap_err(), InvalidKey::Nameless);
    assert_eq!(Key::read(ED25519.0, Some("foreman"), Scope::Report).unwrap_err(), InvalidKey::Pem);
    let keys = Keys::new(vec![public.unwrap()]).unwrap();
    assert!(keys.mint(&at(60)).is_err());
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    // The old trick: a token that is signed with the public key's text as if it were a secret.
    let keys = Keys::new(vec![Key::read(ED25519.1, Some("foreman"), Scope::Admin).unwrap()]).unwrap();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some("foreman".to_owned());
    let claims = serde_json::json!({"scope": "admin", "aud": "milepost", "jti": "0193b0a0-0000-7000-8000-000000000001"});
    for secret in [ED25519.1, ED25519.1.trim()] {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let forged = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        assert_eq!(scope(&keys, &forged), Err(Code::Unauthenticated));
    }
}

#[test]
fn no_secret_is_printed() {
    let token: BuildToken = "mpb_0123456789".parse().unwrap();
    let secret = Keys::generate();
    let keys: Keys = secret.parse().unwrap();
    assert_eq!(format!("{token:?}"), "BuildToken(..)");
    assert!(!format!("{keys:?}").contains(secret.get(..16).unwrap()));
}
