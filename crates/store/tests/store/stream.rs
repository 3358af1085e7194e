//! Reports as a stream that is followed.

use milepost_domain::{BuildId, search, search::Order};
use milepost_store::{
    Store,
    list::{self, Cursor, Query, REPORT_FIELDS, ReportsOf},
};
use milepost_testkit::Database;

use crate::support::{DONE, INIT, at, everything, open, opening, record, report, store};

/// Follows from the start, so many at a time, until nothing more comes.
fn follow(store: &Store, of: ReportsOf, query: &Query) -> Vec<(BuildId, u32)> {
    let mut after: Option<Cursor> = None;
    let mut seen = Vec::new();
    loop {
        let page = store.read(|connection| list::reports(connection, query, of, after)).unwrap();
        assert!(i64::try_from(page.results.len()).unwrap() <= query.limit);
        if page.results.is_empty() {
            return seen;
        }
        after = Cursor::after(of, &page.results);
        seen.extend(page.results.iter().map(|stored| (stored.build, stored.position)));
    }
}

/// Two builds of a host with eleven reports each, and another host's.
fn seeded(store: &Store) -> (ReportsOf, [BuildId; 2]) {
    let mut builds = Vec::new();
    for (host, second) in [("web1", 0), ("web2", 50), ("web1", 100)] {
        let opened = open(store, &opening(store, host, second));
        for number in 0..11 {
            let status = if number % 2 == 0 { INIT } else { DONE };
            record(store, opened.build.id, &[report("packages", status, second + number)]);
        }
        builds.push(opened);
    }
    (ReportsOf::Host(builds[0].host.id), [builds[0].build.id, builds[2].build.id])
}

#[test]
fn following_in_chunks_of_any_size_yields_all_in_order() {
    let database = Database::new();
    let store = store(&database);
    let (host, builds) = seeded(&store);
    let of = |build| (1..=11).map(move |position| (build, position));
    for limit in [1, 3, 11, 100] {
        let query = Query { limit, ..everything(at(0)) };
        assert_eq!(follow(&store, ReportsOf::Build(builds[0]), &query), of(builds[0]).collect::<Vec<_>>());
        assert_eq!(follow(&store, host, &query), builds.into_iter().flat_map(of).collect::<Vec<_>>());
    }
}

#[test]
fn what_comes_later_is_seen_from_the_last_cursor_on() {
    let database = Database::new();
    let store = store(&database);
    let (host, [older, build]) = seeded(&store);
    let seen = Some(Cursor { received_at: at(110), build, position: 11 });
    let rest = |of| store.read(|connection| list::reports(connection, &everything(at(0)), of, seen)).unwrap();
    assert!(rest(host).results.is_empty());
    record(&store, build, &[report("post", DONE, 500)]);
    for of in [host, ReportsOf::Build(build)] {
        let page = rest(of);
        assert_eq!(page.results.iter().map(|stored| stored.position).collect::<Vec<_>>(), [12]);
    }
    // A machine that was given up may still speak, and is heard.
    record(&store, older, &[report("post", DONE, 600)]);
    let builds: Vec<_> = rest(host).results.iter().map(|stored| stored.build).collect();
    assert_eq!(builds, [build, older]);
}

#[test]
fn a_searched_stream_is_followed_the_same_way() {
    let database = Database::new();
    let store = store(&database);
    let (host, builds) = seeded(&store);
    let search = search::parse("status = init", REPORT_FIELDS, at(0)).unwrap();
    let query = Query { limit: 2, search, ..everything(at(0)) };
    let odd = |build| (1..=11).step_by(2).map(move |position| (build, position));
    assert_eq!(follow(&store, host, &query), builds.into_iter().flat_map(odd).collect::<Vec<_>>());
    let page = store.read(|connection| list::reports(connection, &query, host, None)).unwrap();
    assert_eq!((page.total, page.subtotal), (22, 12));
}

#[test]
fn turned_around_the_stream_starts_with_the_newest() {
    let database = Database::new();
    let store = store(&database);
    let (host, [first, second]) = seeded(&store);
    let order = Some(Order { field: "received_at", descending: true });
    let query = Query { order, limit: 12, ..everything(at(0)) };
    let page = store.read(|connection| list::reports(connection, &query, host, None)).unwrap();
    let got: Vec<_> = page.results.iter().map(|stored| (stored.build, stored.position)).collect();
    let expected: Vec<_> = (1..=11).rev().map(|position| (second, position)).chain([(first, 11)]).collect();
    assert_eq!(got, expected);
}
