//! Foreman's envelope of lists, their pages and their order.

use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::support::{build_of, encode, open, open_as, report, text};

/// Hosts `a` to `e`; `b` and `d` say their model.
fn five() -> Server {
    let server = Server::start();
    for (name, model) in [("c", None), ("a", None), ("d", Some("R750")), ("b", Some("R650")), ("e", None)] {
        let mut host = json!({"name": format!("{name}.example.com")});
        if let Some(model) = model {
            host["model"] = json!(model);
        }
        let _ = open_as(&server, &host, "kickstart");
    }
    server
}

#[track_caller]
fn list(server: &Server, path: &str) -> Value {
    server.read().get(&format!("/api/v2/{path}")).expect(200).json()
}

/// The first letters of the hosts, in the list's order.
#[track_caller]
fn order(list: &Value) -> String {
    let hosts = list["results"].as_array().unwrap();
    hosts.iter().map(|entry| text(&entry["host"]["name"]).chars().next().unwrap()).collect()
}

#[test]
fn a_list_has_foremans_envelope() {
    let server = five();
    for (path, expected) in [
        ("", json!({"total": 5, "subtotal": 5, "page": 1, "per_page": 20, "sort": {}})),
        (
            "?search=name%20~%20example&order=name%20desc&page=2&per_page=2",
            json!({
                "total": 5, "subtotal": 5, "page": 2, "per_page": 2, "search": "name ~ example",
                "sort": {"by": "name", "order": "DESC"},
            }),
        ),
        (
            "?search=has%20model&order=name",
            json!({
                "total": 5, "subtotal": 2, "page": 1, "per_page": 20, "search": "has model",
                "sort": {"by": "name", "order": "ASC"},
            }),
        ),
        (
            "?search=&order=&per_page=all",
            json!({"total": 5, "subtotal": 5, "page": 1, "per_page": 1000, "sort": {}}),
        ),
        ("?per_page=5000", json!({"total": 5, "subtotal": 5, "page": 1, "per_page": 1000, "sort": {}})),
    ] {
        for resource in ["builds", "hosts"] {
            let mut answer = list(&server, &format!("{resource}{path}"));
            let results = answer.as_object_mut().unwrap().remove("results").unwrap();
            assert_eq!(answer, expected, "{resource}{path}");
            assert!(!results.as_array().unwrap().is_empty());
        }
    }
}

#[test]
fn pages_follow_one_another_without_gap_or_overlap() {
    let server = five();
    for (resource, whole) in [("builds", "ebdac"), ("hosts", "abcde")] {
        assert_eq!(order(&list(&server, resource)), whole);
        let pages: Vec<String> = (1..=4)
            .map(|page| order(&list(&server, &format!("{resource}?per_page=2&page={page}"))))
            .collect();
        assert_eq!(pages.concat(), whole, "{resource}");
        assert_eq!(pages[3], "", "a page beyond the end is empty");
        let beyond = list(&server, &format!("{resource}?page=1000000000&per_page=1000"));
        assert_eq!((&beyond["total"], order(&beyond).as_str()), (&json!(5), ""));
    }
}

#[test]
fn a_page_is_a_whole_number_from_one() {
    let server = Server::start();
    for query in ["page=0", "page=-1", "page=x", "page=", "per_page=0", "per_page=ALL", "per_page=1.5"] {
        let problem = server.read().get(&format!("/api/v2/builds?{query}")).expect(400).json();
        assert_eq!(problem["code"], "malformed_request", "{query}");
        let name = query.split('=').next().unwrap();
        assert!(text(&problem["detail"]).starts_with(name), "{query}");
    }
}

#[test]
fn what_has_no_value_comes_last_in_either_order() {
    let server = five();
    for resource in ["builds", "hosts"] {
        let sorted = |by: &str| order(&list(&server, &format!("{resource}?order={}", encode(by))));
        assert_eq!(sorted("model"), sorted("model ASC"));
        assert!(sorted("model ASC").starts_with("bd"), "{resource}");
        assert!(sorted("model DESC").starts_with("db"), "{resource}");
        assert_eq!(sorted("name ASC"), "abcde");
        assert_eq!(sorted("NAME desc"), "edcba");
        assert_eq!(sorted("started_at ASC"), "cadbe");
        assert_eq!(sorted("started_at DESC"), "ebdac");
    }
}

#[test]
fn everything_that_can_be_sorted_by_is() {
    let server = five();
    for by in [
        "name",
        "state",
        "workflow",
        "location",
        "organization",
        "hostgroup",
        "operatingsystem",
        "model",
        "foreman_id",
        "attempt",
        "step",
        "started_at",
        "installed_at",
        "ended_at",
        "last_report_at",
    ] {
        for resource in ["builds", "hosts"] {
            let answer = list(&server, &format!("{resource}?order={by}%20DESC"));
            assert_eq!(answer["sort"], json!({"by": by, "order": "DESC"}), "{resource}");
            assert_eq!(answer["results"].as_array().unwrap().len(), 5, "{resource} by {by}");
        }
    }
}

#[test]
fn a_host_is_listed_once_with_its_latest_build() {
    let server = Server::start();
    let first = open(&server, "web1.example.com");
    report(&server, &first, "packages/failed");
    let second = open(&server, "web1.example.com");
    let hosts = list(&server, "hosts");
    assert_eq!(hosts["total"], 1);
    assert_eq!(hosts["results"][0]["build"]["id"], json!(second.id));
    assert_eq!(hosts["results"][0]["build"]["state"], "pending");
    assert_eq!(list(&server, "hosts?search=state%3Dfailed")["subtotal"], 0, "the latest counts");
    assert_eq!(list(&server, "builds?search=state%3Dfailed")["subtotal"], 1);
}

#[test]
fn the_builds_of_a_host_are_listed_by_any_of_its_names() {
    let server = Server::start();
    let host = json!({"name": "web1.example.com", "foreman_id": 42});
    let first = open_as(&server, &host, "kickstart");
    report(&server, &first, "packages/failed");
    let second = open_as(&server, &host, "preseed");
    let _ = open(&server, "web2.example.com");
    for named in ["42", "web1.example.com", "WEB1.example.com", &first.host_id] {
        let builds = list(&server, &format!("hosts/{named}/builds"));
        assert_eq!(crate::support::each(&builds, "id"), [second.id.clone(), first.id.clone()], "{named}");
        assert_eq!(builds["total"], 2);
        let failed = list(&server, &format!("hosts/{named}/builds?search=state%3Dfailed"));
        assert_eq!((&failed["total"], &failed["subtotal"]), (&json!(2), &json!(1)));
        assert_eq!(crate::support::each(&failed, "id"), [first.id.as_str()]);
    }
}

#[test]
fn a_build_in_a_list_is_the_build_itself() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    report(&server, &build, "get_ks/done");
    let alone = crate::support::at_rest(build_of(&server, &build));
    for path in ["builds", "hosts/web1.example.com/builds"] {
        let listed = list(&server, path)["results"][0].clone();
        assert_eq!(crate::support::at_rest(listed), alone, "{path}");
    }
    let summary = list(&server, "hosts")["results"][0].clone();
    assert_eq!(crate::support::at_rest(summary["build"].clone()), alone);
    let shown = crate::support::progress(&server, "web1.example.com");
    assert_eq!(crate::support::at_rest(shown["build"].clone()), alone);
}

#[test]
fn what_is_not_known_is_not_found() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let no_such = "0193b0a0-0000-7000-8000-000000000001";
    let mut paths = Vec::new();
    for host in ["web9.example.com", "4711", no_such, &build.id] {
        for rest in ["progress", "builds", "reports"] {
            paths.push(format!("/api/v2/hosts/{host}/{rest}"));
        }
    }
    for id in ["1", "web1.example.com", no_such, &build.host_id] {
        paths.push(format!("/api/v2/builds/{id}"));
        paths.push(format!("/api/v2/builds/{id}/reports"));
        paths.push(format!("/api/v2/builds/{id}/reports/{no_such}/log"));
    }
    paths.push(format!("/api/v2/builds/{}/reports/{no_such}/log", build.id));
    paths.push(format!("/api/v2/builds/{}/reports/1/log", build.id));
    for path in paths {
        assert_eq!(server.read().get(&path).expect(404).json()["code"], "not_found", "{path}");
    }
    for id in ["1", no_such] {
        let path = format!("/api/v2/builds/{id}");
        let answer = server.manage().patch(&path, &json!({"state": "completed"})).expect(404);
        assert_eq!(answer.json()["code"], "not_found", "{path}");
    }
}
