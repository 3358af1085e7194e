//! How much a build may say, and that its neighbour does not notice.

use milepost_api::{BURST, LimitSettings, Settings};
use milepost_testkit::{Answer, Server};
use serde_json::{Value, json};

use crate::support::{
    ACCEPT_JSON, announced, comes_true, open, progress, refused, report_with, reports_of, server,
};

const HOST: &str = "web1.example.com";

fn limited(limits: LimitSettings) -> Server {
    server(Settings { limits, ..Settings::default() })
}

#[track_caller]
fn is_later(answer: &Answer, seconds: &str) {
    refused(answer, 429, "too_many_requests");
    assert_eq!(answer.header("retry-after"), Some(seconds), "{}", answer.text);
}

fn signals(server: &Server) -> Vec<Value> {
    let progress = progress(server, HOST);
    progress["signals"].as_array().into_iter().flatten().map(|signal| signal["kind"].clone()).collect()
}

#[test]
fn a_build_that_reports_too_fast_is_told_so_counted_and_shown() {
    let server = limited(LimitSettings { build_reports_per_second: 1, ..LimitSettings::default() });
    let (flooding, neighbour) = (open(&server, HOST), open(&server, "web2.example.com"));
    let mut taken = 0_u32;
    let limited = loop {
        let answer = report_with(&server, &flooding.token);
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken < 100 * BURST, "there is no limit");
    };
    assert!(taken >= BURST, "a burst of {BURST} is taken, not {taken}");
    is_later(&limited, "1");
    assert!(limited.text.contains("faster than 1 times a second"), "{}", limited.text);
    assert_eq!(report_with(&server, &neighbour.token).status, 200);
    assert_eq!(reports_of(&server, HOST), json!(taken), "what was refused is not stored");
    comes_true("it is shown", || signals(&server).contains(&json!("flooding")));
    assert!(progress(&server, "web2.example.com")["signals"].as_array().is_none_or(Vec::is_empty));
}

#[test]
fn a_build_has_a_budget_of_reports() {
    let server = limited(LimitSettings { build_reports: 3, ..LimitSettings::default() });
    let ((_, token), neighbour) = (announced(HOST), open(&server, "web2.example.com"));
    let batch = |count: usize| {
        let body = json!({"token": token, "reports": vec![json!({"label": "get_ks"}); count]}).to_string();
        server.anyone().send("POST", "/unattended/batch", &[ACCEPT_JSON], Some(body.as_bytes()))
    };
    assert_eq!(batch(2).status, 200);
    // All of them or none: what fits is not picked out of what does not.
    is_later(&batch(2), "3600");
    assert_eq!(report_with(&server, &token).status, 200);
    is_later(&report_with(&server, &token), "3600");
    // Whatever way it takes: the callback counts as well, but a look is free.
    assert_eq!(server.anyone().get(&format!("/unattended/built?token={token}")).status, 429);
    assert_eq!(server.anyone().get(&format!("/unattended/progress?token={token}")).status, 200);
    assert_eq!(report_with(&server, &neighbour.token).status, 200);
    assert_eq!(reports_of(&server, HOST), 3);
}

#[test]
fn a_build_has_a_budget_of_logs_and_may_report_without() {
    let server = limited(LimitSettings { build_log_megabytes: 1, ..LimitSettings::default() });
    let build = open(&server, HOST);
    let path = format!("/unattended/step/{}/packages", build.token);
    let log = "x".repeat(60 * 1024);
    let send = |body: &[u8]| server.anyone().send("POST", &path, &[ACCEPT_JSON], Some(body));
    for _ in 0..17 {
        assert_eq!(send(log.as_bytes()).status, 200);
    }
    let refused = send(log.as_bytes());
    is_later(&refused, "3600");
    assert!(refused.text.contains("1 MiB of logs; report without"), "{}", refused.text);
    assert_eq!(report_with(&server, &build.token).status, 200);
    assert_eq!(send(b"a last word").status, 200, "what still fits");
}

#[test]
fn an_address_that_asks_too_much_is_put_off_and_another_is_not() {
    let limits = LimitSettings { address_requests_per_second: 1, ..LimitSettings::default() };
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let server = server(Settings { limits, trusted_proxies, ..Settings::default() });
    let token = format!("Bearer {}", server.token(milepost_api::Scope::Read));
    let from = |address: &str| {
        let headers = [("authorization", token.as_str()), ("x-forwarded-for", address)];
        server.anyone().send("GET", "/api/v2/session", &headers, None)
    };
    let limited = (0..1_000).map(|_| from("192.0.2.1")).find(|answer| answer.status != 200);
    is_later(&limited.unwrap(), "1");
    assert_eq!(from("192.0.2.2").status, 200);
    // A host has a whole /64 of IPv6, and many hosts do not have the same one.
    let limited =
        (1..1_000).map(|host| from(&format!("2001:db8::{host:x}"))).find(|answer| answer.status != 200);
    is_later(&limited.unwrap(), "1");
    assert_eq!(from("2001:db8:0:1::1").status, 200);
    let metrics = server.anyone().get("/metrics").expect(200).text;
    let counted =
        metrics.lines().find(|line| line.contains("requests_limited_total") && !line.starts_with('#'));
    assert!(counted.is_some_and(|line| !line.ends_with(" 0")), "{counted:?}");
}

#[test]
fn a_limit_of_nought_is_none() {
    let server = limited(LimitSettings {
        build_reports_per_second: 0,
        build_reports: 0,
        build_log_megabytes: 0,
        address_requests_per_second: 0,
        requests_per_second: 0,
        guesses_per_minute: 0,
    });
    let build = open(&server, HOST);
    for _ in 0..3 * BURST {
        assert_eq!(report_with(&server, &build.token).status, 200);
        assert_eq!(report_with(&server, "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55").status, 401);
    }
}
