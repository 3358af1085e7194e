//! How far what was said was from what came.
//!
//! The rule it protects: errors are relative to what was really left, and medians and 90th percentiles
//! are of all looks at a point; nothing is dropped because it was bad.

use crate::{
    references::Told,
    replay::{Look, POINTS},
};

/// Whoever says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Milepost,
    /// Milepost without what other hosts experience.
    Alone,
    Equal,
    Fixed,
    Mean,
}

impl Who {
    pub(crate) const ALL: [Self; 5] = [Self::Milepost, Self::Alone, Self::Equal, Self::Fixed, Self::Mean];
    pub(crate) const REFERENCES: [Self; 3] = [Self::Equal, Self::Fixed, Self::Mean];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Milepost => "Milepost",
            Self::Alone => "without peers",
            Self::Equal => "equal weights",
            Self::Fixed => "fixed weights",
            Self::Mean => "mean of last",
        }
    }

    fn of(self, look: &Look) -> Told {
        match self {
            Self::Milepost => look.ours,
            Self::Alone => Told { seconds: look.alone, ..look.ours },
            Self::Equal => look.equal,
            Self::Fixed => look.fixed,
            Self::Mean => look.mean,
        }
    }
}

/// The number below which this share lies.
fn quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let last = f64::from(u32::try_from(numbers.len()).unwrap_or(u32::MAX)) - 1.0;
    let wanted = (last * share).max(0.0).round();
    let at = numbers.iter().zip(0_u32..).find(|(_, at)| f64::from(*at) >= wanted);
    at.map_or(f64::NAN, |(number, _)| *number)
}

/// A median and a 90th percentile for each of [`POINTS`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Curve {
    pub(crate) median: [f64; 5],
    pub(crate) p90: [f64; 5],
}

impl Curve {
    fn of(looks: &[Look], value: impl Fn(&Look) -> f64) -> Self {
        let mut curve = Self::default();
        for (point, (median, p90)) in curve.median.iter_mut().zip(&mut curve.p90).enumerate() {
            let all: Vec<f64> = looks.iter().filter(|look| look.point == point).map(&value).collect();
            *median = quantile(all.clone(), 0.5);
            *p90 = quantile(all, 0.9);
        }
        curve
    }

    /// Over all points.
    pub(crate) fn mean_median(&self) -> f64 {
        self.median.iter().sum::<f64>() / 5.0
    }

    /// Over all points.
    pub(crate) fn mean_p90(&self) -> f64 {
        self.p90.iter().sum::<f64>() / 5.0
    }
}

/// The relative error of the estimate, in percent.
pub(crate) fn eta_error(looks: &[Look], who: Who) -> Curve {
    Curve::of(looks, |look| 100.0 * (who.of(look).seconds - look.left).abs() / look.left)
}

/// How far the bar is from the share of time that has passed, in points.
pub(crate) fn bar_error(looks: &[Look], who: Who) -> Curve {
    Curve::of(looks, |look| {
        let truth = POINTS.get(look.point).copied().unwrap_or_default();
        100.0 * (who.of(look).share - truth).abs()
    })
}

/// How often the range held what came, in percent, by point and over all.
pub(crate) fn range_held(looks: &[Look]) -> ([f64; 5], f64) {
    let held = |looks: &mut dyn Iterator<Item = &Look>| {
        let (mut held, mut all) = (0.0, 0.0);
        for look in looks {
            all += 1.0;
            held += if (look.range.0 - 1.0..=look.range.1 + 1.0).contains(&look.left) { 1.0 } else { 0.0 };
        }
        100.0 * held / all
    };
    let mut by_point = [0.0; 5];
    for (point, share) in by_point.iter_mut().enumerate() {
        *share = held(&mut looks.iter().filter(|look| look.point == point));
    }
    (by_point, held(&mut looks.iter()))
}

/// The reference that errs least, and by how much, in percent.
pub(crate) fn best_reference(looks: &[Look]) -> (Who, f64) {
    let mut best = (Who::Equal, f64::INFINITY);
    for who in Who::REFERENCES {
        let error = eta_error(looks, who).mean_median();
        if error < best.1 {
            best = (who, error);
        }
    }
    best
}
