//! Reports that arrive out of their sender's order.

use std::collections::BTreeMap;

use milepost_domain::{Build, BuildId, Percent, Report, RunState, State, Status, build::Course};
use milepost_store::Store;
use milepost_testkit::Database;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::{
    DONE, FAILED, INIT, assert_complete, at, folded, in_order, load, numbered, open_kickstart, record,
    report, store,
};

/// What a course says apart from when things came.
fn told(course: &Course) -> impl PartialEq + std::fmt::Debug + use<> {
    type Runs = BTreeMap<(u32, String), (RunState, bool, u32)>;
    let runs: Runs = course
        .runs
        .iter()
        .map(|run| ((run.attempt, run.label.to_string()), (run.state, run.inferred, run.attempts)))
        .collect();
    let current = course.current.as_ref().map(ToString::to_string);
    (course.state, course.attempt, course.reports, current, course.seqs.clone(), runs)
}

/// The floor is what people saw on the way, and that depends on the way.
fn without_floor(course: Course) -> Course {
    Course { floor: Percent::ZERO, ..in_order(course) }
}

/// Sends the reports in their own order, as if nothing had been late, to a build of another host.
fn told_in_order(store: &Store, reports: &[Report]) -> Build {
    let build = open_kickstart(store, &format!("host{}", crate::support::fresh_id::<()>(at(0))));
    let mut reports = reports.to_vec();
    reports.sort_by_key(|report| report.seq);
    for (second, report) in (1..).zip(&mut reports) {
        report.received_at = at(second);
    }
    record(store, build, &reports);
    load(store, build)
}

#[test]
fn late_reports_are_put_in_their_place() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let sent = [
        numbered(report("get_ks", INIT, 1), 1),
        numbered(report("packages", DONE, 2), 4),
        numbered(report("get_ks", DONE, 3), 2),
        numbered(report("packages", INIT, 4), 3),
        numbered(report("built", DONE, 5), 5),
    ];
    record(&store, build, &sent);
    assert_complete(&store, build, sent.len());
    let course = load(&store, build).course;
    assert_eq!((course.state, course.current.as_ref().unwrap().as_str()), (State::Installed, "built"));
    assert_eq!(told(&course), told(&told_in_order(&store, &sent).course));
    assert_eq!(without_floor(course), without_floor(folded(&store, build)));
}

#[test]
fn a_step_that_only_seemed_to_be_of_a_new_attempt_goes_from_there() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    // The first phase, repeated after a later step, looks like a new boot of the installer...
    let sent = [
        numbered(report("get_ks", DONE, 1), 1),
        numbered(report("packages", INIT, 2), 3),
        numbered(report("get_ks", INIT, 3), 4),
    ];
    record(&store, build, &sent);
    assert_eq!(load(&store, build).course.attempt, 2);
    // ... and still does when what came between arrives; nothing of it is written twice.
    record(&store, build, &[numbered(report("storage", DONE, 4), 2)]);
    let course = load(&store, build).course;
    assert_eq!(without_floor(course.clone()), without_floor(folded(&store, build)));
    let attempts: Vec<u32> =
        course.runs.iter().filter(|run| run.label.as_str() == "storage").map(|run| run.attempt).collect();
    assert_eq!(attempts, [1]);
    // The same with the late one in front of all.
    record(&store, build, &[numbered(report("pre", DONE, 5), 0)]);
    assert_eq!(without_floor(load(&store, build).course), without_floor(folded(&store, build)));
}

fn reports() -> impl Strategy<Value = Vec<Report>> {
    let steps = vec!["pxe_boot", "get_ks", "storage", "packages", "post", "built", "first_boot"];
    let drafts = vec((select(steps), select(vec![None, INIT, DONE, FAILED])), 1..10);
    drafts
        .prop_map(|drafts: Vec<(&str, Option<Status>)>| {
            let number = |(seq, (step, status))| numbered(report(step, status, 0), seq);
            (1..).zip(drafts).map(number).collect::<Vec<Report>>()
        })
        .prop_shuffle()
}

/// Sends all, `size` at a time, each second a batch.
fn send(store: &Store, build: BuildId, reports: &[Report], size: usize) {
    for (second, batch) in (1..).zip(reports.chunks(size)) {
        let mut batch = batch.to_vec();
        for report in &mut batch {
            report.received_at = at(second);
        }
        store.record(build, &batch, None).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn however_reports_arrive_they_come_to_what_was_sent(reports in reports(), size in 1_usize..4, both in any::<bool>()) {
        static DATABASE: std::sync::LazyLock<(Database, Store, Store)> = std::sync::LazyLock::new(|| {
            let database = Database::new();
            let nodes = (store(&database), store(&database));
            (database, nodes.0, nodes.1)
        });
        let (_, one, other) = &*DATABASE;
        let build = open_kickstart(one, &format!("host{}", crate::support::fresh_id::<()>(at(0))));
        let half = if both { reports.len() / 2 } else { 0 };
        send(other, build, &reports[..half], size);
        send(one, build, &reports[half..], size);
        assert_complete(one, build, reports.len());
        let course = load(other, build).course;
        let in_order = told_in_order(one, &reports).course;
        prop_assert_eq!(told(&course), told(&in_order));
        prop_assert_eq!(without_floor(course), without_floor(folded(one, build)));
    }
}
