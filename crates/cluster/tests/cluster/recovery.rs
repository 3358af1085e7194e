//! What is left of a service or a server that was killed, and what becomes of it.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{
        fs::MetadataExt,
        process::{CommandExt, ExitStatusExt},
    },
    process::{Command, Stdio},
};

use milepost_cluster::{Cluster, Config, Error, Started};
use nix::{
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::Pid,
};

use crate::place::{Place, is_alive, kill_9, psql, refused, sql};

#[test]
fn the_server_of_a_killed_service_is_adopted_with_its_rows() {
    let place = Place::new();
    let (mut service, server) = place.hold();
    refused(&place.durable(), &["in use", &format!("pid {}", service.id())]);
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(is_alive(server));

    let cluster = Cluster::start(&place.durable()).unwrap();
    assert_eq!((cluster.started_how(), cluster.pid()), (Started::Adopted, server));
    sql(&cluster, "postgres", "create table kept as select generate_series(1, 1000)");
    assert_eq!(sql(&cluster, "postgres", "select count(*) from kept"), "1000");
    cluster.stop().unwrap();

    let warm = Cluster::start(&place.durable()).unwrap();
    assert_eq!(warm.started_how(), Started::Warm, "an adopted server stops like any other");
    assert_ne!(warm.pid(), server);
    assert_eq!(sql(&warm, "postgres", "select count(*) from kept"), "1000");
}

#[test]
fn an_orphan_with_other_settings_is_restarted() {
    let place = Place::new();
    let (mut service, server) = place.hold();
    service.kill().unwrap();
    service.wait().unwrap();

    let config = Config { settings: vec![("work_mem".into(), "9MB".into())], ..place.durable() };
    let cluster = Cluster::start(&config).unwrap();
    assert_eq!(cluster.started_how(), Started::Warm);
    assert_ne!(cluster.pid(), server);
    assert_eq!(sql(&cluster, "postgres", "show work_mem"), "9MB");
}

#[test]
fn a_server_that_is_not_ours_is_left_alone() {
    let place = Place::new();
    let (mut service, server) = place.hold();
    service.kill().unwrap();
    service.wait().unwrap();
    let options = place.path("pg").join("postmaster.opts");
    let ours = fs::read(&options).unwrap();
    fs::write(&options, "/usr/bin/postgres \"-D\" \"somewhere\"\n").unwrap();

    let error = refused(&place.durable(), &["pg_ctl -D", &server.to_string()]);
    assert!(matches!(error, Error::ForeignServer { .. }));
    assert!(is_alive(server));

    fs::write(&options, ours).unwrap();
    let cluster = Cluster::start(&place.durable()).unwrap();
    assert_eq!(cluster.started_how(), Started::Adopted);
}

#[test]
fn a_killed_server_recovers_what_was_committed_despite_a_busy_backend() {
    let place = Place::new();
    let cluster = Cluster::start(&place.durable()).unwrap();
    sql(&cluster, "postgres", "create table kept as select generate_series(1, 100000)");
    // A loop that looks at nothing outlives its postmaster, and holds the shared memory.
    let busy = "do $$ begin raise notice 'pid %', pg_backend_pid(); loop end loop; end $$";
    // So that it ends some time even where this test fails.
    let limit = "set statement_timeout = '60s'";
    let mut client =
        psql(&cluster, "postgres").args(["-c", limit, "-c", busy]).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(client.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let backend: i32 = said.trim().rsplit(' ').next().unwrap().parse().unwrap();

    kill_9(cluster.pid());
    drop(cluster);
    assert!(is_alive(backend), "otherwise this proves nothing");

    let again = Cluster::start(&place.durable()).unwrap();
    assert_eq!(again.started_how(), Started::Warm);
    assert_eq!(sql(&again, "postgres", "select count(*) from kept"), "100000");
    assert!(!client.wait().unwrap().success());
    assert!(fs::read_to_string(again.log_file()).unwrap().contains("automatic recovery"));
}

#[test]
fn a_server_that_died_is_noticed() {
    let place = Place::new();
    let cluster = place.start();
    kill_9(cluster.pid());
    // Blocks until it is dead, and leaves it to the cluster to collect.
    let id = Id::Pid(Pid::from_raw(cluster.pid()));
    waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    assert!(!cluster.is_running());
    cluster.stop().unwrap();
    let again = place.start();
    assert_eq!(again.started_how(), Started::Warm);
}

#[test]
fn a_stale_pid_that_somebody_else_has_now_is_no_obstacle() {
    let place = Place::new();
    let cluster = place.start();
    kill_9(cluster.pid());
    cluster.stop().unwrap();
    let files = ["pg/postmaster.pid", "pg.socket/.s.PGSQL.5432.lock"].map(|name| place.path(name));
    // PostgreSQL only minds the processes of its own user.
    let owner = fs::metadata(&files[0]).unwrap().uid();
    let mut other = Command::new("/bin/sleep").arg("3600").uid(owner).spawn().unwrap();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let rest = text.split_once('\n').unwrap().1;
        fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();
    }

    assert_eq!(place.start().started_how(), Started::Warm);
    assert!(other.try_wait().unwrap().is_none(), "it is not ours to end");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn an_interrupted_initdb_leaves_nothing_half() {
    let place = Place::new();
    let unfinished = place.path("pg.new");
    fs::create_dir_all(unfinished.join("base")).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    // It may even still be running.
    fs::copy("/bin/sleep", place.path("initdb")).unwrap();
    let mut running = Command::new(place.path("initdb")).arg("60").current_dir(&unfinished).spawn().unwrap();

    let cluster = place.start();
    assert_eq!(cluster.started_how(), Started::Fresh);
    assert!(!unfinished.exists());
    let ended = running.try_wait().unwrap().expect("it was ended before its directory was removed");
    assert_eq!(ended.signal(), Some(9));
}
