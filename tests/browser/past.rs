//! A month of installations that are over: what statistics count, and what is learned from.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use milepost_domain::{HostFacts, Id, Label, Report, ReportId, Status, registry::Mode};
use milepost_store::{Settings, Store, build::Opening};
use milepost_testkit::{Options, Server};

const DAYS: i64 = 28;
const PLACES: [&str; 3] = ["brno", "praha", "ostrava"];
const WORKFLOWS: [&str; 3] = ["kickstart", "preseed", "autoinstall"];
const MODELS: [&str; 2] = ["R650", "DL380"];
/// The steps that all of the workflows have, and how many seconds each takes on a usual machine.
const STEPS: [(&str, i64); 7] = [
    ("pxe_boot", 95),
    ("pre", 20),
    ("storage", 45),
    ("packages", 320),
    ("post", 40),
    ("built", 5),
    ("first_boot", 150),
];
/// The step at which an unlucky machine fails.
const UNLUCKY: [&str; 2] = ["packages", "storage"];

/// A machine whose build failed is installed once more.
const AGAIN: u64 = 1000;

/// One machine's way, at the pace of its number: the same each time.
fn install(store: &Store, number: u64, at: DateTime<Utc>) {
    let machine = number % AGAIN;
    let pick = |list: &[&'static str], salt: u64| {
        list[usize::try_from(machine.wrapping_mul(2_654_435_761).wrapping_add(salt) >> 3).unwrap()
            % list.len()]
    };
    let (place, name) = (pick(&PLACES, 1), pick(&WORKFLOWS, 7));
    let workflow: Label = name.parse().unwrap();
    let known = store.registry();
    let steps: Vec<&str> =
        known.workflows[&workflow].value.steps.iter().map(|step| step.label.as_str()).collect();
    // Half of the hosts come back for another build.
    let mut host = HostFacts::named(format!("node{:02}.{place}.example.com", machine % 60).parse().unwrap());
    host.location = Some(place.parse().unwrap());
    host.hostgroup = Some(pick(&["web", "db"], 3).parse().unwrap());
    host.model = Some(pick(&MODELS, 5).parse().unwrap());
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    let opening = Opening {
        is_announced: false,
        host,
        plan: Arc::new(known.plan(&workflow)),
        workflow,
        credential: None,
        now: at,
        expires_at: at + TimeDelta::hours(6),
        build_id: Id::at(at, bytes),
        host_id: Id::at(at, bytes),
    };
    let _ = store.open(&opening, None).unwrap();
    let fails = (number % 11 == 4).then(|| pick(&UNLUCKY, 9));
    let mut now = at;
    let record = |label: &str, status: Status, now: DateTime<Utc>| {
        let mut report =
            Report::simple(ReportId::from_word(&format!("{label} {status}")), label.parse().unwrap(), now);
        report.status = Some(status);
        let _ = store.record(opening.build_id, &[report], None).unwrap();
    };
    for (label, usual) in STEPS.iter().filter(|(label, _)| steps.contains(label)) {
        record(label, Status::Init, now + TimeDelta::seconds(1));
        let percent =
            70 + i64::try_from(number.wrapping_mul(40_503).wrapping_add(usual.unsigned_abs()) % 75).unwrap();
        now += TimeDelta::seconds(usual * percent / 100 + 2);
        if fails == Some(*label) {
            record(label, Status::Failed, now);
            install(store, number + AGAIN, now + TimeDelta::minutes(20));
            return;
        }
        record(label, Status::Done, now);
    }
}

/// A service with that month behind it, which has learned from it.
pub(crate) fn month() -> Server {
    let novice = Server::start();
    let store = Store::connect(&novice.database.url, &Settings::default(), Mode::Strict).unwrap();
    let today = milepost_api::now();
    let mut number = 0;
    for day in (2..=DAYS).rev() {
        // Halls are filled in waves, and nobody works on Sundays.
        let count = if day % 7 == 0 { 0 } else { 2 + (day * 5) % 7 };
        for machine in 0..count {
            number += 1;
            install(&store, number, today - TimeDelta::days(day) + TimeDelta::minutes(machine * 7));
        }
    }
    drop(store);
    let mut connection = milepost_store::connect(&novice.database.url).unwrap();
    assert!(milepost_store::timing::rebuild(&mut connection).unwrap() > 50);
    // What is known is read when a node starts.
    novice.beside(Options::default())
}
