//! Reading a JSON request body under `/api`.
//!
//! The rule it protects: what cannot be read answers 400, what can be read but breaks a rule 422
//! with a pointer to it, another media type 415; unknown members are ignored. No
//! sender takes as long as it likes.

use std::{pin::pin, time::Duration};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, rt::time::timeout, web};
use futures::FutureExt as _;
use serde::de::DeserializeOwned;

use crate::{
    App,
    auth::Extracted,
    envelope,
    problem::{Code, FieldError, Problem},
};

/// The largest request body, in bytes.
pub(crate) const BODY_MAX: usize = 1024 * 1024;

/// A JSON body of type `T`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = request.content_type().eq_ignore_ascii_case("application/json");
        let bytes = bytes(request, payload);
        async move {
            if !json {
                let detail = "send the body as JSON with `Content-Type: application/json`";
                return Err(Problem::new(Code::UnsupportedMediaType, detail));
            }
            parse(&bytes.await?).map(Self)
        }
        .boxed_local()
    }
}

/// The whole body, or that it is too large or takes too long. Every body that is read is read here.
pub(crate) fn bytes(request: &HttpRequest, payload: &mut Payload) -> Extracted<web::Bytes> {
    let bytes = web::Bytes::from_request(request, payload);
    let app = request.app_data::<web::Data<App>>();
    let patience = app.map_or(Duration::ZERO, |app| app.settings.body_timeout);
    async move {
        let mut bytes = pin!(bytes);
        let bytes = match bytes.as_mut().now_or_never() {
            // A short body came with its head: nearly all do, and need no timer.
            Some(bytes) => bytes,
            None => timeout(patience, bytes).await.map_err(|_| too_slow(patience))?,
        };
        bytes.map_err(|error| {
            if error.as_response_error().status_code() == actix_web::http::StatusCode::PAYLOAD_TOO_LARGE {
                envelope::too_large()
            } else {
                Problem::new(Code::MalformedRequest, format!("the body did not arrive whole: {error}"))
            }
        })
    }
    .boxed_local()
}

fn too_slow(patience: Duration) -> Problem {
    let detail = format!("the body did not arrive within {patience:?}; send it again, all at once");
    Problem::new(Code::RequestTimeout, detail)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut pointer = pointer(error.path());
        let inner = error.into_inner();
        // serde blames the object for what is missing in it.
        if let Some(missing) =
            inner.to_string().strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
        {
            pointer = format!("{}/{missing}", pointer.trim_end_matches('/'));
        }
        match inner.classify() {
            serde_json::error::Category::Data => {
                let detail = without_place(&inner.to_string());
                Problem::invalid(vec![FieldError { pointer, detail, position: None }])
            }
            _ => not_json(&inner),
        }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedRequest, format!("the body is not JSON: {error}"))
}

/// A JSON pointer (RFC 6901); `/` for the whole body.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let parts: Vec<String> = path
        .iter()
        .map(|segment| match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => "?".to_owned(),
        })
        .collect();
    format!("/{}", parts.join("/"))
}

/// serde's sentence without the line and column, which say little once the field is named.
fn without_place(sentence: &str) -> String {
    sentence.split_once(" at line ").map_or(sentence, |(before, _)| before).to_owned()
}
