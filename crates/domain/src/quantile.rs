//! Quantiles of numbers of which some count more than others.
//!
//! The rule it protects: one definition for all that is learned and estimated. Each number stands for
//! its weight's share of the whole, with itself in the middle; between two of them it is a line.

/// Numbers with weights, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weighted {
    sorted: Vec<(f64, f64)>,
    total: f64,
}

impl Weighted {
    /// Those that are finite and weigh something.
    pub(crate) fn of(numbers: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut sorted: Vec<(f64, f64)> = numbers
            .into_iter()
            .filter(|(value, weight)| value.is_finite() && weight.is_finite() && *weight > 0.0)
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = sorted.iter().map(|(_, weight)| weight).sum();
        Self { sorted, total }
    }

    /// The number below which this share lies; `None` of nothing.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = share * self.total;
        let (mut before, mut below): (Option<(f64, f64)>, f64) = (None, 0.0);
        for &(value, weight) in &self.sorted {
            let middle = below + weight / 2.0;
            if middle >= wanted {
                return Some(before.map_or(value, |(last, at)| {
                    last + (value - last) * (wanted - at) / (middle - at).max(f64::MIN_POSITIVE)
                }));
            }
            before = Some((value, middle));
            below += weight;
        }
        before.map(|(last, _)| last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn quantiles_are_ordered_and_lie_within(
            numbers in vec((0.0..1e6, 0.01..10.0), 1..40), low in 0.0..1.0, high in 0.0..1.0,
        ) {
            let (low, high) = if low <= high { (low, high) } else { (high, low) };
            let weighted = Weighted::of(numbers.clone());
            let (below, above) = (weighted.quantile(low).unwrap(), weighted.quantile(high).unwrap());
            prop_assert!(below <= above + 1e-6);
            prop_assert!(numbers.iter().any(|(value, _)| *value <= below + 1e-6));
            prop_assert!(numbers.iter().any(|(value, _)| *value >= above - 1e-6));
        }
    }

    #[test]
    fn the_median_of_equals_is_the_middle_one_and_weight_moves_it() {
        let of = |weights: [f64; 3]| Weighted::of([1.0, 2.0, 30.0].into_iter().zip(weights)).quantile(0.5);
        assert_eq!(of([1.0; 3]), Some(2.0));
        assert!(of([1.0, 1.0, 10.0]) > Some(20.0));
        assert_eq!(Weighted::of([]).quantile(0.5), None);
    }
}
