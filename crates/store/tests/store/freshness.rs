//! What is remembered of the database: exact on the node that writes, heard of from others, and
//! not believed while they cannot be heard.

use std::time::{Duration, Instant};

use milepost_domain::{RunState, State, host::HostRef, registry::Mode};
use milepost_store::{Error, Seen, Store, build::Verdict, ingest};
use milepost_testkit::Database;

use crate::support::{DONE, INIT, at, entry, node, open, open_kickstart, opening, record, report, store};

fn named(host: &str) -> HostRef {
    HostRef::Name(host.to_owned())
}

/// Looks until `found` answers; the word travels on a thread of its own.
#[track_caller]
fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it never came");
        std::thread::yield_now();
    }
}

/// A node that hears the others, and remembers the host.
fn remembering(database: &Database, host: &str) -> Store {
    let node = store(database);
    until(|| {
        let _ = node.look_at(&named(host)).unwrap();
        node.remembered(&named(host))
    });
    node
}

fn steps(seen: &Seen) -> Vec<String> {
    let runs = &seen.build(at(0)).course.runs.clone();
    runs.iter().filter(|run| run.state == RunState::Done).map(|run| run.label.to_string()).collect()
}

#[test]
fn what_a_node_writes_it_shows_at_once() {
    let database = Database::new();
    let build = open_kickstart(&store(&database), "web1");
    let node = remembering(&database, "web1");
    let mut before = node.remembered(&named("web1")).unwrap().stamp();
    for (second, step) in (1..).zip(["get_ks", "storage", "packages"]) {
        record(&node, build, &[report(step, DONE, second)]);
        let seen = node.remembered(&named("web1")).unwrap();
        assert_eq!(steps(&seen).last().map(String::as_str), Some(step));
        assert_ne!(seen.stamp(), before);
        before = seen.stamp();
    }
    node.judge(build, Verdict::Completed, at(9), &entry()).unwrap();
    assert!(node.remembered(&named("web1")).is_none(), "it is read anew");
    assert_eq!(node.look_at(&named("web1")).unwrap().build(at(9)).course.state, State::Completed);
}

#[test]
fn what_another_node_commits_is_heard() {
    let database = Database::new();
    let build = open_kickstart(&store(&database), "web1");
    let (here, there) = (remembering(&database, "web1"), store(&database));
    let stamp = here.remembered(&named("web1")).unwrap().stamp();
    record(&there, build, &[report("get_ks", DONE, 1)]);
    until(|| here.remembered(&named("web1")).is_none().then_some(()));
    let seen = here.look_at(&named("web1")).unwrap();
    assert_eq!(steps(&seen), ["get_ks"]);
    assert_ne!(seen.stamp(), stamp);
    // And what comes here next is folded over what came there.
    record(&here, build, &[report("packages", INIT, 2)]);
    assert_eq!(here.remembered(&named("web1")).unwrap().build(at(2)).course.reports, 2);
}

#[test]
fn a_build_that_another_node_opens_is_the_one_that_is_shown() {
    let database = Database::new();
    let first = open_kickstart(&store(&database), "web1");
    let (here, there) = (remembering(&database, "web1"), store(&database));
    let second = open(&there, &opening(&there, "web1", 60)).build.id;
    let seen = until(|| {
        let seen = here.remembered(&named("web1")).map_or_else(|| here.look_at(&named("web1")), Ok).unwrap();
        (seen.build(at(61)).id != first).then_some(seen)
    });
    assert_eq!(seen.build(at(61)).id, second);
    let superseded = here.read(|connection| milepost_store::build::load(connection, first, at(61))).unwrap();
    assert_eq!(superseded.course.state, State::Superseded);
}

#[test]
fn while_others_cannot_be_heard_nothing_remembered_is_shown_as_what_is() {
    let database = Database::new();
    let build = open_kickstart(&store(&database), "web1");
    let here = remembering(&database, "web1");
    record(&here, build, &[report("get_ks", DONE, 1)]);
    database.set_open(false);
    until(|| here.remembered(&named("web1")).is_none().then_some(()));
    assert!(matches!(here.look_at(&named("web1")), Err(Error::Unavailable(_))));
    assert_eq!(steps(&here.last_known(&named("web1")).unwrap().0), ["get_ks"], "as it was");
    database.set_open(true);
    until(|| {
        let _ = here.look_at(&named("web1"));
        here.remembered(&named("web1"))
    });
}

#[test]
fn a_loose_node_and_a_strict_one_fold_the_same_build() {
    let database = Database::new();
    let build = open_kickstart(&store(&database), "web1");
    let (strict, loose) = (remembering(&database, "web1"), node(&database, Mode::Loose));
    record(&loose, build, &[report("nonsense", DONE, 1)]);
    let refused = strict.record(build, &[report("nonsense", DONE, 2)], None).unwrap();
    assert!(matches!(refused[..], [ingest::Receipt::Refused(_)]));
    let known = crate::support::load(&strict, build);
    assert_eq!((known.course.reports, known.rejections.count), (1, 1));
}
