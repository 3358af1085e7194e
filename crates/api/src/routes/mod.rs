//! Every route of the service, in one list.
//!
//! The rule it protects: a route that is not registered here through utoipa is neither served nor
//! in the document.

mod health;
mod unattended;
mod v2;

use actix_web::{HttpRequest, HttpResponse};
use utoipa_actix_web::{scope, service_config::ServiceConfig};

use crate::problem::{Code, Problem};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(scope::scope("/api/v2").configure(v2::configure))
        .service(scope::scope("/unattended").configure(unattended::configure))
        .service(unattended::update::update_host)
        .service(health::healthz)
        .service(health::readyz);
}

/// Answers what no route takes: another method where the path is known, else that it is not.
pub(crate) async fn unknown(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let known = request.resource_map().match_pattern(request.path());
    Err(match known.filter(|pattern| !pattern.is_empty()) {
        Some(pattern) => {
            let detail = format!("{} does not fit {pattern}; see /openapi.json", request.method());
            Problem::new(Code::MethodNotAllowed, detail)
        }
        None => Problem::not_found("there is nothing at this path; /docs lists what there is"),
    })
}
