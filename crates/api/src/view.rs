//! What the API shows of hosts, builds and reports.
//!
//! The rule it protects: a field that has no value is left out of a response, never `null`; what
//! is shown is computed from domain values in one place.

use chrono::{DateTime, Utc};
use milepost_domain::{
    Build, Estimate, Host, Peers, Percent, Progress, State, Status, Time, Timings, estimate,
    progress::StepProgress,
    signal::{Context, LogTail, Muted, Signal},
};
use milepost_store::{Seen, build::HostBuild, list::HostWithBuild, mute::Mute, report::StoredReport};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{App, page::envelope};

/// A machine that Foreman provisions.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Host)]
pub(crate) struct HostView {
    /// Our id.
    pub id: Uuid,
    /// The FQDN.
    #[schema(example = "web1.brno.example.com")]
    pub name: String,
    /// Foreman's numeric id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 42)]
    pub foreman_id: Option<i64>,
    /// MAC address of the provisioning interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "52:54:00:12:34:56")]
    pub mac: Option<String>,
    /// Address of the provisioning interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "10.1.2.3")]
    pub ip: Option<String>,
    /// Foreman's organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme")]
    pub organization: Option<String>,
    /// Foreman's location.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "brno")]
    pub location: Option<String>,
    /// Foreman's host group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "web")]
    pub hostgroup: Option<String>,
    /// Operating system and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "RedHat 9.4")]
    pub operatingsystem: Option<String>,
    /// Hardware model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "R650")]
    pub model: Option<String>,
    /// When it was first heard of.
    pub created_at: DateTime<Utc>,
}

impl From<Host> for HostView {
    fn from(host: Host) -> Self {
        let facts = host.facts;
        let text = |name: Option<milepost_domain::Name>| name.map(String::from);
        Self {
            id: host.id.uuid(),
            name: facts.name.into(),
            foreman_id: facts.foreman_id,
            mac: facts.mac,
            ip: facts.ip.map(|ip| ip.to_string()),
            organization: text(facts.organization),
            location: text(facts.location),
            hostgroup: text(facts.hostgroup),
            operatingsystem: text(facts.operatingsystem),
            model: text(facts.model),
            created_at: host.created_at,
        }
    }
}

/// Where an installer reports to. They hold the build's token: treat them as secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReportUrls {
    /// Add `/LABEL` or `/LABEL/STATUS`: needs no quoting anywhere.
    #[schema(
        example = "http://milepost.example.com:8420/unattended/step/0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"
    )]
    pub path: String,
    /// Send `label`, `status` and more as a form, JSON or query; the token as `token`.
    #[schema(example = "http://milepost.example.com:8420/unattended/step")]
    pub form: String,
    /// Send many reports as one JSON body, with the token as `token`.
    #[schema(example = "http://milepost.example.com:8420/unattended/batch")]
    pub batch: String,
    /// Foreman's own callback for a finished installer.
    #[schema(
        example = "http://milepost.example.com:8420/unattended/built?token=0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"
    )]
    pub built: String,
    /// Foreman's own callback for a failed installer; the body is its log.
    #[schema(
        example = "http://milepost.example.com:8420/unattended/failed?token=0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"
    )]
    pub failed: String,
}

/// One provisioning run of a host.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Build)]
pub(crate) struct BuildView {
    /// Our id.
    pub id: Uuid,
    /// Whose run it is.
    pub host: HostView,
    /// How the host is installed.
    #[schema(example = "kickstart")]
    pub workflow: String,
    /// The state; new ones may come.
    pub state: State,
    /// Which pass through the installer this is, from 1.
    #[schema(minimum = 1)]
    pub attempt: u32,
    /// Whole percent; absent when there is no basis for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100, example = 31)]
    pub percent: Option<u8>,
    /// The step that a person would name: the running one, the failed one, or the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step: Option<StepProgress>,
    /// What is left, from history; absent when there is none, or nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<Eta>,
    /// What needs a person; absent: nothing does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub signals: Vec<Signal>,
    /// Somebody does not want to hear of its signals now, whether there are any or not; absent: nobody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted: Option<Muted>,
    /// When it was opened.
    pub started_at: DateTime<Utc>,
    /// When its credential runs out.
    pub expires_at: DateTime<Utc>,
    /// When the installer was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Seconds since it was opened, up to its end.
    pub elapsed_seconds: u64,
    /// The last message that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "412 packages")]
    pub last_message: Option<String>,
    /// When the last report came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_report_at: Option<DateTime<Utc>>,
    /// How many reports were taken.
    pub reports: u32,
    /// How many reports were refused because their step is unknown.
    pub rejected_reports: u32,
    /// The credential for its reports: shown when it is made, never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55")]
    pub token: Option<String>,
    /// Where an installer reports to: add `/LABEL/STATUS`. Shown with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "http://milepost.example.com:8420/unattended/step/0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"
    )]
    pub report_url: Option<String>,
    /// All forms of the report URL. Shown with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_urls: Option<ReportUrls>,
}

/// How far a build is, how long it will still take, and whether somebody does not want to hear of it.
struct Look {
    progress: Progress,
    eta: Option<Eta>,
    muted: Option<Muted>,
}

impl Look {
    fn at(app: &App, host: &Host, build: &Build, failure_log: Option<&LogTail>, now: Time) -> Self {
        let timings = app.store.timings(&build.workflow, &host.facts);
        let muted = app.store.mutes().of(host, Some(build), now).map(Mute::told);
        let known = app.settings.context();
        let context = Context { timings: timings.as_deref(), failure_log, muted: muted.as_ref(), ..known };
        let progress = Progress::within(build, now, &context);
        let eta = timings.as_deref().and_then(|timings| Eta::of(timings, build, now));
        Self { progress, eta, muted }
    }
}

impl BuildView {
    pub(crate) fn of(app: &App, host: Host, build: &Build, now: Time) -> Self {
        Self::telling(app, host, build, None, now)
    }

    /// The same with the end of the log of what failed.
    pub(crate) fn telling(
        app: &App,
        host: Host,
        build: &Build,
        failure_log: Option<&LogTail>,
        now: Time,
    ) -> Self {
        let look = Look::at(app, &host, build, failure_log, now);
        let signals = look.progress.signals.clone();
        Self { signals, ..Self::with(host, build, &look) }
    }

    fn with(host: Host, build: &Build, look: &Look) -> Self {
        let progress = &look.progress;
        let course = &build.course;
        Self {
            id: build.id.uuid(),
            host: host.into(),
            workflow: build.workflow.to_string(),
            state: progress.state,
            attempt: course.attempt,
            percent: progress.percent,
            current_step: progress.current_step.clone(),
            eta: look.eta.clone(),
            signals: Vec::new(),
            muted: look.muted.clone(),
            started_at: build.started_at,
            expires_at: build.expires_at,
            installed_at: course.installed_at,
            ended_at: course.ended_at,
            elapsed_seconds: progress.elapsed_seconds,
            last_message: course.last_message.as_ref().map(ToString::to_string),
            last_report_at: course.last_report_at,
            reports: course.reports,
            rejected_reports: build.rejections.count,
            token: None,
            report_url: None,
            report_urls: None,
        }
    }
}

/// How long the rest of a build will take, as builds like it have gone.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Eta {
    /// The likely number of seconds that are left: as many builds take longer as take less.
    #[schema(example = 420)]
    pub seconds: u64,
    /// One build in ten takes fewer.
    #[schema(example = 300)]
    pub low_seconds: u64,
    /// One build in ten takes more.
    #[schema(example = 700)]
    pub high_seconds: u64,
    /// What it is based on, in words.
    #[schema(example = "from the last 64 builds of kickstart in web on R650")]
    pub basis: String,
    /// The step at work takes longer than nine in ten would; absent while it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Overdue>,
}

/// By how much a step is late.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Overdue {
    /// How much longer than usual it has taken, in seconds.
    #[schema(example = 240)]
    pub by_seconds: u64,
    /// How long it usually takes, in seconds.
    #[schema(example = 360)]
    pub usually_seconds: u64,
}

impl Eta {
    fn of(timings: &Timings, build: &Build, now: Time) -> Option<Self> {
        let estimate = Estimate::of(build, now, timings, &Peers::default())?;
        let overdue = |late: estimate::Overdue| Overdue {
            by_seconds: late.by_seconds,
            usually_seconds: late.usually_seconds,
        };
        Some(Self {
            seconds: estimate.seconds,
            low_seconds: estimate.low_seconds,
            high_seconds: estimate.high_seconds,
            basis: estimate.basis,
            overdue: estimate.overdue.map(overdue),
        })
    }
}

/// Everything that a host page shows, in one document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HostProgress {
    /// The host.
    pub host: HostView,
    /// The build that it has under way, or the last it had.
    pub build: BuildView,
    /// The state of that build; new ones may come.
    pub state: State,
    /// Whole percent; never falls within an attempt, 100 only when completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100, example = 31)]
    pub percent: Option<u8>,
    /// The step that a person would name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_step: Option<StepProgress>,
    /// Expected and reported steps of the current attempt, in their order.
    pub steps: Vec<StepProgress>,
    /// What needs a person.
    pub signals: Vec<Signal>,
    /// Somebody does not want to hear of its signals now, whether there are any or not; absent: nobody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted: Option<Muted>,
    /// What is left, from history; absent when there is none, or nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<Eta>,
    /// Seconds since the build was opened, up to its end.
    pub elapsed_seconds: u64,
    /// The last message that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
    /// When the last report came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_report_at: Option<DateTime<Utc>>,
    /// The database cannot be reached, and this is what was known then; absent while it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
}

impl HostProgress {
    pub(crate) fn of(
        app: &App,
        seen: &Seen,
        failure_log: Option<&LogTail>,
        as_of: Option<Time>,
        now: Time,
    ) -> Self {
        let (host, build) = (seen.host(), &*seen.build(now));
        let look = Look::at(app, host, build, failure_log, now);
        let shown = BuildView::with(host.clone(), build, &look);
        let Look { progress, eta, muted } = look;
        Self {
            host: host.clone().into(),
            build: shown,
            state: progress.state,
            percent: progress.percent,
            current_step: progress.current_step,
            steps: progress.steps,
            signals: progress.signals,
            muted,
            eta,
            elapsed_seconds: progress.elapsed_seconds,
            last_message: build.course.last_message.as_ref().map(ToString::to_string),
            last_report_at: build.course.last_report_at,
            as_of,
        }
    }
}

/// A host with the build that it has under way, or the last it had.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HostSummary {
    /// The host.
    pub host: HostView,
    /// Its latest build; absent when it never had any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildView>,
}

impl HostSummary {
    pub(crate) fn of(app: &App, entry: HostWithBuild, now: Time) -> Self {
        let build = entry.build.map(|build| BuildView::of(app, entry.host.clone(), &build, now));
        Self { host: entry.host.into(), build }
    }
}

/// One message about a step, as it was kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportView {
    /// Unique within the build.
    pub id: Uuid,
    /// Of which build.
    pub build_id: Uuid,
    /// The server's order within the build, from 1.
    pub position: u32,
    /// In which attempt it came.
    pub attempt: u32,
    /// Which step.
    #[schema(example = "packages")]
    pub label: String,
    /// What people call the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Package installation")]
    pub name: Option<String>,
    /// The step's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Started, done or failed; absent in the simple form: "this happened".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// How far the step is, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub percentage: Option<f64>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Size of the log that is kept with it; read it at `.../reports/{id}/log`. 0 for none.
    pub log_bytes: u32,
    /// The sender's count of its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The kernel's boot id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The sender's clock: informs, never orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<DateTime<Utc>>,
    /// The server's clock.
    pub received_at: DateTime<Utc>,
    /// True for an event below the step at work, which is no step itself; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<bool>,
}

impl From<StoredReport> for ReportView {
    fn from(stored: StoredReport) -> Self {
        let report = stored.report;
        let activity = report.is_activity().then_some(true);
        Self {
            id: report.id.uuid(),
            build_id: stored.build.uuid(),
            position: stored.position,
            attempt: stored.attempt,
            label: report.label.into(),
            name: report.name.map(String::from),
            priority: report.priority,
            status: report.status,
            percentage: report.percentage.map(hundredths),
            message: report.message.map(String::from),
            log_bytes: stored.log_bytes,
            seq: report.seq,
            boot_id: report.boot_id,
            reported_at: report.reported_at,
            received_at: report.received_at,
            activity,
        }
    }
}

fn hundredths(percent: Percent) -> f64 {
    f64::from(percent.basis_points()) / 100.0
}

envelope! {
    /// A page of builds.
    BuildList of BuildView
}
envelope! {
    /// A page of hosts.
    HostList of HostSummary
}

impl BuildList {
    pub(crate) fn of(
        app: &App,
        listing: crate::page::Listing,
        page: milepost_store::list::Page<HostBuild>,
        now: Time,
    ) -> Self {
        Self::new(listing, page, |entry| BuildView::of(app, entry.host, &entry.build, now))
    }
}
