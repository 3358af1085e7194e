//! The table for a terminal of 100 columns.

use std::fmt::Write as _;

use crate::{
    findings::Findings,
    results::{Results, Row},
    stats::{Sorted, median},
    units::Unit,
};

const HEAD: [&str; 9] = ["", "ours", "theirs", "least", "median", "most", "goal", "heroic", "reached"];
const WIDTHS: [usize; 9] = [22, 9, 9, 9, 9, 9, 9, 9, 7];

/// Rows of the same thing together, in the order in which each thing was first seen.
pub(crate) fn grouped(results: &Results) -> Vec<(&'static str, Vec<&Row>)> {
    let mut groups: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &results.rows {
        match groups.iter_mut().find(|(what, _)| *what == row.spec.what) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((row.spec.what, vec![row])),
        }
    }
    groups
}

fn line(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let mut text = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let (cell, width) = (cell.as_ref(), *width);
        // Writing into a text cannot fail.
        let _ = if at == 0 { write!(text, "{cell:<width$}") } else { write!(text, " {cell:>width$}") };
    }
    text.trim_end().to_owned() + "\n"
}

/// A distribution in microseconds as cells: p50, p90, p99, p99.9, max.
pub(crate) fn quantile_cells(sorted: &Sorted) -> [String; 5] {
    let show = |share: f64| Unit::Micros.show(sorted.quantile(share));
    [show(0.5), show(0.9), show(0.99), show(0.999), Unit::Micros.show(sorted.max())]
}

/// Everything that was found, as text.
pub(crate) fn text(findings: &Findings) -> String {
    let mut text = line(&HEAD, &WIDTHS);
    for (what, rows) in grouped(&findings.results) {
        text += what;
        text += "\n";
        for row in rows {
            let [_, against, cells @ ..] = row.cells();
            let against =
                if against.is_empty() { "  by itself".to_owned() } else { format!("  / {against}") };
            let cells: Vec<String> = std::iter::once(against).chain(cells).collect();
            text += &line(&cells, &WIDTHS);
        }
    }
    text +=
        "least, median, most: of the rounds; of the ratio ours / theirs where that is judged, else of ours\n";
    if !findings.paced.is_empty() || !findings.disk.is_empty() {
        let widths = [40, 10, 10, 10, 10, 10];
        text += "\n";
        text += &line(&["latency", "p50", "p90", "p99", "p99.9", "max"], &widths);
        for (rate, paced) in &findings.paced {
            let answered = median(&paced.iter().map(|paced| paced.answered_rate).collect::<Vec<_>>());
            let what = format!("  {rate} reports/s, answered {answered:.0}/s");
            let merged = Sorted::merge(paced.iter().map(|paced| paced.latencies.clone()));
            let cells: Vec<String> = std::iter::once(what).chain(quantile_cells(&merged)).collect();
            text += &line(&cells, &widths);
        }
        let disk = Sorted::merge(findings.disk.iter().cloned());
        let what = "  write + fdatasync of 8 KiB".to_owned();
        let cells: Vec<String> = std::iter::once(what).chain(quantile_cells(&disk)).collect();
        text += &line(&cells, &widths);
    }
    if !findings.works.is_empty() {
        let widths = [34, 7, 9, 6, 6, 6, 9, 9];
        text += "\n";
        text +=
            &line(&["processors", "server", "postgres", "load", "idle", "other", "rate", "best"], &widths);
        for work in &findings.works {
            let [what, cells @ ..] = work.cells();
            let cells: Vec<String> = std::iter::once(format!("  {what}")).chain(cells).collect();
            text += &line(&cells, &widths);
        }
    }
    for note in &findings.notes {
        text += "\n";
        text += note;
    }
    if !findings.notes.is_empty() {
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Judged, Spec};

    #[test]
    fn a_line_fits_into_100_columns() {
        let mut findings = Findings::default();
        let spec = Spec {
            what: "a long name of something that is measured",
            against: "DELETE + VACUUM",
            unit: Unit::Seconds,
            judged: Judged::ValueDown,
            goal: Some(0.1),
            heroic: Some(0.05),
        };
        findings.results.add(spec, 0.087, Some(23.28));
        let text = text(&findings);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 100), "{text}");
        assert!(text.contains("/ DELETE + VACUUM"), "{text}");
        assert!(text.contains("goal"), "{text}");
    }
}
