//! Reads what an installer sent, in whatever way it could: query, form, JSON or bare text, with
//! or without a Content-Type.
//!
//! The rule it protects: everything becomes the same flat fields; what is named there is checked,
//! what is not is ignored, and what cannot be a form or JSON is the log itself.

use std::collections::BTreeMap;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use chrono::DateTime;
use futures::FutureExt as _;
use milepost_domain::{Label, Log, Percent, Report, ReportId, Status, Time, report::BOOT_ID_MAX};
use serde_json::Value;

use crate::{
    auth::Extracted,
    body, clock,
    problem::{Code, Faults, Problem},
};

/// The names that a form may begin with; a body that begins otherwise is no form.
const KNOWN: &[&str] = &[
    "token",
    "mac",
    "label",
    "status",
    "name",
    "priority",
    "percentage",
    "message",
    "logs",
    "id",
    "seq",
    "reported_at",
    "boot_id",
    "reports",
];

/// What was sent, flat.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: BTreeMap<String, String>,
    /// A JSON body as it came, for those who send more than one report.
    pub(crate) json: Option<Value>,
    /// A body that is neither form nor JSON.
    pub(crate) text: Option<Vec<u8>>,
    /// A form as it came: each of its lines may be one.
    pub(crate) forms: Option<String>,
}

impl FromRequest for Fields {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body::bytes(request, payload);
        let mut fields = Self::of_head(request);
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
        async move {
            fields.merge_body(&content_type, &body.await?)?;
            Ok(fields)
        }
        .boxed_local()
    }
}

impl Fields {
    /// What the query says, for a request whose body is something else.
    pub(crate) fn of_head(request: &HttpRequest) -> Self {
        let mut fields = Self::default();
        fields.merge_form(request.query_string());
        fields
    }

    /// What a JSON object says, as one of many in a batch.
    pub(crate) fn of_object(object: &serde_json::Map<String, Value>) -> Self {
        let mut fields = Self::default();
        fields.merge_object(object);
        fields
    }

    fn merge_form(&mut self, form: &str) {
        // Never fails: what is not valid percent-encoding is taken as it is.
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(form).unwrap_or_default();
        self.values.extend(pairs);
    }

    fn merge_object(&mut self, object: &serde_json::Map<String, Value>) {
        for (name, value) in object {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => continue,
            };
            self.values.insert(name.clone(), text);
        }
    }

    fn merge_body(&mut self, content_type: &str, body: &[u8]) -> Result<(), Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        if content_type.starts_with("multipart/") {
            let detail =
                "multipart bodies are not read here; use --data-urlencode, or --data-binary @FILE for a log";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let says_json = content_type.starts_with("application/json");
        if says_json || body.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'[')) {
            match serde_json::from_slice::<Value>(body) {
                Ok(json) => {
                    if let Value::Object(object) = &json {
                        self.merge_object(object);
                    }
                    self.json = Some(json);
                    return Ok(());
                }
                Err(error) if says_json => {
                    return Err(Problem::new(
                        Code::MalformedRequest,
                        format!("the body is not JSON: {error}"),
                    ));
                }
                // A log may begin with a bracket too.
                Err(_) => {}
            }
        }
        match std::str::from_utf8(body) {
            Ok(form) if looks_like_form(form) => {
                self.merge_form(form.trim_end());
                self.forms = Some(form.to_owned());
            }
            _ => self.text = Some(body.to_vec()),
        }
        Ok(())
    }

    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    /// The field's value, where it has one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.get("token")
    }

    /// The report that the fields make.
    pub(crate) fn report(&self, now: Time) -> Result<Report, Problem> {
        let mut faults = Faults::default();
        let missing = || "is missing; it names the step, for example label=packages".to_owned();
        let label = self.get("label").ok_or_else(missing);
        let label = label.and_then(|label| label.parse::<Label>().map_err(|error| error.to_string()));
        let label = faults.take("label", label);
        let status = self.get("status").map(str::to_ascii_lowercase);
        let status = status.and_then(|status| faults.take("status", status.parse::<Status>()));
        let name = self.get("name").and_then(|name| faults.take("name", name.parse()));
        let priority = self.get("priority").and_then(|text| faults.take("priority", parse_priority(text)));
        let percentage =
            self.get("percentage").and_then(|text| faults.take("percentage", text.parse::<Percent>()));
        let message = self.get("message").and_then(|text| faults.take("message", text.parse()));
        let seq = self.get("seq").and_then(|text| faults.take("seq", parse_seq(text)));
        let id = self.get("id").and_then(|text| faults.take("id", parse_id(text)));
        let boot_id = self.get("boot_id").and_then(|text| faults.take("boot_id", parse_boot_id(text)));
        let log = match (self.values.get("logs"), &self.text) {
            (Some(logs), _) => Log::from_bytes(logs.as_bytes()),
            (None, Some(text)) => Log::from_bytes(text),
            (None, None) => None,
        };
        // The client's clock informs only; a report is not refused because it cannot tell the time.
        let reported_at = self.get("reported_at").and_then(parse_time);
        let report = label.map(|label| Report {
            name,
            priority,
            status,
            percentage,
            message,
            log,
            seq,
            boot_id,
            reported_at,
            ..Report::simple(id.unwrap_or_else(|| clock::new_id(now)), label, now)
        });
        faults.into_result(report)
    }
}

/// A form begins with a name that is known here, then `=`.
pub(super) fn looks_like_form(body: &str) -> bool {
    body.trim_start()
        .split(['&', '\n', ' '])
        .next()
        .and_then(|first| first.split_once('='))
        .is_some_and(|(name, _)| KNOWN.contains(&name))
}

fn parse_priority(text: &str) -> Result<i32, String> {
    let max = milepost_domain::report::PRIORITY_MAX;
    text.parse()
        .ok()
        .filter(|priority| (0..=max).contains(priority))
        .ok_or_else(|| format!("must be a whole number from 0 to {max}, not '{}'", short(text)))
}

fn parse_seq(text: &str) -> Result<i64, String> {
    text.parse()
        .ok()
        .filter(|seq| *seq >= 0)
        .ok_or_else(|| format!("must be a whole number from 0, not '{}'", short(text)))
}

fn parse_id(text: &str) -> Result<ReportId, String> {
    if text.len() > 128 {
        return Err("has more than 128 bytes".to_owned());
    }
    Ok(ReportId::from_word(text))
}

fn parse_boot_id(text: &str) -> Result<String, String> {
    let fits = text.len() <= BOOT_ID_MAX && text.chars().all(|c| c.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("must be one word of at most {BOOT_ID_MAX} characters"))
    }
}

/// RFC 3339, or seconds since 1970 as `date +%s` prints them, with or without a fraction.
pub(super) fn parse_time(text: &str) -> Option<Time> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros: i64 = micros.parse().ok()?;
    let seconds: i64 = seconds.parse().ok()?;
    DateTime::from_timestamp_micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?)
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(content_type: &str, body: &[u8]) -> Result<Fields, Problem> {
        let mut fields = Fields::default();
        fields.merge_body(content_type, body).map(|()| fields)
    }

    #[test]
    fn the_same_report_is_read_from_form_json_and_no_content_type() {
        let form = "application/x-www-form-urlencoded";
        for (content_type, body) in [
            (form, "label=packages&status=init&message=412+packages"),
            ("", "label=packages&status=init&message=412%20packages"),
            ("application/json", r#"{"label":"packages","status":"init","message":"412 packages"}"#),
            ("", r#" {"label":"packages","status":"INIT","message":"412 packages","more":[1]}"#),
            ("text/plain", "label=packages&status=init&message=412+packages\n"),
        ] {
            let report = read(content_type, body.as_bytes()).unwrap().report(clock::now()).unwrap();
            assert_eq!(report.label.as_str(), "packages", "{body}");
            assert_eq!(report.status, Some(Status::Init), "{body}");
            assert_eq!(report.message.unwrap().as_str(), "412 packages", "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_form_is_the_log() {
        // curl --data-binary says that everything is a form.
        let form = "application/x-www-form-urlencoded";
        for body in ["Installing: a=1\nError: disk full\n", "[anaconda] starting\n", "{ half a thing"] {
            let fields = read(form, body.as_bytes()).unwrap();
            assert_eq!(fields.text.as_deref(), Some(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_clock_that_cannot_tell_the_time_loses_no_report() {
        let fields = read("", b"label=packages&reported_at=yesterday").unwrap();
        assert_eq!(fields.report(clock::now()).unwrap().reported_at, None);
        assert_eq!(parse_time("1700000000.5").unwrap().timestamp_micros(), 1_700_000_000_500_000);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let fields = read("", b"label=Get+KS&status=ok&percentage=120&priority=x").unwrap();
        let problem = fields.report(clock::now()).unwrap_err();
        let pointers: Vec<&str> = problem.errors.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["label", "status", "priority", "percentage"]);
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused_without_a_panic(content_type in select(), body in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(fields) = read(content_type, &body) {
                let _ = fields.report(clock::now());
            }
        }
    }

    fn select() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "",
            "text/plain",
            "application/json",
            "application/x-www-form-urlencoded",
        ])
    }
}
