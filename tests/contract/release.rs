//! Nothing that clients rely on goes between one release and the next.

use std::process::Command;

use serde_json::Value;

use crate::{breaking::breaking, document::document};

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn nothing_breaks_clients_of_the_last_release() {
    let Some(tag) = git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]) else {
        eprintln!("nothing to compare with: no tag v* is known here, so nothing has been released");
        return;
    };
    let Some(text) = git(&["show", &format!("{tag}:openapi/milepost.json")]) else {
        eprintln!("nothing to compare with: {tag} has no openapi/milepost.json");
        return;
    };
    let released: Value = serde_json::from_str(&text).unwrap();
    let found = breaking(&released, document());
    assert!(found.is_empty(), "clients of {tag} would break: {found:#?}");
}
