//! The lines of the table: what is compared with what, what is to be reached, and what was seen.
//!
//! The rule it protects: a figure is judged by the median of its rounds against a goal that stands
//! here, next to what it is compared with.

use crate::{
    stats::{least, median, most},
    units::{Unit, ratio},
};

/// What a line is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Ours over the reference's; more is better.
    RatioUp,
    /// Ours over the reference's; less is better.
    RatioDown,
    /// Ours as it is; more is better.
    ValueUp,
    /// Ours as it is; less is better.
    ValueDown,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) what: &'static str,
    pub(crate) against: &'static str,
    pub(crate) unit: Unit,
    pub(crate) judged: Judged,
    pub(crate) goal: Option<f64>,
    pub(crate) heroic: Option<f64>,
}

/// A line and what was seen, a pair a round.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) spec: Spec,
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Vec<f64>,
    /// How many rounds there were, and in how many something else used the machine.
    rounds: u32,
    disturbed: u32,
}

/// How far a line got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Heroic,
    Goal,
    Missed,
    /// There is nothing to be reached.
    Unjudged,
}

impl Reached {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Heroic => "heroic",
            Self::Goal => "goal",
            Self::Missed => "no",
            Self::Unjudged => "",
        }
    }
}

impl Row {
    /// What is judged, a value a round.
    pub(crate) fn figures(&self) -> Vec<f64> {
        match self.spec.judged {
            Judged::ValueUp | Judged::ValueDown => self.ours.clone(),
            Judged::RatioUp | Judged::RatioDown => {
                self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect()
            }
        }
    }

    pub(crate) fn shown(&self, figure: f64) -> String {
        match self.spec.judged {
            Judged::ValueUp | Judged::ValueDown => self.spec.unit.show(figure),
            Judged::RatioUp | Judged::RatioDown => ratio(figure),
        }
    }

    pub(crate) fn reached(&self) -> Reached {
        let figure = median(&self.figures());
        let holds = |limit: f64| match self.spec.judged {
            Judged::RatioUp | Judged::ValueUp => figure >= limit,
            Judged::RatioDown | Judged::ValueDown => figure <= limit,
        };
        match (self.spec.goal, self.spec.heroic) {
            (_, Some(heroic)) if holds(heroic) => Reached::Heroic,
            (Some(goal), _) if holds(goal) => Reached::Goal,
            (Some(_), _) => Reached::Missed,
            (None, _) => Reached::Unjudged,
        }
    }

    /// Whether most of its rounds were disturbed, so that it says little.
    pub(crate) fn is_doubtful(&self) -> bool {
        2 * self.disturbed > self.rounds && self.reached() != Reached::Unjudged
    }

    /// What it is, ours, the reference's, least, median, most, goal, heroic goal, reached.
    pub(crate) fn cells(&self) -> [String; 10] {
        let figures = self.figures();
        let all = |values: &[f64]| {
            if values.is_empty() { "-".to_owned() } else { self.spec.unit.show(median(values)) }
        };
        let limit = |limit: Option<f64>| limit.map_or_else(|| "-".to_owned(), |limit| self.shown(limit));
        [
            self.spec.what.to_owned(),
            self.spec.against.to_owned(),
            all(&self.ours),
            all(&self.theirs),
            self.shown(least(&figures)),
            self.shown(median(&figures)),
            self.shown(most(&figures)),
            limit(self.spec.goal),
            limit(self.spec.heroic),
            format!("{}{}", self.reached().text(), if self.is_doubtful() { "?" } else { "" }),
        ]
    }
}

/// All lines, in the order in which they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
}

impl Results {
    /// Adds what a round saw.
    pub(crate) fn add(&mut self, spec: Spec, ours: f64, theirs: Option<f64>) {
        let same = |row: &&mut Row| (row.spec.what, row.spec.against) == (spec.what, spec.against);
        let row = if let Some(row) = self.rows.iter_mut().find(same) {
            row
        } else {
            self.rows.push(Row { spec, ours: Vec::new(), theirs: Vec::new(), rounds: 0, disturbed: 0 });
            let Some(row) = self.rows.last_mut() else { return };
            row
        };
        row.ours.push(ours);
        row.theirs.extend(theirs);
    }

    /// How many values each row has.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.ours.len()).collect()
    }

    /// Ends a round for the rows that have got longer since.
    pub(crate) fn end_round(&mut self, since: &[usize], disturbed: bool) {
        for (at, row) in self.rows.iter_mut().enumerate() {
            if row.ours.len() > since.get(at).copied().unwrap_or_default() {
                row.rounds += 1;
                row.disturbed += u32::from(disturbed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec {
        what: "a",
        against: "b",
        unit: Unit::Rate,
        judged: Judged::RatioUp,
        goal: Some(2.0),
        heroic: Some(4.0),
    };

    fn row(spec: Spec, ours: f64, theirs: f64) -> Row {
        Row { spec, ours: vec![ours], theirs: vec![theirs], rounds: 1, disturbed: 0 }
    }

    #[test]
    fn the_median_of_the_rounds_is_judged() {
        assert_eq!(row(SPEC, 10.0, 10.0).reached(), Reached::Missed);
        assert_eq!(row(SPEC, 20.0, 10.0).reached(), Reached::Goal);
        assert_eq!(row(SPEC, 40.0, 10.0).reached(), Reached::Heroic);
        let down = Spec { judged: Judged::ValueDown, goal: Some(4.0), heroic: Some(2.0), ..SPEC };
        assert_eq!(row(down, 5.0, 0.0).reached(), Reached::Missed);
        assert_eq!(row(down, 3.0, 0.0).reached(), Reached::Goal);
        assert_eq!(row(down, 2.0, 0.0).reached(), Reached::Heroic);
    }
}
