//! What the modules of this target share: builds to open, reports to send, documents to read.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use milepost_api::{NewToken, Scope, Settings};
use milepost_domain::{BuildId, HostFacts, Id, Label, Report, ReportId, Status};
use milepost_store::{Store, build::Opening};
use milepost_testkit::{Answer, Api, Options, Server};
use serde_json::{Value, json};

/// Asks an installer's route for JSON.
pub(crate) const ACCEPT_JSON: (&str, &str) = ("accept", "application/json");
pub(crate) const SENDS_JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const SENDS_FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
pub(crate) const SENDS_TEXT: (&str, &str) = ("content-type", "text/plain");

/// An open build, as its opener and its machine know it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) host_id: String,
}

/// Opens a kickstart build.
#[track_caller]
pub(crate) fn open(server: &Server, host: &str) -> Opened {
    open_as(server, &json!({"name": host}), "kickstart")
}

#[track_caller]
pub(crate) fn open_as(server: &Server, host: &Value, workflow: &str) -> Opened {
    let input = json!({"host": host, "workflow": workflow});
    let opened = server.manage().post("/api/v2/builds", &input).expect(201).json();
    Opened { id: text(&opened["id"]), token: text(&opened["token"]), host_id: text(&opened["host"]["id"]) }
}

/// Reports by path, for example `get_ks/done`; it must be recorded.
#[track_caller]
pub(crate) fn report(server: &Server, build: &Opened, step: &str) {
    let answer = server.anyone().get(&format!("/unattended/step/{}/{step}", build.token)).expect(200);
    assert_eq!(answer.text, "recorded\n");
}

/// POSTs to `/unattended/step` as a form with the build's token in front.
#[track_caller]
pub(crate) fn post_form(server: &Server, build: &Opened, form: &str) -> Answer {
    let body = format!("token={}&{form}", build.token);
    server.anyone().send("POST", "/unattended/step", &[SENDS_FORM, ACCEPT_JSON], Some(body.as_bytes()))
}

#[track_caller]
pub(crate) fn build_of(server: &Server, build: &Opened) -> Value {
    server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json()
}

#[track_caller]
pub(crate) fn progress(server: &Server, host: &str) -> Value {
    server.read().get(&format!("/api/v2/hosts/{host}/progress")).expect(200).json()
}

/// All reports of a build.
#[track_caller]
pub(crate) fn stream(server: &Server, build: &Opened) -> Vec<Value> {
    let list = server.read().get(&format!("/api/v2/builds/{}/reports?per_page=all", build.id)).expect(200);
    list.json()["results"].as_array().unwrap().clone()
}

/// The labels of all reports of a build.
#[track_caller]
pub(crate) fn labels(server: &Server, build: &Opened) -> Vec<String> {
    stream(server, build).iter().map(|report| text(&report["label"])).collect()
}

/// The step of that label in a progress document.
#[track_caller]
pub(crate) fn step<'a>(progress: &'a Value, label: &str) -> &'a Value {
    let steps = progress["steps"].as_array().unwrap();
    steps.iter().find(|step| step["label"] == label).unwrap()
}

/// A document without what its clock moves.
pub(crate) fn at_rest(mut document: Value) -> Value {
    match &mut document {
        Value::Object(members) => {
            members.retain(|name, _| {
                !matches!(name.as_str(), "elapsed_seconds" | "duration_seconds" | "percent" | "eta")
            });
            members.values_mut().for_each(|member| *member = at_rest(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = at_rest(item.take())),
        _ => {}
    }
    document
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The pointers of a problem's faults.
#[track_caller]
pub(crate) fn pointers(problem: &Value) -> Vec<&str> {
    let faults = problem["errors"].as_array().unwrap();
    faults.iter().map(|fault| fault["pointer"].as_str().unwrap()).collect()
}

/// `member` of each result of a list.
#[track_caller]
pub(crate) fn each(list: &Value, member: &str) -> Vec<String> {
    list["results"].as_array().unwrap().iter().map(|result| text(&result[member])).collect()
}

/// Percent-encodes a query's value.
pub(crate) fn encode(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// A service whose builds' tokens have run out as soon as they are made.
pub(crate) fn expiring() -> Server {
    let settings = Settings { token_duration: TimeDelta::zero(), ..Settings::default() };
    Server::with(Options { settings, ..Options::default() })
}

/// A time on the service's clock that has just passed.
#[track_caller]
pub(crate) fn server_time(server: &Server) -> DateTime<Utc> {
    time(&server.read().get("/api/v2/status").expect(200).json()["started_at"])
}

fn store(server: &Server) -> Store {
    Store::connect(
        &server.database.url,
        &milepost_store::Settings::default(),
        milepost_domain::registry::Mode::Strict,
    )
    .unwrap()
}

/// Opens a kickstart build of a new host as it would have been opened at `at`.
pub(crate) fn open_at(server: &Server, host: &str, at: DateTime<Utc>) -> BuildId {
    let store = store(server);
    let workflow: Label = "kickstart".parse().unwrap();
    let plan = Arc::new(store.registry().plan(&workflow));
    let id: BuildId = Id::at(at, [7; 10]);
    let opening = Opening {
        is_announced: false,
        host: HostFacts::named(host.parse().unwrap()),
        workflow,
        plan,
        credential: None,
        now: at,
        expires_at: at + TimeDelta::days(30),
        build_id: id,
        host_id: Id::at(at, [8; 10]),
    };
    let _ = store.open(&opening, None).unwrap();
    id
}

/// Records a report as it would have come at `at`.
pub(crate) fn report_at(server: &Server, build: BuildId, label: &str, status: Status, at: DateTime<Utc>) {
    let id = ReportId::from_word(&format!("{label} {status} {at}"));
    let mut report = Report::simple(id, label.parse().unwrap(), at);
    report.status = Some(status);
    let receipts = store(server).record(build, &[report], None).unwrap();
    assert_eq!(receipts, [milepost_store::ingest::Receipt::Recorded]);
}

/// A client that is bound to a location.
pub(crate) fn bound_to(server: &Server, location: &str) -> Api {
    let mut new = NewToken::of(Scope::Read, Some(TimeDelta::hours(1)));
    new.bounds.locations.insert(location.parse().unwrap());
    Api::new(&server.url, Some(server.keys.mint(&new).unwrap()))
}
