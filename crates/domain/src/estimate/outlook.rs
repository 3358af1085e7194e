//! How the rest of a build can go: what is left in each of the builds that are remembered, as it would
//! be for this one.
//!
//! The rule it protects: the range is made of builds that happened, not of a formula. Each of them
//! counts by how recent it is and by whether it can still come true, and only what none of them
//! explains is left to a rule: a step that has taken longer than ever takes longer still.

use crate::{estimate::forecast::Forecast, quantile::Weighted};

/// A step whose end was not reported goes on in the next one: so likely is that.
const LOST: f64 = 0.02;
/// So likely is it that something is in the way that no remembered build met.
const STRAGGLER: f64 = 0.02;
/// How such times are distributed beyond the usual one: the exponent of a Pareto law. With 1.5, half of
/// the steps that have taken so long take 59 % longer still.
const TAIL: f64 = 1.5;
/// What few builds say is uncertain by itself: the deviation of the logarithm of the rest, for a single
/// build; it falls with the root of their number. Chosen so that the range holds four in five.
const UNCERTAIN: f64 = 0.4;
/// The thirds of a normal law of the deviation 1, each with what it weighs.
const THIRDS: [(f64, f64); 3] = [(-1.09, 1.0 / 3.0), (0.0, 1.0 / 3.0), (1.09, 1.0 / 3.0)];

/// The distribution of the time that is left.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    /// In seconds.
    pub(crate) rest: Weighted,
    /// How long the step at work takes in all, before it is known how long it has taken.
    pub(crate) at_work: Weighted,
}

/// What the step at work has to say of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtWork {
    /// How long it has taken so far, in seconds.
    pub(crate) elapsed: f64,
    /// How long it will take by its own account, and how far that is believed, 0 to 1.
    pub(crate) own: Option<(f64, f64)>,
}

impl Outlook {
    /// `here` are the steps that may come before the one at work is over, with itself the last of
    /// them; `ahead` are those after it.
    pub(crate) fn of(here: &[Forecast], ahead: &[Forecast], weights: &[f64], at: AtWork) -> Self {
        let elapsed = at.elapsed;
        let own = |seconds: f64| match at.own {
            Some((own, belief)) if seconds > 0.0 => seconds.powf(1.0 - belief) * own.powf(belief),
            _ => seconds,
        };
        let total: f64 = weights.iter().sum();
        let uncertain = UNCERTAIN / total.max(1.0).sqrt();
        let (mut rest, mut whole) = (Vec::new(), Vec::new());
        for (age, &weight) in weights.iter().enumerate() {
            let of = |steps: &[Forecast]| steps.iter().filter_map(|step| step.seconds(age)).sum::<f64>();
            let (takes, later) = (own(of(here)), of(ahead));
            let next = ahead.iter().find_map(|step| step.seconds(age)).unwrap_or(0.0);
            whole.push((takes, weight));
            let left = takes - elapsed + later;
            let likely = if takes > elapsed {
                1.0
            } else if takes + next > elapsed {
                LOST
            } else {
                0.0
            };
            rest.extend(THIRDS.map(|(away, part)| (left * (uncertain * away).exp(), weight * part * likely)));
        }
        let usual = own(here.iter().map(Forecast::usual).sum()).max(1.0);
        let later: f64 = ahead.iter().map(Forecast::usual).sum();
        let survives = (usual / elapsed.max(usual)).powf(TAIL);
        for share in [1.0 / 6.0, 0.5, 5.0 / 6.0] {
            let takes = elapsed.max(usual) * f64::powf(1.0 - share, -1.0 / TAIL);
            rest.push((takes - elapsed + later, total * STRAGGLER * survives / 3.0));
        }
        Self { rest: Weighted::of(rest), at_work: Weighted::of(whole) }
    }
}
