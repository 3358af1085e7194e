//! What the reports of a build show beside its steps: boots that nobody planned, a clock that is wrong,
//! reports that never came.
//!
//! The rule it protects: it is folded from reports alone, in [`crate::Build::apply`], and bounded
//! whatever a machine sends. What it means is decided later, by [`crate::signal`], with *now* at hand.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{Label, Plan, Report, Time, build::Course};

/// So many boot ids are remembered, and so many boots whose reports are counted.
const BOOTS_MAX: usize = 16;
/// So many returns to the installer are remembered with their times; more are counted.
const RETURNS_MAX: usize = 20;
/// So many gaps in the count of one boot are remembered.
const GAPS_MAX: usize = 64;
/// Two signs of a boot within this time are of one: no firmware is faster than that.
const ONE_BOOT: TimeDelta = TimeDelta::seconds(30);
/// A machine that numbers its reports one by one is known by its first number. The helper numbers them by
/// the hundredths of a second since the boot, and no machine reports within a second of its boot.
const COUNT_FIRST_MAX: i64 = 100;
/// Differences of clocks are told from late deliveries when they were seen at so many moments.
pub(crate) const MOMENTS: u8 = 3;
/// No report is later than this without a number that says where it belongs. A larger difference is that of
/// a clock that was set.
const LATE_MAX: TimeDelta = TimeDelta::hours(1);
/// Moments lie so far apart: what is delivered late comes all at once.
const MOMENT: TimeDelta = TimeDelta::seconds(60);

/// What the reports of a build show beside its steps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Boots of the installer after the first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub boots: Boots,
    /// How the machine's clock differs from ours.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clock: Option<Clock>,
    /// What is missing of the reports of each boot that numbers them one by one; empty for reports
    /// without a boot id.
    #[serde(default, skip_serializing_if = "is_default")]
    pub counts: BTreeMap<String, Count>,
    /// When the percentage of a step last rose.
    #[serde(default, skip_serializing_if = "is_default")]
    pub risen_at: Option<Time>,
}

/// Boots of the installer after the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Boots {
    /// The kernel's ids of earlier boots, the oldest first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub past: Vec<String>,
    /// When the boot that is current was first heard of, where another was known before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub changed_at: Option<Time>,
    /// How many boots nobody announced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unplanned: u32,
    /// How many were announced by a report of the step `reboot`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub planned: u32,
    /// The latest of them, the oldest first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub returns: Vec<Return>,
}

/// One more boot of the installer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// When it was heard of.
    pub at: Time,
    /// The step `reboot` was the last that was reported before it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub planned: bool,
    /// The installation had been reported as done, at this time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub installed_at: Option<Time>,
}

/// How the machine's clock differs from ours: the smallest difference that was seen in this boot, because
/// a report that is delivered late differs by more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// In which boot, where that is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub boot_id: Option<String>,
    /// Milliseconds that the machine's clock is behind ours; below 0 it is ahead.
    pub behind_ms: i64,
    /// When the report came that says so.
    pub at: Time,
    /// At how many moments reports came, up to [`MOMENTS`].
    pub moments: u8,
    /// When the last of these moments was.
    pub last: Time,
}

/// The reports of one boot that numbers them one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The highest number that came.
    pub highest: i64,
    /// The first and the last number of each gap.
    pub missing: Vec<(i64, i64)>,
    /// When the last gap was found.
    #[serde(default, skip_serializing_if = "is_default")]
    pub since: Option<Time>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Evidence {
    /// Takes note of what a report shows of the machine, before it changes the build. `again` says that it
    /// begins another attempt.
    pub(crate) fn note(before: &mut Course, plan: &Plan, report: &Report, again: bool) {
        let known = before.boot_id.as_ref();
        let other = known.zip(report.boot_id.as_ref()).is_some_and(|(known, now)| known != now);
        let same = known.is_some() && known == report.boot_id.as_ref();
        let is_past = before.evidence.boots.is_past(report);
        let booted =
            other && !is_past && before.installed_at.is_none() && is_of_installer(plan, &report.label);
        // A boot that told of itself before the installer's first phase came is counted already.
        if booted || again && !(same && before.evidence.boots.is_counted()) {
            let planned = before.current.as_ref().is_some_and(Label::is_reboot);
            let installed_at = before.installed_at;
            before.evidence.boots.note(Return { at: report.received_at, planned, installed_at });
        }
        if let Some(past) = known.filter(|_| again && !same || other && !is_past) {
            before.evidence.boots.pass(past.clone());
        }
        if other && !is_past {
            before.evidence.boots.changed_at = Some(report.received_at);
        }
        before.evidence.compare_clocks(report, is_past);
        before.evidence.count(report);
    }

    fn compare_clocks(&mut self, report: &Report, is_past: bool) {
        let Some(reported_at) = report.reported_at.filter(|_| !is_past) else { return };
        let at = report.received_at;
        let behind_ms = (at - reported_at).num_milliseconds();
        let boot_id = report.boot_id.clone();
        // Another system has another clock: the installer's, and then that of what it installed.
        let same =
            |clock: &&mut Clock| boot_id.is_none() || clock.boot_id.is_none() || clock.boot_id == boot_id;
        let Some(clock) = self.clock.as_mut().filter(same) else {
            self.clock = Some(Clock { boot_id, behind_ms, at, moments: 1, last: at });
            return;
        };
        if behind_ms.unsigned_abs() < clock.behind_ms.unsigned_abs() {
            (clock.behind_ms, clock.at) = (behind_ms, at);
        }
        if clock.moments < MOMENTS && at >= clock.last + MOMENT {
            (clock.moments, clock.last) = (clock.moments + 1, at);
        }
    }

    /// Whether the report was sent, by the machine's own clock, when the same step was reported before, at
    /// `said`: then it only came late, and nothing has booted in between. Of a machine that does not say when
    /// it sent a report nothing is known.
    pub(crate) fn is_repeat(&self, report: &Report, said: Time) -> bool {
        self.clock.as_ref().zip(report.reported_at).is_some_and(|(clock, reported_at)| {
            let late = (report.received_at - reported_at) - TimeDelta::milliseconds(clock.behind_ms);
            late < LATE_MAX && report.received_at - late < said + ONE_BOOT
        })
    }

    fn count(&mut self, report: &Report) {
        let Some(seq) = report.seq else { return };
        let boot = report.boot_id.as_deref().unwrap_or_default();
        if let Some(count) = self.counts.get_mut(boot) {
            count.hear(seq, report.received_at);
        } else if (0..=COUNT_FIRST_MAX).contains(&seq) && self.counts.len() < BOOTS_MAX {
            let mut count = Count { highest: 0, missing: Vec::new(), since: None };
            count.hear(seq, report.received_at);
            self.counts.insert(boot.to_owned(), count);
        }
    }
}

/// Whether a step belongs to the installer, and not to the system that it installs.
fn is_of_installer(plan: &Plan, label: &Label) -> bool {
    let Some(step) = plan.get(label) else { return false };
    let built = plan.steps().iter().find(|step| step.label.is_built());
    let end = built.or_else(|| plan.last_steps().into_iter().next());
    end.is_some_and(|end| step.priority < end.priority)
}

impl Boots {
    /// Whether the report is of an earlier boot than the current one, and comes late.
    pub(crate) fn is_past(&self, report: &Report) -> bool {
        report.boot_id.as_ref().is_some_and(|id| self.past.contains(id))
    }

    /// Whether the boot that is current is among the returns.
    fn is_counted(&self) -> bool {
        self.changed_at.zip(self.returns.last()).is_some_and(|(changed, last)| changed <= last.at)
    }

    fn pass(&mut self, id: String) {
        if !self.past.contains(&id) {
            self.past.push(id);
            if self.past.len() > BOOTS_MAX {
                self.past.remove(0);
            }
        }
    }

    fn note(&mut self, found: Return) {
        if self.returns.last().is_some_and(|last| (found.at - last.at).abs() < ONE_BOOT) {
            return;
        }
        let count = if found.planned { &mut self.planned } else { &mut self.unplanned };
        *count = count.saturating_add(1);
        self.returns.push(found);
        if self.returns.len() > RETURNS_MAX {
            self.returns.remove(0);
        }
    }
}

impl Count {
    fn hear(&mut self, seq: i64, at: Time) {
        if seq > self.highest {
            if seq > self.highest.saturating_add(1) && self.missing.len() < GAPS_MAX {
                self.missing.push((self.highest.saturating_add(1), seq - 1));
                self.since = self.since.max(Some(at));
            }
            self.highest = seq;
            return;
        }
        let Some(gap) = self.missing.iter().position(|(first, last)| (*first..=*last).contains(&seq)) else {
            return;
        };
        let (first, last) = self.missing.remove(gap);
        let left = [(first, seq - 1), (seq + 1, last)].into_iter().filter(|(first, last)| first <= last);
        self.missing.splice(gap..gap, left);
        self.missing.truncate(GAPS_MAX);
    }

    /// How many reports are missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let sizes = self.missing.iter().map(|(first, last)| last.saturating_sub(*first).unsigned_abs());
        sizes.fold(0, |sum, size| sum.saturating_add(size).saturating_add(1))
    }
}
