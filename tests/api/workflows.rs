//! Workflows: which steps one way of installing is expected to pass.

use milepost_testkit::{Answer, Server};
use serde_json::{Value, json};

use crate::support::{at_rest, build_of, each, encode, open_as, pointers, post_form, progress, report, text};

const HOST: &str = "web1.example.com";
const PATH: &str = "/api/v2/workflows/appliance";

fn appliance() -> Value {
    json!({
        "title": "Our appliance", "description": "Installed from our own medium",
        "steps": [
            {"label": "get_ks", "entry": true}, {"label": "packages", "weight_seconds": 60},
            {"label": "built"}, {"label": "first_boot"},
        ],
    })
}

#[track_caller]
fn put(server: &Server, body: &Value) -> Answer {
    server.manage().put(PATH, body)
}

#[track_caller]
fn list(server: &Server, query: &str) -> Value {
    server.read().get(&format!("/api/v2/workflows?{query}")).expect(200).json()
}

#[track_caller]
fn expected_steps(server: &Server, host: &str) -> Vec<String> {
    progress(server, host)["steps"].as_array().unwrap().iter().map(|step| text(&step["label"])).collect()
}

#[test]
fn the_ways_of_installing_that_foreman_knows_are_shipped() {
    let server = Server::start();
    let names = each(&list(&server, ""), "name");
    let shipped = ["agama", "autoinstall", "autoyast", "freebsd", "image", "kickstart", "preseed", "windows"];
    assert_eq!(names, shipped);
    for name in shipped {
        let host = format!("{name}.example.com");
        let build = open_as(&server, &json!({"name": host}), name);
        report(&server, &build, "built/done");
        report(&server, &build, "first_boot/done");
        assert_eq!(build_of(&server, &build)["state"], "completed", "{name}");
    }
}

#[test]
fn a_workflow_is_put_changed_and_removed() {
    let server = Server::start();
    let made = put(&server, &appliance()).expect(200).json();
    let mut expected = appliance();
    expected["name"] = json!("appliance");
    expected["owner"] = json!("site");
    assert_eq!(made, expected);
    assert_eq!(list(&server, "search=owner%3Dsite")["results"], json!([made]));
    let build = open_as(&server, &json!({"name": HOST}), "appliance");
    assert_eq!(expected_steps(&server, HOST), ["get_ks", "packages", "built", "first_boot"]);
    let mut changed = appliance();
    changed["title"] = json!("Its successor");
    changed["registry"] = json!("loose");
    let changed = put(&server, &changed).expect(200).json();
    assert_eq!((&changed["title"], &changed["registry"]), (&json!("Its successor"), &json!("loose")));
    assert_eq!(server.manage().delete(PATH).expect(200).json(), changed);
    assert_eq!(server.manage().delete(PATH).expect(404).json()["code"], "not_found");
    report(&server, &build, "packages/done");
    let shown = build_of(&server, &build);
    assert_eq!((&shown["workflow"], &shown["state"]), (&json!("appliance"), &json!("running")));
    let body = json!({"host": {"name": HOST}, "workflow": "appliance"});
    let _ = server.manage().post("/api/v2/builds", &body).expect(422);
}

#[test]
fn the_goalposts_of_an_open_build_do_not_move() {
    let server = Server::start();
    let _ = put(&server, &appliance()).expect(200);
    let build = open_as(&server, &json!({"name": HOST}), "appliance");
    report(&server, &build, "get_ks/done");
    let before = at_rest(progress(&server, HOST));
    let changed = json!({"title": "Longer", "steps": [
        {"label": "get_ks"}, {"label": "storage", "weight_seconds": 6000}, {"label": "built"},
        {"label": "first_boot"}, {"label": "config_report"},
    ]});
    let _ = put(&server, &changed).expect(200);
    assert_eq!(at_rest(progress(&server, HOST)), before);
    report(&server, &build, "built/done");
    report(&server, &build, "first_boot/done");
    assert_eq!(build_of(&server, &build)["state"], "completed", "by the steps it was opened with");
    let _ = open_as(&server, &json!({"name": "web2.example.com"}), "appliance");
    assert_eq!(
        expected_steps(&server, "web2.example.com"),
        ["get_ks", "storage", "built", "first_boot", "config_report"]
    );
}

#[test]
fn a_workflows_own_order_weight_and_marks_hold_in_its_builds() {
    let server = Server::start();
    let body = json!({"title": "Turned around", "steps": [
        {"label": "packages", "priority": 10}, {"label": "get_ks", "priority": 500, "optional": true},
        {"label": "built", "priority": 600}, {"label": "first_boot", "optional": true},
        {"label": "config_report"},
    ]});
    let made = put(&server, &body).expect(200).json();
    assert_eq!(made["steps"], body["steps"]);
    let build = open_as(&server, &json!({"name": HOST}), "appliance");
    let order = ["packages", "get_ks", "built", "first_boot", "config_report"];
    assert_eq!(expected_steps(&server, HOST), order);
    report(&server, &build, "built/done");
    report(&server, &build, "config_report/done");
    let shown = progress(&server, HOST);
    assert_eq!((&shown["state"], &shown["percent"]), (&json!("completed"), &json!(100)));
    assert_eq!(crate::support::step(&shown, "first_boot")["state"], "skipped");
}

#[test]
fn a_workflow_is_changed_by_its_owner_only() {
    let server = Server::start();
    let mut body = appliance();
    body["owner"] = json!("plugin_a");
    let _ = put(&server, &body).expect(200);
    for owner in ["plugin_b", "site"] {
        body["owner"] = json!(owner);
        assert_eq!(put(&server, &body).expect(409).json()["code"], "not_owner", "{owner}");
        let answer = server.manage().delete(&format!("{PATH}?owner={owner}")).expect(409);
        assert_eq!(answer.json()["code"], "not_owner", "{owner}");
    }
    body["owner"] = json!("milepost");
    assert_eq!(pointers(&put(&server, &body).expect(422).json()), ["/owner"]);
    let _ = server.manage().delete(&format!("{PATH}?owner=milepost")).expect(422);
    body["owner"] = json!("plugin_a");
    let _ = put(&server, &body).expect(200);
    let _ = server.manage().delete(&format!("{PATH}?owner=plugin_a")).expect(200);
    let shipped = server.manage().put("/api/v2/workflows/kickstart", &appliance()).expect(409);
    assert_eq!(shipped.json()["code"], "not_owner");
    let _ = server.manage().delete("/api/v2/workflows/kickstart").expect(409);
}

#[test]
fn a_workflow_that_does_not_hold_together_is_refused() {
    let server = Server::start();
    for (steps, sentence) in [
        (json!([{"label": "no_such_step"}]), "'no_such_step', which is not registered"),
        (json!([{"label": "built"}, {"label": "built"}]), "names the step 'built' twice"),
        (json!([{"label": "built"}, {"label": "post", "priority": 800}]), "two steps of priority 800"),
    ] {
        let problem = put(&server, &json!({"title": "x", "steps": steps})).expect(422).json();
        assert_eq!(problem["code"], "invalid");
        assert!(text(&problem["detail"]).contains(sentence), "{}", problem["detail"]);
    }
    assert_eq!(list(&server, "search=owner%3Dsite")["subtotal"], 0);
}

#[test]
fn a_step_cannot_take_the_priority_of_another_in_a_workflow() {
    let server = Server::start();
    let step = |priority: u16| json!({"name": "Join", "priority": priority, "weight_seconds": 1});
    let _ = server.manage().put("/api/v2/steps/join_domain", &step(470)).expect(200);
    let body = json!({"title": "x", "steps": [{"label": "join_domain"}, {"label": "built"}]});
    let _ = put(&server, &body).expect(200);
    let problem = server.manage().put("/api/v2/steps/join_domain", &step(800)).expect(422).json();
    assert!(text(&problem["detail"]).contains("'appliance'"), "{}", problem["detail"]);
    let _ = server.manage().put("/api/v2/steps/join_domain", &step(471)).expect(200);
}

#[test]
fn every_bad_member_of_a_workflow_is_named_at_once() {
    let server = Server::start();
    let bad = json!({
        "title": "", "owner": "No One", "description": "x".repeat(4097),
        "steps": [
            {"label": "built"},
            {"label": "Post", "priority": -1, "weight_seconds": 604_801, "timeout_seconds": 0},
        ],
    });
    let problem = put(&server, &bad).expect(422).json();
    let mut found = pointers(&problem);
    found.sort_unstable();
    let expected = [
        "/description",
        "/owner",
        "/steps/1/label",
        "/steps/1/priority",
        "/steps/1/timeout_seconds",
        "/steps/1/weight_seconds",
        "/title",
    ];
    assert_eq!(found, expected);
    let many = json!({"title": "x", "steps": vec![json!({"label": "built"}); 201]});
    assert_eq!(pointers(&put(&server, &many).expect(422).json()), ["/steps"]);
    let mode = json!({"title": "x", "steps": [], "registry": "relaxed"});
    assert_eq!(pointers(&put(&server, &mode).expect(422).json()), ["/registry"]);
    let name = server.manage().put("/api/v2/workflows/Appliance", &appliance()).expect(422).json();
    assert_eq!(pointers(&name), ["name"]);
}

#[test]
fn workflows_are_searched_sorted_and_paged() {
    let server = Server::start();
    let mut body = appliance();
    body["registry"] = json!("strict");
    let _ = put(&server, &body).expect(200);
    for (query, expected) in [
        ("owner = site", &["appliance"][..]),
        ("registry = strict", &["appliance"]),
        ("has registry", &["appliance"]),
        ("suse", &["agama", "autoyast"]),
        ("name ~ auto*", &["autoinstall", "autoyast"]),
        ("registry = loose", &[]),
    ] {
        let found = list(&server, &format!("search={}", encode(query)));
        assert_eq!(each(&found, "name"), expected, "{query}");
        assert_eq!((&found["total"], &found["subtotal"]), (&json!(9), &json!(expected.len())));
    }
    let page = list(&server, "order=name%20DESC&per_page=4&page=2");
    assert_eq!(each(&page, "name"), ["freebsd", "autoyast", "autoinstall", "appliance"]);
    assert_eq!(each(&list(&server, "page=2"), "name"), [""; 0]);
    let _ = server.read().get("/api/v2/workflows?order=steps").expect(400);
}

#[test]
fn a_build_of_a_workflow_of_ones_own_refuses_unknown_steps() {
    let server = Server::start();
    let _ = put(&server, &appliance()).expect(200);
    let build = open_as(&server, &json!({"name": HOST}), "appliance");
    let problem = post_form(&server, &build, "label=site_step").expect(422).json();
    assert_eq!(problem["code"], "unknown_step");
}
