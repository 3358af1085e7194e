//! Which crate may know which.

use std::{collections::BTreeSet, process::Command};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::tree::root;

/// What each crate of ours is built on. Whatever is not here is forbidden.
const EDGES: &[(&str, &[&str])] = &[
    ("milepost-api", &["milepost-domain", "milepost-store"]),
    ("milepost-bench", &["milepost-cluster"]),
    (
        "milepost-cli",
        &["milepost-api", "milepost-client", "milepost-cluster", "milepost-domain", "milepost-store"],
    ),
    ("milepost-client", &[]),
    ("milepost-cluster", &[]),
    ("milepost-domain", &[]),
    ("milepost-eta", &["milepost-domain"]),
    ("milepost-spool", &[]),
    ("milepost-store", &["milepost-domain", "milepost-spool"]),
    ("milepost-testkit", &["milepost-api", "milepost-cluster", "milepost-domain", "milepost-store"]),
    (TESTS, &[]),
];
const TESTKIT: &str = "milepost-testkit";
const TESTS: &str = "milepost-tests";
/// What the rules of the domain must not even be built beside.
const OUTSIDE: &[&str] = &["actix", "diesel", "pq-sys", "reqwest", "tokio", "hyper"];

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// Those of ours that the package depends on in one of these ways.
fn ours(package: &Package, kinds: &[DependencyKind]) -> BTreeSet<String> {
    let of_kind = package.dependencies.iter().filter(|dependency| kinds.contains(&dependency.kind));
    of_kind.filter(|dependency| dependency.path.is_some()).map(|dependency| dependency.name.clone()).collect()
}

#[test]
fn the_crates_depend_on_each_other_as_agreed_and_not_otherwise() {
    let metadata = metadata();
    let known: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(found, known, "every crate stands in the table");
    for package in &metadata.packages {
        let (_, allowed) = EDGES.iter().find(|(name, _)| *name == package.name.as_str()).unwrap();
        let allowed = allowed.iter().map(|name| (*name).to_owned()).collect();
        let built_on = ours(package, &[DependencyKind::Normal, DependencyKind::Build]);
        assert_eq!(built_on, allowed, "what {} is built on", package.name);
    }
}

#[test]
fn tests_may_add_nothing_but_the_testkit() {
    for package in &metadata().packages {
        if package.name.as_str() == TESTS {
            continue;
        }
        let built_on = ours(package, &[DependencyKind::Normal, DependencyKind::Build]);
        for extra in ours(package, &[DependencyKind::Development]).difference(&built_on) {
            assert_eq!(extra, TESTKIT, "{} has it as a dev-dependency", package.name);
        }
    }
}

#[test]
fn the_domain_is_built_without_a_database_a_server_or_a_runtime() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package",
            "milepost-domain",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(tree.stdout).unwrap();
    assert!(text.starts_with("milepost-domain"), "{}", String::from_utf8_lossy(&tree.stderr));
    let outside: Vec<&str> =
        text.lines().filter(|line| OUTSIDE.iter().any(|name| line.starts_with(name))).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn all_crates_have_one_version() {
    let metadata = metadata();
    let versions: BTreeSet<String> =
        metadata.packages.iter().map(|package| package.version.to_string()).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
}
