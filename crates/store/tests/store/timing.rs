//! Builds that completed teach once, and what they taught is weighed and remembered on every node.

use std::sync::Arc;

use milepost_domain::{
    BuildId, Timings,
    registry::Mode,
    timing::{ENOUGH, Key, Kind, WINDOW},
};
use milepost_store::{Store, timing};
use milepost_testkit::Database;

use crate::{
    sql::{count, number, run},
    support::{DONE, at_once, label, name, node, open, opening, record, report, store},
};

/// How long a build takes from its opening to its first boot, in seconds.
const TAKES: i64 = 100;

/// A build of a host of that name, group and model that completes; its packages take so many seconds.
fn complete(store: &Store, host: &str, second: i64, packages: i64) -> BuildId {
    let mut opening = opening(store, host, second);
    opening.host.hostgroup = Some(name("web"));
    opening.host.model = Some(name("R650"));
    let build = open(store, &opening).build.id;
    let ends = [
        ("get_ks", 10),
        ("packages", 10 + packages),
        ("built", 20 + packages),
        ("first_boot", TAKES + packages),
    ];
    for (step, after) in ends {
        record(store, build, &[report(step, DONE, second + after)]);
    }
    build
}

fn complete_enough(store: &Store) {
    for number in (0..).take(ENOUGH) {
        complete(store, &format!("web{number}"), number * 1000, 300);
    }
}

fn all(store: &Store) -> Vec<Timings> {
    store.read(timing::list).unwrap()
}

#[test]
fn a_build_that_completed_teaches_the_four_kinds_of_hosts_it_is_of_and_only_once() {
    let database = Database::new();
    let store = store(&database);
    assert_eq!(store.learn().unwrap(), 0);
    let build = complete(&store, "web1", 0, 300);
    let open_one = opening(&store, "web2", 0);
    open(&store, &open_one);
    assert_eq!(store.learn().unwrap(), 1);
    assert_eq!(store.learn().unwrap(), 0, "it has taught");
    // What comes late changes the build, but teaches nothing more.
    record(&store, build, &[report("config_report", DONE, 600)]);
    assert_eq!(store.learn().unwrap(), 0);

    let (hostgroup, model) = (name("web"), name("R650"));
    let kinds = [
        Kind::Any,
        Kind::Model(model.clone()),
        Kind::Hostgroup(hostgroup.clone()),
        Kind::Both { hostgroup, model },
    ];
    let known = all(&store);
    let keys: Vec<&Kind> = known.iter().map(|timings| &timings.key().kind).collect();
    assert_eq!(keys, kinds.iter().collect::<Vec<_>>());
    for timings in &known {
        assert_eq!(timings.builds(), 1);
        assert_eq!(timings.get(&label("packages")).unwrap().median().unwrap().as_secs(), 300);
    }
}

#[test]
fn a_build_that_needed_a_second_attempt_is_looked_at_once_and_teaches_nothing() {
    let database = Database::new();
    let store = store(&database);
    let build = open(&store, &opening(&store, "web1", 0)).build.id;
    for (second, step) in [(1, "get_ks"), (2, "packages"), (3, "get_ks"), (4, "built"), (5, "first_boot")] {
        record(&store, build, &[report(step, DONE, second)]);
    }
    assert_eq!(store.learn().unwrap(), 1);
    assert_eq!(store.learn().unwrap(), 0);
    assert_eq!(all(&store), []);
}

#[test]
fn nodes_that_learn_at_once_count_every_build_once_and_keep_the_rows_of_a_kind_aligned() {
    let database = Database::new();
    let first = store(&database);
    for number in 0..i64::try_from(WINDOW).unwrap() / 2 {
        complete(&first, &format!("web{number}"), number * 1000, 300 + number);
    }
    at_once(|_| {
        let node = node(&database, Mode::Strict);
        node.learn().unwrap()
    });
    // Whoever came while another one learned, left it.
    first.learn().unwrap();
    for timings in all(&first) {
        assert_eq!(timings.builds(), WINDOW / 2, "{}", timings.key());
    }
    let lengths = "count(DISTINCT jsonb_array_length(step -> 'recent')) \
        FROM timings, jsonb_array_elements(steps) step";
    assert_eq!(number(&mut database.connect(), lengths), 1);
}

#[test]
fn what_one_node_learned_another_one_weighs_and_estimates_by() {
    let database = Database::new();
    let (here, there) = (store(&database), store(&database));
    complete_enough(&here);
    assert_eq!(here.learn().unwrap(), ENOUGH);
    let weight = |store: &Store, host: &str| {
        let opened = open(store, &opening(store, host, 50_000)).build;
        opened.plan.get(&label("packages")).unwrap().weight_seconds
    };
    assert_eq!(weight(&there, "db1"), 400, "as the registry has it");
    assert_eq!(there.learn().unwrap(), 0, "it takes over what was learned");
    assert_eq!(weight(&there, "db2"), 300);
    // A node that starts later knows it from the start.
    assert_eq!(weight(&store(&database), "db3"), 300);

    let timings = |store: &Store| {
        let opening = opening(store, "db1", 0);
        store.timings(&opening.workflow, &opening.host)
    };
    assert_eq!(timings(&here).map(Arc::unwrap_or_clone), timings(&there).map(Arc::unwrap_or_clone));
    assert_eq!(timings(&here).unwrap().key(), &Key { workflow: label("kickstart"), kind: Kind::Any });
}

#[test]
fn weights_of_a_build_are_those_of_when_it_was_opened_whatever_is_learned_meanwhile() {
    let database = Database::new();
    let store = store(&database);
    let early = open(&store, &opening(&store, "db1", 0)).build;
    complete_enough(&store);
    store.learn().unwrap();
    record(&store, early.id, &[report("get_ks", DONE, 5)]);
    assert_eq!(crate::support::load(&store, early.id).plan, early.plan);
    let late = open(&store, &opening(&store, "db2", 50_000)).build;
    assert_ne!(late.plan, early.plan);
    assert_eq!(crate::support::load(&store, late.id).plan, late.plan, "it is stored with the build");
}

#[test]
fn an_opening_that_leaves_the_group_out_is_weighed_by_what_is_known_of_the_host() {
    let database = Database::new();
    let store = store(&database);
    complete_enough(&store);
    for number in (0..).take(ENOUGH) {
        let mut other = opening(&store, &format!("db{number}"), 100_000 + number);
        other.host.hostgroup = Some(name("db"));
        let build = open(&store, &other).build.id;
        for (step, after) in [("get_ks", 10), ("packages", 910), ("built", 920), ("first_boot", 1000)] {
            record(&store, build, &[report(step, DONE, 100_000 + number + after)]);
        }
    }
    store.learn().unwrap();
    let again = open(&store, &opening(&store, "db0", 200_000)).build;
    assert_eq!(again.plan.get(&label("packages")).unwrap().weight_seconds, 900);
}

#[test]
fn a_rebuild_comes_to_what_was_learned_and_forgets_what_is_gone() {
    let database = Database::new();
    let (store, other) = (store(&database), store(&database));
    complete_enough(&store);
    store.learn().unwrap();
    other.learn().unwrap();
    let mut connection = database.connect();
    let learned = all(&store);
    assert_eq!(timing::rebuild(&mut connection).unwrap(), ENOUGH);
    assert_eq!(all(&store), learned);
    // One that nobody has learned from yet counts as well, and once.
    complete(&store, "late", 90_000, 300);
    assert_eq!(timing::rebuild(&mut connection).unwrap(), ENOUGH + 1);
    assert_eq!(store.learn().unwrap(), 0);
    assert_eq!(all(&store)[0].builds(), ENOUGH + 1);

    run(&mut connection, "DELETE FROM builds");
    assert_eq!(timing::rebuild(&mut connection).unwrap(), 0);
    assert_eq!(all(&store), []);
    other.learn().unwrap();
    let opening = opening(&store, "web1", 0);
    assert_eq!(other.timings(&opening.workflow, &opening.host), None, "other nodes forget, too");
}

#[test]
fn a_build_that_somebody_writes_to_is_waited_for_by_nobody() {
    use diesel::Connection as _;

    let database = Database::new();
    let store = store(&database);
    let busy = complete(&store, "web1", 0, 300);
    complete(&store, "web2", 1000, 300);
    let mut connection = database.connect();
    connection
        .transaction(|connection| {
            run(connection, &format!("UPDATE builds SET version = version WHERE id = '{busy}'"));
            assert_eq!(store.learn().unwrap(), 1);
            Ok::<_, diesel::result::Error>(())
        })
        .unwrap();
    assert_eq!(store.learn().unwrap(), 1);
    assert_eq!(count(&mut connection, "builds WHERE is_learned"), 2);
}
