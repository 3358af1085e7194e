//! Which steps are known, who owns them, and what becomes of an unknown one.

use milepost_domain::registry::Mode;
use milepost_testkit::{Answer, Options, Server};
use serde_json::{Value, json};

use crate::support::{
    ACCEPT_JSON, Opened, at_rest, build_of, each, encode, labels, open, open_as, pointers, post_form,
    progress, report, step, text,
};

const HOST: &str = "web1.example.com";

fn join_domain() -> Value {
    json!({"name": "Join the domain", "priority": 470, "weight_seconds": 30})
}

#[track_caller]
fn put(server: &Server, label: &str, body: &Value) -> Answer {
    server.manage().put(&format!("/api/v2/steps/{label}"), body)
}

#[track_caller]
fn list(server: &Server, query: &str) -> Value {
    server.read().get(&format!("/api/v2/steps?{query}")).expect(200).json()
}

#[test]
fn an_unknown_step_is_refused_with_the_nearest_known() {
    let server = Server::start();
    let build = open(&server, HOST);
    let problem = post_form(&server, &build, "label=packagez&status=done").expect(422).json();
    assert_eq!(problem["code"], "unknown_step");
    assert_eq!(problem["detail"], "unknown step 'packagez'; the nearest known: 'packages'");
    assert_eq!(problem["error"]["full_messages"], json!([problem["detail"]]));
    let path = format!("/unattended/step/{}/qqq/done", build.token);
    let far = server.anyone().get(&path).expect(422);
    assert_eq!(far.text, "unknown step 'qqq'; register it first, or use a loose workflow\n");
}

#[test]
fn a_refusal_is_counted_and_shown_and_nothing_else_happens() {
    let server = Server::start();
    let build = open(&server, HOST);
    report(&server, &build, "get_ks/done");
    let before = at_rest(progress(&server, HOST));
    for count in 1..=2 {
        let _ = post_form(&server, &build, "label=packagez&status=failed&message=oh").expect(422);
        let mut after = at_rest(progress(&server, HOST));
        assert_eq!(after["build"]["rejected_reports"], count);
        let signals = after["signals"].take();
        assert_eq!((&signals[0]["kind"], signals.as_array().unwrap().len()), (&json!("rejected_reports"), 1));
        assert!(text(&signals[0]["detail"]).contains("last 'packagez'"));
        after["signals"] = json!([]);
        after["build"]["rejected_reports"] = json!(0);
        assert_eq!(after, before);
        assert_eq!(labels(&server, &build), ["get_ks"]);
    }
}

#[test]
fn a_known_step_of_another_workflow_is_taken() {
    let server = Server::start();
    let build = open(&server, HOST);
    report(&server, &build, "disk_encryption/done");
    assert_eq!(step(&progress(&server, HOST), "disk_encryption")["state"], "done");
}

/// Reports an unknown step in all its forms; the percentage must not move.
#[track_caller]
fn takes_unknown_steps(server: &Server, build: &Opened) {
    report(server, build, "get_ks/done");
    let before = build_of(server, build)["percent"].clone();
    for form in
        ["label=site_step&status=init", "label=site_step&status=done", "label=other_step&percentage=50"]
    {
        let _ = post_form(server, build, form).expect(200);
        assert_eq!(build_of(server, build)["percent"], before, "{form}");
    }
    assert_eq!(labels(server, build), ["get_ks", "site_step", "site_step", "other_step"]);
    let shown = progress(server, HOST);
    assert_eq!((&step(&shown, "site_step")["state"], &shown["signals"]), (&json!("done"), &json!([])));
    assert_eq!(step(&shown, "site_step")["name"], "site_step", "called by its label");
}

#[test]
fn a_service_that_is_loose_takes_any_step_and_the_percentage_does_not_move() {
    let server = Server::with(Options { registry: Mode::Loose, ..Options::default() });
    let build = open(&server, HOST);
    takes_unknown_steps(&server, &build);
}

#[test]
fn a_workflow_that_is_loose_takes_any_step_in_its_builds_only() {
    let server = Server::start();
    let workflow = json!({
        "title": "Appliance", "registry": "loose",
        "steps": [{"label": "get_ks", "entry": true}, {"label": "packages"}, {"label": "built"}, {"label": "first_boot"}],
    });
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let build = open_as(&server, &json!({"name": HOST}), "appliance");
    takes_unknown_steps(&server, &build);
    let strict = open(&server, "web2.example.com");
    let _ = post_form(&server, &strict, "label=site_step").expect(422);
}

#[test]
fn a_workflow_says_how_many_boots_it_expects() {
    let server = Server::start();
    let with =
        |boots: i64| json!({"title": "Appliance", "expected_boots": boots, "steps": [{"label": "built"}]});
    let made = server.manage().put("/api/v2/workflows/appliance", &with(4)).expect(200).json();
    assert_eq!(made["expected_boots"], 4);
    for boots in [0, 51] {
        let problem = server.manage().put("/api/v2/workflows/appliance", &with(boots)).expect(422).json();
        assert_eq!(pointers(&problem), ["/expected_boots"]);
    }
    let listed = server.read().get("/api/v2/workflows?search=name=windows").expect(200).json();
    assert_eq!(listed["results"][0]["expected_boots"], 3);
}

#[test]
fn a_loose_service_wins_over_a_strict_workflow() {
    let server = Server::with(Options { registry: Mode::Loose, ..Options::default() });
    let workflow = json!({"title": "Appliance", "registry": "strict", "steps": [{"label": "built"}]});
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let build = open_as(&server, &json!({"name": HOST}), "appliance");
    report(&server, &build, "site_step");
    assert_eq!(labels(&server, &build), ["site_step"]);
}

#[test]
fn a_new_step_is_accepted_at_once_on_every_node() {
    let server = Server::start();
    let other = server.beside(Options::default());
    let build = open(&server, HOST);
    let _ = post_form(&server, &build, "label=join_domain").expect(422);
    let made = put(&server, "join_domain", &join_domain()).expect(200).json();
    assert_eq!(
        made,
        json!({
            "label": "join_domain", "name": "Join the domain", "priority": 470, "weight_seconds": 30,
            "timeout_seconds": 3600, "owner": "site",
        })
    );
    report(&server, &build, "join_domain/init");
    report(&other, &build, "join_domain/done");
    let shown = progress(&server, HOST);
    let step = step(&shown, "join_domain");
    assert_eq!(
        (&step["name"], &step["priority"], &step["state"]),
        (&json!("Join the domain"), &json!(470), &json!("done"))
    );
    for node in [&server, &other] {
        assert_eq!(list(node, "search=label%3Djoin_domain")["results"], json!([made]));
    }
}

#[test]
fn a_step_is_changed_by_its_owner_only() {
    let server = Server::start();
    let owned = |owner: &str, name: &str| json!({"name": name, "priority": 470, "weight_seconds": 30, "timeout_seconds": 60, "owner": owner, "description": "It joined"});
    let made = put(&server, "join_domain", &owned("plugin_a", "First")).expect(200).json();
    assert_eq!((&made["owner"], &made["description"]), (&json!("plugin_a"), &json!("It joined")));
    for owner in ["plugin_b", "site"] {
        let problem = put(&server, "join_domain", &owned(owner, "Mine")).expect(409).json();
        assert_eq!(problem["code"], "not_owner", "{owner}");
        assert!(text(&problem["detail"]).contains("'plugin_a'"));
        let path = format!("/api/v2/steps/join_domain?owner={owner}");
        assert_eq!(server.manage().delete(&path).expect(409).json()["code"], "not_owner", "{owner}");
    }
    let _ = server.manage().delete("/api/v2/steps/join_domain").expect(409);
    let changed = put(&server, "join_domain", &owned("plugin_a", "Second")).expect(200).json();
    assert_eq!(list(&server, "search=label%3Djoin_domain")["results"], json!([changed]));
    assert_eq!(changed["name"], "Second");
    let gone = server.manage().delete("/api/v2/steps/join_domain?owner=plugin_a").expect(200).json();
    assert_eq!(gone, changed);
    assert_eq!(list(&server, "search=label%3Djoin_domain")["subtotal"], 0);
    let again = server.manage().delete("/api/v2/steps/join_domain?owner=plugin_a").expect(404);
    assert_eq!(again.json()["code"], "not_found");
}

#[test]
fn what_is_shipped_is_nobodys_to_change() {
    let server = Server::start();
    let mut body = join_domain();
    assert_eq!(put(&server, "packages", &body).expect(409).json()["code"], "not_owner");
    let _ = server.manage().delete("/api/v2/steps/packages").expect(409);
    body["owner"] = json!("milepost");
    for label in ["packages", "join_domain"] {
        assert_eq!(pointers(&put(&server, label, &body).expect(422).json()), ["/owner"], "{label}");
        let answer = server.manage().delete(&format!("/api/v2/steps/{label}?owner=milepost")).expect(422);
        assert_eq!(pointers(&answer.json()), ["owner"], "{label}");
    }
    let shipped = list(&server, "search=label%3Dpackages");
    assert_eq!(shipped["results"][0]["name"], "Package installation");
}

#[test]
fn a_step_that_a_workflow_names_stays() {
    let server = Server::start();
    let _ = put(&server, "join_domain", &join_domain()).expect(200);
    let workflow = json!({"title": "Appliance", "steps": [{"label": "join_domain"}]});
    let _ = server.manage().put("/api/v2/workflows/appliance", &workflow).expect(200);
    let problem = server.manage().delete("/api/v2/steps/join_domain").expect(409).json();
    assert_eq!(problem["code"], "conflict");
    assert!(text(&problem["detail"]).contains("'appliance'"));
    let _ = server.manage().delete("/api/v2/workflows/appliance").expect(200);
    let _ = server.manage().delete("/api/v2/steps/join_domain").expect(200);
}

#[test]
fn a_step_that_was_removed_is_unknown_again_and_its_reports_stay() {
    let server = Server::start();
    let _ = put(&server, "join_domain", &join_domain()).expect(200);
    let build = open(&server, HOST);
    report(&server, &build, "join_domain/done");
    let _ = server.manage().delete("/api/v2/steps/join_domain").expect(200);
    let _ = post_form(&server, &build, "label=join_domain").expect(422);
    assert_eq!(labels(&server, &build), ["join_domain"]);
}

#[test]
fn every_bad_member_of_a_step_is_named_at_once() {
    let server = Server::start();
    let bad = json!({
        "name": " ", "priority": 10001, "weight_seconds": -1, "timeout_seconds": 0, "owner": "No One",
        "description": "x".repeat(4097),
    });
    let problem = put(&server, "Join", &bad).expect(422).json();
    let mut found = pointers(&problem);
    found.sort_unstable();
    let expected =
        ["/description", "/name", "/owner", "/priority", "/timeout_seconds", "/weight_seconds", "label"];
    assert_eq!(found, expected);
    for (member, value) in [
        ("priority", json!(-1)),
        ("priority", json!(i64::MAX)),
        ("weight_seconds", json!(604_801)),
        ("timeout_seconds", json!(604_801)),
        ("priority", json!("470")),
        ("priority", json!(4.5)),
        ("owner", json!("")),
    ] {
        let mut body = join_domain();
        body[member] = value.clone();
        let problem = put(&server, "join_domain", &body).expect(422).json();
        assert_eq!(pointers(&problem), [format!("/{member}")], "{value}");
    }
    assert_eq!(list(&server, "search=owner%20!%3D%20milepost")["subtotal"], 0);
    let mut edge = json!({"name": "x", "priority": 0, "weight_seconds": 0, "timeout_seconds": 1});
    let _ = put(&server, "edge", &edge).expect(200);
    edge = json!({"name": "x", "priority": 10000, "weight_seconds": 604_800, "timeout_seconds": 604_800});
    let _ = put(&server, "edge", &edge).expect(200);
}

#[test]
fn steps_are_listed_by_priority_searched_sorted_and_paged() {
    let server = Server::start();
    let _ = put(&server, "join_domain", &join_domain()).expect(200);
    let all = list(&server, "per_page=all");
    let priorities: Vec<i64> =
        all["results"].as_array().unwrap().iter().map(|step| step["priority"].as_i64().unwrap()).collect();
    assert!(priorities.is_sorted());
    assert_eq!(all["total"], json!(priorities.len()));
    for (query, expected) in [
        ("owner = site", &["join_domain"][..]),
        ("label = get_ks", &["get_ks"]),
        ("kickstart", &["get_ks"]),
        ("join", &["join_domain", "domain_join"]),
        ("label ~ get_* and priority < 23", &["get_ks", "get_preseed", "get_autoinstall"]),
        ("label ^ (built, packages) and not weight_seconds = 5", &["packages"]),
        ("timeout_seconds = 3600 and owner != milepost", &["join_domain"]),
        ("null? owner", &[]),
    ] {
        let found = list(&server, &format!("search={}", encode(query)));
        assert_eq!(each(&found, "label"), expected, "{query}");
        assert_eq!((&found["subtotal"], &found["total"]), (&json!(expected.len()), &all["total"]));
    }
    let page = |page: u8| {
        let query = format!("search=label~get_&order=priority%20DESC&per_page=3&page={page}");
        each(&list(&server, &query), "label")
    };
    let descending = [page(1), page(2), page(3), page(4)].concat();
    let mut ascending = each(&list(&server, "search=label~get_&order=priority"), "label");
    ascending.reverse();
    assert_eq!(descending, ascending);
    assert_eq!(page(9), [""; 0]);
    let by_label = each(&list(&server, "order=label&per_page=all"), "label");
    assert!(by_label.is_sorted());
    let problem = server.read().get("/api/v2/steps?search=colour%3Dred").expect(400).json();
    assert_eq!((&problem["code"], &problem["errors"][0]["position"]), (&json!("invalid_search"), &json!(0)));
    let path = "/api/v2/steps?order=weight";
    let _ = server.read().send("GET", path, &[ACCEPT_JSON], None).expect(400);
}
