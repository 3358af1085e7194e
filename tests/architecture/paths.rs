//! Paths that the documents for newcomers name.

use std::{collections::BTreeSet, fs};

use crate::tree::root;

/// What is made when somebody builds, and is in no checkout.
const BUILT: &str = "target/";

/// The words of a document that can be paths: in backticks, or first in a line of a block.
fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.extend(line.split_whitespace().next().map(ToOwned::to_owned));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(ToOwned::to_owned));
            // [text](target), a file beside this one
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            found.extend(targets.map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// Whether a word means a file or directory of this repository.
fn is_path(word: &str) -> bool {
    let tops: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let first = word.split('/').next().unwrap_or_default();
    let document =
        |name: &str| !name.contains('/') && name.rsplit_once('.').is_some_and(|(_, end)| end == "md");
    word.chars().all(plain)
        && !word.starts_with(BUILT)
        && (word.contains('/') && tops.contains(first) || document(word))
}

#[test]
fn paths_that_the_documents_name_exist() {
    let mut checked = 0;
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "THREATS.md"] {
        let Ok(text) = fs::read_to_string(root().join(document)) else { continue };
        for path in words(&text).iter().filter(|word| is_path(word)) {
            assert!(root().join(path).exists(), "{document} names `{path}`, which does not exist");
            checked += 1;
        }
    }
    assert!(checked > 10, "paths are found: {checked}");
}

#[test]
fn the_map_shows_every_crate() {
    let Ok(map) = fs::read_to_string(root().join("ARCHITECTURE.md")) else { return };
    let shown = words(&map);
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = format!("crates/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(shown.contains(&name), "ARCHITECTURE.md does not show {name}");
    }
}

#[test]
fn a_path_that_is_gone_would_be_seen() {
    let text = "see `crates/domain/src/nothing.rs`, [it](docs/none.md#x) and `postgres/`\n```\ncrates/gone  x\n```\n";
    let found: Vec<String> = words(text).into_iter().filter(|word| is_path(word)).collect();
    assert_eq!(found, ["crates/domain/src/nothing.rs", "docs/none.md", "crates/gone"]);
}
