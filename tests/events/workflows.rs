//! The rules of a site's own workflow: put, shown, and obeyed.

use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::{Build, assert_states};

fn workflow(rules: &Value) -> Value {
    json!({"title": "Our appliance", "steps": [{"label": "get_ks", "entry": true}, {"label": "storage"}, {"label": "built"}],
        "events": rules})
}

#[test]
fn a_sites_own_rules_are_shown_as_they_were_put_and_hold_for_later_builds() {
    let server = Server::start();
    let put = |rules: &Value| server.manage().put("/api/v2/workflows/appliance", &workflow(rules));
    let rules = json!([
        {"origin": "curtin", "name": "**/partition*", "step": "storage", "on": ["done", "failed"]},
        {"origin": "ours", "name": "ready", "step": "built"},
    ]);
    assert_eq!(put(&rules).expect(200).json()["events"], rules);
    let listed = server.read().get("/api/v2/workflows?search=name%20%3D%20appliance").expect(200).json();
    assert_eq!(listed["results"][0]["events"], rules);

    let build = Build::open(&server, "appliance");
    assert!(put(&json!([])).expect(200).json().get("events").is_none());
    let event = |origin: &str, name: &str, kind: &str| json!({"name": name, "description": "", "event_type": kind, "origin": origin, "timestamp": 1.5});
    build.send(&server, &event("curtin", "a/partitioning", "start"));
    assert_states(&build.progress(&server), "");
    build.send(&server, &event("curtin", "a/partitioning", "finish"));
    build.send(&server, &event("ours", "ready", "finish"));
    let progress = build.progress(&server);
    assert_states(&progress, "storage=done built=done");
    assert_eq!(progress["state"], "installed");
}

#[test]
fn rules_that_do_not_hold_together_are_refused_with_their_place() {
    let server = Server::start();
    let put = |rules: Value| server.manage().put("/api/v2/workflows/appliance", &workflow(&rules));
    let rule = |name: &str, step: &str| json!({"origin": "curtin", "name": name, "step": step});
    for (rules, pointer) in [
        (json!([rule("a/b**", "storage")]), "/events/0/name"),
        (json!([rule("a", "storage"), rule("", "storage")]), "/events/1/name"),
        (json!([rule("a", "Storage")]), "/events/0/step"),
        (json!([{"origin": " ", "name": "a", "step": "storage"}]), "/events/0/origin"),
        (Value::Array(vec![rule("a", "storage"); 101]), "/events"),
    ] {
        let problem = put(rules).expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let stray = put(json!([rule("a", "packages")])).expect(422).json();
    assert!(stray["detail"].as_str().unwrap().contains("'packages', which is none of its steps"), "{stray}");
}

#[test]
fn every_shipped_rule_names_a_step_of_its_workflow_and_is_met_by_what_it_is_for() {
    // Each rule of what is shipped, and an event as its program sends it: name, type and result.
    const MET: &[(&str, &str, &str, &str, &str)] = &[
        (
            "autoinstall",
            "curtin",
            "subiquity/Install/install/curtin_install/run_curtin_step/cmd-install/stage-partitioning",
            "start",
            "storage",
        ),
        ("autoinstall", "curtin", "cmd-install/stage-extract", "finish", "image_write"),
        (
            "autoinstall",
            "curtin",
            "subiquity/Install/install/curtin_install/run_curtin_step/cmd-install/stage-curthooks",
            "finish",
            "bootloader",
        ),
        (
            "autoinstall",
            "curtin",
            "subiquity/Install/install/postinstall/install_openssh-server",
            "start",
            "packages",
        ),
        (
            "autoinstall",
            "curtin",
            "subiquity/Install/install/postinstall/run_unattended_upgrades",
            "start",
            "updates",
        ),
        ("autoinstall", "curtin", "subiquity/Install/install", "FAIL", "built"),
        ("autoinstall", "curtin", "cmd-install", "FAIL", "built"),
        ("autoinstall", "cloudinit", "phone_home", "finish", "first_boot"),
        ("image", "cloudinit", "init-network", "finish", "cloud_init_network"),
        ("image", "cloudinit", "modules-config", "start", "cloud_init_config"),
        ("image", "cloudinit", "modules-final/config-package-update-upgrade-install", "start", "packages"),
        ("image", "cloudinit", "modules-final/config-scripts_user", "finish", "post"),
        ("image", "cloudinit", "phone_home", "finish", "built"),
        ("image", "cloudinit", "modules-final", "FAIL", "cloud_init_final"),
    ];
    use milepost_domain::Status;
    let shipped = milepost_store::registry::shipped().unwrap();
    let rules: usize = shipped.workflows.iter().map(|workflow| workflow.events.len()).sum();
    assert_eq!(rules, MET.len(), "each rule has its event here");
    let mut met = std::collections::BTreeSet::new();
    for (workflow, origin, name, kind, step) in MET {
        let workflow = shipped.workflows.iter().find(|known| known.name.as_str() == *workflow).unwrap();
        let status = match *kind {
            "start" => Status::Init,
            "finish" => Status::Done,
            _ => Status::Failed,
        };
        let origin = origin.parse().unwrap();
        let at = workflow.events.iter().position(|rule| rule.is_met(&origin, name, status)).unwrap();
        assert_eq!(workflow.events[at].step.as_str(), *step, "{name}");
        assert!(workflow.steps.iter().any(|place| place.label.as_str() == *step), "{step}");
        assert!(met.insert((workflow.name.as_str(), at)), "{name}: another event is for this rule");
    }
    // What goes on below them is no step.
    for name in [
        "subiquity/Install/install",
        "subiquity/Install/install/postinstall/install_curl/retrieving",
        "cmd-install/stage-partitioning/builtin/cmd-block-meta",
        "modules-final/config-ssh_authkey_fingerprints",
    ] {
        for workflow in &shipped.workflows {
            let mut rules = workflow.events.iter();
            assert!(!rules.any(|rule| rule.is_met(&rule.origin, name, Status::Done)), "{name}");
        }
    }
}
