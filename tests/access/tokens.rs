//! Tokens of programs and people: made, listed, revoked.

use milepost_api::{Scope, Settings};
use milepost_testkit::{Options, Server};
use serde_json::json;

use crate::support::{comes_true, made, refused, server, signed_in, text};

#[test]
fn a_token_is_shown_once_and_does_what_it_was_made_for() {
    let server = server(Settings::default());
    let input = json!({"name": "wall screen", "scope": "read", "expires_in": 3600, "locations": ["brno"]});
    let made = server.admin().post("/api/v2/tokens", &input).expect(201).json();
    assert_eq!(
        (&made["name"], &made["scope"], &made["locations"]),
        (&json!("wall screen"), &json!("read"), &json!(["brno"]))
    );
    let token = text(&made["token"]);
    let api = server.with_token(token.clone());
    let session = api.get("/api/v2/session").expect(200).json();
    assert_eq!(session["name"], json!(format!("wall screen ({})", text(&made["id"]))));
    assert_eq!((&session["scope"], &session["locations"]), (&json!("read"), &json!(["brno"])));
    assert_eq!(session["expires_at"], made["expires_at"]);
    refused(
        &api.put("/api/v2/steps/x", &json!({"name": "X", "priority": 1, "weight_seconds": 60})),
        403,
        "forbidden",
    );
    let list = server.admin().get("/api/v2/tokens").expect(200);
    assert!(!list.text.contains(&token) && list.json()["results"][0].get("token").is_none());
}

#[test]
fn a_token_comes_as_a_bearer_in_any_case_and_no_other_way() {
    let server = server(Settings::default());
    let token = server.token(Scope::Read);
    let status = |header: &str| {
        server.anyone().send("GET", "/api/v2/builds", &[("authorization", header)], None).status
    };
    for (header, expected) in [
        (format!("Bearer {token}"), 200),
        (format!("bearer {token}"), 200),
        (format!("Basic {token}"), 401),
        (token.clone(), 401),
        ("Bearer ".to_owned(), 401),
    ] {
        assert_eq!(status(&header), expected, "{header}");
    }
    assert_eq!(server.anyone().get(&format!("/api/v2/builds?token={token}")).status, 401);
    let cookie = ("cookie", format!("milepost_session={token}"));
    let answer = server.anyone().send("GET", "/api/v2/builds", &[(cookie.0, &cookie.1)], None);
    refused(&answer, 401, "unauthenticated");
}

#[test]
fn nobody_makes_a_token_that_reaches_further_than_their_own() {
    let server = server(Settings::default());
    let (bound, _) = made(&server, &json!({"scope": "admin", "organizations": ["acme"]}));
    for wider in [
        json!({"scope": "read"}),
        json!({"scope": "read", "organizations": []}),
        json!({"scope": "read", "organizations": ["globex"]}),
        json!({"scope": "read", "organizations": ["acme", "globex"]}),
        json!({"scope": "read", "organizations": ["acmes"]}),
        json!({"scope": "read", "locations": ["brno"]}),
    ] {
        refused(&bound.post("/api/v2/tokens", &wider), 403, "forbidden");
    }
    for within in [
        json!({"scope": "admin", "organizations": ["acme"]}),
        json!({"scope": "read", "organizations": ["acme/web"], "locations": ["brno"]}),
    ] {
        assert_eq!(bound.post("/api/v2/tokens", &within).status, 201, "{within}");
    }
    let manage = server.manage();
    refused(&manage.post("/api/v2/tokens", &json!({"scope": "read"})), 403, "forbidden");
}

#[test]
fn what_makes_no_sense_makes_no_token() {
    let server = server(Settings::default());
    let many: Vec<String> = (0..51).map(|number| format!("org {number}")).collect();
    for (input, pointer) in [
        (json!({"scope": "root"}), "/scope"),
        (json!({"scope": "report"}), "/scope"),
        (json!({}), "/scope"),
        (json!({"scope": "read", "expires_in": 0}), "/expires_in"),
        (json!({"scope": "read", "expires_in": -1}), "/expires_in"),
        (json!({"scope": "read", "organizations": many}), "/organizations"),
        (json!({"scope": "read", "locations": ["ok", ""]}), "/locations/1"),
    ] {
        let problem = server.admin().post("/api/v2/tokens", &input).expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{input}: {problem}");
    }
    assert_eq!(server.admin().get("/api/v2/tokens").expect(200).json()["total"], 0);
}

#[test]
fn a_revoked_token_is_void_at_once_with_its_sessions_and_on_every_node() {
    let server = server(Settings::default());
    let there = server.beside(Options::default());
    let (api, id) = made(&server, &json!({"scope": "manage", "name": "deploy"}));
    let token =
        text(&server.admin().post("/api/v2/tokens", &json!({"scope": "read"})).expect(201).json()["token"]);
    let cookie = signed_in(&server, &token);
    let look = |node: &Server| {
        let headers = [("cookie", cookie.as_str())];
        node.anyone().send("GET", "/api/v2/builds", &headers, None)
    };
    assert_eq!((api.get("/api/v2/builds").status, look(&server).status), (200, 200));
    assert_eq!(look(&there).status, 200, "a session holds on every node");
    let admin = server.admin();
    let void = admin.delete(&format!("/api/v2/tokens/{id}")).expect(200).json();
    assert!(void["revoked_at"].is_string() && text(&void["revoked_by"]).starts_with("token "));
    refused(&api.get("/api/v2/builds"), 401, "credential_revoked");
    let list = admin.get("/api/v2/tokens?search=name%3Ddeploy").expect(200).json();
    assert_eq!(list["results"][0]["revoked_at"], void["revoked_at"]);
    // The other one, with which a browser had signed in.
    let list = admin.get("/api/v2/tokens?search=scope%3Dread").expect(200).json();
    let _ = admin.delete(&format!("/api/v2/tokens/{}", text(&list["results"][0]["id"]))).expect(200);
    refused(&look(&server), 401, "credential_revoked");
    let elsewhere = |token: &str| there.with_token(token.to_owned()).get("/api/v2/builds");
    comes_true("the other node hears of it", || elsewhere(&token).status == 401);
    refused(&elsewhere(&token), 401, "credential_revoked");
    refused(&look(&there), 401, "credential_revoked");
}

#[test]
fn a_token_that_was_made_while_the_service_was_down_is_revoked_by_its_id() {
    let server = server(Settings::default());
    let token = server.token(Scope::Read);
    let payload = token.split('.').nth(1).unwrap();
    let claims = {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        serde_json::from_slice::<serde_json::Value>(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    };
    let api = server.with_token(token);
    let _ = api.get("/api/v2/builds").expect(200);
    let path = format!("/api/v2/tokens/{}", text(&claims["jti"]));
    // Not by somebody who is bound, since nobody knows what it is bound to.
    let (bound, _) = made(&server, &json!({"scope": "admin", "organizations": ["acme"]}));
    refused(&bound.delete(&path), 404, "not_found");
    let _ = server.admin().delete(&path).expect(200);
    refused(&api.get("/api/v2/builds"), 401, "credential_revoked");
    refused(&server.admin().delete("/api/v2/tokens/deploy"), 404, "not_found");
}
