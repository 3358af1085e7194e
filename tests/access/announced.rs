//! Builds that nobody registered: their own token opens them, and Foreman's own tokens beside.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use milepost_api::Settings;
use serde_json::json;

use crate::support::{
    ACCEPT_JSON, FOREMANS, FOREMANS_PUBLIC, announced, build_id, claims, now, open, progress, refused,
    report_with, reports_of, server, signed, text,
};

#[test]
fn a_report_opens_the_build_that_its_token_announces() {
    let server = server(Settings::default());
    for (key, host) in [(FOREMANS, "hs.example.com"), (FOREMANS_PUBLIC, "ed.example.com")] {
        let (build, expires_at) = (build_id(now()), now() + TimeDelta::hours(6));
        let mut said = claims(build, host, expires_at);
        said["id"] = json!(if key == FOREMANS { 42 } else { 43 });
        said["mac"] = json!("525400123456");
        said["org"] = json!("acme");
        said["loc"] = json!("Europe/Brno");
        let token = signed(key, &said);
        let path = format!("/unattended/step/{token}/get_ks/done");
        assert_eq!(server.anyone().get(&path).expect(200).text, "recorded\n");
        let known = progress(&server, host);
        assert_eq!((&known["build"]["id"], &known["state"]), (&json!(build.to_string()), &json!("running")));
        assert_eq!(known["host"]["foreman_id"], said["id"]);
        assert_eq!(known["host"]["mac"], "52:54:00:12:34:56");
        assert_eq!(
            (&known["host"]["organization"], &known["host"]["location"]),
            (&said["org"], &said["loc"])
        );
        let seconds = text(&known["build"]["expires_at"]).parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert_eq!(seconds.timestamp(), expires_at.timestamp());
    }
}

#[test]
fn a_build_is_opened_once_by_whoever_comes_first() {
    let server = server(Settings::default());
    let (build, token) = announced("web1.example.com");
    for _ in 0..2 {
        assert_eq!(report_with(&server, &token).status, 200);
    }
    // The registration that came too late means the same build.
    let input = json!({"host": {"name": "web1.example.com"}, "workflow": "kickstart", "token": token});
    let known = server.manage().post("/api/v2/builds", &input).expect(200).json();
    assert_eq!(known["id"], json!(build.to_string()));
    assert_eq!(reports_of(&server, "web1.example.com"), 2);
    // And the other way round.
    let (build, token) = announced("web2.example.com");
    let input = json!({"host": {"name": "web2.example.com"}, "workflow": "kickstart", "token": token});
    let opened = server.manage().post("/api/v2/builds", &input).expect(201).json();
    assert_eq!(opened["id"], json!(build.to_string()));
    assert_eq!(report_with(&server, &token).status, 200);
    let builds = server.read().get("/api/v2/hosts/web2.example.com/builds").expect(200).json();
    assert_eq!(builds["total"], 1);
}

#[test]
fn the_id_of_a_build_may_be_in_its_short_form() {
    let server = server(Settings::default());
    let build = build_id(now());
    let mut said = claims(build, "web1.example.com", now() + TimeDelta::hours(1));
    said["jti"] = json!(URL_SAFE_NO_PAD.encode(build.uuid().as_bytes()));
    assert_eq!(report_with(&server, &signed(FOREMANS, &said)).status, 200);
    assert_eq!(progress(&server, "web1.example.com")["build"]["id"], json!(build.to_string()));
}

#[test]
fn a_key_that_grants_reports_makes_no_token_of_a_program() {
    let server = server(Settings::default());
    let jti = "0193b0a0-0000-7000-8000-000000000001";
    for scope in ["read", "manage", "admin"] {
        for key in [FOREMANS, FOREMANS_PUBLIC] {
            let token = signed(key, &json!({"scope": scope, "aud": "milepost", "jti": jti}));
            let answer = server.with_token(token).get("/api/v2/builds");
            refused(&answer, 401, "unauthenticated");
            assert!(answer.text.contains("its key grants 'report' at most"), "{}", answer.text);
        }
    }
}

#[test]
fn the_token_of_a_build_is_no_key_to_another_ones() {
    let server = server(Settings::default());
    let (_, token) = announced("web1.example.com");
    let mine = open(&server, "web1.example.com");
    let theirs = open(&server, "web2.example.com");
    // What is announced for one host cannot be registered for another.
    assert_eq!(report_with(&server, &token).status, 200);
    let input = json!({"host": {"name": "web2.example.com"}, "workflow": "kickstart", "token": token});
    refused(&server.manage().post("/api/v2/builds", &input), 409, "conflict");
    // Nor does one that names another build, signed by nobody we know.
    let mut parts = mine.token.split('.');
    let (head, _, signature) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
    let payload = theirs.token.split('.').nth(1).unwrap();
    refused(&report_with(&server, &format!("{head}.{payload}.{signature}")), 401, "unauthenticated");
    assert_eq!(reports_of(&server, "web2.example.com"), 0);
}

#[test]
fn foremans_own_token_identifies_one_build_however_often_it_is_registered() {
    let server = server(Settings::default());
    let token = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55";
    let input =
        |host: &str| json!({"host": {"name": host}, "workflow": "kickstart", "token": token}).to_string();
    let register = |host: &str| {
        let headers = [crate::support::SENDS_JSON];
        server.manage().send("POST", "/api/v2/builds", &headers, Some(input(host).as_bytes()))
    };
    let first = register("web1.example.com").expect(201).json();
    assert_eq!(first["token"], token);
    let again = register("web1.example.com").expect(200).json();
    assert_eq!(again["id"], first["id"]);
    refused(&register("web2.example.com"), 409, "conflict");
    assert_eq!(report_with(&server, token).status, 200);
    assert_eq!(progress(&server, "web1.example.com")["build"]["id"], first["id"]);
}

#[test]
fn a_build_whose_names_fit_into_no_token_gets_one_that_is_looked_up() {
    let server = server(Settings::default());
    let long = "\u{17e}".repeat(255);
    let host = json!({"name": "web1.example.com", "organization": long, "location": long});
    let build = crate::support::open_as(&server, &host);
    assert!(build.token.len() < 64, "{}", build.token);
    assert_eq!(report_with(&server, &build.token).status, 200);
    assert_eq!(progress(&server, "web1.example.com")["build"]["id"], json!(build.id));
}

#[test]
fn a_machine_sees_its_own_progress_and_no_other() {
    let server = server(Settings::default());
    let (_, announced) = announced("web1.example.com");
    assert_eq!(report_with(&server, &announced).status, 200);
    let opened = open(&server, "web2.example.com");
    for (token, host) in [(&announced, "web1.example.com"), (&opened.token, "web2.example.com")] {
        let by_path =
            server.anyone().send("GET", &format!("/unattended/progress/{token}"), &[ACCEPT_JSON], None);
        assert_eq!(by_path.expect(200).json()["host"]["name"], host);
        let by_query = server.anyone().get(&format!("/unattended/progress?token={token}")).expect(200);
        assert!(by_query.text.starts_with(if host == "web1.example.com" { "running" } else { "pending" }));
        let line = server.with_token(token.clone()).get("/unattended/progress").expect(200);
        assert_eq!(line.text, by_query.text);
    }
    let newer = open(&server, "web2.example.com");
    let gone = server.anyone().get(&format!("/unattended/progress/{}", opened.token)).expect(404);
    assert!(gone.text.contains("a newer build"), "{}", gone.text);
    let _ = server.anyone().get(&format!("/unattended/progress/{}", newer.token)).expect(200);
}
