//! The lines of Ruby that `docs/security.md` has: run, and reported with.

use std::{fs, path::Path, process::Command};

use milepost_api::Settings;
use serde_json::json;

use crate::support::{FOREMANS_SECRET, progress, report_with, server};

/// The blocks of Ruby in the document, in their order.
fn blocks() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let text = fs::read_to_string(path).unwrap();
    text.split("```ruby\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[track_caller]
fn ruby(code: &str) -> String {
    let output =
        Command::new("ruby").args(["-w", "-e", code]).env("SECRET", FOREMANS_SECRET).output().unwrap();
    assert!(output.status.success(), "{code}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_the_document_mints_opens_a_build() {
    let server = server(Settings::default());
    let [with_gem, without] = <[String; 2]>::try_from(blocks()).unwrap();
    let call =
        |host: &str, id: u32| format!("print milepost_token(ENV['SECRET'], '{host}', {id}, 'kickstart')");
    let gem = ruby(&format!("{with_gem}\n{}", call("web1.example.com", 42)));
    // The same claims, with the last line exchanged for the one that needs no gem.
    let body = with_gem.replace("require 'jwt'\n", "");
    let own = body.replace("JWT.encode(claims, secret, 'HS256', { kid: 'foreman' })", "sign(claims, secret)");
    assert_ne!(body, own, "the line is there");
    let plain = ruby(&format!("{without}\n{own}\n{}", call("web2.example.com", 43)));
    for (token, host, id) in [(gem, "web1.example.com", 42), (plain, "web2.example.com", 43)] {
        assert_eq!(report_with(&server, &token).status, 200, "{token}");
        let known = progress(&server, host);
        assert_eq!((&known["state"], &known["host"]["foreman_id"]), (&json!("running"), &json!(id)));
    }
}
