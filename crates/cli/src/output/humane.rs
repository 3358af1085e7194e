//! Spans of time, sizes and numbers as people say them.
//!
//! The rule it protects: two units are enough and one that is zero is left out, so that columns
//! stay narrow.

use chrono::{DateTime, Utc};

const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// `4 min 12 s`, `2 h`, `3 d 4 h`.
pub(crate) fn duration(seconds: i64) -> String {
    units(seconds, 2).map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// [`duration`] for a narrow screen: `4m12s`.
pub(crate) fn short_duration(seconds: i64) -> String {
    let said: Vec<String> = units(seconds, 2).map(short).collect();
    said.concat()
}

/// How long ago `at` was: `12 s ago`, `3 min ago`, `2 h 5 min ago`, `3 d ago`.
pub(crate) fn age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = now.signed_duration_since(at).num_seconds();
    // Who waits for hours wants to know the minutes; the seconds of a minute and the hours of a
    // day say nothing.
    let parts = if (3_600..86_400).contains(&seconds) { 2 } else { 1 };
    let said: Vec<String> = units(seconds, parts).map(|(count, unit)| format!("{count} {unit} ")).collect();
    format!("{}ago", said.concat())
}

/// [`age`] for a narrow screen: `2h ago`.
pub(crate) fn short_age(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = now.signed_duration_since(at).num_seconds();
    let said: Vec<String> = units(seconds, 1).map(short).collect();
    format!("{} ago", said.concat())
}

/// `912 B`, `16 kB`, `1.4 MB`: as PostgreSQL says them, a kilobyte being 1024 bytes.
pub(crate) fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut tenths = bytes.max(0);
    if tenths < 1024 {
        return format!("{tenths} B");
    }
    tenths = tenths.saturating_mul(10);
    let mut unit = "B";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    match (tenths / 10, tenths % 10) {
        (whole, tenth) if whole < 10 && tenth > 0 => format!("{whole}.{tenth} {unit}"),
        (whole, _) => format!("{whole} {unit}"),
    }
}

/// `1 report`, `12 reports`.
pub(crate) fn counted(count: i64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn short((count, unit): (i64, &str)) -> String {
    format!("{count}{}", unit.chars().next().unwrap_or_default())
}

/// The largest units of a span that are not zero, `parts` neighbours at most.
fn units(seconds: i64, parts: usize) -> impl Iterator<Item = (i64, &'static str)> {
    // Clocks differ a little: what lies ahead is now.
    let mut rest = seconds.max(0);
    let first = UNITS.iter().position(|(unit, _)| rest >= *unit).unwrap_or(UNITS.len() - 1);
    UNITS.iter().skip(first).take(parts).enumerate().filter_map(move |(place, (unit, name))| {
        let count = rest / unit;
        rest %= unit;
        (count > 0 || place == 0).then_some((count, *name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_at_most() {
        for (seconds, said, short) in [
            (-5, "0 s", "0s"),
            (0, "0 s", "0s"),
            (59, "59 s", "59s"),
            (60, "1 min", "1m"),
            (252, "4 min 12 s", "4m12s"),
            (3_600, "1 h", "1h"),
            (3_659, "1 h", "1h"),
            (7_500, "2 h 5 min", "2h5m"),
            (86_400, "1 d", "1d"),
            (100_800, "1 d 4 h", "1d4h"),
            (30 * 86_400, "30 d", "30d"),
        ] {
            assert_eq!(duration(seconds), said);
            assert_eq!(short_duration(seconds), short);
        }
    }

    #[test]
    fn an_age_is_as_exact_as_it_matters() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let before = |seconds| now - chrono::Duration::try_seconds(seconds).unwrap();
        for (seconds, said, short) in [
            (-30, "0 s ago", "0s ago"),
            (12, "12 s ago", "12s ago"),
            (190, "3 min ago", "3m ago"),
            (7_500, "2 h 5 min ago", "2h ago"),
            (3 * 86_400 + 5_000, "3 d ago", "3d ago"),
        ] {
            assert_eq!(age(before(seconds), now), said);
            assert_eq!(short_age(before(seconds), now), short);
        }
    }

    #[test]
    fn a_size_has_two_digits_where_it_matters() {
        for (bytes, said) in [
            (-1, "0 B"),
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 kB"),
            (16_384, "16 kB"),
            (1_500_000, "1.4 MB"),
            (734_003_200, "700 MB"),
            (5_000_000_000, "4.6 GB"),
            (i64::MAX, "838860 TB"),
        ] {
            assert_eq!(size(bytes), said);
        }
        assert_eq!([counted(1, "report"), counted(0, "report")], ["1 report", "0 reports"]);
    }
}
