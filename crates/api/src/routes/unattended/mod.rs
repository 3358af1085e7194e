//! What installers call: forgiving in what it reads, quick and final in what it answers.
//!
//! The rule it protects: 200 or 201 means recorded; an error is one line that says what to do; no
//! redirect, no 202, 204 or 503, whatever happens.

mod answer;
mod batch;
mod callbacks;
mod events;
mod fields;
mod helper;
mod phone_home;
mod progress;
mod step;
pub(crate) mod update;

use actix_web::web;
use milepost_domain::{Report, registry::Mode};
use milepost_store::ingest::Receipt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{App, auth::Reporter, problem::Problem};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(step::report_step)
        .service(step::report_step_by_query)
        .service(step::report_label)
        .service(step::report_label_with_body)
        .service(step::report_label_status)
        .service(step::report_label_status_with_body)
        .service(batch::report_batch)
        .service(events::report_event)
        .service(events::report_event_by_path)
        .service(phone_home::report_phone_home)
        .service(progress::get_own_progress)
        .service(progress::get_own_progress_by_path)
        .service(callbacks::report_built)
        .service(callbacks::report_built_by_get)
        .service(callbacks::report_failed)
        .service(callbacks::report_failed_by_get)
        .service(helper::get_helper)
        .service(helper::get_helper_by_path);
}

/// Records reports of the build that their sender may report of, within its limits; `mode` overrides
/// what the registry says of its workflow.
async fn record(
    app: &web::Data<App>,
    reporter: &Reporter,
    reports: Vec<Report>,
    mode: Option<Mode>,
) -> Result<Vec<Receipt>, Problem> {
    app.limits.spend(reporter.build, &reports)?;
    Ok(app.store.submit(reporter.build, reports, mode, reporter.announced.as_ref())?.await?)
}
