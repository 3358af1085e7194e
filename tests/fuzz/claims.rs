//! Tokens: of a build with whatever claims, signed as they should be; and good ones that were tampered with.

use jsonwebtoken::{EncodingKey, Header};
use milepost_api::Scope;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use crate::{
    SECRET, all, goes_on, open,
    raw::{request, send},
    server,
};

fn signed(claims: &Value) -> String {
    let header = Header { kid: Some("foreman".to_owned()), ..Header::default() };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A value that a claim is not meant to have, or just about.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-10_000_000_000_000_i64..10_000_000_000_000).prop_map(Value::from),
        // Beyond what PostgreSQL, RFC 3339 or the clock can hold.
        select(&[
            -500_000_000_000_i64,
            8_000_000_000_000,
            253_402_300_800,
            9_300_000_000_000,
            -1,
            0,
            i64::MIN
        ])
        .prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[a-z0-9.:-]{0,40}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(
            &[
                "01a20ee3-ce8a-7385-a0d7-254672cb1013",
                "ffffffff-ffff-7fff-bfff-ffffffffffff",
                "00000000-0000-7000-8000-000000000000",
                "admin",
                "report",
                "web1.example.com",
                "a\u{0}b",
                "525400123456",
                "AaIO486Kc4Wg1yVGcssQEw",
            ][..]
        )
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(Value::Null),
    ]
}

#[test]
fn no_claims_that_are_signed_well_make_the_service_fail() {
    let server = server();
    let names = &[
        "exp", "exp", "jti", "sub", "wf", "exp", "id", "mac", "org", "loc", "scope", "aud", "iat", "act",
        "via", "orgs", "nbf",
    ][..];
    let changes = proptest::collection::vec((select(names), value()), 0..4);
    let input = (any::<u64>(), changes, select(&["built", "step?label=get_ks", "progress"][..]));
    all("signed claims", input, |(random, changes, path)| {
        let mut claims = json!({
            "scope": "report", "sub": "web1.example.com", "wf": "kickstart", "exp": 4_000_000_000_i64,
            "jti": format!("01a20ee3-ce8a-7385-{:04x}-{:012x}", 0x8000 | (random >> 48) & 0x3fff, random & 0xffff_ffff_ffff),
        });
        for (name, value) in changes {
            claims[name] = value;
        }
        let bearer = vec![(b"Authorization".to_vec(), format!("Bearer {}", signed(&claims)).into_bytes())];
        send(&server, &request("GET", format!("/unattended/{path}").as_bytes(), &bearer, b""))
    });
    goes_on(&server);
}

#[test]
fn a_token_that_was_tampered_with_opens_nothing() {
    let server = server();
    let (build, program) = (open(&server), server.token(Scope::Admin));
    let input = (any::<bool>(), any::<prop::sample::Index>(), select(b"AQgwZz09-_.=~ ".to_vec()), 0..4_u8);
    all("tokens that were tampered with", input, |(of_build, at, byte, how)| {
        let good = if of_build { &build } else { &program };
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
        let same = bytes.trim_ascii() == good.as_bytes();
        let (path, header) =
            if of_build { ("/unattended/step?label=get_ks", bytes) } else { ("/api/v2/tokens", bytes) };
        let bearer = vec![(b"Authorization".to_vec(), [b"Bearer ".to_vec(), header].concat())];
        let status = send(&server, &request("GET", path.as_bytes(), &bearer, b""));
        assert!(same || status != Some(200), "it was let in");
        status
    });
    goes_on(&server);
}
