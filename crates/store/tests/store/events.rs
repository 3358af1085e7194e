//! Events: placed by the plan of their build, kept as what they are, and read again as such.

use std::{sync::Arc, time::Duration};

use milepost_domain::{BuildId, Label, Log, Report, ReportId, RunState, State, Status, event::Place};
use milepost_store::{
    Settings, Store,
    ingest::{self, Receipt, SpoolSettings},
};
use milepost_testkit::Database;

use crate::{
    sql::run,
    support::{
        DONE, FAILED, INIT, assert_complete, at, folded, in_order, load, name, open, open_kickstart, opening,
        record, report, store, stored,
    },
};

fn event(name_of: &str, status: Option<Status>, seconds: i64) -> Report {
    let id = ReportId::from_word(&format!("{name_of} {status:?} {seconds}"));
    let mut event = Report::simple(id, Label::from_words(name_of).unwrap(), at(seconds));
    event.event = Some(Place::Of(name("curtin")));
    event.name = Some(name(name_of));
    event.status = status;
    event
}

fn open_autoinstall(store: &Store) -> BuildId {
    let mut opening = opening(store, "web1", 0);
    opening.workflow = "autoinstall".parse().unwrap();
    opening.plan = Arc::new(store.registry().plan(&opening.workflow));
    open(store, &opening).build.id
}

/// The label of each stored report, and where it belongs.
fn places(store: &Store, build: BuildId) -> Vec<(String, Option<Place>)> {
    stored(store, build).into_iter().map(|it| (it.report.label.to_string(), it.report.event)).collect()
}

#[test]
fn an_event_is_kept_as_the_step_that_it_means_or_as_an_activity() {
    let database = Database::new();
    let store = store(&database);
    let build = open_autoinstall(&store);
    let mut failure = event("cmd-install/stage-partitioning", FAILED, 4);
    failure.log = Log::from_bytes(b"no disk\n");
    let all = [
        report("get_autoinstall", DONE, 1),
        event("cmd-install/stage-partitioning", INIT, 2),
        event("cmd-install/stage-partitioning/builtin", FAILED, 3),
        failure.clone(),
    ];
    record(&store, build, &all);
    let step = |label: &str, place| (label.to_owned(), place);
    assert_eq!(
        places(&store, build),
        [
            step("get_autoinstall", None),
            step("storage", Some(Place::Step)),
            step("cmd-install_stage-partitioning_builtin", Some(Place::Activity)),
            step("storage", Some(Place::Step)),
        ]
    );
    let kept = &stored(&store, build)[2];
    assert_eq!(kept.report.name, Some(name("cmd-install/stage-partitioning/builtin")));
    assert_eq!(stored(&store, build)[1].report.name, Some(name("Partitioning")));
    let log = store.read(|connection| milepost_store::report::log(connection, build, failure.id)).unwrap();
    assert_eq!(log.text(), "no disk\n");
    let known = load(&store, build);
    assert_eq!((known.course.state, known.rejections.count), (State::Failed, 0));
    assert_eq!(known.course.current.as_ref().unwrap().as_str(), "storage");
    assert_complete(&store, build, 4);
    assert_eq!(in_order(known.course), folded(&store, build), "another node reads the same");
}

#[test]
fn the_same_event_sent_again_is_stored_once() {
    let database = Database::new();
    let store = store(&database);
    let build = open_autoinstall(&store);
    let event = event("cmd-install/stage-extract", INIT, 1);
    record(&store, build, std::slice::from_ref(&event));
    assert_eq!(store.record(build, &[event], None).unwrap(), [Receipt::Repeated]);
    assert_complete(&store, build, 1);
}

#[test]
fn a_workflow_that_names_no_events_refuses_none() {
    let database = Database::new();
    let store = store(&database);
    let build = open_kickstart(&store, "web1");
    record(&store, build, &[report("packages", INIT, 1), event("cmd-install/stage-extract", FAILED, 2)]);
    let known = load(&store, build);
    assert_eq!((known.course.state, known.rejections.count, known.course.runs.len()), (State::Running, 0, 1));
}

#[test]
fn events_of_two_programs_in_one_batch_are_told_apart() {
    let database = Database::new();
    let store = store(&database);
    let build = open_autoinstall(&store);
    let mut foreign = event("cmd-install/stage-partitioning", DONE, 2);
    foreign.event = Some(Place::Of(name("cloudinit")));
    let mut home = event("phone_home", DONE, 3);
    home.event = Some(Place::Of(name("cloudinit")));
    let batch = [event("cmd-install/stage-extract", DONE, 1), foreign, home];
    assert_eq!(store.record(build, &batch, None).unwrap(), vec![Receipt::Recorded; 3]);
    let places: Vec<_> = places(&store, build).into_iter().map(|(_, place)| place.unwrap()).collect();
    assert_eq!(places, [Place::Step, Place::Activity, Place::Step]);
    assert!(load(&store, build).course.runs.iter().all(|run| run.state == RunState::Done));
}

#[test]
fn a_plan_from_before_there_were_events_reads_and_has_none() {
    let database = Database::new();
    let build = open_autoinstall(&store(&database));
    // As an older version writes it: without the column.
    let mut connection = database.connect();
    run(&mut connection, "INSERT INTO plans (digest, steps) SELECT 'old', steps FROM plans LIMIT 1");
    run(&mut connection, "UPDATE builds SET plan = 'old'");
    let store = store(&database);
    record(&store, build, &[event("cmd-install/stage-extract", INIT, 1)]);
    assert_eq!(places(&store, build)[0].1, Some(Place::Activity));
    assert!(!load(&store, build).plan.is_empty());
}

#[test]
fn events_that_came_while_the_database_was_away_find_their_place_when_it_is_back() {
    let (database, spool) = (Database::new(), tempfile::tempdir().unwrap());
    let spool =
        SpoolSettings { directory: spool.path().to_owned(), bytes: 1 << 20, age: Duration::from_secs(3600) };
    let ingest = ingest::Settings {
        spool: Some(spool),
        patience: Duration::from_millis(100),
        ..ingest::Settings::default()
    };
    let settings = Settings { connections: 2, ingest, ..Settings::default() };
    let node = Store::connect(&database.url, &settings, milepost_domain::registry::Mode::Strict).unwrap();
    let build = open_autoinstall(&node);
    crate::away::while_it_hangs(&database, || {
        record(&node, build, &[event("cmd-install/stage-extract", INIT, 1), event("cmd-install", INIT, 2)]);
        assert_eq!(node.condition().reports, 2);
    });
    assert!(node.wait_until_back(Duration::from_secs(60)));
    let places: Vec<_> = places(&node, build).into_iter().map(|(_, place)| place.unwrap()).collect();
    assert_eq!(places, [Place::Step, Place::Activity]);
    assert_eq!(load(&node, build).rejections.count, 0);
}
