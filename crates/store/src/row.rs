//! Rows of builds, step runs and hosts, and their way into domain values and back.
//!
//! The rule it protects: a stored value that the domain would not make is an error that names
//! its column, never a silent default.

use std::{str::FromStr, sync::Arc};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use milepost_domain::{
    Build, Host, HostFacts, Id, Percent, Plan, PlannedStep, StepRun,
    build::{Course, OverLimit, Rejections},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Error, Result,
    schema::{builds, hosts, plans, step_runs},
};

pub(crate) fn parsed<T: FromStr>(column: &'static str, text: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| unreadable(column, &error.to_string()))
}

pub(crate) fn parsed_option<T: FromStr>(column: &'static str, text: Option<&str>) -> Result<Option<T>>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| parsed(column, text)).transpose()
}

pub(crate) fn number<A, B: TryFrom<A>>(column: &'static str, number: A) -> Result<B> {
    B::try_from(number).map_err(|_| unreadable(column, "number out of range"))
}

pub(crate) fn percent(column: &'static str, points: Option<i32>) -> Result<Option<Percent>> {
    let Some(points) = points else { return Ok(None) };
    Percent::from_basis_points(number(column, points)?)
        .map(Some)
        .ok_or_else(|| unreadable(column, "over 100 %"))
}

pub(crate) fn points(percent: Option<Percent>) -> Option<i32> {
    percent.map(|percent| percent.basis_points().into())
}

pub(crate) fn from_json<T: serde::de::DeserializeOwned>(column: &'static str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| unreadable(column, &error.to_string()))
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Database(error.to_string()))
}

fn unreadable(column: &str, why: &str) -> Error {
    Error::Database(format!("{column} holds what this version cannot read: {why}"))
}

/// As `i32`, saturating: counts that no build reaches.
pub(crate) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = hosts)]
pub(crate) struct HostRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) foreman_id: Option<i64>,
    pub(crate) mac: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) hostgroup: Option<String>,
    pub(crate) operatingsystem: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) retired_at: Option<DateTime<Utc>>,
}

impl HostRow {
    pub(crate) fn into_domain(self) -> Result<Host> {
        Ok(Host {
            id: Id::from_uuid(self.id),
            facts: HostFacts {
                name: parsed("hosts.name", &self.name)?,
                foreman_id: self.foreman_id,
                mac: self.mac,
                ip: parsed_option("hosts.ip", self.ip.as_deref())?,
                organization: parsed_option("hosts.organization", self.organization.as_deref())?,
                location: parsed_option("hosts.location", self.location.as_deref())?,
                hostgroup: parsed_option("hosts.hostgroup", self.hostgroup.as_deref())?,
                operatingsystem: parsed_option("hosts.operatingsystem", self.operatingsystem.as_deref())?,
                model: parsed_option("hosts.model", self.model.as_deref())?,
            },
            created_at: self.created_at,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = builds)]
pub(crate) struct BuildRow {
    pub(crate) id: Uuid,
    pub(crate) host_id: Uuid,
    pub(crate) workflow: String,
    pub(crate) plan: Vec<u8>,
    pub(crate) state: String,
    pub(crate) attempt: i32,
    pub(crate) floor: i32,
    pub(crate) reported: Option<i32>,
    pub(crate) reports: i32,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) installed_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) last_report_at: Option<DateTime<Utc>>,
    pub(crate) last_message: Option<String>,
    pub(crate) current_step: Option<String>,
    pub(crate) boot_id: Option<String>,
    pub(crate) seqs: Value,
    pub(crate) marks: Value,
    pub(crate) rejected_reports: i32,
    pub(crate) rejected_label: Option<String>,
    pub(crate) rejected_at: Option<DateTime<Utc>>,
    pub(crate) limited_reports: i32,
    pub(crate) limited_at: Option<DateTime<Utc>>,
    pub(crate) version: i64,
    pub(crate) evidence: Value,
}

impl BuildRow {
    /// The row of a new build.
    pub(crate) fn of(build: &Build) -> Result<Self> {
        let course = &build.course;
        let rejected = build.rejections.last.clone().unzip();
        Ok(Self {
            id: build.id.uuid(),
            host_id: build.host.uuid(),
            workflow: build.workflow.to_string(),
            plan: build.plan.digest().to_vec(),
            state: course.state.to_string(),
            attempt: count(course.attempt),
            floor: course.floor.basis_points().into(),
            reported: points(course.reported),
            reports: count(course.reports),
            started_at: build.started_at,
            expires_at: build.expires_at,
            installed_at: course.installed_at,
            ended_at: course.ended_at,
            closed_at: course.closed_at,
            last_report_at: course.last_report_at,
            last_message: course.last_message.as_ref().map(ToString::to_string),
            current_step: course.current.as_ref().map(ToString::to_string),
            boot_id: course.boot_id.clone(),
            seqs: to_json(&course.seqs)?,
            marks: to_json(&build.marks)?,
            rejected_reports: count(build.rejections.count),
            rejected_label: rejected.0.map(|label| label.to_string()),
            rejected_at: rejected.1,
            limited_reports: count(build.rejections.over_limit.count),
            limited_at: build.rejections.over_limit.last_at,
            version: 0,
            evidence: to_json(&course.evidence)?,
        })
    }

    pub(crate) fn into_domain(self, plan: Arc<Plan>, runs: Vec<Arc<StepRun>>) -> Result<Build> {
        Ok(Build {
            id: Id::from_uuid(self.id),
            host: Id::from_uuid(self.host_id),
            workflow: parsed("builds.workflow", &self.workflow)?,
            plan,
            started_at: self.started_at,
            expires_at: self.expires_at,
            marks: from_json("builds.marks", self.marks)?,
            rejections: Rejections {
                count: number("builds.rejected_reports", self.rejected_reports)?,
                last: parsed_option("builds.rejected_label", self.rejected_label.as_deref())?
                    .zip(self.rejected_at),
                over_limit: OverLimit {
                    count: number("builds.limited_reports", self.limited_reports)?,
                    last_at: self.limited_at,
                },
            },
            course: Course {
                state: parsed("builds.state", &self.state)?,
                attempt: number("builds.attempt", self.attempt)?,
                floor: percent("builds.floor", Some(self.floor))?.unwrap_or_default(),
                reported: percent("builds.reported", self.reported)?,
                reports: number("builds.reports", self.reports)?,
                installed_at: self.installed_at,
                ended_at: self.ended_at,
                closed_at: self.closed_at,
                last_report_at: self.last_report_at,
                last_message: parsed_option("builds.last_message", self.last_message.as_deref())?,
                current: parsed_option("builds.current_step", self.current_step.as_deref())?,
                boot_id: self.boot_id,
                seqs: from_json("builds.seqs", self.seqs)?,
                evidence: from_json("builds.evidence", self.evidence)?,
                runs,
            },
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = plans)]
pub(crate) struct PlanRow {
    pub(crate) digest: Vec<u8>,
    pub(crate) steps: Value,
    pub(crate) events: Value,
    pub(crate) expected_boots: i32,
}

impl PlanRow {
    pub(crate) fn of(plan: &Plan) -> Result<Self> {
        Ok(Self {
            digest: plan.digest().to_vec(),
            steps: to_json(&plan.steps())?,
            events: to_json(&plan.events())?,
            expected_boots: count(plan.expected_boots()),
        })
    }

    pub(crate) fn into_domain(self) -> Result<Plan> {
        let steps: Vec<PlannedStep> = from_json("plans.steps", self.steps)?;
        let expected_boots = number("plans.expected_boots", self.expected_boots)?;
        let events = from_json("plans.events", self.events)?;
        Ok(Plan::new(steps).with_events(events).with_expected_boots(expected_boots))
    }
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = step_runs)]
pub(crate) struct StepRunRow {
    pub(crate) build_id: Uuid,
    pub(crate) attempt: i32,
    pub(crate) label: String,
    pub(crate) name: Option<String>,
    pub(crate) priority: Option<i32>,
    pub(crate) state: String,
    pub(crate) inferred: bool,
    pub(crate) percentage: Option<i32>,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) attempts: i32,
    pub(crate) message: Option<String>,
}

impl StepRunRow {
    pub(crate) fn into_domain(self) -> Result<StepRun> {
        Ok(StepRun {
            attempt: number("step_runs.attempt", self.attempt)?,
            label: parsed("step_runs.label", &self.label)?,
            name: parsed_option("step_runs.name", self.name.as_deref())?,
            priority: self.priority,
            state: parsed("step_runs.state", &self.state)?,
            inferred: self.inferred,
            percentage: percent("step_runs.percentage", self.percentage)?,
            started_at: self.started_at,
            finished_at: self.finished_at,
            attempts: number("step_runs.attempts", self.attempts)?,
            message: parsed_option("step_runs.message", self.message.as_deref())?,
        })
    }
}
