//! Files that a person can read in one go, each of which says what it is for.

use std::fs;

use crate::tree::{shown, sources};

const LINES_MAX: usize = 500;
/// Files that are longer, with the lines that they may have. It may only shrink.
const LONGER: &[(&str, usize)] = &[];

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let mut faults = Vec::new();
    let mut longer = Vec::new();
    for path in sources() {
        let name = shown(&path);
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let allowed = LONGER.iter().find(|(known, _)| *known == name).map_or(LINES_MAX, |(_, lines)| *lines);
        if lines > allowed {
            faults.push(format!("{name} has {lines} lines; {allowed} are allowed: split it by what it does"));
        }
        if lines > LINES_MAX {
            longer.push(name);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (name, _) in LONGER {
        assert!(longer.iter().any(|it| it == name), "{name} is short enough now: take it off the list");
    }
}

#[test]
fn every_file_starts_with_what_it_is_for() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| shown(path))
        .collect();
    assert!(silent.is_empty(), "files that do not start with //!: {silent:#?}");
}
