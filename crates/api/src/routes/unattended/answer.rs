//! Answers to installers: one line of text, or JSON where it is asked for.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use milepost_store::ingest::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    envelope,
    problem::{Code, Problem},
};

/// What became of a report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recorded {
    /// `recorded`, or `repeated` when it was known by its id already.
    #[schema(example = "recorded")]
    pub result: String,
}

/// What the sender of a report is told that the database refuses.
pub(crate) const FAILED: &str = "the database refuses this report; the log of the service says why";

/// The answer to one report.
pub(crate) fn of_receipt(
    request: &HttpRequest,
    status: StatusCode,
    receipts: Vec<Receipt>,
) -> Result<HttpResponse, Problem> {
    let word = match receipts.into_iter().next() {
        Some(Receipt::Recorded) => "recorded",
        Some(Receipt::Repeated) => "repeated",
        Some(Receipt::Refused(refusal)) => return Err(Problem::new(Code::UnknownStep, refusal)),
        Some(Receipt::Failed(why)) => {
            return Err(Problem { internal: Some(why), ..Problem::new(Code::Internal, FAILED) });
        }
        None => return Err(Problem::internal("a report was taken and nothing became of it")),
    };
    Ok(line(request, status, word, &Recorded { result: word.to_owned() }))
}

/// `line` as text, or `json` for who asks for it.
pub(crate) fn line(
    request: &HttpRequest,
    status: StatusCode,
    line: &str,
    json: &impl Serialize,
) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if envelope::wants_json(request) {
        response.json(json)
    } else {
        response.content_type("text/plain; charset=utf-8").body(envelope::one_line(line))
    }
}
