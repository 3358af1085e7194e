//! Start, use, stop.

use std::{fs, os::unix::fs::MetadataExt};

use milepost_cluster::{Cluster, Config, Durability, Error, Started};
use nix::unistd::{Pid, getpgid};

use crate::place::{Place, is_alive, is_root, sql};

#[test]
fn a_cluster_is_made_used_stopped_and_started_again() {
    let place = Place::new();
    let cluster = place.start();
    assert_eq!(cluster.started_how(), Started::Fresh);
    assert!(cluster.is_running() && cluster.major_version() >= 10);
    cluster.ensure_database("milepost").unwrap();
    cluster.ensure_database("milepost").unwrap();
    sql(&cluster, "milepost", "create table kept as select 42 as answer");
    let facts = "select current_user, current_setting('server_encoding'), \
                 current_setting('data_checksums'), current_setting('max_connections'), \
                 current_setting('listen_addresses'), current_setting('fsync')";
    assert_eq!(sql(&cluster, "milepost", facts), "milepost|UTF8|on|100||off");

    let (pid, url) = (cluster.pid(), cluster.url("milepost"));
    cluster.stop().unwrap();
    assert!(!is_alive(pid));
    assert!(!place.path("pg").join("postmaster.pid").exists());
    assert!(!place.path("pg.new").exists() && !place.path("pg.socket").exists());

    let again = place.start();
    assert_eq!(again.started_how(), Started::Warm);
    assert_eq!(again.url("milepost"), url);
    assert_eq!(sql(&again, "milepost", "select answer from kept"), "42");
    let pid = again.pid();
    drop(again);
    assert!(!is_alive(pid), "dropping it stops the server, too");
}

#[test]
fn the_server_is_private_and_safe_from_the_terminal() {
    let place = Place::new();
    let cluster = place.start();
    let server = Pid::from_raw(cluster.pid());
    assert_eq!(getpgid(Some(server)).unwrap(), server, "a group of its own: no Ctrl-C reaches it");

    let data = fs::metadata(cluster.data_dir()).unwrap();
    for (name, mode) in [("pg.socket", 0o700), ("pg.log", 0o600), ("pg.lock", 0o600)] {
        let found = fs::metadata(place.path(name)).unwrap();
        assert_eq!((found.mode() & 0o777, found.uid()), (mode, data.uid()), "{name}");
    }
    assert_eq!(is_root(), data.uid() != nix::unistd::geteuid().as_raw());
    assert_eq!(cluster.log_file(), place.path("pg.log"));
    assert!(fs::read_to_string(cluster.log_file()).unwrap().contains("ready to accept"));
}

#[test]
fn a_durable_cluster_syncs_and_takes_further_settings() {
    let place = Place::new();
    let config = Config {
        settings: vec![("work_mem".into(), "7MB".into()), ("max_connections".into(), "9".into())],
        ..place.durable()
    };
    let cluster = Cluster::start(&config).unwrap();
    let facts = "select current_setting('fsync'), current_setting('synchronous_commit'), \
                 current_setting('full_page_writes'), current_setting('max_wal_size'), \
                 current_setting('work_mem'), current_setting('max_connections')";
    assert_eq!(sql(&cluster, "postgres", facts), "on|on|on|2GB|7MB|9");
    assert_ne!(sql(&cluster, "postgres", "show wal_compression"), "off");
}

#[test]
fn a_name_that_is_none_makes_no_database() {
    let place = Place::new();
    let cluster = place.start();
    let error = cluster.ensure_database("x\"; drop database postgres; --").unwrap_err();
    assert!(matches!(error, Error::BadDatabaseName { .. }), "{error}");
}

#[test]
fn awkward_and_long_paths_work() {
    let place = Place::new();
    for name in ["a b,c'd\"é&%".to_owned(), ["x".repeat(90), "y".repeat(90)].join("/")] {
        let directory = place.path(&name).join("pg");
        let config = Config::new(directory.clone(), Durability::Throwaway);
        let cluster = Cluster::start(&config).unwrap();
        assert_eq!(sql(&cluster, "postgres", "select 1"), "1");
        let encoded = cluster.url("postgres");
        assert!(encoded.contains("host=%2Ftmp%2Fmilepost-"), "{encoded}");
        let listed = sql(&cluster, "postgres", "show unix_socket_directories");
        let socket = std::path::PathBuf::from(listed.trim_matches('"'));
        assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o700);
        cluster.stop().unwrap();
        assert!(!socket.exists(), "nothing stays in /tmp");
    }
}

#[test]
fn a_link_leads_to_the_same_cluster() {
    let place = Place::new();
    let cluster = place.start();
    std::os::unix::fs::symlink(place.path("pg"), place.path("link")).unwrap();
    let through = Config::new(place.path("link"), Durability::Throwaway);
    crate::place::refused(&through, &["in use by another Milepost"]);
    assert!(cluster.is_running());
}

#[test]
fn a_visitor_finds_the_running_server_and_makes_nothing() {
    let place = Place::new();
    let config = place.config();
    let visit = || Cluster::url_of_running(&config, "postgres").unwrap();
    assert_eq!(visit(), None);
    assert!(!place.path("pg").exists());

    let cluster = place.start();
    assert_eq!(visit(), Some(cluster.url("postgres")));
    std::os::unix::fs::symlink(place.path("pg"), place.path("link")).unwrap();
    let through = Config::new(place.path("link"), Durability::Durable);
    assert_eq!(Cluster::url_of_running(&through, "postgres").unwrap(), visit());
    assert!(cluster.is_running());

    // Nobody is behind what a dead server wrote.
    let written = fs::read_to_string(place.path("pg/postmaster.pid")).unwrap();
    cluster.stop().unwrap();
    assert_eq!(visit(), None);
    fs::write(place.path("pg/postmaster.pid"), written).unwrap();
    assert_eq!(visit(), None);
}
