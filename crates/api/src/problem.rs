//! What a caller is told when something is wrong: RFC 9457, with Foreman's `error` beside it.
//!
//! The rule it protects: one code is one status and one title, in one place; handlers say what is
//! wrong, the route's scope decides how it looks, and nothing internal reaches a caller.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use milepost_domain::search::ParseError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! code_table {
    ($($variant:ident = $status:ident, $word:literal, $title:literal, $meaning:literal;)+) => {
        /// What kind of problem it is: stable, and listed in `docs/errors.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $(#[doc = $meaning] $variant),+ }

        impl Code {
            /// Every code, in the order they are documented.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// The title: the same for every problem of this code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            /// When it is answered, and what to do about it.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

code_table! {
    MalformedRequest = BAD_REQUEST, "malformed_request", "The request cannot be read",
        "The body is not JSON, or a parameter is not what its place allows. The detail says where.";
    InvalidSearch = BAD_REQUEST, "invalid_search", "The search cannot be read",
        "`search` or `order` has a mistake; `errors` has its position. See `docs/search.md`.";
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "A credential is needed",
        "No credential came, or one that opens nothing here.";
    CredentialExpired = UNAUTHORIZED, "credential_expired", "The credential has run out",
        "It was right once. Make a new one, or open a new build.";
    CredentialRevoked = UNAUTHORIZED, "credential_revoked", "The credential has been revoked",
        "Somebody made it void with `milepost token revoke`, or signed out.";
    ClockSkew = UNAUTHORIZED, "clock_skew", "The client's clock is wrong",
        "OAuth's timestamp is more than five minutes off. Set the clock by the answer's `Date` header; the credential may be right.";
    Forbidden = FORBIDDEN, "forbidden", "The credential does not allow this",
        "The credential is valid but its scope is too narrow, or the sender's network may not do this.";
    NotFound = NOT_FOUND, "not_found", "There is no such thing",
        "Nothing is known by that name or id, or the path is none of this service.";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The method does not fit the path",
        "The path exists, with another method.";
    RequestTimeout = REQUEST_TIMEOUT, "request_timeout", "The request took too long",
        "Its body did not arrive in time (`[limits] body_seconds`). Send it again, all at once.";
    Conflict = CONFLICT, "conflict", "The state of affairs forbids it",
        "What is asked does not go with how things are, for example canceling an installed build.";
    NotOwner = CONFLICT, "not_owner", "It belongs to somebody else",
        "A step or workflow can be changed and removed by its owner only.";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large",
        "A request may have 1 MiB at most. Send the end of a log rather than all of it.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is not of a type that is read here",
        "Under `/api`, send `Content-Type: application/json`.";
    Invalid = UNPROCESSABLE_ENTITY, "invalid", "A value is not what its place allows",
        "The request was read, but a value breaks a rule; `errors` has each, field by field.";
    UnknownStep = UNPROCESSABLE_ENTITY, "unknown_step", "The step is not registered",
        "The registry is strict and does not know the label. The detail names the nearest known ones.";
    TooManyRequests = TOO_MANY_REQUESTS, "too_many_requests", "More came than is taken",
        "A limit of the build, the address or the service is reached, or too many credentials were wrong. `Retry-After` says when to try again.";
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong here",
        "A fault of the service. Its log has the details under the request id that `instance` names.";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The database cannot be reached, or more came than can be written",
        "Try again later. Installers get `internal` instead, because some of them repeat a 503 for ever.";
}

/// One value that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the request body, or the name of the parameter.
    #[schema(example = "/host/name")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "name must not be empty")]
    pub detail: String,
    /// For a search: where the mistake is, in characters from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

/// What went wrong (RFC 9457, `application/problem+json`), with Foreman's `error` beside it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:milepost:error:invalid",
    "title": "A value is not what its place allows",
    "status": 422,
    "detail": "/host/name: name must not be empty",
    "instance": "0193b0a0-0000-7000-8000-000000000001",
    "code": "invalid",
    "errors": [{"pointer": "/host/name", "detail": "name must not be empty"}],
    "error": {
        "message": "/host/name: name must not be empty",
        "errors": {"host.name": ["name must not be empty"]},
        "full_messages": ["host.name: name must not be empty"]
    }
}))]
pub struct ProblemBody {
    /// A URI for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of this code.
    pub title: String,
    /// The HTTP status again.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened, where, and what to do.
    pub detail: String,
    /// The request id, as in the header `X-Request-Id` and in the log.
    pub instance: String,
    /// Stable word for the kind of problem; new ones may come.
    pub code: String,
    /// Field by field, where values are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
    /// The same as Foreman's clients read it.
    pub error: ForemanError,
}

/// The problem as Foreman's API would put it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForemanError {
    /// The detail.
    pub message: String,
    /// For 422: the messages of each field.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty", default)]
    pub errors: std::collections::BTreeMap<String, Vec<String>>,
    /// For 422: the messages as sentences.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub full_messages: Vec<String>,
}

/// Something is wrong, and this is what the caller is told.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
    /// For the log only.
    pub(crate) internal: Option<String>,
    /// When to try again, in seconds.
    pub(crate) retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), errors: Vec::new(), internal: None, retry_after: None }
    }

    /// A fault of ours: the caller learns that there was one, the log what it was.
    pub(crate) fn internal(what: impl fmt::Display) -> Self {
        let detail = "a fault of the service; its log has more under this request id";
        Self { internal: Some(what.to_string()), ..Self::new(Code::Internal, detail) }
    }

    /// Too much was asked for; try again after so many seconds.
    pub(crate) fn later(detail: impl fmt::Display, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(Code::TooManyRequests, detail) }
    }

    pub(crate) fn not_found(detail: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, detail)
    }

    /// Values that break rules; `faults` must not be empty.
    pub(crate) fn invalid(faults: Vec<FieldError>) -> Self {
        let sentences: Vec<String> =
            faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
        Self { errors: faults, ..Self::new(Code::Invalid, sentences.join("; ")) }
    }

    pub(crate) fn search(parameter: &str, error: &ParseError) -> Self {
        let fault = FieldError {
            pointer: parameter.to_owned(),
            detail: error.to_string(),
            position: u32::try_from(error.position).ok(),
        };
        Self { errors: vec![fault], ..Self::new(Code::InvalidSearch, format!("{parameter}: {error}")) }
    }

    /// The body for programs.
    pub(crate) fn body(&self, instance: &str) -> ProblemBody {
        let mut error = ForemanError {
            message: self.detail.clone(),
            errors: std::collections::BTreeMap::new(),
            full_messages: Vec::new(),
        };
        if self.code.status() == StatusCode::UNPROCESSABLE_ENTITY {
            for fault in &self.errors {
                let field = fault.pointer.trim_start_matches('/').replace('/', ".");
                error.full_messages.push(format!("{field}: {}", fault.detail));
                error.errors.entry(field).or_default().push(fault.detail.clone());
            }
            if self.errors.is_empty() {
                error.errors.insert("base".to_owned(), vec![self.detail.clone()]);
                error.full_messages.push(self.detail.clone());
            }
        }
        ProblemBody {
            kind: format!("urn:milepost:error:{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            code: self.code.as_str().to_owned(),
            errors: self.errors.clone(),
            error,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// An empty response that carries the problem: [`crate::envelope`] gives it its looks.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status()).finish();
        response.extensions_mut().insert(self.clone());
        if self.code.status() == StatusCode::UNAUTHORIZED {
            let value = header::HeaderValue::from_static("Bearer realm=\"milepost\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
        }
        response
    }
}

impl From<milepost_store::Error> for Problem {
    fn from(error: milepost_store::Error) -> Self {
        use milepost_store::Error;
        let code = match &error {
            Error::NotFound { .. } => Code::NotFound,
            Error::Conflict(_) | Error::StepInUse { .. } => Code::Conflict,
            Error::Owned { .. } => Code::NotOwner,
            Error::Registry(_) => Code::Invalid,
            Error::Unavailable(_) => {
                let detail = "the database cannot be reached; try again later";
                return Self { internal: Some(error.to_string()), ..Self::new(Code::Unavailable, detail) };
            }
            Error::Busy => Code::Unavailable,
            Error::Interrupted(_) | Error::Database(_) | Error::Spool(_) => return Self::internal(error),
        };
        Self::new(code, error)
    }
}

/// Collects what is wrong with a request's values, so that its sender learns all of it at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    /// The value, or a note of what is wrong at `pointer`.
    pub(crate) fn take<T, E: fmt::Display>(&mut self, pointer: &str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.note(pointer, error)).ok()
    }

    pub(crate) fn note(&mut self, pointer: &str, detail: impl fmt::Display) {
        self.0.push(FieldError { pointer: pointer.to_owned(), detail: detail.to_string(), position: None });
    }

    /// `value` when nothing was wrong.
    pub(crate) fn into_result<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ if self.0.is_empty() => {
                Err(Problem::internal("a value is missing although nothing is wrong with it"))
            }
            _ => Err(Problem::invalid(self.0)),
        }
    }
}
