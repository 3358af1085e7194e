//! No credential gets into a log, however it was sent and whatever became of it.

use std::fs;

use milepost_testkit::Api;
use serde_json::json;

use crate::place::{Place, Service, text};

const FOREMANS: &str = "marked-token-of-foreman-0001";
const WRONG: &str = "marked-token-that-is-wrong-0002";
/// Too short and of the wrong characters to be a token at all.
const NONE: &str = "mark!3";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends `token` in every way there is: what is right and what is wrong about it.
fn send_everywhere(installer: &Api, token: &str) {
    let bearer = format!("Bearer {token}");
    let basic = format!("Basic {token}");
    for headers in [vec![("authorization", bearer.as_str())], vec![("authorization", basic.as_str())]] {
        for path in ["/unattended/built", "/api/v2/builds", "/unattended/step?label=post"] {
            let _ = installer.send_undocumented("GET", path, &headers, None);
        }
    }
    for path in [
        format!("/unattended/step?token={token}&label=get_ks&status=done"),
        format!("/unattended/step?token={token}&label=Wrong+Label"),
        format!("/unattended/step?token={token}&label=%zz&status=%ff"),
        format!("/unattended/step/{token}/get_ks/done"),
        format!("/unattended/step/{token}/no_such_step"),
        format!("/unattended/step/{token}/get_ks/done/and/more"),
        format!("/unattended/no_such_path/{token}"),
        format!("/unattended/failed?token={token}"),
        format!("/api/v2/builds?token={token}&per_page=many"),
        format!("/api/v2/hosts/{token}/progress"),
        format!("/no/such/path?token={token}"),
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let _ = installer.send_undocumented(method, &path, &[], None);
        }
    }
    for (path, header, body) in [
        ("/unattended/step", FORM, format!("token={token}&label=storage&status=init")),
        ("/unattended/step", FORM, format!("token={token}&label=no_such_step")),
        ("/unattended/step", JSON, format!("{{\"token\":\"{token}\",\"label\":\"storage\"}}")),
        ("/unattended/step", JSON, format!("{{\"token\":\"{token}\",\"label\":")),
        (
            "/unattended/batch",
            JSON,
            format!("{{\"token\":\"{token}\",\"reports\":[{{\"label\":\"post\"}}, 7]}}"),
        ),
        ("/unattended/batch", JSON, format!("{{\"token\":\"{token}\",\"reports\":7}}")),
        ("/unattended/step", FORM, format!("token={token}&label=post&logs={}", "x".repeat(2_000_000))),
        ("/api/v2/builds", JSON, format!("{{\"token\":\"{token}\",\"workflow\":")),
        ("/api/update", JSON, format!("{{\"name\":\"web9.example.com\",\"token\":\"{token}\"}}")),
    ] {
        let _ = installer.send_undocumented("POST", path, &[header], Some(body.as_bytes()));
    }
}

#[test]
fn no_credential_gets_into_a_log() {
    let place = Place::new();
    let mut command = place.serve();
    let service = Service::start(command.args(["--log", "debug", "--compat-api-update", "127.0.0.0/8"]));
    let (manage, read) = (place.token("manage"), place.token("read"));
    let manager = Api::new(&service.url, Some(manage.clone()));
    let installer = service.anyone();

    // The main job, with Foreman's token and with one that is made.
    let host = json!({"name": "web1.example.com"});
    let input = json!({"host": host, "workflow": "kickstart", "token": FOREMANS});
    let _ = manager.post("/api/v2/builds", &input).expect(201);
    // Opened twice, and one that is refused: both hold the token in their body.
    let _ = manager.post("/api/v2/builds", &input);
    let refused = json!({"host": host, "workflow": "no such workflow", "token": FOREMANS});
    let _ = manager.post("/api/v2/builds", &refused).expect(422);
    let input = json!({"host": {"name": "web2.example.com"}, "workflow": "kickstart"});
    let generated = text(&manager.post("/api/v2/builds", &input).expect(201).json()["token"]);
    for (host, token) in [("web1.example.com", FOREMANS), ("web2.example.com", &generated)] {
        let _ = installer.get(&format!("/unattended/step/{token}/get_ks/done")).expect(200);
        send_everywhere(&installer, token);
        let _ = installer.send("POST", &format!("/unattended/built?token={token}"), &[], None).expect(201);
        let _ = installer.get(&format!("/unattended/step/{token}/first_boot/done")).expect(200);
        let reader = Api::new(&service.url, Some(read.clone()));
        let progress = reader.get(&format!("/api/v2/hosts/{host}/progress")).expect(200).json();
        assert_eq!(progress["state"], "completed");
    }
    for token in [WRONG, NONE, &manage, &read] {
        send_everywhere(&installer, token);
    }

    let said = service.stop();
    let requests = said.iter().filter(|line| line.contains("/unattended/step")).count();
    assert!(requests > 50, "a log without the requests proves nothing: {said:#?}");
    let database = fs::read_to_string(place.file("postgres.log")).unwrap();
    let secret = fs::read_to_string(place.file("secret")).unwrap();
    let marks = ["token=", "token%3D", FOREMANS, WRONG, NONE, &generated, &manage, &read, secret.trim()];
    for line in said.iter().map(String::as_str).chain(database.lines()) {
        let found = marks.iter().find(|mark| line.contains(**mark));
        assert!(found.is_none(), "{found:?} in the log: {line}");
    }
}
