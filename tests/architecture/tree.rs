//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files below `directory` whose names end so, in order; nothing when there is no such place.
pub(crate) fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every file of Rust that is ours.
pub(crate) fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let places = crates.flat_map(|path| {
        let build = path.join("build.rs");
        let mut found = build.exists().then_some(build).into_iter().collect::<Vec<_>>();
        for part in ["src", "tests", "examples"] {
            found.extend(files(&path.join(part), "rs"));
        }
        found
    });
    let mut all: Vec<PathBuf> = places.chain(files(&root().join("tests"), "rs")).collect();
    all.sort();
    assert!(all.len() > 100, "the sources are found: {all:?}");
    all
}

/// As it is named in the repository.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}
