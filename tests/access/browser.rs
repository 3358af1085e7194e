//! Browsers: the page to sign in at, links, the cookie, and pages of somebody else.

use chrono::TimeDelta;
use milepost_api::{NewToken, Scope, Settings};
use milepost_testkit::{Answer, Options, Server};
use serde_json::json;

use crate::support::{FROM_OURS, SENDS_JSON, comes_true, refused, server, sign_in, signed_in};

fn usual() -> Server {
    server(Settings::default())
}

fn link(server: &Server) -> String {
    server.keys.mint_link(&NewToken::of(Scope::Admin, TimeDelta::try_minutes(10))).unwrap()
}

#[track_caller]
fn attributes(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("set-cookie").unwrap().split("; ").skip(1).map(str::to_owned).collect()
}

/// A change that a browser asks for with a cookie and those headers.
#[track_caller]
fn change(server: &Server, cookie: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("cookie", cookie), SENDS_JSON], headers].concat();
    let body = json!({"name": "A step", "priority": 500, "weight_seconds": 60}).to_string();
    server.anyone().send("PUT", "/api/v2/steps/site_step", &headers, Some(body.as_bytes()))
}

#[test]
fn the_cookie_is_for_this_service_alone_and_for_no_script() {
    let server = usual();
    let answer = sign_in(&server, &server.token(Scope::Read), &[FROM_OURS]);
    assert_eq!(answer.header("location"), Some("./"), "below whatever path a proxy puts it");
    let said = attributes(&answer);
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(said.iter().any(|it| it == attribute), "{attribute} in {said:?}");
    }
    assert!(!said.iter().any(|it| it.starts_with("Domain")), "{said:?}");
    assert!(!said.iter().any(|it| it == "Secure"), "it would not come back over plain HTTP");
}

#[test]
fn over_tls_the_cookie_comes_back_over_tls_only() {
    let proxied = usual();
    let forwarded = ("x-forwarded-proto", "https");
    let answer = sign_in(&proxied, &proxied.token(Scope::Read), &[FROM_OURS, forwarded]);
    assert!(attributes(&answer).iter().any(|it| it == "Secure"));
    let public_url = Some("https://milepost.example.com".to_owned());
    let server = server(Settings { public_url, ..Settings::default() });
    let answer = sign_in(&server, &server.token(Scope::Read), &[FROM_OURS]);
    assert!(attributes(&answer).iter().any(|it| it == "Secure"));
}

#[test]
fn a_session_ends_with_the_token_that_opened_it_or_by_the_settings() {
    let server = server(Settings { session_duration: TimeDelta::hours(2), ..Settings::default() });
    let age = |lifetime: Option<TimeDelta>| -> i64 {
        let token = server.keys.mint(&NewToken::of(Scope::Read, lifetime)).unwrap();
        let said = attributes(&sign_in(&server, &token, &[FROM_OURS]));
        said.iter().find_map(|it| it.strip_prefix("Max-Age=")).unwrap().parse().unwrap()
    };
    assert_eq!(age(None), 7_200);
    assert_eq!(age(TimeDelta::try_days(1)), 7_200);
    assert!((3_500..=3_600).contains(&age(TimeDelta::try_hours(1))));
    let expired = sign_in(&server, &server.expired_token(Scope::Read), &[FROM_OURS]);
    assert_eq!((expired.status, expired.header("set-cookie")), (401, None));
}

#[test]
fn a_link_signs_in_once_on_whichever_node() {
    let server = usual();
    let there = server.beside(Options::default());
    let link = link(&server);
    // Whatever looks at links that are sent around does not use them up.
    for _ in 0..2 {
        let page = server.anyone().send_undocumented("GET", &format!("/sign-in?link={link}"), &[], None);
        assert_eq!(page.status, 200);
        assert!(page.text.contains(&format!("name=\"token\" value=\"{link}\"")), "{}", page.text);
    }
    let cookie = signed_in(&server, &link);
    let session = server.anyone().send("GET", "/api/v2/session", &[("cookie", &cookie)], None);
    assert_eq!(session.expect(200).json()["scope"], "admin");
    for node in [&server, &there] {
        let again = sign_in(node, &link, &[FROM_OURS]);
        assert_eq!((again.status, again.header("set-cookie")), (401, None));
        assert!(again.text.contains("this link was used already"), "{}", again.text);
    }
    // The session lives on without it.
    assert_eq!(change(&server, &cookie, &[FROM_OURS]).status, 200);
}

#[test]
fn what_was_typed_is_not_shown_again_and_no_markup() {
    let server = usual();
    let typed = "mark-of-what-was-typed";
    let wrong = sign_in(&server, typed, &[FROM_OURS]);
    assert_eq!((wrong.status, wrong.text.contains(typed)), (401, false), "{}", wrong.text);
    assert!(wrong.text.contains("role=\"alert\""));
    let path = "/sign-in?link=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = server.anyone().send_undocumented("GET", path, &[], None);
    assert!(
        page.text.contains("&quot;&gt;&lt;script&gt;") && !page.text.contains("<script"),
        "{}",
        page.text
    );
}

#[test]
fn a_page_of_somebody_else_changes_nothing() {
    let server = usual();
    let cookie = signed_in(&server, &server.token(Scope::Admin));
    let own = server.url.as_str();
    let host = own.trim_start_matches("http://");
    let below = format!("http://{host}.example.com");
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", own)],
        &[("origin", "http://evil.example.com")],
        &[("origin", &below)],
        &[("origin", "null")],
        &[("origin", "")],
        // No browser sends neither, and a cookie is a browser's.
        &[],
    ] {
        refused(&change(&server, &cookie, headers), 403, "forbidden");
    }
    for headers in [&[FROM_OURS][..], &[("sec-fetch-site", "none")], &[("origin", own)]] {
        assert_eq!(change(&server, &cookie, headers).status, 200, "{headers:?}");
    }
    // A program says who it is by itself; nobody can make it do so.
    let bearer = format!("Bearer {}", server.token(Scope::Manage));
    let headers = [("authorization", bearer.as_str()), ("origin", "http://evil.example.com")];
    assert_eq!(change(&server, "other=1", &headers).status, 200);
}

#[test]
fn nobody_is_signed_in_or_out_by_a_page_of_somebody_else() {
    let server = usual();
    let evil = ("origin", "http://evil.example.com");
    let token = server.token(Scope::Read);
    for headers in [&[evil][..], &[("sec-fetch-site", "cross-site")]] {
        let answer = sign_in(&server, &token, headers);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    }
    // curl and the smallest browsers say nothing of where they come from.
    assert_eq!(sign_in(&server, &token, &[]).status, 303);
    let cookie = signed_in(&server, &token);
    let out = server.anyone().send_undocumented("POST", "/sign-out", &[("cookie", &cookie), evil], None);
    assert_eq!(out.status, 403);
    assert_eq!(server.anyone().send("GET", "/api/v2/builds", &[("cookie", &cookie)], None).status, 200);
}

#[test]
fn whoever_signs_out_is_out_wherever_the_cookie_lies() {
    let server = usual();
    let there = server.beside(Options::default());
    let (cookie, other) = {
        let token = server.token(Scope::Read);
        (signed_in(&server, &token), signed_in(&server, &token))
    };
    let headers = [("cookie", cookie.as_str()), FROM_OURS];
    let out = server.anyone().send_undocumented("POST", "/sign-out", &headers, None);
    assert_eq!(out.status, 200);
    let gone = out.header("set-cookie").unwrap();
    assert!(gone.starts_with("milepost_session=;") && gone.contains("Max-Age=0"), "{gone}");
    let look = |node: &Server, cookie: &str| {
        node.anyone().send("GET", "/api/v2/builds", &[("cookie", cookie)], None)
    };
    refused(&look(&server, &cookie), 401, "credential_revoked");
    comes_true("the other node hears of it", || look(&there, &cookie).status == 401);
    assert_eq!(look(&server, &other).status, 200, "another browser stays signed in");
}

#[test]
fn a_session_does_no_more_than_its_token_and_only_as_a_cookie() {
    let server = usual();
    let cookie = signed_in(&server, &server.token(Scope::Read));
    refused(&change(&server, &cookie, &[FROM_OURS]), 403, "forbidden");
    let session = cookie.split_once('=').unwrap().1.to_owned();
    refused(&server.with_token(session.clone()).get("/api/v2/builds"), 401, "unauthenticated");
    assert_eq!(sign_in(&server, &session, &[FROM_OURS]).status, 401, "it opens no other session");
    // A wrong token counts, whatever else comes with it.
    let headers = [("cookie", cookie.as_str()), ("authorization", "Bearer x.y.z")];
    refused(&server.anyone().send("GET", "/api/v2/builds", &headers, None), 401, "unauthenticated");
}
