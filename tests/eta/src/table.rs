//! Tables that read alike in a terminal of 80 columns and in a document.
//!
//! The rule it protects: every figure of a document comes out of here, in the form it is printed in.

use crate::{
    replay::{Look, POINTS},
    score::{Curve, Who, bar_error, best_reference, eta_error, range_held},
};

/// Builds of one kind of site, and what was said of them.
#[derive(Debug, Default)]
pub(crate) struct Set {
    /// What it is called.
    pub(crate) name: String,
    /// How many were completed.
    pub(crate) completed: usize,
    /// How many of them there was something to estimate from.
    pub(crate) estimated: usize,
    pub(crate) looks: Vec<Look>,
}

/// What has to be reached, by the measure.
pub(crate) const ERROR_MAX: f64 = 20.0;
/// Of the best reference's error.
pub(crate) const RATIO_MAX: f64 = 0.6;
/// In points.
pub(crate) const BAR_MAX: f64 = 4.0;
/// In percent.
pub(crate) const HELD: std::ops::RangeInclusive<f64> = 75.0..=85.0;

/// A table of which all columns have one width; the first is to the left.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let rules = widths.iter().enumerate().map(|(at, width)| {
        if at == 0 { "-".repeat(*width) } else { format!("{}:", "-".repeat(width.saturating_sub(1))) }
    });
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let body = rows.iter().map(|row| line(row));
    line(&head) + &line(&rules.collect::<Vec<_>>()) + &body.collect::<String>()
}

fn figure(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}") } else { "none".to_owned() }
}

fn curves(first: &str, all: &[(&str, Curve)]) -> String {
    let points: Vec<String> = POINTS.iter().map(|point| format!("{:.0} %", point * 100.0)).collect();
    let head: Vec<&str> =
        std::iter::once(first).chain(points.iter().map(String::as_str)).chain(["mean"]).collect();
    let row = |name: String, values: &[f64; 5], mean: f64| {
        let cells = values.iter().chain([&mean]).map(|value| figure(*value));
        std::iter::once(name).chain(cells).collect::<Vec<_>>()
    };
    let rows = all.iter().flat_map(|(name, curve)| {
        [
            row((*name).to_owned(), &curve.median, curve.mean_median()),
            row("  p90".to_owned(), &curve.p90, curve.mean_p90()),
        ]
    });
    table(&head, &rows.collect::<Vec<_>>())
}

/// The error of what was said to be left, relative to what was, in percent.
pub(crate) fn errors(set: &Set) -> String {
    let of = |who: &Who| (who.name(), eta_error(&set.looks, *who));
    curves("error of the ETA, %", &Who::ALL.iter().map(of).collect::<Vec<_>>())
}

/// How far the bar was from the share of time that had passed, in points.
pub(crate) fn bars(set: &Set) -> String {
    let shown = Who::ALL.iter().filter(|who| **who != Who::Alone);
    let of = |who: &Who| (who.name(), bar_error(&set.looks, *who));
    curves("bar is off by, points", &shown.map(of).collect::<Vec<_>>())
}

/// What was reached, by the kind of site.
pub(crate) fn sites(sets: &[Set]) -> String {
    let rows = sets.iter().map(|set| {
        let ours = eta_error(&set.looks, Who::Milepost).mean_median();
        let (who, best) = best_reference(&set.looks);
        vec![
            set.name.clone(),
            format!("{}", set.estimated),
            figure(ours),
            format!("{best:.1} {}", who.name().split(' ').next().unwrap_or_default()),
            format!("{:.2}", ours / best),
            figure(bar_error(&set.looks, Who::Milepost).mean_median()),
            figure(range_held(&set.looks).1),
        ]
    });
    let head = ["site", "builds", "error", "best other", "ratio", "bar", "in range"];
    table(&head, &rows.collect::<Vec<_>>())
}

/// The goals, and what became of them.
pub(crate) fn goals(tuned: &Set, untouched: &Set) -> String {
    let ours = |set: &Set| eta_error(&set.looks, Who::Milepost).mean_median();
    let ratio = |set: &Set| ours(set) / best_reference(&set.looks).1;
    let bar = |set: &Set| bar_error(&set.looks, Who::Milepost).mean_median();
    let held = |set: &Set| range_held(&set.looks).1;
    let row =
        |what: &str, goal: &str, digits: usize, value: &dyn Fn(&Set) -> f64, good: &dyn Fn(f64) -> bool| {
            let cell = |set: &Set| {
                let value = value(set);
                format!("{value:.digits$} {}", if good(value) { "yes" } else { "NO" })
            };
            vec![what.to_owned(), goal.to_owned(), cell(tuned), cell(untouched)]
        };
    let rows = [
        row("median error of the ETA, %", "20", 1, &ours, &|value| value <= ERROR_MAX),
        row("that, to the best reference's", "0.6, then 0.5", 2, &ratio, &|value| value <= RATIO_MAX),
        row("bar is off by (median), points", "4", 1, &bar, &|value| value <= BAR_MAX),
        row("range holds the truth, %", "75 to 85", 1, &held, &|value| HELD.contains(&value)),
    ];
    table(&["mean of the five points", "goal", "tuned", "untouched"], &rows)
}

/// How often the range held what came.
pub(crate) fn ranges(sets: &[&Set]) -> String {
    let points: Vec<String> = POINTS.iter().map(|point| format!("{:.0} %", point * 100.0)).collect();
    let head: Vec<&str> = std::iter::once("range holds the truth, %")
        .chain(points.iter().map(String::as_str))
        .chain(["all"])
        .collect();
    let rows = sets.iter().map(|set| {
        let (by_point, all) = range_held(&set.looks);
        let cells = by_point.iter().chain([&all]).map(|value| figure(*value));
        std::iter::once(set.name.clone()).chain(cells).collect::<Vec<_>>()
    });
    table(&head, &rows.collect::<Vec<_>>())
}
