//! Points in time as people write them.
//!
//! The rule it protects: a time stands for as much as it names. A date, or a count of days, is
//! that whole day (UTC); `=` asks for all of it, `>` begins after it. This is what Foreman does.

use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, Timelike, Utc};

use super::{ParseError, Test, Value, error::excerpt, lexer::Bound};

const EXAMPLES: &str = "write a time as 2026-11-22, \"2026-11-22 10:00\", 2026-11-22T10:00:00Z, \"2 hours ago\", \
                        \"3 days from now\", yesterday, today, tomorrow or now";

/// A span of time that a query names: `from() <= t < until()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    from: DateTime<Utc>,
    unit: Unit,
}

/// How long a named time lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Minute,
    Second,
    /// The resolution of PostgreSQL.
    Microsecond,
}

impl TimeRange {
    /// The unit of time that `at` falls into.
    fn around(at: DateTime<Utc>, unit: Unit) -> Self {
        let second = at.with_nanosecond(0).unwrap_or(at);
        let minute = second.with_second(0).unwrap_or(second);
        let from = match unit {
            Unit::Day => at.date_naive().and_time(chrono::NaiveTime::MIN).and_utc(),
            Unit::Minute => minute,
            Unit::Second => second,
            Unit::Microsecond => at,
        };
        Self { from, unit }
    }

    /// The first moment in it.
    #[must_use]
    pub const fn from(&self) -> DateTime<Utc> {
        self.from
    }

    /// The first moment after it.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        let length = match self.unit {
            Unit::Day => TimeDelta::days(1),
            Unit::Minute => TimeDelta::minutes(1),
            Unit::Second => TimeDelta::seconds(1),
            Unit::Microsecond => TimeDelta::microseconds(1),
        };
        self.from.checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Whether `at` is in it.
    #[must_use]
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.until()
    }
}

impl fmt::Display for TimeRange {
    /// As it is typed in a query, without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Day => write!(f, "{}", self.from.format("%Y-%m-%d")),
            Unit::Minute => write!(f, "{}", self.from.format("%Y-%m-%d %H:%M")),
            Unit::Second => f.write_str(&self.from.to_rfc3339_opts(SecondsFormat::Secs, true)),
            Unit::Microsecond => f.write_str(&self.from.to_rfc3339_opts(SecondsFormat::Micros, true)),
        }
    }
}

/// A point in time as canonical text.
pub(super) fn text(at: DateTime<Utc>) -> String {
    let format = if at.timestamp_subsec_nanos() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    at.to_rfc3339_opts(format, true)
}

/// A time that was read: the point where it begins, and the span it names.
pub(super) struct Moment {
    at: DateTime<Utc>,
    pub(super) range: TimeRange,
}

impl Moment {
    fn new(at: DateTime<Utc>, unit: Unit) -> Self {
        let range = TimeRange::around(at, unit);
        let at = if unit == Unit::Day { range.from } else { at };
        Self { at, range }
    }

    /// The test for `field < this` and its kin: a day counts as a whole, all else as its point.
    pub(super) fn bound(&self, bound: Bound) -> Test {
        let day = self.range.unit == Unit::Day;
        let until = Value::Time(self.range.until());
        let at = Value::Time(self.at);
        match bound {
            Bound::Less => Test::Less(at),
            Bound::GreaterOrEqual => Test::GreaterOrEqual(at),
            Bound::LessOrEqual if day => Test::Less(until),
            Bound::LessOrEqual => Test::LessOrEqual(at),
            Bound::Greater if day => Test::GreaterOrEqual(until),
            Bound::Greater => Test::Greater(at),
        }
    }
}

/// Reads a time; `now` is what relative ones start from.
pub(super) fn read(text: &str, position: usize, now: DateTime<Utc>) -> Result<Moment, ParseError> {
    let fault = |what: &str| ParseError::new(position, format_args!("'{}' {what}", excerpt(text)));
    let out_of_range = || fault("is not in the years 1900 to 2999");
    let (at, unit) = match Relative::read(text) {
        Some(relative) => (relative.from(now).ok_or_else(out_of_range)?, relative.unit),
        None => absolute(text).ok_or_else(|| fault("is not a time").hint(EXAMPLES))?,
    };
    // What PostgreSQL and RFC 3339 can both express, and the day after the last day as a point,
    // because `> 2999-12-31` is printed as that.
    let last = if unit == Unit::Day { 2999 } else { 3000 };
    if !(1900..=last).contains(&at.year()) {
        return Err(out_of_range());
    }
    // Cut to what is stored, so that what is printed reads back as the same.
    let at = DateTime::from_timestamp_micros(at.timestamp_micros()).ok_or_else(out_of_range)?;
    Ok(Moment::new(at, unit))
}

/// A time counted from now.
struct Relative {
    amount: i64,
    step: Step,
    unit: Unit,
    back: bool,
}

/// What is counted.
#[derive(Clone, Copy)]
enum Step {
    Seconds(i64),
    /// Months differ in length; a day that a month lacks becomes its last.
    Months(i64),
}

impl Relative {
    fn read(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let words: Vec<_> = text.split_whitespace().collect();
        let (amount, unit, back) = match words.as_slice() {
            ["now"] => (0, "minute", true),
            ["today"] => (0, "day", true),
            ["yesterday"] => (1, "day", true),
            ["tomorrow"] => (1, "day", false),
            [amount, unit, "ago"] => (count(amount)?, *unit, true),
            [amount, unit, "from", "now"] => (count(amount)?, *unit, false),
            _ => return None,
        };
        let (step, unit) = match unit.strip_suffix('s').unwrap_or(unit) {
            "second" => (Step::Seconds(1), Unit::Second),
            "minute" => (Step::Seconds(60), Unit::Minute),
            "hour" => (Step::Seconds(3_600), Unit::Minute),
            "day" => (Step::Seconds(86_400), Unit::Day),
            "week" => (Step::Seconds(7 * 86_400), Unit::Day),
            "month" => (Step::Months(1), Unit::Day),
            "year" => (Step::Months(12), Unit::Day),
            _ => return None,
        };
        Some(Self { amount, step, unit, back })
    }

    /// The point that is meant, unless it is beyond all calendars.
    fn from(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.step {
            Step::Seconds(each) => {
                let delta = TimeDelta::try_seconds(self.amount.checked_mul(each)?)?;
                if self.back { now.checked_sub_signed(delta) } else { now.checked_add_signed(delta) }
            }
            Step::Months(each) => {
                let months = Months::new(u32::try_from(self.amount.checked_mul(each)?).ok()?);
                if self.back { now.checked_sub_months(months) } else { now.checked_add_months(months) }
            }
        }
    }
}

/// A count in digits; one too large for any date stays too large.
fn count(digits: &str) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(i64::MAX))
}

fn absolute(text: &str) -> Option<(DateTime<Utc>, Unit)> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some((date.and_time(chrono::NaiveTime::MIN).and_utc(), Unit::Day));
    }
    let parse = |format| NaiveDateTime::parse_from_str(text, format).ok();
    if let Some(time) = parse("%Y-%m-%d %H:%M").or_else(|| parse("%Y-%m-%dT%H:%M")) {
        return Some((time.and_utc(), Unit::Minute));
    }
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    let time = time
        .or_else(|| parse("%Y-%m-%d %H:%M:%S%.f").map(|time| time.and_utc()))
        .or_else(|| parse("%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc()))?;
    // A leap second counts as a whole second beyond its minute's last.
    let unit = if time.timestamp_subsec_micros() % 1_000_000 == 0 { Unit::Second } else { Unit::Microsecond };
    Some((time, unit))
}
