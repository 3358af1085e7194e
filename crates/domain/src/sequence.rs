//! The sender's own order of its reports.
//!
//! The rule it protects: `seq` orders the reports of one boot among themselves and no others; a report
//! without one keeps its place.

use std::collections::BTreeMap;

use crate::Report;

/// What the `seq` of a report is counted within: its boot, or none.
pub(crate) fn boot_key(report: &Report) -> &str {
    report.boot_id.as_deref().unwrap_or_default()
}

/// Sorts the reports of each boot that carry a `seq` by it, within the places they hold.
pub(crate) fn put_in_sequence(reports: &mut [Report]) {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, report) in reports.iter().enumerate().filter(|(_, report)| report.seq.is_some()) {
        places.entry(boot_key(report).to_owned()).or_default().push(at);
    }
    for places in places.into_values() {
        let mut sorted: Vec<Report> = places.iter().filter_map(|&at| reports.get(at).cloned()).collect();
        sorted.sort_by_key(|report| (report.seq, report.id));
        for (at, report) in places.into_iter().zip(sorted) {
            if let Some(place) = reports.get_mut(at) {
                *place = report;
            }
        }
    }
}
