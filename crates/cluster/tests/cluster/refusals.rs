//! What is refused, and that the message helps.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    process,
};

use milepost_cluster::{Config, Durability, Error};

use crate::place::{Place, is_root, refused};

#[test]
fn a_second_instance_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let cluster = place.start();
    let pid = format!("pid {}", process::id());
    let error = refused(&place.config(), &[place.path("pg").to_str().unwrap(), &pid]);
    assert!(matches!(error, Error::AlreadyOwned { .. }));
    assert!(cluster.is_running());
}

#[test]
fn another_major_version_is_refused_with_both_named() {
    let place = Place::new();
    let cluster = place.start();
    let installed = format!("PostgreSQL {}", cluster.major_version());
    cluster.stop().unwrap();
    fs::write(place.path("pg").join("PG_VERSION"), "8\n").unwrap();
    let error = refused(&place.config(), &["made by PostgreSQL 8", &installed, "pg_upgrade"]);
    assert!(matches!(error, Error::VersionMismatch { found: 8, .. }));
}

#[test]
fn missing_programs_are_named_with_their_packages() {
    let place = Place::new();
    let config = Config { bin_dir: Some(place.path("none")), ..place.config() };
    let error = refused(&config, &["apt install postgresql", "postgresql-server", "none"]);
    assert!(matches!(error, Error::NoBinaries { .. }));
}

#[test]
fn files_of_somebody_else_are_not_touched() {
    let place = Place::new();
    fs::create_dir(place.path("pg")).unwrap();
    fs::write(place.path("pg").join("thesis.txt"), "years of work").unwrap();
    let error = refused(&place.config(), &["no PostgreSQL cluster", "nothing was touched"]);
    assert!(matches!(error, Error::NotACluster { .. }));
    assert!(place.path("pg").join("thesis.txt").exists());
}

#[test]
fn a_server_that_ends_early_is_quoted() {
    let place = Place::new();
    let config = Config { settings: vec![("work_mem".into(), "lots".into())], ..place.config() };
    let error = refused(&config, &["exit status: 1", "\"lots\"", place.path("pg.log").to_str().unwrap()]);
    assert!(matches!(error, Error::StartFailed { .. }));
    drop(place.start());
}

#[test]
fn an_initdb_that_fails_is_quoted_and_leaves_nothing() {
    let place = Place::new();
    let cluster = place.start();
    let server = fs::read_link(format!("/proc/{}/exe", cluster.pid())).unwrap();
    cluster.stop().unwrap();
    let programs = place.path("bin");
    fs::create_dir(&programs).unwrap();
    for name in ["postgres", "psql"] {
        symlink(server.with_file_name(name), programs.join(name)).unwrap();
    }
    fs::copy("/bin/false", programs.join("initdb")).unwrap();
    let config =
        Config { bin_dir: Some(programs), ..Config::new(place.path("other"), Durability::Throwaway) };
    let error = refused(&config, &["initdb", "other", "exit status: 1"]);
    assert!(matches!(error, Error::InitdbFailed { .. }));
    assert!(!place.path("other").exists() && !place.path("other.new").exists());
}

#[test]
fn root_is_told_which_directory_is_in_the_way() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let private = place.path("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let config = Config::new(private.join("deeper/pg"), Durability::Throwaway);
    let blocking = format!("may not enter {}.", private.display());
    let error = refused(&config, &[&blocking, "--data-dir /var/lib/milepost", "chmod o+x"]);
    assert!(matches!(error, Error::Unreachable { .. }));
}

#[test]
fn the_account_has_to_fit() {
    let place = Place::new();
    let named = |user: &str| Config { user: Some(user.to_owned()), ..place.config() };
    refused(&named("no-such-user"), &["no-such-user"]);
    if is_root() {
        refused(&named("root"), &["that is root"]);
        drop(place.start());
        chown(place.path("pg"), Some(0), None).unwrap();
        let error = refused(&place.config(), &["belongs to root", "chown -R"]);
        assert!(matches!(error, Error::WrongOwner { .. }));
    } else {
        let error = refused(&named("root"), &["only root can change"]);
        assert!(matches!(error, Error::UnusableUser { .. }));
    }
}

#[test]
fn a_socket_directory_of_another_user_is_not_used() {
    let place = Place::new();
    fs::write(place.path("pg.socket"), "not a directory").unwrap();
    refused(&place.config(), &["pg.socket", "not a directory"]);
    fs::remove_file(place.path("pg.socket")).unwrap();
    if is_root() {
        fs::create_dir(place.path("pg.socket")).unwrap();
        chown(place.path("pg.socket"), Some(65534), None).unwrap();
        let error = refused(&place.config(), &["pg.socket", "another user"]);
        assert!(matches!(error, Error::UnsafeDirectory { .. }));
    }
}
