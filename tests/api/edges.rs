//! Where things that are each right meet: several nodes, repeats, words within words, cut-off lines.
use milepost_api::Settings;
use milepost_domain::registry::Mode;
use milepost_testkit::{Options, Server};
use serde_json::json;

use crate::support::{
    SENDS_JSON, build_of, labels, open, open_as, pointers, post_form, progress, report, step,
};

const HOST: &str = "web1.example.com";

#[test]
fn what_follows_the_json_is_malformed() {
    let server = Server::start();
    let body = r#"{"host": {"name": "web1.example.com"}, "workflow": "kickstart"} and more"#;
    let _ = server.manage().send("POST", "/api/v2/builds", &[SENDS_JSON], Some(body.as_bytes())).expect(400);
}

#[test]
fn a_host_name_that_no_database_takes_is_not_found() {
    let server = Server::start();
    for rest in ["progress", "builds", "reports"] {
        let _ = server.read().get(&format!("/api/v2/hosts/a%00b/{rest}")).expect(404);
    }
}

#[test]
fn a_new_workflow_can_be_opened_at_once_on_every_node() {
    let server = Server::start();
    let other = server.beside(Options::default());
    let workflow = json!({"title": "Appliance", "steps": [{"label": "built"}, {"label": "first_boot"}]});
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let _ = open_as(&other, &json!({"name": HOST}), "appliance");
}

#[test]
fn a_changed_workflow_holds_at_once_on_every_node() {
    let server = Server::start();
    let other = server.beside(Options::default());
    let mut workflow = json!({"title": "Appliance", "steps": [{"label": "built"}, {"label": "first_boot"}]});
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let _ = other.read().get("/api/v2/workflows").expect(200);
    workflow["steps"].as_array_mut().unwrap().push(json!({"label": "packages"}));
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let _ = open_as(&other, &json!({"name": HOST}), "appliance");
    assert_eq!(progress(&other, HOST)["steps"].as_array().unwrap().len(), 3);
}

#[test]
fn saying_again_that_a_build_is_installed_changes_nothing() {
    let server = Server::start();
    let build = open(&server, HOST);
    let path = format!("/api/v2/builds/{}", build.id);
    let patch = || server.manage().patch(&path, &json!({"state": "installed"})).expect(200);
    let _ = patch();
    let first = build_of(&server, &build);
    let _ = patch();
    let again = build_of(&server, &build);
    assert_eq!((&again["reports"], &again["last_report_at"]), (&first["reports"], &first["last_report_at"]));
    assert_eq!(labels(&server, &build), ["built"]);
}

#[test]
fn an_unknown_step_with_a_priority_does_not_move_the_percentage() {
    let server = Server::with(Options { registry: Mode::Loose, ..Options::default() });
    let build = open(&server, HOST);
    report(&server, &build, "get_ks/done");
    let before = build_of(&server, &build)["percent"].clone();
    let _ = post_form(&server, &build, "label=site_step&status=done&priority=850").expect(200);
    let shown = progress(&server, HOST);
    assert_eq!((&shown["percent"], &step(&shown, "packages")["state"]), (&before, &json!("pending")));
}

#[test]
fn a_known_step_keeps_its_place_whatever_priority_is_sent() {
    let server = Server::start();
    let build = open(&server, HOST);
    let _ = post_form(&server, &build, "label=get_ks&status=done&priority=899").expect(200);
    assert_eq!(step(&progress(&server, HOST), "packages")["state"], "pending");
}

#[test]
fn a_line_that_was_cut_off_is_refused_alone() {
    let server = Server::start();
    let build = open(&server, HOST);
    let body = "{\"label\": \"get_ks\"}\n{\"label\": \"pack";
    let path = format!("/unattended/batch?token={}", build.token);
    let answer = server.anyone().send("POST", &path, &[], Some(body.as_bytes())).expect(200);
    assert!(answer.text.starts_with("1 recorded, 0 repeated, 1 refused"), "{}", answer.text);
}

#[test]
fn a_word_that_contains_another_is_not_taken_for_it() {
    let settings = Settings { api_update: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() };
    let server = Server::with(Options { settings, ..Options::default() });
    for word in ["looking for a mirror", "broken pipe", "incomplete", "unsuccessful"] {
        let body = json!({"name": HOST, "action": "Disk", "status": "running"});
        let _ = server.anyone().post("/api/update", &body).expect(200);
        let body = json!({"name": HOST, "action": "Disk", "status": word});
        let _ = server.anyone().post("/api/update", &body).expect(200);
        assert_ne!(step(&progress(&server, HOST), "disk")["state"], "done", "{word}");
    }
}

#[test]
fn a_method_that_does_not_fit_is_answered_with_those_that_do() {
    let server = Server::start();
    let answer = server.manage().send_undocumented("PUT", "/api/v2/builds", &[], None).expect(405);
    assert_eq!(answer.header("allow"), Some("GET, POST"));
}

#[test]
fn a_missing_member_is_a_base_error_for_foreman() {
    let server = Server::start();
    let body = json!({"host": {"name": HOST}});
    let problem = server.manage().post("/api/v2/builds", &body).expect(422).json();
    assert_eq!(problem["error"]["errors"], json!({"workflow": ["missing field `workflow`"]}));
    assert_eq!(pointers(&problem), ["/workflow"]);
}

#[test]
fn a_health_check_may_ask_for_the_head_alone_and_an_installer_is_not_heard_so() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let head = |api: &milepost_testkit::Api, path: &str| api.send_undocumented("HEAD", path, &[], None);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = head(&server.anyone(), path);
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
    }
    assert_eq!(head(&server.anyone(), "/api/v2/builds").status, 401);
    assert_eq!(head(&server.read(), "/api/v2/builds").status, 200);
    let report = format!("/unattended/step/{}/get_ks/done", build.token);
    for report in [report.as_str(), &report.replace("/unattended", "/%75nattended")] {
        assert_eq!(head(&server.anyone(), report).status, 405, "{report}");
    }
    let shown = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
    assert_eq!(shown["reports"], 0, "nothing was reported");
}
