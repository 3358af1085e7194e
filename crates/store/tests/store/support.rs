//! Builds to open and reports to send.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use chrono::{Duration, TimeZone as _, Utc};
use milepost_domain::{
    Bounds, Build, BuildId, HostFacts, Id, Label, Name, Report, ReportId, Status, Time, build::Course,
    registry::Mode,
};
use milepost_store::{
    Settings, Store,
    audit::Entry,
    build::{self, HostBuild, Opened, Opening},
    credential::TokenHash,
    ingest::Receipt,
    list::{self, Query, ReportsOf},
    report::StoredReport,
};
use milepost_testkit::Database;

pub(crate) const INIT: Option<Status> = Some(Status::Init);
pub(crate) const DONE: Option<Status> = Some(Status::Done);
pub(crate) const FAILED: Option<Status> = Some(Status::Failed);
/// How many do something at once.
pub(crate) const THREADS: u8 = 8;

pub(crate) fn start() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap()
}

/// So many seconds later.
pub(crate) fn at(seconds: i64) -> Time {
    start() + Duration::seconds(seconds)
}

/// An id that no other one equals; those of a later `at` sort after it.
pub(crate) fn fresh_id<K>(at: Time) -> Id<K> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Id::at(at, random)
}

pub(crate) fn label(text: &str) -> Label {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// What somebody does, for the audit trail.
pub(crate) fn entry() -> Entry {
    Entry {
        id: fresh_id::<()>(start()).uuid(),
        at: start(),
        actor: "somebody".to_owned(),
        action: "update_build".to_owned(),
        target: String::new(),
        detail: None,
        organization: None,
        location: None,
        address: Some("127.0.0.1".to_owned()),
        request_id: "1".to_owned(),
    }
}

/// A node of its own on the database.
pub(crate) fn node(database: &Database, mode: Mode) -> Store {
    let settings = Settings { connections: 2, ..Settings::default() };
    Store::connect(&database.url, &settings, mode).unwrap()
}

pub(crate) fn store(database: &Database) -> Store {
    node(database, Mode::Strict)
}

/// A kickstart build of the host of that name, opened so many seconds after the start.
pub(crate) fn opening(store: &Store, host: &str, seconds: i64) -> Opening {
    let now = at(seconds);
    let workflow = label("kickstart");
    Opening {
        is_announced: false,
        host: HostFacts::named(name(host)),
        plan: Arc::new(store.registry().plan(&workflow)),
        workflow,
        credential: None,
        now,
        expires_at: now + Duration::hours(6),
        build_id: fresh_id(now),
        host_id: fresh_id(now),
    }
}

/// The hash of the token of that number.
pub(crate) const fn token(number: u8) -> TokenHash {
    TokenHash([number; 32])
}

#[track_caller]
pub(crate) fn open(store: &Store, opening: &Opening) -> HostBuild {
    match store.open(opening, None).unwrap() {
        Opened::New(opened) => opened,
        Opened::Known(known) => panic!("the build is known: {known:?}"),
    }
}

/// Opens a kickstart build of a host of that name.
#[track_caller]
pub(crate) fn open_kickstart(store: &Store, host: &str) -> BuildId {
    open(store, &opening(store, host, 0)).build.id
}

/// A report that comes so many seconds after the start.
pub(crate) fn report(step: &str, status: Option<Status>, seconds: i64) -> Report {
    let mut report = Report::simple(fresh_id(at(seconds)), label(step), at(seconds));
    report.status = status;
    report
}

pub(crate) fn numbered(mut report: Report, seq: i64) -> Report {
    report.seq = Some(seq);
    report.id = ReportId::from_word(&format!("{seq}"));
    report
}

/// Records reports, each when it came, and expects that they all are taken.
#[track_caller]
pub(crate) fn record(store: &Store, build: BuildId, reports: &[Report]) {
    for report in reports {
        let receipts = store.record(build, std::slice::from_ref(report), None).unwrap();
        assert_eq!(receipts, [Receipt::Recorded]);
    }
}

#[track_caller]
pub(crate) fn load(store: &Store, build: BuildId) -> Build {
    store.read(|connection| build::load(connection, build, at(0))).unwrap()
}

/// All there is, as of `now`.
pub(crate) fn everything(now: Time) -> Query {
    Query {
        search: None,
        order: None,
        limit: 10_000,
        offset: 0,
        now,
        bounds: Bounds::default(),
        worked: Arc::default(),
    }
}

/// The reports of a build as they are stored, in the server's order.
#[track_caller]
pub(crate) fn stored(store: &Store, build: BuildId) -> Vec<StoredReport> {
    let (all, of) = (everything(at(0)), ReportsOf::Build(build));
    store.read(|connection| list::reports(connection, &all, of, None)).unwrap().results
}

/// Expects `count` stored reports at the positions 1, 2, 3 and so on, and as many counted.
#[track_caller]
pub(crate) fn assert_complete(store: &Store, build: BuildId, count: usize) {
    let positions: Vec<u32> = stored(store, build).iter().map(|report| report.position).collect();
    let expected: Vec<u32> = (1..).take(count).collect();
    assert_eq!(positions, expected);
    assert_eq!(usize::try_from(load(store, build).course.reports).unwrap(), count);
}

/// What the stored reports of a build come to when they are folded from nothing.
#[track_caller]
pub(crate) fn folded(store: &Store, build: BuildId) -> Course {
    let known = load(store, build);
    let (plan, workflow) = (known.plan, known.workflow);
    let mut fresh = Build::open(known.id, known.host, workflow, plan, known.started_at, known.expires_at);
    fresh.marks = known.marks;
    fresh.replay(stored(store, build).into_iter().map(|stored| stored.report).collect());
    in_order(fresh.course)
}

/// The runs in one order: how they lie in the database is nobody's business.
pub(crate) fn in_order(mut course: Course) -> Course {
    course.runs.sort_by(|a, b| (a.attempt, &a.label).cmp(&(b.attempt, &b.label)));
    course
}

/// What several do at the same moment, each told its number from 0.
pub(crate) fn at_once<T: Send>(work: impl Fn(u8) -> T + Sync) -> Vec<T> {
    let gate = Barrier::new(THREADS.into());
    let (gate, work) = (&gate, &work);
    thread::scope(|scope| {
        let run = |number| {
            scope.spawn(move || {
                gate.wait();
                work(number)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Waits for what another process does by itself.
#[track_caller]
pub(crate) fn comes_true(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "never: {what}");
        thread::yield_now();
    }
}
