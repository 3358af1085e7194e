//! A build whose credential ran out unheard reads as expired, without anything having run.

use milepost_domain::{Build, State, search};
use milepost_store::{
    Store, build,
    list::{self, FIELDS, Query},
};
use milepost_testkit::Database;

use crate::{
    sql::lines,
    support::{DONE, at, everything, open, opening, record, report, store},
};

fn searched(store: &Store, query: &str, second: i64) -> Vec<String> {
    let query = Query { search: search::parse(query, FIELDS, at(second)).unwrap(), ..everything(at(second)) };
    let page = store.read(|connection| list::builds(connection, &query, None)).unwrap();
    assert_eq!(usize::try_from(page.subtotal).unwrap(), page.results.len());
    let mut names: Vec<String> = page.results.iter().map(|it| it.host.facts.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_pending_build_reads_as_expired_from_the_moment_on_and_nothing_is_written() {
    let database = Database::new();
    let store = store(&database);
    let open_until = |host: &str, second| {
        let mut opening = opening(&store, host, 0);
        opening.expires_at = at(second);
        open(&store, &opening).build.id
    };
    let unheard = open_until("unheard", 100);
    let heard = open_until("heard", 100);
    record(&store, heard, &[report("get_ks", DONE, 5)]);
    open_until("later", 101);
    let mut connection = database.connect();
    let mut rows = || lines(&mut connection, "SELECT builds::text AS line FROM builds ORDER BY id");
    let before = rows();

    let load =
        |second| -> Build { store.read(|connection| build::load(connection, unheard, at(second))).unwrap() };
    assert_eq!(load(99).course.state, State::Pending);
    let expired = load(100).course;
    assert_eq!((expired.state, expired.ended_at), (State::Expired, Some(at(100))));
    assert_eq!(load(100).course, load(5000).course, "it expired when it did, whoever looks");

    assert_eq!(searched(&store, "state = expired", 99), [""; 0]);
    assert_eq!(searched(&store, "state = expired", 100), ["unheard"]);
    assert_eq!(searched(&store, "state = expired", 101), ["later", "unheard"]);
    assert_eq!(searched(&store, "state = pending", 100), ["later"]);
    assert_eq!(searched(&store, "state != expired", 100), ["heard", "later"]);
    assert_eq!(searched(&store, "has ended_at", 100), ["unheard"]);
    assert_eq!(searched(&store, "ended_at = 2026-11-22T12:01:40Z", 100), ["unheard"]);

    let all = store.read(|connection| list::builds(connection, &everything(at(100)), None)).unwrap();
    let states: Vec<State> = all.results.iter().map(|it| it.build.course.state).collect();
    assert_eq!(states, [State::Pending, State::Running, State::Expired]);
    let hosts = store.read(|connection| list::hosts(connection, &everything(at(100)))).unwrap();
    let of = |name: &str| {
        let found = hosts.results.iter().find(|it| it.host.facts.name.as_str() == name).unwrap();
        found.build.as_ref().unwrap().course.state
    };
    assert_eq!((of("unheard"), of("heard"), of("later")), (State::Expired, State::Running, State::Pending));
    let mut counted = store
        .read(|connection| list::states(connection, at(0), at(100), &milepost_domain::Bounds::default()))
        .unwrap();
    counted.sort();
    assert_eq!(counted, [(State::Pending, 1), (State::Running, 1), (State::Expired, 1)]);

    assert_eq!(rows(), before, "looking writes nothing");
}

#[test]
fn an_expired_build_that_speaks_after_all_runs() {
    let database = Database::new();
    let store = store(&database);
    let mut opening = opening(&store, "web1", 0);
    opening.expires_at = at(100);
    let id = open(&store, &opening).build.id;
    record(&store, id, &[report("get_ks", DONE, 200)]);
    let build = store.read(|connection| build::load(connection, id, at(300))).unwrap();
    assert_eq!((build.course.state, build.course.ended_at), (State::Running, None));
}
