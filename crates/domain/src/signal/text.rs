//! Times and counts as signals say them.
//!
//! The rule it protects: a signal reads alike whoever shows it: whole units, one at a time, and no sentence
//! longer than a screen is wide three times.

use std::time::Duration;

use crate::Time;

/// "40 s", "17 min", "26 h", "3 d": the largest unit of which there are two or more.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7_200 => (seconds / 60, "min"),
        7_200..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit}")
}

/// How long it is from one time to another; nothing when it is the other way round.
pub(crate) fn between(from: Time, to: Time) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

/// "1 report was", "3 reports were".
pub(super) fn reports_were(count: u64) -> String {
    if count == 1 { "1 report was".to_owned() } else { format!("{count} reports were") }
}

/// "22 Nov 12:04"; UTC, which whoever lists times says once.
pub(super) fn moment(at: Time) -> String {
    at.format("%-d %b %H:%M").to_string()
}

/// The end of a long text, because that is where a failure is told.
pub(super) fn tail(text: &str, most: usize) -> String {
    let skipped = text.chars().count().saturating_sub(most);
    if skipped == 0 {
        text.to_owned()
    } else {
        format!("…{}", text.chars().skip(skipped).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_one_unit() {
        let said = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([said(0), said(119), said(120)], ["0 s", "119 s", "2 min"]);
        assert_eq!([said(7_199), said(7_200), said(200_000)], ["119 min", "2 h", "2 d"]);
    }

    #[test]
    fn the_tail_of_a_text_is_cut_at_a_character() {
        assert_eq!(tail("größer", 3), "…ßer");
        assert_eq!(tail("größer", 6), "größer");
    }
}
