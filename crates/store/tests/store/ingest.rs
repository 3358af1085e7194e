//! The write path of reports: each once, in the server's order, from however many nodes.

use milepost_domain::{BuildId, Report, State, registry::Mode};
use milepost_store::{Error, Store, ingest::Receipt};
use milepost_testkit::Database;
use uuid::Uuid;

use crate::{
    sql::{count, number},
    support::{
        DONE, INIT, THREADS, assert_complete, at, at_once, folded, fresh_id, in_order, load, node,
        open_kickstart, record, report, store, stored,
    },
};

fn version(database: &Database, build: BuildId) -> i64 {
    number(&mut database.connect(), &format!("version FROM builds WHERE id = '{}'", build.uuid()))
}

#[test]
fn a_repeated_report_is_stored_once_and_changes_the_build_once() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let (first, second) = (report("get_ks", INIT, 1), report("packages", INIT, 2));
    record(&store, build, &[first.clone(), second.clone()]);
    let before = load(&store, build);

    // Whatever else it says: it is known by its id.
    let mut altered = first.clone();
    altered.status = DONE;
    let third = report("packages", DONE, 9);
    for (batch, receipts) in [
        (vec![first.clone()], vec![Receipt::Repeated]),
        (vec![second, altered], vec![Receipt::Repeated, Receipt::Repeated]),
    ] {
        assert_eq!(store.record(build, &batch, None).unwrap(), receipts);
    }
    assert_eq!(load(&store, build), before);
    assert_eq!(version(&database, build), 2);

    let receipts = store.record(build, &[third.clone(), first, third], None).unwrap();
    assert_eq!(receipts, [Receipt::Recorded, Receipt::Repeated, Receipt::Repeated]);
    assert_complete(&store, build, 3);
    assert_eq!(version(&database, build), 3);
}

#[test]
fn a_report_that_several_nodes_send_at_once_is_stored_once() {
    let database = Database::new();
    let build = open_kickstart(&store(&database), "web1");
    let steps = ["pxe_boot", "get_ks", "pre", "storage", "packages", "post"];
    let reports: Vec<Report> = (1..).zip(steps).map(|(second, step)| report(step, DONE, second)).collect();
    let receipts = at_once(|number| {
        let node = store(&database);
        let mut mine = reports.clone();
        mine.rotate_left(usize::from(number) % reports.len());
        let take = |report: &Report| node.record(build, std::slice::from_ref(report), None).unwrap();
        mine.iter().flat_map(take).collect::<Vec<_>>()
    });
    let all: Vec<Receipt> = receipts.into_iter().flatten().collect();
    assert_eq!(all.len(), reports.len() * usize::from(THREADS));
    assert_eq!(all.iter().filter(|receipt| **receipt == Receipt::Recorded).count(), reports.len());
    assert!(all.iter().all(|receipt| matches!(receipt, Receipt::Recorded | Receipt::Repeated)));

    let store = store(&database);
    assert_complete(&store, build, reports.len());
    assert_eq!(version(&database, build), 6);
    assert_eq!(count(&mut database.connect(), "step_runs"), 6);
    assert_eq!(in_order(load(&store, build).course), folded(&store, build));
}

#[test]
fn nodes_that_report_of_one_build_in_turns_end_with_the_fold_of_what_is_stored() {
    let database = Database::new();
    let build = open_kickstart(&store(&database), "web1");
    let steps = ["pxe_boot", "get_ks", "storage", "packages", "get_ks", "post", "built", "first_boot"];
    at_once(|number| {
        let node = store(&database);
        for (second, step) in (1..).zip(steps) {
            let status = if (second + i64::from(number)) % 3 == 0 { INIT } else { DONE };
            record(&node, build, &[report(step, status, second * 10 + i64::from(number))]);
        }
    });
    let store = store(&database);
    assert_complete(&store, build, steps.len() * usize::from(THREADS));
    assert_eq!(in_order(load(&store, build).course), folded(&store, build));
}

#[test]
fn a_batch_is_recorded_but_for_what_is_refused() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let batch = [report("get_ks", DONE, 1), report("pakcages", INIT, 2), report("packages", INIT, 3)];
    let receipts = store.record(build, &batch, None).unwrap();
    let [Receipt::Recorded, Receipt::Refused(refusal), Receipt::Recorded] = &receipts[..] else {
        panic!("{receipts:?}");
    };
    assert_eq!(refusal.label.as_str(), "pakcages");
    assert_eq!(refusal.nearest[0].as_str(), "packages");

    assert_complete(&store, build, 2);
    let known = load(&store, build);
    assert_eq!(known.rejections.count, 1);
    assert_eq!(known.rejections.last, Some(("pakcages".parse().unwrap(), at(2))));
    assert_eq!(known.course.current.as_ref().unwrap().as_str(), "packages");
    assert_eq!(in_order(known.course), folded(&store, build));
}

#[test]
fn a_refused_report_changes_nothing_but_the_count() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let before = load(&store, build);
    for second in 1..=2 {
        store.record(build, &[report("nonsense", None, second)], None).unwrap();
    }
    let after = load(&store, build);
    assert_eq!((after.course, after.marks), (before.course, before.marks));
    assert_eq!((after.rejections.count, after.rejections.last.unwrap().1), (2, at(2)));
    assert_eq!(count(&mut database.connect(), "reports"), 0);
}

#[test]
fn a_loose_registry_takes_any_step_and_the_mode_of_the_request_is_stronger() {
    let database = Database::new();
    let loose = node(&database, Mode::Loose);
    let build = open_kickstart(&loose, "web1");
    record(&loose, build, &[report("nonsense", None, 1)]);
    let refused = loose.record(build, &[report("humbug", None, 2)], Some(Mode::Strict)).unwrap();
    assert!(matches!(refused[..], [Receipt::Refused(_)]));
    let strict = store(&database);
    assert_eq!(
        strict.record(build, &[report("humbug", None, 3)], Some(Mode::Loose)).unwrap(),
        [Receipt::Recorded]
    );
    assert_complete(&strict, build, 2);
}

#[test]
fn a_report_is_stored_with_the_name_and_the_order_that_the_registry_knows() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let sent = report("packages", INIT, 1);
    record(&store, build, std::slice::from_ref(&sent));
    let kept = stored(&store, build).remove(0);
    assert_eq!((kept.build, kept.position, kept.attempt, kept.log_bytes), (build, 1, 1, 0));
    let registry = store.registry();
    let step = &registry.steps["packages"].value;
    let expected = Report { name: Some(step.name.clone()), priority: Some(step.priority), ..sent };
    assert_eq!(kept.report, expected);
}

#[test]
fn a_log_is_kept_beside_its_report() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let mut sent = report("packages", DONE, 1);
    sent.log = milepost_domain::Log::from_bytes("no such package: žluť\n".as_bytes());
    assert!(sent.log.is_some());
    let bare = report("post", DONE, 2);
    record(&store, build, &[sent.clone(), bare.clone()]);
    let read =
        |store: &Store, id| store.read(|connection| milepost_store::report::log(connection, build, id));
    assert_eq!(Some(read(&store, sent.id).unwrap()), sent.log);
    assert_eq!(stored(&store, build)[0].log_bytes, 24);
    assert!(matches!(read(&store, bare.id), Err(Error::NotFound { .. })));
}

#[test]
fn the_same_id_in_two_builds_is_two_reports() {
    let database = Database::new();
    let store = store(&database);
    let sent = report("get_ks", DONE, 1);
    for host in ["web1", "web2"] {
        let build = open_kickstart(&store, host);
        record(&store, build, std::slice::from_ref(&sent));
        assert_complete(&store, build, 1);
        assert_eq!(load(&store, build).course.state, State::Running);
    }
}

#[test]
fn reports_of_a_build_that_is_not_known_are_refused_as_a_whole() {
    let database = Database::new();
    let unknown: BuildId = fresh_id(at(0));
    assert_ne!(unknown.uuid(), Uuid::nil());
    let answer = store(&database).record(unknown, &[report("get_ks", DONE, 1)], None);
    assert!(matches!(answer, Err(Error::NotFound { what: "build", .. })), "{answer:?}");
    assert_eq!(count(&mut database.connect(), "reports"), 0);
}

#[test]
fn a_step_that_another_node_registered_is_known_at_once() {
    let database = Database::new();
    let (ours, theirs) = (store(&database), store(&database));
    let build = open_kickstart(&ours, "web1");
    let refused = ours.record(build, &[report("site.backup", None, 1)], None).unwrap();
    assert!(matches!(refused[..], [Receipt::Refused(_)]));
    let step = crate::registry::step("site.backup", 470);
    theirs
        .write(|connection| milepost_store::registry::put_step(connection, &"site".parse().unwrap(), &step))
        .unwrap();
    record(&ours, build, &[report("site.backup", None, 2)]);
    assert!(ours.registry().steps.contains_key("site.backup"), "the node keeps what it has read");
}
