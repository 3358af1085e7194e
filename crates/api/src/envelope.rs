//! What surrounds every request: its id, its line in the log, and the looks of its problems.
//!
//! The rule it protects: a log line names the route's pattern, never the path or the query, so no
//! token can get into it; a problem is logged once, here.

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
};

use crate::{
    auth::RequestId,
    clock, listen,
    problem::{Code, Problem},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every page says: nothing from elsewhere, nothing to elsewhere, in nobody's frame. The
/// pictures of Swagger UI lie in its style sheet.
const PAGES: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    // An address may hold a token.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Whether a path is one that installers call; decoded, as the router reads it.
fn is_for_installers(path: &str) -> bool {
    path.starts_with("/unattended")
}

/// Whether a request wants JSON: always under `/api`, on request for installers.
pub(crate) fn wants_json(request: &HttpRequest) -> bool {
    !is_for_installers(request.match_info().as_str())
        || request
            .headers()
            .get_all(header::ACCEPT)
            .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("application/json")))
}

/// Gives the request an id, the response its looks, and the log its line.
pub(crate) async fn envelope<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let began = std::time::Instant::now();
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| {
            (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
        .map_or_else(|| clock::new_id::<()>(clock::now()).to_string(), ToOwned::to_owned);
    if request.path().starts_with("/api/") || request.path().starts_with("/sign-") {
        // For the audit trail.
        request.extensions_mut().insert(RequestId(id.clone()));
    }
    // Health checks ask so. The head of the answer is all that is sent; under /unattended a GET is a report,
    // which whoever only wants to know of a path does not mean.
    if request.method() == Method::HEAD && !is_for_installers(request.match_info().as_str()) {
        request.head_mut().method = Method::GET;
    }
    // A clone of the request held across this call would panic: routing needs it alone.
    let response = if listen::is_served(&request) {
        next.call(request).await?.map_into_left_body()
    } else {
        request.error_response(listen::not_here()).map_into_right_body()
    };
    let problem =
        response.response().extensions().get::<Problem>().cloned().or_else(|| foreign(response.response()));
    let mut response = match problem {
        Some(problem) => dress(response, &problem, &id),
        None => response,
    };
    if is_for_installers(response.request().match_info().as_str()) {
        // GRUB knows one spelling of a header alone, and waits where it does not find it.
        response.response_mut().head_mut().set_camel_case_headers(true);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    // Whatever a machine sent, a browser must not make more of it than it is.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        for (name, value) in PAGES {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
    }
    let request = response.request();
    // What went well is of interest to whoever looks for it: a hall that is powered on says a lot.
    let level = if response.status().as_u16() < 400 { log::Level::Debug } else { log::Level::Info };
    log::log!(
        target: "milepost::access",
        level,
        "{} {} {} {:.1} ms {id}",
        request.method(),
        request.match_pattern().unwrap_or_else(|| "(no such path)".to_owned()),
        response.status().as_u16(),
        began.elapsed().as_secs_f64() * 1000.0,
    );
    Ok(response)
}

/// An error response that no handler of ours made.
fn foreign<B>(response: &HttpResponse<B>) -> Option<Problem> {
    let error = response.error()?;
    Some(match response.status().as_u16() {
        413 => too_large(),
        status if status < 500 => Problem::new(Code::MalformedRequest, error),
        _ => Problem::internal(error),
    })
}

pub(crate) fn too_large() -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        "the body is larger than 1 MiB; send the end of a log rather than all of it",
    )
}

fn dress<B: MessageBody + 'static>(
    response: ServiceResponse<EitherBody<B, BoxBody>>,
    problem: &Problem,
    id: &str,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    if let Some(internal) = &problem.internal {
        log::error!("{internal} (request {id})");
    }
    let (request, bare) = response.into_parts();
    let mut code = problem.code;
    if code == Code::Unavailable && is_for_installers(request.match_info().as_str()) {
        // cloud-init repeats a 503 for ever (product rule 1).
        code = Code::Internal;
    }
    let problem = Problem { code, ..problem.clone() };
    let mut dressed = HttpResponse::build(code.status());
    for (name, value) in bare.headers() {
        dressed.append_header((name.clone(), value.clone()));
    }
    let dressed = if wants_json(&request) {
        dressed.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        match serde_json::to_string(&problem.body(id)) {
            Ok(body) => dressed.body(body),
            Err(error) => dressed.body(error.to_string()),
        }
    } else {
        dressed.insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"));
        dressed.body(one_line(&problem.detail))
    };
    ServiceResponse::new(request, dressed.map_into_boxed_body()).map_into_right_body()
}

/// A text for an installer: one line.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.push('\n');
    line
}
