//! Keys of tokens that are exchanged while the service runs.

use std::fs;

use milepost_testkit::Api;

use crate::place::{Place, milepost, signal};

/// A token that somebody signs who has that secret, and no service.
fn signed_with(place: &Place, secret: &str) -> String {
    let mut command = milepost(["token", "create", "--scope", "manage", "--secret-file"]);
    let output = command.arg(place.file(secret)).args(["--data-dir", "/nowhere"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_key_is_exchanged_without_a_moment_in_which_a_good_token_is_refused() {
    let place = Place::new();
    place.configure(&format!(
        "[tokens]\nkeys = [{{ file = {:?}, grants = \"manage\" }}]\n",
        place.file("next").display().to_string()
    ));
    for (name, letter) in [("secret", "a"), ("next", "b"), ("later", "c")] {
        fs::write(place.file(name), letter.repeat(40)).unwrap();
    }
    let mut service = place.start();
    let [now, next, later] = ["secret", "next", "later"].map(|secret| signed_with(&place, secret));
    let url = service.url.clone();
    let status = |token: &str| Api::new(&url, Some(token.to_owned())).get("/api/v2/builds").status;
    assert_eq!([&now, &next, &later].map(|token| status(token)), [200, 200, 401]);

    fs::copy(place.file("later"), place.file("next")).unwrap();
    signal("HUP", service.pid());
    service.read_until(|line| line.contains("read the keys of tokens anew"));
    assert_eq!([&now, &next, &later].map(|token| status(token)), [200, 401, 200]);

    fs::write(place.file("next"), "too short").unwrap();
    signal("HUP", service.pid());
    let said = service.read_until(|line| line.contains("the keys stay as they were"));
    assert!(said.contains("next") && said.contains("9 bytes"), "{said}");
    assert_eq!([&now, &next, &later].map(|token| status(token)), [200, 401, 200]);
    service.stop();
}

#[test]
fn a_key_that_may_grant_only_reports_grants_nothing_else() {
    let place = Place::new();
    place.configure(&format!(
        "[tokens]\nkeys = [{{ file = {:?} }}]\n",
        place.file("foreman").display().to_string()
    ));
    fs::write(place.file("foreman"), "f".repeat(40)).unwrap();
    let service = place.start();
    let forged = signed_with(&place, "foreman");
    let problem = Api::new(&service.url, Some(forged)).get("/api/v2/builds").expect(401).json();
    assert!(problem["detail"].as_str().unwrap().contains("grants 'report' at most"), "{problem}");
    service.stop();
}
