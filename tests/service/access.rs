//! Tokens made on the command line, and networks that need none.

use std::{fs, os::unix::fs::PermissionsExt as _};

use milepost_testkit::Api;
use serde_json::json;

use crate::place::{Place, Said, Service, open};

#[test]
fn a_token_is_printed_alone_and_works() {
    let place = Place::new();
    // Before the service was ever started: it then takes the secret that is there.
    let early = Said::by(&mut place.milepost(["token", "create", "--scope", "manage"])).token();
    let service = place.start();
    let never = ["token", "create", "--scope", "manage", "--expires", "never"];
    let late = Said::by(&mut place.milepost(never)).token();
    for (host, token) in [("web1.example.com", early), ("web2.example.com", late)] {
        assert!(!token.is_empty() && token.chars().all(|c| c.is_ascii_graphic()), "{token:?}");
        let _ = open(&Api::new(&service.url, Some(token)), host);
    }
    service.stop();
}

#[test]
fn the_secret_is_its_owners_alone() {
    let made_by_token = Place::new();
    let _ = made_by_token.token("read");
    let made_by_serve = Place::new();
    made_by_serve.start().stop();
    for place in [made_by_token, made_by_serve] {
        let mode = fs::metadata(place.file("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let others = fs::read_dir(place.data()).unwrap().map(|entry| entry.unwrap().file_name());
        let drafts: Vec<_> = others.filter(|name| name.to_string_lossy().starts_with("secret.")).collect();
        assert!(drafts.is_empty(), "{drafts:?}");
    }
}

#[test]
fn a_token_to_read_opens_no_build() {
    let place = Place::new();
    let service = place.start();
    // Without --scope it is one to read.
    let by_default = Said::by(&mut place.milepost(["token", "create"])).token();
    for token in [place.token("read"), by_default] {
        let read = Api::new(&service.url, Some(token));
        let _ = read.get("/api/v2/builds").expect(200);
        let input = json!({"host": {"name": "web1.example.com"}, "workflow": "kickstart"});
        let _ = read.post("/api/v2/builds", &input).expect(403);
    }
    service.stop();
}

#[test]
fn a_token_of_another_service_is_refused() {
    let place = Place::new();
    let service = place.start();
    let stranger = Api::new(&service.url, Some(Place::new().token("manage")));
    let _ = stranger.get("/api/v2/builds").expect(401);
    service.stop();
}

#[test]
fn a_token_that_makes_no_sense_is_a_usage_error_and_none_is_made() {
    for (option, value) in [("--expires", "soon"), ("--expires", "0d"), ("--scope", "root")] {
        let place = Place::new();
        let refusal = Said::by(&mut place.milepost(["token", "create", option, value])).refusal();
        assert!(refusal.contains(value) && refusal.contains(option), "{refusal}");
        assert!(!place.file("secret").exists());
    }
}

#[test]
fn api_update_is_open_to_the_networks_that_are_named_only() {
    let place = Place::new();
    let update = json!({"name": "web1.example.com", "action": "Packages", "percentage": "42"});
    for (networks, status) in [(None, 403), (Some("10.0.0.0/8"), 403), (Some("10.0.0.0/8,127.0.0.0/8"), 200)]
    {
        let mut command = place.serve();
        if let Some(networks) = networks {
            command.args(["--compat-api-update", networks]);
        }
        let service = Service::start(&mut command);
        let _ = service.anyone().post("/api/update", &update).expect(status);
        service.stop();
    }
}
