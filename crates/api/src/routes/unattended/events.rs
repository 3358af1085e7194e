//! What cloud-init, curtin and Ubuntu's installer send by themselves: one webhook for all three.
//!
//! The rule it protects: their bodies are taken as they come, and a repeat is stored once. Which of
//! them is a step is for the workflow to say; none is refused for its name.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use milepost_domain::{
    Label, Log, Message, Name, Report, ReportId, Status, Time,
    event::Place,
    text::{MESSAGE_MAX, NAME_MAX, without_escapes},
};
use milepost_store::ingest::Receipt;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    answer,
    batch::BATCH_MAX,
    fields::{Fields, parse_time},
    record,
};
use crate::{
    App,
    auth::{self, Expiry},
    clock,
    problem::{Code, Faults, Problem},
};

/// An event as cloud-init, curtin and Ubuntu's installer send it. Other members are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "cmd-install/stage-partitioning", "description": "configuring storage", "event_type": "finish",
    "origin": "curtin", "timestamp": 1_440_688_425.6, "level": "INFO", "result": "SUCCESS"
}))]
#[expect(dead_code, reason = "documents what the forgiving reader takes")]
pub(crate) struct EventInput {
    /// What starts or ends, as a path of what nests in what.
    #[schema(min_length = 1)]
    name: String,
    /// `start` or `finish`; anything else ("info", "warning", "error") is kept and is no step.
    #[schema(min_length = 1)]
    event_type: String,
    /// The program that sends it: `cloudinit` or `curtin`.
    #[schema(min_length = 1)]
    origin: String,
    /// A sentence for people.
    description: Option<String>,
    /// The sender's clock, seconds since 1970.
    timestamp: Option<f64>,
    /// `SUCCESS`, `WARN` or `FAIL`, with `finish`.
    result: Option<String>,
    /// What is kept as log, by its end.
    files: Option<Vec<EventFile>>,
}

/// A file that comes with an event.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what the forgiving reader takes")]
pub(crate) struct EventFile {
    /// Where it lies on the machine.
    path: Option<String>,
    /// Base64; absent when it could not be read there.
    content: Option<String>,
    /// `base64`.
    encoding: Option<String>,
}

/// One line without control characters, of so many characters at most.
fn line(text: &str, limit: usize) -> String {
    let line: String =
        without_escapes(text).map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect();
    line.trim().to_owned()
}

/// A message of what a program said, without what is too much of it.
pub(super) fn message(text: &str) -> Option<Message> {
    let text = line(text, MESSAGE_MAX);
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    text.get(..ends.take_while(|end| *end <= MESSAGE_MAX).last()?)?.parse().ok()
}

/// An event of `origin` that its build has yet to place.
pub(super) fn event(id: ReportId, origin: Name, name: &Name, now: Time) -> Report {
    let label = Label::from_words(name.as_str()).or_else(|| Label::from_words(origin.as_str()));
    let label = label.or_else(|| Label::from_words("event")).unwrap_or_else(Label::built);
    Report { event: Some(Place::Of(origin)), name: Some(name.clone()), ..Report::simple(id, label, now) }
}

/// The event that the members of an object make.
fn read(object: &Map<String, Value>, now: Time) -> Result<Report, Problem> {
    let text = |member: &str| object.get(member).and_then(Value::as_str).unwrap_or_default();
    let mut faults = Faults::default();
    let mut needed = |member: &str| {
        let name = line(text(member), NAME_MAX).parse::<Name>();
        faults.take(&format!("/{member}"), name.map_err(|_| "must be a text that is not empty"))
    };
    let (name, kind, origin) = (needed("name"), needed("event_type"), needed("origin"));
    let whole = name.zip(kind).zip(origin);
    let ((name, kind), origin) = faults.into_result(whole)?;

    let result = text("result").to_ascii_uppercase();
    // A warning is no failure: cloud-init warns of what it went on without.
    let (status, is_step) = match kind.as_str() {
        "start" => (Some(Status::Init), true),
        "finish" if result.starts_with("FAIL") => (Some(Status::Failed), true),
        "finish" => (Some(Status::Done), true),
        "error" => (Some(Status::Failed), false),
        _ => (None, false),
    };
    let timestamp = match object.get("timestamp") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    // Events have no ids. Whoever repeats one sends the very same body again, stamped when the event
    // happened and not when it was sent, to the microsecond: so nothing else has the same of all these.
    let id = if timestamp.is_empty() {
        clock::new_id(now)
    } else {
        ReportId::from_word(&[origin.as_str(), name.as_str(), kind.as_str(), &result, &timestamp].join("\n"))
    };
    let words = text("description");
    let words = if result == "WARN" { format!("{words} (with warnings)") } else { words.to_owned() };
    let mut report = event(id, origin, &name, now);
    if !is_step {
        report.event = Some(Place::Activity);
    }
    Ok(Report {
        status,
        message: message(&words),
        log: object.get("files").and_then(Value::as_array).and_then(|files| log(files)),
        reported_at: parse_time(&timestamp),
        ..report
    })
}

/// The files as one log, each below its path where there are several.
fn log(files: &[Value]) -> Option<Log> {
    let mut all: Vec<u8> = Vec::new();
    for file in files {
        let text = |member: &str| file.get(member).and_then(Value::as_str);
        // What could not be read on the machine has no content.
        let Some(content) = text("content") else { continue };
        let content: String = content.split_ascii_whitespace().collect();
        if files.len() > 1 {
            all.extend_from_slice(
                format!("==> {} <==\n", line(text("path").unwrap_or("?"), NAME_MAX)).as_bytes(),
            );
        }
        let decoded = BASE64_STANDARD.decode(&content);
        all.extend_from_slice(decoded.as_deref().unwrap_or(b"[this file did not come as base64]"));
        if files.len() > 1 && !all.ends_with(b"\n") {
            all.push(b'\n');
        }
    }
    Log::from_bytes(&all)
}

/// The events of a body: one, or a list of them.
fn events(fields: &Fields, now: Time) -> Result<Vec<Report>, Problem> {
    let object = |value: &Value| match value {
        Value::Object(object) => read(object, now),
        _ => Err(Problem::new(Code::MalformedRequest, "an event is a JSON object")),
    };
    match &fields.json {
        Some(Value::Array(list)) if list.len() > BATCH_MAX => {
            let detail =
                format!("at most {BATCH_MAX} events are taken at once, not {}; send several", list.len());
            Err(Problem::new(Code::MalformedRequest, detail))
        }
        Some(Value::Array(list)) if !list.is_empty() => list.iter().map(object).collect(),
        Some(value @ Value::Object(_)) => Ok(vec![object(value)?]),
        _ => Err(Problem::new(
            Code::MalformedRequest,
            "send an event as JSON, as cloud-init and curtin do: name, event_type, origin, and more",
        )),
    }
}

/// The one receipt that says most: the worst that became of any.
fn foremost(receipts: Vec<Receipt>) -> Vec<Receipt> {
    let weight = |receipt: &Receipt| match receipt {
        Receipt::Repeated => 0,
        Receipt::Recorded => 1,
        Receipt::Refused(_) => 2,
        Receipt::Failed(_) => 3,
    };
    receipts.into_iter().max_by_key(weight).into_iter().collect()
}

async fn take(app: &web::Data<App>, request: &HttpRequest, fields: &Fields) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let reporter =
        auth::reporter(app, request, fields.token(), fields.get("mac"), Expiry::Holds, now).await?;
    let events = events(fields, now)?;
    let receipts = record(app, &reporter, events, None).await?;
    answer::of_receipt(request, StatusCode::OK, foremost(receipts))
}

/// Take an event of cloud-init, curtin or Ubuntu's installer.
///
/// With the build's token in OAuth's PLAINTEXT signature, as those clients can send it, or as a bearer. A
/// JSON list of events is taken too: all of them or none. Events that the workflow names are steps, the
/// others are kept as activities.
#[utoipa::path(tag = "Installers", operation_id = "report_event", security(("build" = [])),
    request_body = EventInput,
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[post("/events")]
pub(crate) async fn report_event(
    app: web::Data<App>,
    request: HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    take(&app, &request, &fields).await
}

/// Take an event of cloud-init, curtin or Ubuntu's installer, with the token in the path.
///
/// The address for the `reporting` of each of them. Events that the workflow names are steps, the others
/// are kept as activities.
#[utoipa::path(tag = "Installers", operation_id = "report_event_by_path",
    params(("token" = String, Path, description = "The build's token", example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")),
    request_body = EventInput,
    responses((status = 200, body = answer::Recorded, description = "It is on disk")))]
#[post("/events/{token}")]
pub(crate) async fn report_event_by_path(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
    mut fields: Fields,
) -> Result<HttpResponse, Problem> {
    fields.set("token", token.into_inner());
    take(&app, &request, &fields).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Report, Problem> {
        super::read(body.as_object().unwrap(), clock::now())
    }

    fn finish(result: &str) -> Value {
        json!({"name": "cmd-install", "event_type": "finish", "origin": "curtin", "result": result,
               "description": "curtin command install", "timestamp": 1_440_688_425.6})
    }

    #[test]
    fn only_a_failure_is_a_failure() {
        for (result, status) in [
            ("SUCCESS", Status::Done),
            ("WARN", Status::Done),
            ("FAIL", Status::Failed),
            ("FAILURE", Status::Failed),
        ] {
            assert_eq!(read(&finish(result)).unwrap().status, Some(status), "{result}");
        }
        let warned = read(&finish("WARN")).unwrap().message.unwrap();
        assert_eq!(warned.as_str(), "curtin command install (with warnings)");
    }

    #[test]
    fn what_is_said_in_between_is_never_a_step() {
        for (kind, status) in
            [("info", None), ("warning", None), ("error", Some(Status::Failed)), ("new", None)]
        {
            let mut body = finish("SUCCESS");
            body["event_type"] = json!(kind);
            let report = read(&body).unwrap();
            assert_eq!((report.event, report.status), (Some(Place::Activity), status), "{kind}");
        }
    }

    #[test]
    fn the_same_body_is_the_same_event_and_any_other_is_not() {
        let id = |body: &Value| read(body).unwrap().id;
        let body = finish("SUCCESS");
        assert_eq!(id(&body), id(&body));
        for (member, value) in [
            ("name", json!("cmd-install/x")),
            ("event_type", json!("start")),
            ("origin", json!("cloudinit")),
            ("result", json!("FAIL")),
            ("timestamp", json!(1_440_688_425.600_001)),
        ] {
            let mut other = body.clone();
            other[member] = value;
            assert_ne!(id(&body), id(&other), "{member}");
        }
        let mut timeless = body.clone();
        timeless.as_object_mut().unwrap().remove("timestamp");
        assert_ne!(id(&timeless), id(&timeless), "nobody can tell whether it is a repeat");
    }

    #[test]
    fn files_are_the_log() {
        let file =
            |path: &str, content: Value| json!({"path": path, "content": content, "encoding": "base64"});
        let text = |content: &str| json!(BASE64_STANDARD.encode(content));
        let read = |files: Value| log(files.as_array().unwrap()).map(|log| log.shown());
        assert_eq!(
            read(json!([file("/var/log/install.log", text("all went well\n"))])).unwrap(),
            "all went well\n"
        );
        assert_eq!(read(json!([file("/var/log/install.log", Value::Null)])), None);
        let two =
            json!([file("/a", text("one")), file("/b\n", text("two\n")), file("/c", json!("?")), 7, null]);
        assert_eq!(
            read(two).unwrap(),
            "==> /a <==\none\n==> /b <==\ntwo\n==> /c <==\n[this file did not come as base64]\n"
        );
        let long = read(json!([file("/a", text(&"x\n".repeat(60_000)))])).unwrap();
        assert!(long.starts_with("[... ") && long.ends_with("x\n"), "kept by its end");
    }

    #[test]
    fn what_is_missing_is_named() {
        let problem = read(&json!({"name": " ", "origin": 7})).unwrap_err();
        let pointers: Vec<&str> = problem.errors.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!((problem.code, pointers), (Code::Invalid, vec!["/name", "/event_type", "/origin"]));
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let mut body = finish("SUCCESS");
        body["name"] = json!("é".repeat(9_000));
        body["description"] = json!("\u{1b}[31mé".repeat(9_000));
        let report = read(&body).unwrap();
        assert_eq!(report.name.unwrap().as_str().chars().count(), NAME_MAX);
        assert_eq!(report.message.unwrap().as_str(), "é".repeat(MESSAGE_MAX / 2));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(members(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn members() -> impl Strategy<Value = String> {
        let known = [
            "name",
            "event_type",
            "origin",
            "timestamp",
            "result",
            "description",
            "files",
            "content",
            "path",
        ];
        prop_oneof![proptest::sample::select(known.map(str::to_owned).to_vec()), ".{0,8}"]
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused_without_a_panic(body in json(), name in ".{1,9}", kind in "(start|finish|info)") {
            let now = clock::now();
            let mut fields = Fields::default();
            fields.json = Some(body.clone());
            let _ = events(&fields, now);
            if let Value::Object(mut object) = body {
                let needed = [("name", name.as_str()), ("event_type", kind.as_str()), ("origin", "curtin")];
                object.extend(needed.map(|(member, text)| (member.to_owned(), Value::from(text))));
                let report = super::read(&object, now);
                prop_assert!(report.is_ok() || line(&name, NAME_MAX).is_empty());
            }
        }
    }
}
