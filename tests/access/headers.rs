//! What every answer says to a browser.

use milepost_api::{Scope, Settings};

use crate::support::{ACCEPT_JSON, FROM_OURS, open, server, sign_in, signed_in};

#[test]
fn no_answer_is_taken_for_more_than_it_is() {
    let server = server(Settings::default());
    let build = open(&server, "web1.example.com");
    let step = format!("/unattended/step/{}", build.token);
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/", 307),
        ("GET", "/docs/", 200),
        ("GET", "/sign-in", 200),
        ("GET", "/sign-in.css", 200),
        ("GET", "/no/such/path", 404),
        ("DELETE", "/api/v2/builds", 405),
        ("GET", "/api/v2/builds", 401),
        ("GET", &format!("{step}/get_ks/done"), 200),
        ("GET", &format!("{step}/no_such_step"), 422),
        ("GET", "/unattended/built", 404),
        ("POST", "/sign-out", 200),
    ] {
        let answer = server.anyone().send_undocumented(method, path, &[FROM_OURS], None);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert!(answer.header("x-request-id").is_some(), "{method} {path}");
        assert!(answer.header("server").is_none(), "{method} {path}");
    }
}

#[test]
fn every_page_runs_nothing_but_ours_and_stands_in_nobodys_frame() {
    let server = server(Settings::default());
    let token = server.token(Scope::Read);
    let cookie = signed_in(&server, &token);
    let get = |path: &str| server.anyone().send_undocumented("GET", path, &[], None);
    let headers = [("cookie", cookie.as_str()), FROM_OURS];
    let out = server.anyone().send_undocumented("POST", "/sign-out", &headers, None);
    let wrong = sign_in(&server, "nobody", &[FROM_OURS]);
    for page in [get("/docs/"), get("/docs/index.html"), get("/sign-in"), get("/sign-in?link=x"), wrong, out]
    {
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{}", page.text);
        let policy = page.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(rule), "{rule}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http:") && !policy.contains('*'), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "an address may hold a token");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        // What the policy would not run is not there either.
        for script in page.text.split("<script").skip(1) {
            assert!(script.split('>').next().unwrap().contains("src="), "{}", page.text);
        }
        for handler in [" onload=", " onclick=", " style=\""] {
            assert!(!page.text.contains(handler), "{handler}: {}", page.text);
        }
    }
}

#[test]
fn what_a_machine_says_is_no_page() {
    let server = server(Settings::default());
    let build = open(&server, "web1.example.com");
    let markup = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let path = format!("/unattended/step?token={}&label={markup}&status={markup}", build.token);
    let refused = server.anyone().get(&path).expect(422);
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
    let refused = server.anyone().send("GET", &path, &[ACCEPT_JSON], None).expect(422);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let path = format!("/unattended/step/{}/packages/failed", build.token);
    let _ = server.anyone().send("POST", &path, &[], Some(b"<script>alert(1)</script>")).expect(200);
    let list = server.read().get(&format!("/api/v2/builds/{}/reports", build.id)).expect(200).json();
    let id = crate::support::text(&list["results"][0]["id"]);
    let log = server.read().get(&format!("/api/v2/builds/{}/reports/{id}/log", build.id)).expect(200);
    assert_eq!(log.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(log.header("x-content-type-options"), Some("nosniff"));
}
