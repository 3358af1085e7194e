//! What the installations of some days came to.

use actix_web::{get, web};
use chrono::{DateTime, Days, NaiveDate, Utc};
use milepost_store::{
    list,
    statistics::{self, FailingHost, FailingStep, Query, Statistics, StepTimes, WorkflowTimes},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::status::StateCount;
use crate::{
    App,
    auth::{Caller, Read},
    clock, db,
    problem::{Code, Problem},
};

/// How many days are counted where the request does not say.
const DAYS: u64 = 30;
/// How many days may be counted at once: more would take longer than anybody waits.
const DAYS_MAX: i64 = 400;

/// Which builds to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatisticsParams {
    /// The first day (UTC), of builds that were opened then; absent: 30 days up to `until`.
    #[param(value_type = Option<NaiveDate>, example = "2026-11-01")]
    from: Option<String>,
    /// The last day (UTC); absent: today. At most 400 days at once.
    #[param(value_type = Option<NaiveDate>, example = "2026-11-30")]
    until: Option<String>,
    /// A search in Foreman's language over the fields of builds; see `docs/search.md`.
    #[param(example = "hostgroup = web")]
    search: Option<String>,
}

fn day(name: &str, text: Option<&str>, default: impl FnOnce() -> NaiveDate) -> Result<NaiveDate, Problem> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Ok(default()) };
    text.trim().parse().map_err(|_| {
        Problem::new(Code::MalformedRequest, format!("{name} is a day like 2026-11-22, not '{text}'"))
    })
}

/// The builds of one day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayCount {
    /// The day (UTC) on which they were opened.
    pub day: NaiveDate,
    /// How many.
    #[schema(example = 120)]
    pub builds: i64,
    /// What has become of them; states without any are left out.
    pub states: Vec<StateCount>,
}

/// How long installing takes: from the opening of a build to the end of its installer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowStatistics {
    /// Which workflow.
    #[schema(example = "kickstart")]
    pub workflow: String,
    /// How many builds were opened.
    #[schema(example = 812)]
    pub builds: i64,
    /// How many of them were installed.
    #[schema(example = 790)]
    pub installed: i64,
    /// How many of them failed.
    #[schema(example = 9)]
    pub failed: i64,
    /// Half took no longer; absent when none was installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 640.5)]
    pub median_seconds: Option<f64>,
    /// Nine in ten took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 912.0)]
    pub p90_seconds: Option<f64>,
}

impl From<WorkflowTimes> for WorkflowStatistics {
    fn from(times: WorkflowTimes) -> Self {
        Self {
            workflow: times.workflow.into(),
            builds: times.builds,
            installed: times.installed,
            failed: times.failed,
            median_seconds: times.median_seconds,
            p90_seconds: times.p90_seconds,
        }
    }
}

/// A step that takes long: from the end of the one before it to its own, in builds that needed one
/// attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SlowStep {
    /// How the hosts are installed.
    #[schema(example = "kickstart")]
    pub workflow: String,
    /// Which step.
    #[schema(example = "packages")]
    pub label: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Package installation")]
    pub name: Option<String>,
    /// In how many builds it was done.
    #[schema(example = 790)]
    pub builds: i64,
    /// Half took no longer.
    #[schema(example = 312.5)]
    pub median_seconds: f64,
    /// Nine in ten took no longer.
    #[schema(example = 480.25)]
    pub p90_seconds: f64,
}

impl From<StepTimes> for SlowStep {
    fn from(times: StepTimes) -> Self {
        Self {
            workflow: times.workflow.into(),
            label: times.label.into(),
            name: times.name,
            builds: times.builds,
            median_seconds: times.median_seconds,
            p90_seconds: times.p90_seconds,
        }
    }
}

/// A step that failed, and was not repeated with success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailingStepCount {
    /// How the hosts are installed.
    #[schema(example = "kickstart")]
    pub workflow: String,
    /// Which step.
    #[schema(example = "storage")]
    pub label: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Partitioning")]
    pub name: Option<String>,
    /// In how many builds it was reported.
    #[schema(example = 800)]
    pub builds: i64,
    /// In how many of them it failed.
    #[schema(example = 7)]
    pub failed: i64,
}

impl From<FailingStep> for FailingStepCount {
    fn from(step: FailingStep) -> Self {
        let FailingStep { workflow, label, name, builds, failed } = step;
        Self { workflow: workflow.into(), label: label.into(), name, builds, failed }
    }
}

/// A host of which builds failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailingHostCount {
    /// Our id.
    pub id: Uuid,
    /// The FQDN.
    #[schema(example = "web1.brno.example.com")]
    pub name: String,
    /// How many builds it had.
    #[schema(example = 4)]
    pub builds: i64,
    /// How many of them failed.
    #[schema(example = 3)]
    pub failed: i64,
    /// When the last of these was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failed_at: Option<DateTime<Utc>>,
}

impl From<FailingHost> for FailingHostCount {
    fn from(host: FailingHost) -> Self {
        let FailingHost { id, name, builds, failed, last_failed_at } = host;
        Self { id: id.uuid(), name, builds, failed, last_failed_at }
    }
}

/// What the installations of some days came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statistics)]
pub(crate) struct StatisticsView {
    /// The first day (UTC), of builds that were opened then.
    pub from: NaiveDate,
    /// The last day (UTC).
    pub until: NaiveDate,
    /// The search as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// How many builds were opened.
    #[schema(example = 812)]
    pub builds: i64,
    /// By day; days without any are left out.
    pub days: Vec<DayCount>,
    /// By workflow.
    pub workflows: Vec<WorkflowStatistics>,
    /// The steps that take longest, the slowest first; at most 20.
    pub slowest_steps: Vec<SlowStep>,
    /// The steps at which most builds failed, the worst first; at most 20.
    pub failing_steps: Vec<FailingStepCount>,
    /// The hosts of which most builds failed, the worst first; at most 20.
    pub failing_hosts: Vec<FailingHostCount>,
}

/// Count what the installations of some days came to.
///
/// Only builds of hosts that the caller may see are counted.
#[utoipa::path(tag = "Service", operation_id = "get_statistics", params(StatisticsParams), security(("token" = ["read"])),
    responses((status = 200, body = StatisticsView, description = "The statistics")))]
#[get("/statistics")]
pub(crate) async fn get_statistics(
    caller: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<StatisticsParams>,
) -> Result<web::Json<StatisticsView>, Problem> {
    let now = clock::now();
    let StatisticsParams { from, until, search } = params.into_inner();
    let until = day("until", until.as_deref(), || now.date_naive())?;
    let default = || until.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(until);
    let from = day("from", from.as_deref(), default)?;
    if !(0..DAYS_MAX).contains(&(until - from).num_days()) {
        let detail = format!("from {from} until {until} is not 1 to {DAYS_MAX} days");
        return Err(Problem::new(Code::MalformedRequest, detail));
    }
    let expr = milepost_domain::search::parse(search.as_deref().unwrap_or_default(), list::STORED, now)
        .map_err(|error| Problem::search("search", &error))?;
    let after = until.succ_opt().unwrap_or(until);
    let query = Query { from, until: after, search: expr, bounds: caller.who.bounds, now };
    let Statistics { days, workflows, slowest_steps, failing_steps, failing_hosts } =
        db::read(&app, move |connection| statistics::of(connection, &query)).await?;
    let counts: Vec<DayCount> = days
        .chunk_by(|a, b| a.day == b.day)
        .filter_map(|outcomes| {
            let count =
                |outcome: &statistics::Outcome| StateCount { state: outcome.state, count: outcome.builds };
            Some(DayCount {
                day: outcomes.first()?.day,
                builds: outcomes.iter().map(|outcome| outcome.builds).sum(),
                states: outcomes.iter().map(count).collect(),
            })
        })
        .collect();
    Ok(web::Json(StatisticsView {
        from,
        until,
        search: search.filter(|search| !search.trim().is_empty()),
        builds: counts.iter().map(|day| day.builds).sum(),
        days: counts,
        workflows: workflows.into_iter().map(Into::into).collect(),
        slowest_steps: slowest_steps.into_iter().map(Into::into).collect(),
        failing_steps: failing_steps.into_iter().map(Into::into).collect(),
        failing_hosts: failing_hosts.into_iter().map(Into::into).collect(),
    }))
}
