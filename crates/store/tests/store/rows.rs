//! A few dozen hosts and builds with values of all kinds, and without.

use chrono::Duration;
use milepost_domain::{Build, Host, HostFacts, State, Time, search::Field, search::Value};
use milepost_store::{Store, report::StoredReport};
use milepost_testkit::Database;

use crate::{
    sql::{quoted, run},
    support::{DONE, FAILED, INIT, at, name, node, open, opening, record, report},
};

/// Texts that are awkward in a search: case, wildcards, quotes, blanks, letters beyond ASCII.
pub(crate) const TEXTS: &[&str] = &[
    "web",
    "Web",
    "WEB",
    "w_b",
    "wxb",
    "w%b",
    "w*b",
    "w\\b",
    "w\"b",
    "w'b",
    "brno",
    "Brno 2",
    "žluť",
    "-1",
    "and",
    "RedHat 9.4",
    "a, b",
    "(x)",
];
/// What steps and workflows are called.
pub(crate) const LABELS: &[&str] = &["get_ks", "get-ks", "getxks", "packages", "kickstart", "image"];
/// The request's time in searches.
pub(crate) fn now() -> Time {
    at(86_400)
}
const BUILDS: usize = 48;

fn text(number: usize) -> Option<&'static str> {
    // Every fourth one has none.
    (number % 4 != 3).then(|| TEXTS[number % TEXTS.len()])
}

fn facts(number: usize) -> HostFacts {
    let text = |factor: usize| text(number * factor).map(name);
    HostFacts {
        name: name(&format!("{}{number}.Example.com", TEXTS[number % TEXTS.len()])),
        foreman_id: (!number.is_multiple_of(3)).then(|| i64::try_from(number).unwrap() - 9),
        mac: (!number.is_multiple_of(5)).then(|| format!("52:54:00:ab:cd:{number:02x}")),
        ip: (!number.is_multiple_of(4)).then(|| format!("10.1.{}.{number}", number % 3).parse().unwrap()),
        organization: text(5),
        location: text(7),
        hostgroup: text(11),
        operatingsystem: text(13),
        model: text(17),
    }
}

fn time(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "NULL".to_owned(), |seconds| quoted(&(at(seconds)).to_rfc3339()))
}

/// Gives the build of that number values of every kind, whether or not a machine could cause them.
fn spread(number: usize, build: &Build) -> String {
    let signed = i64::try_from(number).unwrap();
    let some = |every: usize, value: i64| (!number.is_multiple_of(every)).then_some(value);
    let state = State::ALL[number % State::ALL.len()];
    // Some end at the request's very moment, some just before and after it.
    let expires = now() + Duration::seconds(signed % 3 - 1);
    let ended = if state.is_open() { None } else { some(5, signed * 1700) };
    let quote = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), quoted);
    format!(
        "UPDATE builds SET state = '{state}', workflow = '{}', attempt = {}, reports = {}, rejected_reports = {},
             expires_at = '{}', started_at = {}, installed_at = {}, ended_at = {}, last_report_at = {},
             last_message = {}, current_step = {} WHERE id = '{}'",
        LABELS[number % LABELS.len()],
        number % 4 + 1,
        number % 7,
        number % 3,
        expires.to_rfc3339(),
        time(Some(signed * 1800)),
        time(some(3, signed * 1801)),
        time(ended),
        time(some(4, signed * 1803)),
        quote(text(number * 3)),
        quote((number % 3 != 1).then(|| LABELS[number % LABELS.len()])),
        build.id,
    )
}

/// The seeded database.
pub(crate) struct Seeded {
    pub(crate) store: Store,
    /// The host whose reports are of all kinds.
    pub(crate) reporter: Host,
    _database: Database,
}

/// Hosts with a build or several, and some whose builds are gone.
pub(crate) fn seeded() -> Seeded {
    let database = Database::new();
    let store = node(&database, milepost_domain::registry::Mode::Loose);
    let mut connection = database.connect();
    let reporter = reports(&store);
    for number in 0..BUILDS {
        let mut opening = opening(&store, "x", i64::try_from(number).unwrap());
        // Every fifth build is another one of the host before.
        opening.host = facts(number - usize::from(number % 5 == 4));
        let build = open(&store, &opening).build;
        run(&mut connection, &spread(number, &build));
    }
    run(&mut connection, "DELETE FROM builds USING hosts h WHERE h.id = host_id AND h.ip LIKE '10.1.2.1%'");
    Seeded { store, reporter, _database: database }
}

/// A host with reports of all kinds.
fn reports(store: &Store) -> Host {
    let opened = open(store, &opening(store, "Reporter", 0));
    for number in 0..30_usize {
        let signed = i64::try_from(number).unwrap();
        let step = LABELS[number % LABELS.len()];
        let mut report = report(step, [None, INIT, DONE, FAILED][number % 4], signed * 3600);
        report.message = text(number * 5).map(|text| text.parse().unwrap());
        report.boot_id = text(number * 7).map(ToOwned::to_owned);
        report.reported_at = (!number.is_multiple_of(3)).then(|| at(signed * 1234));
        let log = "x".repeat(number % 5);
        report.log = milepost_domain::Log::from_bytes(log.as_bytes());
        record(store, opened.build.id, &[report]);
    }
    opened.host
}

fn word(text: &impl ToString) -> Value {
    Value::Text(text.to_string())
}

/// What a report says of a field.
pub(crate) fn value_of_report(field: &Field, stored: &StoredReport) -> Option<Value> {
    let report = &stored.report;
    match field.name {
        "step" => Some(word(&report.label)),
        "status" => report.status.as_ref().map(word),
        "message" => report.message.as_ref().map(word),
        "attempt" => Some(Value::Integer(stored.attempt.into())),
        "log_bytes" => (stored.log_bytes > 0).then_some(Value::Integer(stored.log_bytes.into())),
        "received_at" => Some(Value::Time(report.received_at)),
        "reported_at" => report.reported_at.map(Value::Time),
        "boot_id" => report.boot_id.as_ref().map(word),
        other => panic!("this test does not know the field {other}"),
    }
}
