//! Many reports in one POST: what a client kept while it could not reach us.
//!
//! The rule it protects: one bad report is refused alone; the others are recorded, together.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use milepost_domain::Report;
use milepost_store::ingest::Receipt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    answer,
    fields::{self, Fields},
    record,
    step::StepReport,
};
use crate::{
    App,
    auth::{self, Expiry},
    clock,
    problem::{Code, Problem},
};

/// The most reports of one batch.
pub(super) const BATCH_MAX: usize = 1000;

/// Many reports of one build, in their order.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"token": "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55", "reports": [
    {"label": "get_ks", "status": "done", "id": "1"}, {"label": "packages", "status": "init", "id": "2"}
]}))]
#[expect(dead_code, reason = "documents what the forgiving reader takes")]
pub(crate) struct BatchInput {
    /// The build's token; it may also stand in the query or in `Authorization: Bearer`.
    token: Option<String>,
    /// The reports, at most 1000.
    #[schema(max_items = 1000)]
    reports: Vec<StepReport>,
}

/// What became of one report of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResult {
    /// `recorded`, `repeated` or `refused`.
    #[schema(example = "recorded")]
    pub result: String,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// How many were recorded.
    pub recorded: u32,
    /// How many were known by their id already.
    pub repeated: u32,
    /// How many were refused; sending those again changes nothing.
    pub refused: u32,
    /// Each report's fate, in the order they came.
    pub results: Vec<BatchResult>,
}

/// The reports of a body: `{"reports": [...]}`, a bare list, or one object or form a line.
fn reports(fields: &Fields) -> Result<Vec<Value>, Problem> {
    let text = fields.forms.as_ref().map(String::as_bytes).or(fields.text.as_deref());
    let list = match (&fields.json, text) {
        (Some(Value::Array(list)), _) => Some(list.clone()),
        (Some(Value::Object(object)), _) => match object.get("reports") {
            Some(Value::Array(list)) => Some(list.clone()),
            // A single line of JSON is one object, and so one report.
            None if object.contains_key("label") => Some(vec![Value::Object(object.clone())]),
            _ => None,
        },
        (None, Some(text)) => lines(text),
        _ => None,
    };
    let list = list.ok_or_else(|| {
        let detail = "send {\"reports\": [...]}, a JSON list, or one JSON object or form a line";
        Problem::new(Code::MalformedRequest, detail)
    })?;
    if list.len() > BATCH_MAX {
        let detail = format!("a batch has at most {BATCH_MAX} reports, not {}; send several", list.len());
        return Err(Problem::new(Code::MalformedRequest, detail));
    }
    Ok(list)
}

/// One JSON value or form a line; a line that is neither, cut off by a crash for example, is refused alone.
fn lines(text: &[u8]) -> Option<Vec<Value>> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    let values: Vec<Value> =
        lines.map(|line| serde_json::from_slice(line).unwrap_or_else(|_| form(line))).collect();
    values.iter().any(Value::is_object).then_some(values)
}

/// A form as the object that says the same: a shell can percent-encode, and not write JSON.
fn form(line: &[u8]) -> Value {
    let form = std::str::from_utf8(line).ok().filter(|line| fields::looks_like_form(line));
    let pairs = form.and_then(|form| serde_urlencoded::from_str::<Vec<(String, String)>>(form).ok());
    let named = pairs.filter(|pairs| pairs.iter().any(|(name, _)| name == "label"));
    named.map_or(Value::Null, |pairs| {
        pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
    })
}

/// Report many steps of one build.
///
/// As `{"reports": [...]}`, a bare JSON list, or one JSON object or form a line.
#[utoipa::path(tag = "Installers", operation_id = "report_batch", request_body = BatchInput, security(("build" = [])),
    responses((status = 200, body = BatchAnswer, description = "What was recorded is on disk")))]
#[post("/batch")]
pub(crate) async fn report_batch(
    app: web::Data<App>,
    request: HttpRequest,
    fields: Fields,
) -> Result<HttpResponse, Problem> {
    let now = clock::now();
    let reporter =
        auth::reporter(&app, &request, fields.token(), fields.get("mac"), Expiry::Holds, now).await?;
    let parsed: Vec<Result<Report, Problem>> = reports(&fields)?
        .iter()
        .map(|report| match report {
            Value::Object(object) => Fields::of_object(object).report(now),
            _ => Err(Problem::new(Code::Invalid, "a report is a JSON object, or a form with a label")),
        })
        .collect();
    let valid: Vec<Report> = parsed.iter().filter_map(|report| report.as_ref().ok().cloned()).collect();
    let mut receipts = record(&app, &reporter, valid, None).await?.into_iter();
    let results: Vec<BatchResult> = parsed
        .iter()
        .map(|report| {
            let (result, detail) = match report {
                Err(problem) => ("refused", Some(problem.detail.clone())),
                Ok(_) => match receipts.next() {
                    Some(Receipt::Recorded) => ("recorded", None),
                    Some(Receipt::Repeated) => ("repeated", None),
                    Some(Receipt::Refused(refusal)) => ("refused", Some(refusal.to_string())),
                    Some(Receipt::Failed(_)) => ("refused", Some(answer::FAILED.to_owned())),
                    None => ("refused", Some("nothing became of it".to_owned())),
                },
            };
            BatchResult { result: result.to_owned(), detail }
        })
        .collect();
    let count = |word: &str| {
        let count = results.iter().filter(|result| result.result == word).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let answer = BatchAnswer {
        recorded: count("recorded"),
        repeated: count("repeated"),
        refused: count("refused"),
        results,
    };
    let mut line =
        format!("{} recorded, {} repeated, {} refused", answer.recorded, answer.repeated, answer.refused);
    if let Some(detail) = answer.results.iter().find_map(|result| result.detail.as_deref()) {
        line = format!("{line}; first: {detail}");
    }
    Ok(answer::line(&request, StatusCode::OK, &line, &answer))
}
