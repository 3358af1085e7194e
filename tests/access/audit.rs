//! The audit trail: an entry for each thing that somebody changed, and none for what was refused.

use std::collections::BTreeSet;

use milepost_api::{Scope, Settings};
use milepost_testkit::{Contract, Server};
use serde_json::{Value, json};

use crate::support::{FROM_OURS, SENDS_JSON, made, open_as, refused, server, signed_in, text};

#[track_caller]
fn trail(server: &Server, query: &str) -> Vec<Value> {
    let list = server.admin().get(&format!("/api/v2/audit?per_page=all&{query}")).expect(200).json();
    list["results"].as_array().unwrap().clone()
}

/// The operations of the document that change something and need a token.
fn changes() -> BTreeSet<String> {
    let paths = Contract::published().document()["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|item| item.as_object().unwrap());
    operations
        .filter(|(method, operation)| *method != "get" && operation.get("x-scope").is_some())
        .map(|(_, operation)| text(&operation["operationId"]))
        .collect()
}

#[test]
fn every_change_that_a_token_can_make_is_entered() {
    let server = server(Settings::default());
    let (deploy, id) = made(&server, &json!({"scope": "admin", "name": "deploy"}));
    let build = deploy.post(
        "/api/v2/builds",
        &json!({"host": {"name": "web1.example.com", "organization": "acme"}, "workflow": "kickstart"}),
    );
    let build = text(&build.expect(201).json()["id"]);
    for state in ["installed", "completed"] {
        let _ = deploy.patch(&format!("/api/v2/builds/{build}"), &json!({"state": state})).expect(200);
    }
    let _ = deploy
        .put("/api/v2/steps/site_step", &json!({"name": "A step", "priority": 500, "weight_seconds": 60}))
        .expect(200);
    let _ = deploy
        .put("/api/v2/workflows/site", &json!({"title": "A workflow", "steps": [{"label": "get_ks"}]}))
        .expect(200);
    let _ = deploy.delete("/api/v2/workflows/site").expect(200);
    let _ = deploy.delete("/api/v2/steps/site_step").expect(200);
    let mute = json!({"host": "web1.example.com", "for_seconds": 60, "reason": "new firmware"});
    let mute = text(&deploy.post("/api/v2/mutes", &mute).expect(201).json()["id"]);
    let _ = deploy.delete(&format!("/api/v2/mutes/{mute}")).expect(200);
    let hook = deploy.post("/api/v2/hooks", &json!({"name": "chat", "url": "http://127.0.0.1:9/"}));
    let hook = text(&hook.expect(201).json()["id"]);
    let of_hook = format!("/api/v2/hooks/{hook}");
    let _ = deploy.patch(&of_hook, &json!({"enabled": false})).expect(200);
    let _ = deploy.post(&format!("{of_hook}/test"), &json!({})).expect(200);
    let _ = deploy.delete(&of_hook).expect(200);
    let token = deploy.post("/api/v2/tokens", &json!({"scope": "read", "name": "screen"})).expect(201).json();
    let path = format!("/api/v2/tokens/{}", text(&token["id"]));
    let body = [SENDS_JSON, ("x-request-id", "a-change-4711")];
    let _ = deploy.send("DELETE", &path, &body, None).expect(200);
    let actor = format!("deploy ({id})");
    let mine: Vec<Value> = trail(&server, "").into_iter().filter(|entry| entry["actor"] == actor).collect();
    let told: Vec<(String, String)> =
        mine.iter().rev().map(|entry| (text(&entry["action"]), text(&entry["target"]))).collect();
    let expected = [
        ("create_build", format!("build {build}")),
        ("update_build", format!("build {build}")),
        ("update_build", format!("build {build}")),
        ("put_step", "step site_step".to_owned()),
        ("put_workflow", "workflow site".to_owned()),
        ("delete_workflow", "workflow site".to_owned()),
        ("delete_step", "step site_step".to_owned()),
        ("create_mute", format!("mute {mute}")),
        ("delete_mute", format!("mute {mute}")),
        ("create_hook", format!("hook {hook}")),
        ("update_hook", format!("hook {hook}")),
        ("test_hook", format!("hook {hook}")),
        ("delete_hook", format!("hook {hook}")),
        ("create_token", format!("token {}", text(&token["id"]))),
        ("revoke_token", format!("token {}", text(&token["id"]))),
    ];
    let expected: Vec<(String, String)> =
        expected.into_iter().map(|(action, target)| (action.to_owned(), target)).collect();
    assert_eq!(told, expected);
    let entered: BTreeSet<String> = told.into_iter().map(|(action, _)| action).collect();
    assert_eq!(entered, changes(), "a change that the document has is entered, and tried here");
    assert_eq!((&mine[0]["request_id"], &mine[0]["address"]), (&json!("a-change-4711"), &json!("127.0.0.1")));
    let details: Vec<&Value> = mine.iter().rev().take(3).map(|entry| &entry["detail"]).collect();
    assert_eq!(details, [&json!("web1.example.com"), &json!("installed"), &json!("completed")]);
}

#[test]
fn what_was_refused_or_changed_nothing_is_not_entered() {
    let server = server(Settings::default());
    let build = open_as(&server, &json!({"name": "web1.example.com"}));
    let path = format!("/api/v2/builds/{}", build.id);
    let _ = server.manage().patch(&path, &json!({"state": "canceled"})).expect(200);
    let before = trail(&server, "");
    let _ = server.manage().patch(&path, &json!({"state": "canceled"})).expect(200);
    let _ = server.manage().patch(&path, &json!({"state": "installed"})).expect(409);
    let _ = server.read().patch(&path, &json!({"state": "installed"})).expect(403);
    let _ = server
        .manage()
        .put("/api/v2/steps/get_ks", &json!({"name": "Mine", "priority": 1, "weight_seconds": 60}))
        .expect(409);
    let _ = server.manage().delete("/api/v2/steps/none").expect(404);
    let _ = server.admin().post("/api/v2/tokens", &json!({"scope": "root"})).expect(422);
    assert_eq!(trail(&server, ""), before);
}

#[test]
fn signing_in_and_out_is_entered_and_no_secret_is() {
    let server = server(Settings::default());
    let token = server.token(Scope::Read);
    let cookie = signed_in(&server, &token);
    let headers = [("cookie", cookie.as_str()), FROM_OURS];
    let _ = server.anyone().send_undocumented("POST", "/sign-out", &headers, None);
    let entries = trail(&server, "");
    let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["sign_out", "sign_in"]);
    let build = open_as(&server, &json!({"name": "web1.example.com"}));
    let all = json!(trail(&server, "")).to_string();
    for secret in [&token, &build.token, cookie.split_once('=').unwrap().1] {
        assert!(!all.contains(secret));
    }
    assert_eq!(trail(&server, "search=action%3Dsign_in").len(), 1);
    assert_eq!(trail(&server, "search=address%3D127.0.0.1+and+target~build").len(), 1);
    refused(&server.manage().get("/api/v2/audit"), 403, "forbidden");
}
