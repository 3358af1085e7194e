//! What really happened to a host, and what of it was reported.
//!
//! The rule it protects: rules that make stories up know nothing of how they are estimated; they
//! hand over times and reports, and nothing else.

use std::time::Duration;

use chrono::TimeDelta;
use milepost_domain::{HostFacts, Percent, Report, ReportId, Status, Time};

/// The day on which every history begins.
pub(crate) const DAY_ONE: Time = match Time::from_timestamp(1_790_000_000, 0) {
    Some(time) => time,
    None => Time::UNIX_EPOCH,
};

/// So many seconds after the beginning.
pub(crate) fn at(seconds: f64) -> Time {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    DAY_ONE + TimeDelta::from_std(since).unwrap_or_default()
}

/// One build, told from its end. Times are seconds since the beginning of the history.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    /// What is known of the host.
    pub(crate) facts: HostFacts,
    /// How it is installed.
    pub(crate) workflow: &'static str,
    /// When the build was opened.
    pub(crate) opened: f64,
    /// What arrives, in the order it does.
    pub(crate) reports: Vec<Report>,
}

/// How a host tells of its steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    /// It says when long steps start, not only when they are done.
    pub(crate) starts: bool,
    /// It says how far long steps are.
    pub(crate) percentages: bool,
    /// The share of reports that never arrive.
    pub(crate) lost: f64,
}

/// Writes down one story as it goes.
#[derive(Debug)]
pub(crate) struct Teller {
    /// Now, in seconds since the beginning of the history.
    pub(crate) now: f64,
    telling: Telling,
    reports: Vec<Report>,
}

impl Teller {
    pub(crate) fn new(opened: f64, telling: Telling) -> Self {
        Self { now: opened, telling, reports: Vec::new() }
    }

    /// A step that takes `seconds` and is told; `chance` is a fresh number from 0 to 1 for each report.
    pub(crate) fn step(&mut self, label: &'static str, seconds: f64, chance: &mut dyn FnMut() -> f64) {
        // Nobody reports the start of what is over in a moment, or of what the firmware does.
        let long = seconds > 20.0 && !matches!(label, "pxe_boot" | "boot_files" | "first_boot" | "compute");
        let begun = self.now;
        if long && self.telling.starts {
            self.say(label, Some(Status::Init), None, begun + 1.0, chance());
        }
        if long && self.telling.percentages {
            for tenth in [2_u16, 4, 6, 8] {
                let percentage = Percent::from_basis_points(tenth * 1000);
                let when = begun + seconds * f64::from(tenth) / 10.0;
                self.say(label, Some(Status::Init), percentage, when, chance());
            }
        }
        self.now += seconds;
        self.say(label, Some(Status::Done), None, self.now, chance());
    }

    /// Time that passes without a word.
    pub(crate) fn silence(&mut self, seconds: f64) {
        self.now += seconds;
    }

    fn say(
        &mut self,
        label: &str,
        status: Option<Status>,
        percentage: Option<Percent>,
        when: f64,
        luck: f64,
    ) {
        if luck < self.telling.lost {
            return;
        }
        let Ok(label) = label.parse() else { return };
        let id = ReportId::from_word(&self.reports.len().to_string());
        let mut report = Report::simple(id, label, at(when));
        report.status = status;
        report.percentage = percentage;
        self.reports.push(report);
    }

    /// What was told, in the order of its arrival, each report `late` by so many seconds.
    pub(crate) fn reports(mut self, late: &mut dyn FnMut() -> f64) -> Vec<Report> {
        for report in &mut self.reports {
            report.received_at += TimeDelta::from_std(Duration::from_secs_f64(late())).unwrap_or_default();
        }
        self.reports.sort_by_key(|report| report.received_at);
        self.reports
    }
}
