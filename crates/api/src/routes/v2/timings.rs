//! How long the steps of each kind of build usually take, as it was learned.

use actix_web::{get, web};
use milepost_domain::{
    StepTiming, Timings,
    search::{Field, Kind, Value},
    timing,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::memory;
use crate::{
    App,
    auth::{Caller, Read},
    clock, db,
    page::{ListParams, envelope},
    problem::Problem,
};

/// How long a step usually takes: from the end of the one before it to its own.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StepTiming)]
pub(crate) struct StepTimingView {
    /// Which step.
    #[schema(example = "packages")]
    pub label: String,
    /// Half of the builds took no longer, recent ones counting more.
    #[schema(example = 312.5)]
    pub median_seconds: f64,
    /// Nine in ten took no longer.
    #[schema(example = 480.25)]
    pub p90_seconds: f64,
    /// In which share of the builds it was seen.
    #[schema(minimum = 0, maximum = 1, example = 1.0)]
    pub share: f64,
}

impl StepTimingView {
    fn of(step: &StepTiming) -> Option<Self> {
        let seconds = |share| step.quantile(share).map(|time| time.as_secs_f64());
        Some(Self {
            label: step.label.to_string(),
            median_seconds: seconds(0.5)?,
            p90_seconds: seconds(0.9)?,
            share: step.share(),
        })
    }
}

/// What was learned of hosts that install alike.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Timings)]
pub(crate) struct TimingsView {
    /// Whose times they are, in words.
    #[schema(example = "kickstart in web on R650")]
    pub key: String,
    /// How the hosts are installed.
    #[schema(example = "kickstart")]
    pub workflow: String,
    /// Their host group; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "web")]
    pub hostgroup: Option<String>,
    /// Their hardware model; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "R650")]
    pub model: Option<String>,
    /// From how many builds, the most recent ones.
    #[schema(minimum = 1, maximum = 64, example = 64)]
    pub builds: usize,
    /// Whether it is used: for weights and estimates of those for whom nothing closer is.
    pub is_enough: bool,
    /// Its steps.
    pub steps: Vec<StepTimingView>,
}

impl From<Timings> for TimingsView {
    fn from(timings: Timings) -> Self {
        let key = timings.key();
        Self {
            key: key.to_string(),
            workflow: key.workflow.to_string(),
            hostgroup: hostgroup(&timings).map(ToOwned::to_owned),
            model: model(&timings).map(ToOwned::to_owned),
            builds: timings.builds(),
            is_enough: timings.is_enough(),
            steps: timings.rows().iter().filter_map(StepTimingView::of).collect(),
        }
    }
}

fn hostgroup(timings: &Timings) -> Option<&str> {
    match &timings.key().kind {
        timing::Kind::Both { hostgroup, .. } | timing::Kind::Hostgroup(hostgroup) => Some(hostgroup.as_str()),
        timing::Kind::Model(_) | timing::Kind::Any => None,
    }
}

fn model(timings: &Timings) -> Option<&str> {
    match &timings.key().kind {
        timing::Kind::Both { model, .. } | timing::Kind::Model(model) => Some(model.as_str()),
        timing::Kind::Hostgroup(_) | timing::Kind::Any => None,
    }
}

envelope! {
    /// A page of what was learned.
    TimingsList of TimingsView
}

const FIELDS: &[Field] = &[
    Field::new("key", Kind::Text).in_free_text(),
    Field::new("workflow", Kind::Text),
    Field::new("hostgroup", Kind::Text),
    Field::new("model", Kind::Text),
    Field::new("builds", Kind::Integer),
];

fn value(timings: &Timings, field: &str) -> Option<Value> {
    Some(match field {
        "key" => Value::Text(timings.key().to_string()),
        "workflow" => Value::Text(timings.key().workflow.to_string()),
        "hostgroup" => Value::Text(hostgroup(timings)?.to_owned()),
        "model" => Value::Text(model(timings)?.to_owned()),
        "builds" => Value::Integer(i64::try_from(timings.builds()).unwrap_or(i64::MAX)),
        _ => return None,
    })
}

/// List how long the steps of each kind of build usually take.
///
/// By workflow, host group and model, as it was learned from builds that completed. The times are those
/// of all hosts; whoever is bound to organizations or locations does not see those of host groups, whose
/// names may be others' business.
#[utoipa::path(tag = "Registry", operation_id = "list_timings", params(ListParams), security(("token" = ["read"])),
    responses((status = 200, body = TimingsList, description = "A page of what was learned")))]
#[get("/timings")]
pub(crate) async fn list_timings(
    caller: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<TimingsList>, Problem> {
    let sortable = &["key", "workflow", "hostgroup", "model", "builds"];
    let listing = params.into_inner().read(FIELDS, sortable, clock::now())?;
    let mut all = db::read(&app, milepost_store::timing::list).await?;
    if caller.who.bounds.is_bound() {
        all.retain(|timings| hostgroup(timings).is_none());
    }
    let page = memory::page(all, &listing, value);
    Ok(web::Json(TimingsList::new(listing, page, TimingsView::from)))
}
