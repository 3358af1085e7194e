//! Which steps are slow together: a linear model of one quantity by others, learned from few builds.
//!
//! The rule it protects: with little to learn from it says nothing. The penalty pulls every slope to
//! zero (ridge regression), and what a build says of itself does not count when it is compared with
//! what the model says of it.

/// A model of the samples' predictors, for any number of targets.
#[derive(Debug, Clone)]
pub(crate) struct Ridge {
    samples: Vec<Sample>,
    /// Of the weighted and penalised matrix of the predictors' products.
    inverse: Vec<Vec<f64>>,
}

/// One build.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// How far each predictor was from what is usual.
    pub(crate) predictors: Vec<f64>,
    /// How much the build counts.
    pub(crate) weight: f64,
}

/// What the model says of one target.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// Its value for the build in question.
    pub(crate) value: f64,
    /// How far each sample was from what the other samples said of it.
    pub(crate) residuals: Vec<f64>,
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn times(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| product(row, vector)).collect()
}

impl Ridge {
    /// Takes in one sample after the other; each changes the inverse by a product of one vector with
    /// itself (the Sherman-Morrison formula), so nothing has to be solved.
    pub(crate) fn of(predictors: usize, samples: Vec<Sample>, penalty: f64) -> Self {
        let unit = |at: usize| (0..predictors).map(|it| if it == at { 1.0 / penalty } else { 0.0 }).collect();
        let mut inverse: Vec<Vec<f64>> = (0..predictors).map(unit).collect();
        for sample in &samples {
            let reach = times(&inverse, &sample.predictors);
            let scale = sample.weight / (1.0 + sample.weight * product(&sample.predictors, &reach));
            for (row, left) in inverse.iter_mut().zip(&reach) {
                for (cell, right) in row.iter_mut().zip(&reach) {
                    *cell -= scale * left * right;
                }
            }
        }
        Self { samples, inverse }
    }

    /// The model's slopes for a target that was so in each sample, applied to `now`.
    pub(crate) fn fit(&self, target: &[f64], now: &[f64]) -> Fit {
        let mut moment = vec![0.0; self.inverse.len()];
        for (sample, target) in self.samples.iter().zip(target) {
            for (cell, predictor) in moment.iter_mut().zip(&sample.predictors) {
                *cell += sample.weight * predictor * target;
            }
        }
        let slopes = times(&self.inverse, &moment);
        let residuals = self.samples.iter().zip(target).map(|(sample, target)| {
            let own = sample.weight * product(&sample.predictors, &times(&self.inverse, &sample.predictors));
            (target - product(&slopes, &sample.predictors)) / (1.0 - own).max(0.1)
        });
        Fit { value: product(&slopes, now), residuals: residuals.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: u8) -> Vec<Sample> {
        let predictors = |at: u8| vec![f64::from(at) / 10.0 - 1.0, f64::from(at % 3) - 1.0];
        (0..count).map(|at| Sample { predictors: predictors(at), weight: 1.0 }).collect()
    }

    #[test]
    fn a_slope_is_found_and_what_has_nothing_to_do_with_it_is_left_out() {
        let samples = samples(21);
        let target: Vec<f64> = samples.iter().map(|sample| 0.5 * sample.predictors[0]).collect();
        let fit = Ridge::of(2, samples, 0.1).fit(&target, &[1.0, 1.0]);
        assert!((fit.value - 0.5).abs() < 0.02, "{fit:?}");
        assert!(fit.residuals.iter().all(|residual| residual.abs() < 0.02), "{fit:?}");
    }

    #[test]
    fn little_is_believed_little() {
        let value = |count| {
            let samples = samples(count);
            let target: Vec<f64> = samples.iter().map(|sample| sample.predictors[0]).collect();
            Ridge::of(2, samples, 5.0).fit(&target, &[1.0, 0.0]).value
        };
        assert!(value(2) < value(21) && value(21) < 1.0, "{} {}", value(2), value(21));
        assert!(value(0).abs() < f64::EPSILON);
    }
}
