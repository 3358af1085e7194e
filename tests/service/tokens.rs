//! `milepost token`: made, listed, revoked and printed as a link, with the service and without it.

use milepost_testkit::Api;
use serde_json::{Value, json};

use crate::place::{Place, Said, text};

/// What is said beside a token that no service lists.
const UNLISTED: &str =
    "milepost: the service does not run here, so this token is not listed; it is good all the same\n";

#[track_caller]
fn listed(place: &Place) -> Vec<Value> {
    let printed = Said::by(&mut place.milepost(["token", "list", "--json"])).success();
    serde_json::from_str::<Value>(&printed).unwrap().as_array().unwrap().clone()
}

#[test]
fn a_token_is_made_listed_and_revoked_on_the_command_line() {
    let place = Place::new();
    let service = place.start();
    let none = Said::by(&mut place.milepost(["token", "list"]));
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{}", none.err);
    let mut create = place.milepost(["token", "create", "--scope", "manage", "--name", "deploy"]);
    create.args(["--organization", "acme", "--location", "Europe/Brno", "--expires", "1y"]);
    let printed = Said::by(&mut create).success();
    let token = printed.strip_suffix('\n').unwrap();
    let api = Api::new(&service.url, Some(token.to_owned()));
    let session = api.get("/api/v2/session").expect(200).json();
    assert_eq!((&session["scope"], &session["organizations"]), (&json!("manage"), &json!(["acme"])));
    let known = listed(&place);
    let id = text(&known[0]["id"]);
    assert_eq!(session["name"], json!(format!("deploy ({id})")));
    assert_eq!((known.len(), &known[0]["locations"]), (1, &json!(["Europe/Brno"])));
    let table = Said::by(&mut place.milepost(["token", "list"])).success();
    let row = table.lines().nth(1).unwrap();
    for cell in [id.as_str(), "deploy", "manage", "acme, Europe/Brno", "until "] {
        assert!(row.contains(cell), "{cell} in:\n{table}");
    }
    assert!(!table.contains(token));
    let said = Said::by(&mut place.milepost(["token", "revoke", &id])).success();
    assert_eq!(said, format!("token {id} (deploy) is void\n"));
    assert_eq!(api.get("/api/v2/session").expect(401).json()["code"], "credential_revoked");
    let table = Said::by(&mut place.milepost(["token", "list"])).success();
    assert!(table.lines().nth(1).unwrap().trim_end().ends_with("revoked"), "{table}");
    service.stop();
}

#[test]
fn a_token_made_while_the_service_is_down_is_good_and_can_be_revoked() {
    let place = Place::new();
    let said = Said::by(&mut place.milepost(["token", "create", "--scope", "read"]));
    assert_eq!((said.code, said.err.as_str()), (Some(0), UNLISTED));
    let token = said.out.trim_end().to_owned();
    let revoke = place.milepost(["token", "revoke", "0193b0a0-0000-7000-8000-000000000001"]);
    for mut asked in [place.milepost(["token", "list"]), revoke] {
        // Nobody listens at the default place either, as far as this test can tell.
        let refusal = Said::by(asked.env("MILEPOST_URL", "http://127.0.0.1:9")).refusal();
        assert!(refusal.contains("http://127.0.0.1:9"), "{refusal}");
    }
    let service = place.start();
    let api = Api::new(&service.url, Some(token));
    let session = api.get("/api/v2/session").expect(200).json();
    assert_eq!(listed(&place), Vec::<Value>::new());
    let id = text(&session["name"]).trim_start_matches("token ").to_owned();
    let said = Said::by(&mut place.milepost(["token", "revoke", &id])).success();
    assert_eq!(said, format!("token {id} is void\n"));
    let _ = api.get("/api/v2/session").expect(401);
    let nonsense = Said::by(&mut place.milepost(["token", "revoke", "deploy"])).refusal();
    assert!(nonsense.contains("'deploy' is no token's id"), "{nonsense}");
    service.stop();
}

#[test]
fn a_link_signs_in_once() {
    let place = Place::new();
    let refusal = Said::by(&mut place.milepost(["token", "link"])).refusal();
    assert!(refusal.contains("here is no secret"), "{refusal}");
    assert!(!place.file("secret").exists(), "none is made that no service knows");
    let service = place.start();
    let printed = Said::by(&mut place.milepost(["token", "link", "--scope", "read"])).success();
    let (url, token) = printed.trim_end().split_once("?link=").unwrap();
    assert_eq!(url, format!("{}/sign-in", service.url));
    let form = format!("token={token}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let sign_in = || service.anyone().send_undocumented("POST", "/sign-in", &headers, Some(form.as_bytes()));
    let first = sign_in();
    assert_eq!(first.status, 303, "{}", first.text);
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = service.anyone().send("GET", "/api/v2/session", &[("cookie", &cookie)], None);
    assert_eq!(session.expect(200).json()["scope"], "read");
    assert_eq!(sign_in().status, 401);
    service.stop();
}
