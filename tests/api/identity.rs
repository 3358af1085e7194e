//! Which host a registration means: by Foreman's id first, by its name otherwise.

use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::support::{open_as, text};

#[track_caller]
fn host(server: &Server, named: &str) -> Value {
    server.read().get(&format!("/api/v2/hosts/{named}/progress")).expect(200).json()["host"].clone()
}

#[track_caller]
fn builds(server: &Server, named: &str) -> Value {
    server.read().get(&format!("/api/v2/hosts/{named}/builds")).expect(200).json()["total"].clone()
}

#[track_caller]
fn is_unknown(server: &Server, named: &str) {
    let problem = server.read().get(&format!("/api/v2/hosts/{named}/progress")).expect(404).json();
    assert_eq!(problem["code"], "not_found");
}

#[test]
fn a_renamed_host_keeps_its_history() {
    let server = Server::start();
    let old = open_as(&server, &json!({"name": "old.example.com", "foreman_id": 7}), "kickstart");
    let new = open_as(&server, &json!({"name": "new.example.com", "foreman_id": 7}), "kickstart");
    assert_eq!(new.host_id, old.host_id);
    for named in ["7", "new.example.com", &old.host_id] {
        assert_eq!(host(&server, named)["name"], "new.example.com");
        assert_eq!(builds(&server, named), 2);
    }
    is_unknown(&server, "old.example.com");
}

#[test]
fn a_host_that_was_made_anew_under_its_name_keeps_its_history() {
    let server = Server::start();
    let first = open_as(&server, &json!({"name": "web1.example.com", "foreman_id": 7}), "kickstart");
    let second = open_as(&server, &json!({"name": "web1.example.com", "foreman_id": 8}), "kickstart");
    assert_eq!(second.host_id, first.host_id);
    assert_eq!(builds(&server, "8"), 2);
    assert_eq!(host(&server, "web1.example.com")["foreman_id"], 8);
    is_unknown(&server, "7");
}

#[test]
fn a_host_that_takes_over_a_name_does_not_take_over_its_history() {
    let server = Server::start();
    let gone = open_as(&server, &json!({"name": "web1.example.com", "foreman_id": 7}), "kickstart");
    let heir = open_as(&server, &json!({"name": "spare.example.com", "foreman_id": 8}), "kickstart");
    let _ = open_as(&server, &json!({"name": "web1.example.com", "foreman_id": 8}), "kickstart");
    assert_eq!(host(&server, "web1.example.com")["id"], json!(heir.host_id));
    assert_eq!(builds(&server, "web1.example.com"), 2);
    assert_eq!(host(&server, "7")["id"], json!(gone.host_id));
    assert_eq!(builds(&server, "7"), 1);
    is_unknown(&server, "spare.example.com");
    let back = open_as(&server, &json!({"name": "web2.example.com", "foreman_id": 7}), "kickstart");
    assert_eq!(back.host_id, gone.host_id, "renamed by its next registration");
    assert_eq!(builds(&server, "web2.example.com"), 2);
}

#[test]
fn facts_that_are_left_out_stay_and_those_that_come_replace() {
    let server = Server::start();
    let facts = json!({
        "name": "web1.example.com", "foreman_id": 42, "mac": "52:54:00:12:34:56", "ip": "10.1.2.3",
        "location": "brno", "organization": "acme", "hostgroup": "web", "operatingsystem": "RedHat 9.4",
        "model": "R650",
    });
    let _ = open_as(&server, &facts, "kickstart");
    let again = json!({"name": "web1.example.com", "model": "R750", "location": "", "ip": "2001:db8::1"});
    let _ = open_as(&server, &again, "kickstart");
    let known = host(&server, "42");
    for (member, value) in facts.as_object().unwrap() {
        let expected = match member.as_str() {
            "model" => &json!("R750"),
            "ip" => &json!("2001:db8::1"),
            _ => value,
        };
        assert_eq!(known[member], *expected, "{member}");
    }
}

#[test]
fn names_and_addresses_are_kept_in_one_spelling() {
    let server = Server::start();
    let _ = open_as(&server, &json!({"name": "Web1.Example.COM.", "mac": "52-54-00-AB-CD-EF"}), "kickstart");
    for named in ["web1.example.com", "WEB1.example.com"] {
        let known = host(&server, named);
        assert_eq!(
            (text(&known["name"]), text(&known["mac"])),
            ("web1.example.com".to_owned(), "52:54:00:ab:cd:ef".to_owned())
        );
    }
}
