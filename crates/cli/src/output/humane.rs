//! Spans of time as people say them.
//!
//! The rule it protects: two units are enough and one that is zero is left out, so that columns of
//! times stay narrow.

use chrono::{DateTime, Utc};

const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// `4 min 12 s`, `2 h`, `3 d 4 h`.
pub(crate) fn duration(seconds: i64) -> String {
    units(seconds, 2)
}

/// How long ago `at` was: `12 s ago`, `3 min ago`, `2 h 5 min ago`, `3 d ago`.
pub(crate) fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    // Who waits for hours wants to know the minutes; seconds and hours of a day say nothing.
    let seconds = now.signed_duration_since(at).num_seconds();
    let parts = if (3_600..86_400).contains(&seconds) { 2 } else { 1 };
    format!("{} ago", units(seconds, parts))
}

/// [`age`] with one unit, for a narrow screen.
pub(crate) fn rough_age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ago", units(now.signed_duration_since(at).num_seconds(), 1))
}

fn units(seconds: i64, parts: usize) -> String {
    // Clocks differ a little: what lies ahead is now.
    let seconds = seconds.max(0);
    let first = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut said = Vec::with_capacity(parts);
    for (unit, name) in UNITS.iter().skip(first).take(parts) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 || said.is_empty() {
            said.push(format!("{count} {name}"));
        }
    }
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_at_most() {
        for (seconds, said) in [
            (-5, "0 s"),
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (252, "4 min 12 s"),
            (3_600, "1 h"),
            (3_659, "1 h"),
            (7_500, "2 h 5 min"),
            (86_400, "1 d"),
            (100_800, "1 d 4 h"),
            (30 * 86_400, "30 d"),
        ] {
            assert_eq!(duration(seconds), said);
        }
    }

    #[test]
    fn an_age_is_as_exact_as_it_matters() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let before = |seconds| now - chrono::Duration::try_seconds(seconds).unwrap();
        for (seconds, said, rough) in [
            (-30, "0 s ago", "0 s ago"),
            (12, "12 s ago", "12 s ago"),
            (190, "3 min ago", "3 min ago"),
            (7_500, "2 h 5 min ago", "2 h ago"),
            (3 * 86_400 + 5_000, "3 d ago", "3 d ago"),
        ] {
            assert_eq!(age(before(seconds), now), said);
            assert_eq!(rough_age(before(seconds), now), rough);
        }
    }
}
