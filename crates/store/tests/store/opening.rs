//! Opening builds: one under way a host, one a token.

use milepost_domain::{Build, BuildId, HostId, State, host::HostRef};
use milepost_store::{
    Conflict, Error, Store,
    build::{self, Opened, Verdict},
    credential, host,
};
use milepost_testkit::Database;

use crate::{
    sql::{count, lines},
    support::{
        DONE, THREADS, at, at_once, entry, fresh_id, in_order, load, name, open, open_kickstart, opening,
        record, report, store, token,
    },
};

fn latest(store: &Store, host: HostId) -> Build {
    store.read(|connection| build::latest(connection, host, at(0))).unwrap().unwrap()
}

#[test]
fn a_build_is_loaded_as_it_was_opened() {
    let database = Database::new();
    let store = store(&database);
    let mut opening = opening(&store, "web1", 0);
    opening.credential = Some(token(1));
    let opened = open(&store, &opening);
    assert_eq!((opened.build.id, opened.host.id), (opening.build_id, opening.host_id));
    assert_eq!(opened.build.plan, opening.plan);
    assert_eq!(load(&store, opened.build.id), opened.build);
    assert_eq!(latest(&store, opened.host.id), opened.build);
    let found =
        store.read(|connection| credential::find(connection, opening.credential.unwrap())).unwrap().unwrap();
    assert_eq!((found.build, found.expires_at), (opened.build.id, opening.expires_at));
}

#[test]
fn equal_plans_are_kept_once() {
    let database = Database::new();
    let store = store(&database);
    for host in ["web1", "web2", "web3"] {
        open_kickstart(&store, host);
    }
    assert_eq!(count(&mut database.connect(), "plans"), 1);
}

#[test]
fn opening_a_new_build_supersedes_the_one_under_way() {
    let database = Database::new();
    let store = store(&database);
    let first = open_kickstart(&store, "web1");
    record(&store, first, &[report("get_ks", DONE, 1)]);
    let second = open(&store, &opening(&store, "web1", 60));
    let closed = load(&store, first).course;
    assert_eq!(
        (closed.state, closed.closed_at, closed.ended_at),
        (State::Superseded, Some(at(60)), Some(at(60)))
    );
    assert_eq!(latest(&store, second.host.id).id, second.build.id);

    // What comes of the old build is kept, and does not open it again.
    record(&store, first, &[report("packages", DONE, 90)]);
    let closed = load(&store, first).course;
    assert_eq!((closed.state, closed.reports), (State::Superseded, 2));
}

#[test]
fn what_a_build_came_to_stays_when_a_new_one_is_opened() {
    let database = Database::new();
    let store = store(&database);
    let first = open_kickstart(&store, "web1");
    record(&store, first, &[report("built", DONE, 1)]);
    open(&store, &opening(&store, "web1", 60));
    let closed = load(&store, first).course;
    assert_eq!((closed.state, closed.closed_at), (State::Installed, Some(at(60))));
}

#[test]
fn the_latest_build_is_the_one_under_way_whichever_id_was_drawn_first() {
    let database = Database::new();
    let store = store(&database);
    let (slow, quick) = (opening(&store, "web1", 0), opening(&store, "web1", 1));
    open(&store, &quick);
    let last = open(&store, &slow);
    assert!(slow.build_id < quick.build_id);
    assert_eq!(latest(&store, last.host.id).id, slow.build_id);
    let hosts = store
        .read(|connection| milepost_store::list::hosts(connection, &crate::support::everything(at(2))))
        .unwrap();
    assert_eq!(hosts.results[0].build.as_ref().unwrap().id, slow.build_id);
    let only_open = milepost_store::list::Query {
        search: milepost_domain::search::parse("state = pending", milepost_store::list::FIELDS, at(2))
            .unwrap(),
        ..crate::support::everything(at(2))
    };
    let found = store.read(|connection| milepost_store::list::hosts(connection, &only_open)).unwrap();
    assert_eq!(found.subtotal, 1, "the search looks at the same build");
}

#[test]
fn opening_for_one_new_host_at_once_gives_one_host_and_one_build_under_way() {
    let database = Database::new();
    let opened = at_once(|number| {
        let node = store(&database);
        let mut opening = opening(&node, "web1", 0);
        opening.credential = Some(token(number));
        open(&node, &opening)
    });
    let mut connection = database.connect();
    assert_eq!(count(&mut connection, "hosts"), 1);
    assert_eq!(count(&mut connection, "builds"), i64::from(THREADS));
    assert_eq!(count(&mut connection, "credentials"), i64::from(THREADS));
    let unclosed = lines(&mut connection, "SELECT id::text AS line FROM builds WHERE closed_at IS NULL");
    assert_eq!(unclosed.len(), 1);
    assert_eq!(count(&mut connection, "builds WHERE state = 'superseded'"), i64::from(THREADS) - 1);
    assert_eq!(latest(&store(&database), opened[0].host.id).id.to_string(), unclosed[0]);
}

#[test]
fn the_same_token_at_once_gives_one_build() {
    let database = Database::new();
    let answers = at_once(|_| {
        let node = store(&database);
        let mut opening = opening(&node, "web1", 0);
        opening.credential = Some(token(1));
        node.open(&opening, None).unwrap()
    });
    let ids: Vec<BuildId> = answers
        .iter()
        .map(|answer| match answer {
            Opened::New(it) | Opened::Known(it) => it.build.id,
        })
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Opened::New(_))).count(), 1);
    let mut connection = database.connect();
    for table in ["hosts", "builds", "credentials"] {
        assert_eq!(count(&mut connection, table), 1, "{table}");
    }
}

#[test]
fn a_known_token_answers_its_build_as_it_is() {
    let database = Database::new();
    let store = store(&database);
    let mut first = opening(&store, "web1", 0);
    first.credential = Some(token(1));
    let build = open(&store, &first).build.id;
    record(&store, build, &[report("get_ks", DONE, 1)]);
    let mut again = opening(&store, "web1", 60);
    again.credential = Some(token(1));
    let Opened::Known(known) = store.open(&again, None).unwrap() else {
        panic!("a second build");
    };
    assert_eq!(in_order(known.build.course), in_order(load(&store, build).course));
    assert_eq!(count(&mut database.connect(), "builds"), 1);
}

#[test]
fn a_token_of_another_hosts_build_is_refused_and_changes_nothing() {
    let database = Database::new();
    let store = store(&database);
    let mut first = opening(&store, "web1", 0);
    first.credential = Some(token(1));
    open(&store, &first);
    open_kickstart(&store, "web2");
    for host in ["web2", "web3"] {
        let mut other = opening(&store, host, 60);
        other.credential = Some(token(1));
        other.host.model = Some(name("R650"));
        let answer = store.open(&other, None);
        assert_eq!(answer.unwrap_err(), Error::Conflict(Conflict::CredentialInUse));
    }
    let mut connection = database.connect();
    assert_eq!((count(&mut connection, "hosts"), count(&mut connection, "builds")), (2, 2));
    assert_eq!(count(&mut connection, "hosts WHERE model IS NOT NULL"), 0);
    assert_eq!(count(&mut connection, "builds WHERE closed_at IS NOT NULL"), 0);
}

#[test]
fn a_verdict_is_recorded_once_and_only_where_it_can_be() {
    let database = Database::new();
    let store = store(&database);
    let judge = |build, verdict, second| store.judge(build, verdict, at(second), &entry());
    let canceled = open_kickstart(&store, "web1");
    for second in [5, 6] {
        assert_eq!(judge(canceled, Verdict::Canceled, second).unwrap().build.course.ended_at, Some(at(5)));
    }
    assert_eq!(judge(canceled, Verdict::Completed, 7).unwrap_err(), Error::Conflict(Conflict::BuildEnded));

    let installed = open_kickstart(&store, "web2");
    record(&store, installed, &[report("built", DONE, 1)]);
    let refused = judge(installed, Verdict::Canceled, 2).unwrap_err();
    assert_eq!(refused, Error::Conflict(Conflict::AlreadyInstalled));
    assert_eq!(judge(installed, Verdict::Completed, 3).unwrap().build.course.state, State::Completed);
    assert_eq!(load(&store, installed).marks.len(), 1);

    let closed = open_kickstart(&store, "web3");
    open(&store, &opening(&store, "web3", 60));
    assert_eq!(judge(closed, Verdict::Completed, 61).unwrap_err(), Error::Conflict(Conflict::BuildEnded));
    let unknown = judge(fresh_id(at(0)), Verdict::Completed, 62).unwrap_err();
    assert!(matches!(unknown, Error::NotFound { what: "build", .. }));
}

#[test]
fn built_may_come_until_the_build_is_called_off_or_closed() {
    let database = Database::new();
    let store = store(&database);
    let is_installed = |build| store.read(|connection| build::is_installed(connection, build, at(99)));
    let first = open_kickstart(&store, "web1");
    assert_eq!(is_installed(first), Ok(false));
    record(&store, first, &[report("built", DONE, 1)]);
    assert_eq!(is_installed(first), Ok(true));
    open(&store, &opening(&store, "web1", 60));
    assert_eq!(is_installed(first), Err(Error::Conflict(Conflict::BuildEnded)));
}

#[test]
fn a_host_without_a_build_has_no_latest_one() {
    let database = Database::new();
    let store = store(&database);
    let nobody: HostId = fresh_id(at(0));
    assert_eq!(store.read(|connection| build::latest(connection, nobody, at(0))), Ok(None));
    let unknown = store.read(|connection| host::find(connection, &HostRef::Id(nobody)));
    assert!(matches!(unknown, Err(Error::NotFound { what: "host", .. })));
}
