//! Medians and quantiles.
//!
//! The rule it protects: a figure is the median of the rounds, shown with the least and the most;
//! a quantile is a value that was seen, not one between two.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "counts of one run, far below what a float holds"
)]

/// The middle of the values; 0 for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |at: usize| sorted.get(at).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 || sorted.is_empty() {
        at(middle)
    } else {
        f64::midpoint(at(middle - 1), at(middle))
    }
}

pub(crate) fn least(values: &[f64]) -> f64 {
    values.iter().copied().reduce(f64::min).unwrap_or_default()
}

pub(crate) fn most(values: &[f64]) -> f64 {
    values.iter().copied().reduce(f64::max).unwrap_or_default()
}

/// Durations in microseconds, sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sorted(Vec<f64>);

impl Sorted {
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that this share of all is not above.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// How many are above a limit, and their share of the sum.
    pub(crate) fn above(&self, limit: f64) -> (usize, f64) {
        let above: Vec<f64> = self.0.iter().copied().filter(|value| *value > limit).collect();
        let all: f64 = self.0.iter().sum();
        // The sum of nothing is -0, which would be printed so.
        (above.len(), above.iter().fold(0.0, |sum, value| sum + value) / all.max(f64::MIN_POSITIVE))
    }

    pub(crate) fn merge(all: impl IntoIterator<Item = Self>) -> Self {
        Self::new(all.into_iter().flat_map(|one| one.0).collect())
    }
}

/// A count as a number to divide.
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_quantile_is_a_value_that_was_seen() {
        let sorted = Sorted::new((1..=1000).rev().map(f64::from).collect());
        for (share, value) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0), (0.0, 1.0)] {
            assert!((sorted.quantile(share) - value).abs() < f64::EPSILON, "{share}");
        }
    }
}
