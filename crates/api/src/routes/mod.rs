//! Every route of the service, in one list.
//!
//! The rule it protects: a route that is not registered here through utoipa is neither served nor
//! in the document.

pub(crate) mod health;
pub(crate) mod sign_in;
mod unattended;
mod v2;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    http::header::{self, HeaderValue},
};
use utoipa_actix_web::{scope, service_config::ServiceConfig};

use crate::{
    listen, openapi,
    problem::{Code, Problem},
};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(scope::scope("/api/v2").configure(v2::configure))
        .service(scope::scope("/unattended").configure(unattended::configure))
        .service(unattended::update::update_host)
        .service(health::healthz)
        .service(health::readyz)
        .service(health::metrics);
}

/// Answers what no route takes: another method where the path is known, else that it is not.
pub(crate) async fn unknown(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let pattern = request.resource_map().match_pattern(request.match_info().as_str()).unwrap_or_default();
    let allowed = openapi::methods(&pattern);
    if allowed.is_empty() {
        return Err(listen::not_here());
    }
    let detail = format!("{} does not fit {pattern}, which takes {allowed}", request.method());
    let mut response = Problem::new(Code::MethodNotAllowed, detail).error_response();
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    Ok(response)
}
