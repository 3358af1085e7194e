//! What signals are made of is stored as it was folded.

use std::sync::Arc;

use chrono::Duration;
use milepost_domain::registry::{Workflow, WorkflowStep};
use milepost_store::registry;
use milepost_testkit::Database;

use crate::{
    sql::lines,
    support::{
        DONE, INIT, folded, in_order, label, load, name, open, open_kickstart, opening, record, report, store,
    },
};

#[test]
fn what_reports_show_beside_the_steps_is_stored_as_it_was_folded() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    let sent = [("get_ks", DONE, 60, "A", 1), ("packages", INIT, 70, "A", 4), ("get_ks", DONE, 300, "B", 1)];
    for (step, status, seconds, boot, seq) in sent {
        let mut report = report(step, status, seconds);
        report.seq = Some(seq);
        report.boot_id = Some(boot.to_owned());
        report.reported_at = Some(report.received_at - Duration::days(3));
        record(&store, build, &[report]);
    }
    let course = load(&store, build).course;
    let evidence = &course.evidence;
    assert_eq!((evidence.boots.unplanned, evidence.boots.past.as_slice()), (1, &["A".to_owned()][..]));
    assert_eq!(evidence.counts["A"].missing, [(2, 3)]);
    assert_eq!(evidence.clock.as_ref().unwrap().behind_ms, 3 * 86_400_000);
    assert_eq!(in_order(course), folded(&store, build));
}

#[test]
fn a_build_keeps_how_many_boots_were_expected_of_it() {
    let database = Database::new();
    let store = store(&database);
    let place = WorkflowStep {
        label: label("built"),
        priority: None,
        weight_seconds: None,
        timeout_seconds: None,
        optional: false,
        entry: false,
    };
    let workflow = |boots| Workflow {
        events: Vec::new(),
        name: label("ours"),
        title: name("Ours"),
        description: None,
        registry: None,
        expected_boots: boots,
        steps: vec![place.clone()],
    };
    let mut builds = Vec::new();
    for (boots, host) in [(Some(4), "web1"), (None, "web2")] {
        store
            .write(|connection| registry::put_workflow(connection, &label("site"), &workflow(boots)))
            .unwrap();
        assert_eq!(store.refresh_registry().unwrap().workflows["ours"].value, workflow(boots));
        let mut opening = opening(&store, host, 0);
        opening.workflow = label("ours");
        opening.plan = Arc::new(store.registry().plan(&opening.workflow));
        builds.push(open(&store, &opening).build.id);
    }
    let boots: Vec<u32> = builds.iter().map(|build| load(&store, *build).plan.expected_boots()).collect();
    assert_eq!(boots, [4, 1]);
    let error =
        store.write(|connection| registry::put_workflow(connection, &label("site"), &workflow(Some(51))));
    assert_eq!(error.unwrap_err().to_string(), "expected_boots of 'ours' must be from 1 to 50, not 51");
}

#[test]
fn a_plan_that_an_older_version_stored_expects_one_boot() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    // An older version writes these two columns only.
    let mut connection = database.connect();
    let moved = "UPDATE builds SET plan = '\\x01'";
    crate::sql::run(&mut connection, "INSERT INTO plans (digest, steps) SELECT '\\x01', steps FROM plans");
    crate::sql::run(&mut connection, moved);
    assert_eq!(load(&store, build).plan.expected_boots(), 1);
    assert_eq!(lines(&mut connection, "SELECT evidence::text AS line FROM builds"), ["{}"]);
}
