//! A query as a tree, and what it means.
//!
//! The rule it protects: a query is true or false of a row, never unknown, so `not` is always
//! the complement. What has no value fails every positive test and passes every negative one.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use super::{Field, Pattern, TimeRange};

/// A condition on a row.
///
/// In SQL, a negative test is `(col IS NULL OR col <> x)`, and [`Expr::Not`] is
/// `NOT coalesce(…, false)`; everything else is what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All of two or more, none of which is an `And`.
    And(Vec<Expr>),
    /// Any of two or more, none of which is an `Or`.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A field compared with something.
    Compare {
        /// The field.
        field: &'static Field,
        /// What is asked of its value.
        test: Test,
    },
    /// Any of these fields matches. There is at least one.
    FreeText(Vec<&'static Field>, Pattern),
    /// The field has a value.
    Has(&'static Field),
}

/// What is asked of a field's value. The values in it are of the field's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The same; texts with regard to case. Never a time, see [`Test::Within`].
    Equals(Value),
    /// Anything else, or no value.
    NotEquals(Value),
    /// Matches, without regard to case (`ILIKE`).
    Like(Pattern),
    /// Does not match, or has no value.
    NotLike(Pattern),
    /// Before or below; an integer or a time, as in the three that follow.
    Less(Value),
    /// At most.
    LessOrEqual(Value),
    /// After or above.
    Greater(Value),
    /// At least.
    GreaterOrEqual(Value),
    /// One of these: one or more, never times.
    In(Vec<Value>),
    /// None of these, or no value.
    NotIn(Vec<Value>),
    /// A time in this range: `from <= t < until`.
    Within(TimeRange),
    /// A time outside this range, or no value.
    NotWithin(TimeRange),
}

/// A value in a query or in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// Several texts, of a row only: it is what any of them is, and matches what any of them matches.
    Texts(Vec<String>),
    /// A whole number.
    Integer(i64),
    /// A point in time, exact to a microsecond as PostgreSQL stores it.
    Time(DateTime<Utc>),
    /// Yes or no.
    Boolean(bool),
}

impl Expr {
    pub(super) fn all(operands: Vec<Self>) -> Self {
        Self::join(operands, Self::And, |operand| match operand {
            Self::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    pub(super) fn any(operands: Vec<Self>) -> Self {
        Self::join(operands, Self::Or, |operand| match operand {
            Self::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn join(
        operands: Vec<Self>,
        make: fn(Vec<Self>) -> Self,
        open: fn(Self) -> Result<Vec<Self>, Self>,
    ) -> Self {
        let mut flat: Vec<Self> = operands
            .into_iter()
            .flat_map(|operand| open(operand).unwrap_or_else(|other| vec![other]))
            .collect();
        match (flat.pop(), flat.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                flat.extend(last);
                make(flat)
            }
        }
    }

    /// Whether it says anything of one of these fields.
    #[must_use]
    pub fn mentions(&self, fields: &[&str]) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(|part| part.mentions(fields)),
            Self::Not(inner) => inner.mentions(fields),
            Self::Compare { field, .. } | Self::Has(field) => fields.contains(&field.name),
            Self::FreeText(searched, _) => searched.iter().any(|field| fields.contains(&field.name)),
        }
    }

    /// Whether a row satisfies this; `lookup` gives the row's value of a field, or `None` where
    /// it has none.
    #[must_use]
    pub fn matches(&self, lookup: &dyn Fn(&Field) -> Option<Value>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|expr| expr.matches(lookup)),
            Self::Or(any) => any.iter().any(|expr| expr.matches(lookup)),
            Self::Not(expr) => !expr.matches(lookup),
            Self::Compare { field, test } => test.holds(lookup(field).as_ref()),
            Self::FreeText(fields, pattern) => {
                fields.iter().any(|field| lookup(field).is_some_and(|value| value.is_like(pattern)))
            }
            Self::Has(field) => lookup(field).is_some(),
        }
    }
}

impl Test {
    /// Whether it is true of a field that has this value, or none.
    #[must_use]
    pub fn holds(&self, value: Option<&Value>) -> bool {
        let is = |test: &dyn Fn(&Value) -> bool| value.is_some_and(test);
        match self {
            Self::Equals(wanted) => is(&|value| value.is(wanted)),
            Self::NotEquals(wanted) => !is(&|value| value.is(wanted)),
            Self::Like(pattern) => is(&|value| value.is_like(pattern)),
            Self::NotLike(pattern) => !is(&|value| value.is_like(pattern)),
            Self::Less(bound) => is(&|value| value.order(bound).is_some_and(Ordering::is_lt)),
            Self::LessOrEqual(bound) => is(&|value| value.order(bound).is_some_and(Ordering::is_le)),
            Self::Greater(bound) => is(&|value| value.order(bound).is_some_and(Ordering::is_gt)),
            Self::GreaterOrEqual(bound) => is(&|value| value.order(bound).is_some_and(Ordering::is_ge)),
            Self::In(values) => is(&|value| values.iter().any(|wanted| value.is(wanted))),
            Self::NotIn(values) => !is(&|value| values.iter().any(|wanted| value.is(wanted))),
            Self::Within(range) => is(&|value| value.is_within(range)),
            Self::NotWithin(range) => !is(&|value| value.is_within(range)),
        }
    }
}

impl Value {
    fn is(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Texts(texts), Self::Text(wanted)) => texts.contains(wanted),
            _ => self == wanted,
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(this), Self::Integer(that)) => Some(this.cmp(that)),
            (Self::Time(this), Self::Time(that)) => Some(this.cmp(that)),
            // Texts have no order here, as in scoped_search: a collation would decide it.
            _ => None,
        }
    }

    fn is_like(&self, pattern: &Pattern) -> bool {
        match self {
            Self::Text(text) => pattern.matches(text),
            Self::Texts(texts) => texts.iter().any(|text| pattern.matches(text)),
            _ => false,
        }
    }

    fn is_within(&self, range: &TimeRange) -> bool {
        matches!(self, Self::Time(time) if range.contains(*time))
    }
}
