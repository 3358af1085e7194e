//! The API for Foreman and other programs.
//!
//! The rule it protects: one file a resource, operations in the order list, create, get, update,
//! delete; the operation's id is the function's name.

mod audit_trail;
mod builds;
mod deliveries;
mod events;
mod hooks;
mod hosts;
mod memory;
mod mutes;
mod reports;
mod search_fields;
mod session;
mod statistics;
mod status;
mod steps;
mod timings;
mod tokens;
mod workflows;

use std::sync::Arc;

use actix_web::web;
use milepost_domain::{Message, registry::Registry, text::InvalidText};
use milepost_store::{
    PgConnection,
    audit::{self, Entry},
    list,
};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    App, db,
    problem::{Faults, Problem},
};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(builds::list_builds)
        .service(builds::create_build)
        .service(builds::get_build)
        .service(builds::update_build)
        .service(hosts::list_hosts)
        .service(hosts::get_host_progress)
        .service(hosts::get_host_badge)
        .service(hosts::list_host_builds)
        .service(mutes::list_mutes)
        .service(mutes::create_mute)
        .service(mutes::delete_mute)
        .service(reports::list_host_reports)
        .service(reports::list_build_reports)
        .service(reports::get_report_log)
        .service(steps::list_steps)
        .service(steps::put_step)
        .service(steps::delete_step)
        .service(workflows::list_workflows)
        .service(workflows::put_workflow)
        .service(workflows::delete_workflow)
        .service(timings::list_timings)
        .service(hooks::list_hooks)
        .service(hooks::create_hook)
        .service(hooks::get_hook)
        .service(hooks::update_hook)
        .service(hooks::delete_hook)
        .service(deliveries::test_hook)
        .service(deliveries::list_hook_deliveries)
        .service(tokens::list_tokens)
        .service(tokens::create_token)
        .service(tokens::revoke_token)
        .service(audit_trail::list_audit)
        .service(search_fields::get_search_fields)
        .service(session::get_session)
        .service(events::stream_events)
        .service(statistics::get_statistics)
        .service(status::get_status);
}

pub(crate) use builds::opening;

/// The registry as the database has it: another node may have changed it.
async fn fresh_registry(app: &web::Data<App>) -> Result<Arc<Registry>, Problem> {
    let store = app.store.clone();
    Ok(db::bounded(move || store.refresh_registry()).await?)
}

/// The query with what is worked out of builds, if it asks for that.
async fn worked_for(app: &web::Data<App>, query: list::Query) -> Result<list::Query, Problem> {
    if !query.asks_for_worked() {
        return Ok(query);
    }
    let (store, context, now) = (app.store.clone(), app.settings.context(), query.now);
    let worked = db::bounded(move || store.worked(now, &context)).await?;
    Ok(list::Query { worked, ..query })
}

/// Changes the registry, enters that in the audit trail, and reads it again so that this node knows
/// at once.
async fn change_registry(
    app: &web::Data<App>,
    entry: Entry,
    mut work: impl FnMut(&mut PgConnection) -> milepost_store::Result<()> + Send + 'static,
) -> Result<(), Problem> {
    let change = move |connection: &mut PgConnection| {
        work(connection)?;
        audit::record(connection, &entry)
    };
    db::write(app, change).await?;
    fresh_registry(app).await.map(drop)
}

/// The description of a request: a sentence, or nothing.
fn description(faults: &mut Faults, text: Option<String>) -> Option<String> {
    match text?.parse::<Message>() {
        Ok(sentence) => Some(sentence.into()),
        Err(InvalidText::Empty { .. }) => None,
        Err(error) => {
            faults.note("/description", error);
            None
        }
    }
}
