//! Builds that nobody registered: opened by what their own credential announces.

use std::sync::{Arc, Barrier};

use milepost_domain::{BuildId, HostFacts, State, registry::Mode};
use milepost_store::{
    Error, Settings, Store,
    build::{self, Announcement},
    host,
    ingest::{self, Receipt, SpoolSettings},
};
use milepost_testkit::Database;

use crate::support::{DONE, INIT, THREADS, at, fresh_id, label, name, node, opening, report, start};

fn announced(host: &str) -> Arc<Announcement> {
    let host = HostFacts { foreman_id: Some(42), ..HostFacts::named(name(host)) };
    Arc::new(Announcement { host, workflow: label("kickstart"), expires_at: at(3_600) })
}

#[test]
fn a_report_opens_the_build_that_its_credential_announces() {
    let node = node(&Database::new(), Mode::Strict);
    let id: BuildId = fresh_id(start());
    let reports = vec![report("get_ks", DONE, 1), report("packages", INIT, 2), report("no_such", DONE, 3)];
    let receipts =
        node.submit(id, reports, None, Some(&announced("web1.example.com"))).unwrap().wait().unwrap();
    assert!(
        matches!(receipts[..], [Receipt::Recorded, Receipt::Recorded, Receipt::Refused(_)]),
        "{receipts:?}"
    );
    let found = node.read(|connection| build::load_with_host(connection, id, at(9))).unwrap();
    assert_eq!(found.host.facts, announced("web1.example.com").host);
    assert_eq!((found.build.course.state, found.build.started_at), (State::Running, start()));
    assert_eq!(found.build.expires_at, at(3_600));
    assert_eq!(found.build.course.current, Some(label("packages")), "it has the plan of its workflow");
}

#[test]
fn a_build_that_is_neither_known_nor_announced_is_not_found() {
    let node = node(&Database::new(), Mode::Strict);
    let answer = node.submit(fresh_id(start()), vec![report("get_ks", DONE, 1)], None, None).unwrap().wait();
    assert!(matches!(answer, Err(Error::NotFound { .. })), "{answer:?}");
}

#[test]
fn it_is_opened_once_however_many_nodes_hear_of_it_first() {
    let database = Database::new();
    let (id, together): (BuildId, _) = (fresh_id(start()), Arc::new(Barrier::new(usize::from(THREADS))));
    let hear = |second: i64| {
        let (database, together) = (database.clone(), Arc::clone(&together));
        std::thread::spawn(move || {
            let node = node(&database, Mode::Loose);
            together.wait();
            let reports = vec![report(&format!("step_{second}"), DONE, second)];
            node.submit(id, reports, None, Some(&announced("web1.example.com"))).unwrap().wait().unwrap()
        })
    };
    let heard: Vec<_> = (0..THREADS).map(|second| hear(second.into())).collect();
    for thread in heard {
        assert_eq!(thread.join().unwrap(), [Receipt::Recorded]);
    }
    let node = node(&database, Mode::Loose);
    let found = node.read(|connection| build::load_with_host(connection, id, at(9))).unwrap();
    assert_eq!(found.build.course.reports, u32::from(THREADS));
}

#[test]
fn a_straggler_of_an_earlier_build_does_not_close_the_one_that_the_host_is_in() {
    let node = node(&Database::new(), Mode::Strict);
    let earlier: BuildId = fresh_id(start());
    let mut now = opening(&node, "web1.example.com", 5);
    now.host.foreman_id = Some(42);
    node.open(&now, None).unwrap();
    let straggler = vec![report("get_ks", DONE, 6)];
    let receipts =
        node.submit(earlier, straggler, None, Some(&announced("web1.example.com"))).unwrap().wait();
    assert_eq!(receipts.unwrap(), [Receipt::Recorded]);
    let states = [earlier, now.build_id]
        .map(|id| node.read(|connection| build::load(connection, id, at(9))).unwrap().course.state);
    assert_eq!(states, [State::Superseded, State::Pending]);
    let host = node.read(|connection| host::find(connection, &milepost_domain::host::HostRef::Foreman(42)));
    let latest = node.read(|connection| build::latest(connection, host.clone().unwrap().id, at(9))).unwrap();
    assert_eq!(latest.unwrap().id, now.build_id);
}

#[test]
fn opening_what_is_announced_again_answers_what_there_is() {
    let node = node(&Database::new(), Mode::Strict);
    let first = opening(&node, "web1.example.com", 0);
    assert!(matches!(node.open(&first, None).unwrap(), build::Opened::New(_)));
    assert!(matches!(node.open(&first, None).unwrap(), build::Opened::Known(_)));
    let mut other = opening(&node, "web2.example.com", 0);
    other.build_id = first.build_id;
    assert!(node.open(&other, None).is_err(), "it is another host's");
}

#[test]
fn what_announces_a_build_waits_on_disk_with_its_reports_while_the_database_is_away() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let spool = SpoolSettings {
        directory: spool.path().to_owned(),
        bytes: 1 << 20,
        age: std::time::Duration::from_secs(3_600),
    };
    let ingest = ingest::Settings { spool: Some(spool), ..ingest::Settings::default() };
    let settings = Settings { connections: 2, ingest, ..Settings::default() };
    let node = Store::connect(&database.url, &settings, Mode::Strict).unwrap();
    let id: BuildId = fresh_id(start());
    database.set_open(false);
    for (label, second) in [("get_ks", 1), ("packages", 2)] {
        let reports = vec![report(label, DONE, second)];
        let ticket = node.submit(id, reports, None, Some(&announced("web1.example.com"))).unwrap();
        assert_eq!(ticket.wait().unwrap(), [Receipt::Recorded]);
    }
    database.set_open(true);
    assert!(node.wait_until_back(std::time::Duration::from_secs(60)));
    let found = node.read(|connection| build::load_with_host(connection, id, at(9))).unwrap();
    assert_eq!((found.host.facts.name, found.build.course.reports), (name("web1.example.com"), 2));
}
