//! Requests to every route that an installer calls, and to the page to sign in at.

use milepost_testkit::Contract;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    all, goes_on, open,
    raw::{encoded, request, send},
    server,
};

/// The words that mean something in a form, in JSON, or in a path.
const WORDS: &[&str] = &[
    "token",
    "mac",
    "label",
    "status",
    "name",
    "priority",
    "percentage",
    "message",
    "logs",
    "id",
    "seq",
    "reported_at",
    "boot_id",
    "reports",
    "get_ks",
    "packages",
    "init",
    "done",
    "failed",
    "built",
    "null",
    "true",
    "-1",
    "1e308",
    "9223372036854775808",
    "NaN",
    "0x10",
    "2026-11-22T18:00:00Z",
    "99999999999999999",
    "datacenter_name",
    "action",
    "52:54:00:aa:00:01",
    "event_type",
    "finish",
    "origin",
    "result",
    "timestamp",
];

/// A word, or whatever else can stand in its place: mostly encoded, as it comes through a request line.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let encode = |bytes: Vec<u8>| encoded(&bytes).into_bytes();
    prop_oneof![
        6 => bare_word(),
        6 => bare_word().prop_map(encode),
        4 => anything().prop_map(encode),
        1 => anything(),
    ]
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
        1 => select(&["%00", "%ff%fe", "%zz", "%", "%2e%2e%2f", "\u{202e}", "\u{0}", "%F0%9F%92%A9"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn bare_word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => "[a-z0-9_.:-]{1,12}".prop_map(String::into_bytes),
    ]
}

fn form() -> impl Strategy<Value = Vec<u8>> {
    let pair = (word(), word()).prop_map(|(name, value)| [name, value].join(&b'='));
    vec(pair, 0..6).prop_map(|pairs| pairs.join(&b'&'))
}

/// JSON as installers send it: flat, nested, a list, or broken off.
fn json() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        "\\PC{0,10}".prop_map(serde_json::Value::from),
        select(WORDS).prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let value = leaf.prop_recursive(3, 24, 6, |inner| {
        let name = prop_oneof![4 => select(WORDS).prop_map(str::to_owned), 1 => "\\PC{0,6}"];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            vec((name, inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    });
    (value, any::<prop::sample::Index>(), 0..4_u8).prop_map(|(value, at, broken)| {
        let mut bytes = value.to_string().into_bytes();
        if broken == 0 {
            bytes.truncate(at.index(bytes.len().max(1)));
        }
        bytes
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        form(),
        json(),
        vec(json(), 0..4).prop_map(|lines| lines.join(&b'\n')),
        vec(any::<u8>(), 0..200),
        // A token before it, so that what follows is read.
        form().prop_map(|form| [b"token=TOKEN&label=packages&".to_vec(), form].concat()),
    ]
}

/// Headers that somebody reads here.
fn headers() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let name = select(
        &[
            "Content-Type",
            "Accept",
            "Authorization",
            "Cookie",
            "X-Request-Id",
            "X-Forwarded-For",
            "Forwarded",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "Origin",
            "Sec-Fetch-Site",
            "X-RHN-Provisioning-MAC-0",
            "X_RHN_PROVISIONING_MAC_1",
            "If-None-Match",
            "Content-Encoding",
            "Accept-Encoding",
            "Expect",
            "Range",
        ][..],
    );
    let value = prop_oneof![
        select(
            &[
                "application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x",
                "Bearer TOKEN", "OAuth oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"%26TOKEN\"",
                "OAuth oauth_timestamp=\"99999999999999999999\", oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"%26x\"",
                "milepost_session=TOKEN", "milepost_session=", "eth0 52:54:00:aa:00:01", "10.1.2.3, ::1, unknown",
                "gzip", "br", "W/\"x\"", "*", "null", "same-origin", "https",
            ][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
        // Neither ends the line: what that does is HTTP's own concern.
        vec(prop_oneof![8 => 32..127_u8, 1 => 128..=255_u8], 0..12),
    ];
    vec((name.prop_map(|name| name.as_bytes().to_vec()), value), 0..3)
}

fn filled(bytes: &[u8], token: &str) -> Vec<u8> {
    let mut filled = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(5).position(|window| window == b"TOKEN") {
        filled.extend(&rest[..at]);
        filled.extend(token.as_bytes());
        rest = &rest[at + 5..];
    }
    filled.extend(rest);
    filled
}

/// The routes that installers call, by the document, with the way to name a build in each.
fn routes() -> Vec<(String, String)> {
    let paths = Contract::published().document()["paths"].as_object().unwrap();
    let of_installers = |path: &str| path.starts_with("/unattended") || path == "/api/update";
    let mut routes: Vec<(String, String)> = paths
        .iter()
        .filter(|(path, _)| of_installers(path))
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    assert!(routes.len() > 12, "{routes:?}");
    routes.extend([("POST".to_owned(), "/sign-in".to_owned()), ("POST".to_owned(), "/sign-out".to_owned())]);
    routes
}

/// A target: the route with words in its places, and a query.
fn target(path: &str, words: &[Vec<u8>], query: &[u8], knows_token: bool) -> Vec<u8> {
    // What a request line cannot hold ends it; the rest may come as it is.
    let plain = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\r' | b'\n' | b'#')).collect()
    };
    let mut words = words.iter();
    let parts: Vec<Vec<u8>> = path
        .split('/')
        .map(|part| match part {
            "{token}" if knows_token => b"TOKEN".to_vec(),
            part if part.starts_with('{') => plain(words.next().map_or(b"x", Vec::as_slice)),
            part => part.as_bytes().to_vec(),
        })
        .collect();
    let known = if knows_token && !path.contains("{token}") { "token=TOKEN&label=packages&" } else { "" };
    [parts.join(&b'/'), b"?".to_vec(), known.as_bytes().to_vec(), plain(query)].concat()
}

#[test]
fn every_route_of_installers_survives_whatever_is_sent() {
    let server = server();
    let token = open(&server);
    let input = (select(routes()), vec(word(), 3), form(), headers(), body(), any::<bool>());
    all("requests to installers' routes", input, |((method, path), words, query, headers, body, knows)| {
        let target = filled(&target(&path, &words, &query, knows), &token);
        let headers: Vec<_> =
            headers.into_iter().map(|(name, value)| (name, filled(&value, &token))).collect();
        send(&server, &request(&method, &target, &headers, &filled(&body, &token)))
    });
    goes_on(&server);
}
