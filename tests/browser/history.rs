//! A service that has seen builds before: what is typical can only be shown by one that knows it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use milepost_domain::{HostFacts, Id, Label, Report, ReportId, Status, registry::Mode};
use milepost_store::{Settings, Store, build::Opening};
use milepost_testkit::{Options, Server};

/// What was reported of a build, and after how many seconds.
type Course = [(&'static str, Status, i64)];

const WELL: &Course = &[
    ("get_ks", Status::Done, 60),
    ("packages", Status::Init, 70),
    ("packages", Status::Done, 700),
    ("post", Status::Done, 800),
    ("built", Status::Done, 820),
    ("first_boot", Status::Done, 1000),
];
const BADLY: &Course =
    &[("get_ks", Status::Done, 80), ("packages", Status::Init, 100), ("packages", Status::Failed, 1_900)];

fn build(store: &Store, host: &str, number: u8, at: DateTime<Utc>, course: &Course) {
    let workflow: Label = "kickstart".parse().unwrap();
    let plan = Arc::new(store.registry().plan(&workflow));
    let opening = Opening {
        is_announced: false,
        host: HostFacts::named(host.parse().unwrap()),
        workflow,
        plan,
        credential: None,
        now: at,
        expires_at: at + TimeDelta::days(30),
        build_id: Id::at(at, [number; 10]),
        host_id: Id::at(at, [number; 10]),
    };
    let _ = store.open(&opening, None).unwrap();
    for (label, status, after) in course {
        let at = at + TimeDelta::seconds(*after);
        let id = ReportId::from_word(&format!("{label} {status}"));
        let mut report = Report::simple(id, label.parse().unwrap(), at);
        report.status = Some(*status);
        let _ = store.record(opening.build_id, &[report], None).unwrap();
    }
}

/// A service that has seen six builds go well and one fail, two of them of the host that is looked at.
pub(crate) fn experienced() -> Server {
    let novice = Server::start();
    let store = Store::connect(&novice.database.url, &Settings::default(), Mode::Strict).unwrap();
    let now = milepost_api::now();
    for number in 1..=5 {
        let at = now - TimeDelta::hours(20) + TimeDelta::minutes(i64::from(number));
        build(&store, &format!("db{number}.brno.example.com"), number, at, WELL);
    }
    build(&store, crate::HOST, 6, now - TimeDelta::hours(6), BADLY);
    build(&store, crate::HOST, 7, now - TimeDelta::hours(3), WELL);
    drop(store);
    let mut connection = milepost_store::connect(&novice.database.url).unwrap();
    assert_eq!(milepost_store::timing::rebuild(&mut connection).unwrap(), 6);
    // What is known is read when a node starts.
    novice.beside(Options::default())
}
