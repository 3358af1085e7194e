//! Whoever is bound to organizations or locations, at everything that lists, counts or opens.

use milepost_api::{Scope, Settings};
use milepost_testkit::{Api, Server};
use serde_json::{Value, json};

use crate::support::{made, open_as, refused, reports_of, server, text};

/// Hosts of two organizations, and one that says nothing of where it belongs.
fn peopled() -> Server {
    let server = server(Settings::default());
    for (number, host) in [
        json!({"name": "web1.example.com", "organization": "acme", "location": "Europe/Brno", "foreman_id": 1}),
        json!({"name": "web2.example.com", "organization": "globex", "location": "Asia", "foreman_id": 2}),
        json!({"name": "web3.example.com"}),
    ]
    .iter()
    .enumerate()
    {
        let build = open_as(&server, host);
        let path = format!("/unattended/step/{}/packages/failed", build.token);
        let body = format!("a log of {number}\n");
        let _ = server.anyone().send("POST", &path, &[], Some(body.as_bytes())).expect(200);
    }
    server
}

fn bound(server: &Server, scope: &str, bounds: &Value) -> Api {
    let mut input = bounds.clone();
    input["scope"] = json!(scope);
    made(server, &input).0
}

#[track_caller]
fn names(api: &Api, path: &str) -> Vec<String> {
    let list = api.get(path).expect(200).json();
    let results = list["results"].as_array().unwrap();
    let name = |result: &Value| text(result.get("host").map_or(&result["name"], |host| &host["name"]));
    let mut names: Vec<String> = results.iter().map(name).collect();
    names.sort();
    assert_eq!(list["subtotal"], json!(names.len()), "{path} counts what it lists");
    names
}

#[test]
fn lists_searches_and_counts_know_what_lies_within_and_nothing_else() {
    let server = peopled();
    for (bounds, seen) in [
        (json!({}), &["web1.example.com", "web2.example.com", "web3.example.com"][..]),
        (json!({"organizations": ["acme"]}), &["web1.example.com"]),
        (json!({"locations": ["Europe"]}), &["web1.example.com"]),
        (json!({"locations": ["Europe", "Asia"]}), &["web1.example.com", "web2.example.com"]),
        (json!({"organizations": ["acme"], "locations": ["Asia"]}), &[]),
        (json!({"organizations": ["acm"]}), &[]),
        (json!({"locations": ["Euro"]}), &[]),
    ] {
        let api = bound(&server, "read", &bounds);
        for list in ["/api/v2/hosts", "/api/v2/builds"] {
            assert_eq!(names(&api, list), seen, "{list} for {bounds}");
            let total = api.get(list).expect(200).json()["total"].clone();
            assert_eq!(total, json!(seen.len()), "{list} counts for {bounds}");
            for search in ["organization%3Dglobex", "not+organization%3Dacme", "name+~+web", "example"] {
                let found = names(&api, &format!("{list}?search={search}"));
                assert!(found.iter().all(|name| seen.contains(&name.as_str())), "{search} for {bounds}");
            }
        }
        let status = api.get("/api/v2/status").expect(200).json();
        let counted: i64 =
            status["builds"].as_array().unwrap().iter().filter_map(|of| of["count"].as_i64()).sum();
        assert_eq!(usize::try_from(counted).unwrap(), seen.len(), "counts for {bounds}");
    }
}

#[test]
fn what_lies_beyond_is_not_there_by_any_of_its_names() {
    let server = peopled();
    let all = server.read();
    let build = all.get("/api/v2/hosts/web2.example.com/progress").expect(200).json();
    let (id, host) = (text(&build["build"]["id"]), text(&build["host"]["id"]));
    let reports = all.get(&format!("/api/v2/builds/{id}/reports")).expect(200).json();
    let (report, cursor) = (text(&reports["results"][0]["id"]), text(&reports["cursor"]));
    let theirs = bound(&server, "manage", &json!({"organizations": ["globex"]}));
    let ours = bound(&server, "manage", &json!({"organizations": ["acme"]}));
    let paths: Vec<String> = ["web2.example.com", "2", &host]
        .iter()
        .flat_map(|name| ["progress", "builds", "reports"].map(|what| format!("/api/v2/hosts/{name}/{what}")))
        .chain(
            ["", "/reports", &format!("/reports?after={cursor}"), &format!("/reports/{report}/log")]
                .map(|what| format!("/api/v2/builds/{id}{what}")),
        )
        .collect();
    for path in paths {
        assert_eq!(theirs.get(&path).status, 200, "{path}");
        let beyond = ours.get(&path);
        refused(&beyond, 404, "not_found");
        assert!(!beyond.text.contains("globex"), "{}", beyond.text);
        // Not even that nothing has changed.
        assert_eq!(ours.send("GET", &path, &[("if-none-match", "*")], None).status, 404, "{path}");
    }
    refused(&ours.patch(&format!("/api/v2/builds/{id}"), &json!({"state": "canceled"})), 404, "not_found");
    assert_eq!(all.get(&format!("/api/v2/builds/{id}")).expect(200).json()["state"], "failed");
    // The cursor of a stream that one may see shows nothing of another.
    let mine = ours.get("/api/v2/hosts/web1.example.com/reports").expect(200).json();
    let after = ours.get(&format!("/api/v2/hosts/web1.example.com/reports?after={cursor}")).expect(200);
    assert_eq!((mine["total"].clone(), after.text.contains("web2")), (json!(1), false));
}

#[test]
fn a_build_is_opened_within_bounds_only() {
    let server = peopled();
    let ours = bound(&server, "manage", &json!({"organizations": ["acme"], "locations": ["Europe"]}));
    let open = |host: &Value| ours.post("/api/v2/builds", &json!({"host": host, "workflow": "kickstart"}));
    for host in [
        json!({"name": "new.example.com"}),
        json!({"name": "new.example.com", "organization": "acme"}),
        json!({"name": "new.example.com", "organization": "globex", "location": "Europe"}),
        json!({"name": "new.example.com", "organization": "acme", "location": "Asia"}),
    ] {
        refused(&open(&host), 403, "forbidden");
    }
    refused(&server.read().get("/api/v2/hosts/new.example.com/progress"), 404, "not_found");
    let within = json!({"name": "new.example.com", "organization": "acme", "location": "Europe/Brno"});
    assert_eq!(open(&within).status, 201);
}

#[test]
fn nobody_takes_over_the_host_of_somebody_else_by_its_name_or_number() {
    let server = peopled();
    let ours = bound(&server, "manage", &json!({"organizations": ["acme"]}));
    let before = server.read().get("/api/v2/hosts").expect(200).json()["results"].clone();
    for host in [
        json!({"name": "web2.example.com", "organization": "acme"}),
        json!({"name": "WEB2.example.com.", "organization": "acme"}),
        json!({"name": "new.example.com", "foreman_id": 2, "organization": "acme"}),
        json!({"name": "web1.example.com", "foreman_id": 2, "organization": "acme"}),
        // It says nothing of where it belongs, so it is not theirs to take.
        json!({"name": "web3.example.com", "organization": "acme"}),
    ] {
        let answer = ours.post("/api/v2/builds", &json!({"host": host, "workflow": "kickstart"}));
        refused(&answer, 403, "forbidden");
    }
    let after = server.read().get("/api/v2/hosts").expect(200).json()["results"].clone();
    let named = |hosts: &Value| -> Vec<(Value, Value, Value)> {
        let hosts = hosts.as_array().unwrap();
        hosts
            .iter()
            .map(|it| (it["name"].clone(), it["organization"].clone(), it["build"]["id"].clone()))
            .collect()
    };
    assert_eq!(named(&after), named(&before));
    assert_eq!(reports_of(&server, "web2.example.com"), 1);
}

#[test]
fn what_belongs_to_all_is_changed_by_nobody_who_is_bound() {
    let server = peopled();
    let bound = bound(&server, "admin", &json!({"organizations": ["acme"]}));
    for answer in [
        bound.put(
            "/api/v2/steps/site_step",
            &json!({"name": "A step", "priority": 500, "weight_seconds": 60}),
        ),
        bound.put("/api/v2/workflows/site", &json!({"title": "A workflow", "steps": [{"label": "get_ks"}]})),
        bound.delete("/api/v2/workflows/kickstart"),
        bound.delete("/api/v2/steps/get_ks"),
    ] {
        refused(&answer, 403, "forbidden");
    }
}

#[test]
fn the_trail_and_the_tokens_of_others_are_not_listed() {
    let server = peopled();
    let ours = bound(&server, "admin", &json!({"organizations": ["acme"], "name": "ours"}));
    let _ = bound(&server, "read", &json!({"organizations": ["globex"], "name": "theirs"}));
    let _ = bound(&server, "read", &json!({"organizations": ["acme/web"], "name": "below ours"}));
    let _ = bound(&server, "read", &json!({"name": "of nowhere"}));
    let tokens = ours.get("/api/v2/tokens").expect(200).json();
    let listed: Vec<String> =
        tokens["results"].as_array().unwrap().iter().map(|token| text(&token["name"])).collect();
    assert_eq!((listed, &tokens["total"]), (vec!["below ours".to_owned(), "ours".to_owned()], &json!(2)));
    let trail = ours.get("/api/v2/audit?per_page=all").expect(200).json();
    let about: Vec<&Value> = trail["results"].as_array().unwrap().iter().map(|it| &it["detail"]).collect();
    assert_eq!((about, &trail["total"]), (vec![&json!("web1.example.com")], &json!(1)));
    let all = server.admin().get("/api/v2/audit?search=action%3Dcreate_build").expect(200).json();
    assert_eq!(all["subtotal"], 3, "there is more to see for whoever may");
    let read = server.with_token(server.token(Scope::Read));
    assert_eq!(read.get("/api/v2/audit").status, 403);
}
