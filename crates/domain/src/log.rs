//! The log text that comes with a report, kept by its end.
//!
//! The rule it protects: an over-long log is cut, never refused, and it is cut at the front,
//! because what went wrong stands at the end.

use serde::{Deserialize, Serialize};

/// How many bytes of log are kept per report.
pub const LOG_MAX: usize = 64 * 1024;
/// The most lines of a log that are shown beside what it tells of.
pub const TAIL_LINES: usize = 20;
/// The most bytes of them.
pub const TAIL_BYTES: usize = 2 * 1024;
/// The longest beginning of a line that is dropped to start at a whole one.
const HALF_LINE_MAX: usize = 1024;

/// At most 64 KiB of log text, whole characters, line feeds and tabs the only control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    text: String,
    /// How many bytes were cut from its front.
    cut: usize,
}

impl Log {
    /// Takes what a machine sent, whatever its encoding: invalid UTF-8 becomes U+FFFD, NUL and
    /// terminal escapes go, and only the end is kept. `None` when nothing is left.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // Decoding everything would cost a flood's worth of work for text that is then cut away.
        let start = bytes.len().saturating_sub(2 * LOG_MAX);
        let decoded = String::from_utf8_lossy(bytes.get(start..).unwrap_or(bytes));
        let mut text: String = crate::text::without_escapes(&decoded)
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        let mut cut = start;
        if text.len() > LOG_MAX {
            let mut at = text.len() - LOG_MAX;
            while !text.is_char_boundary(at) {
                at += 1;
            }
            let rest = text.split_off(at);
            cut += at;
            text = rest;
        }
        // Half a sentence should not come first, but a log of one long line is better than none.
        if let Some((half, _)) =
            text.split_once('\n').filter(|(half, _)| cut > 0 && half.len() < HALF_LINE_MAX)
        {
            let half = half.len() + 1;
            cut += half;
            text.drain(..half);
        }
        (!text.trim().is_empty()).then_some(Self { text, cut })
    }

    /// Takes back what the store kept.
    #[must_use]
    pub const fn from_parts(text: String, cut: usize) -> Self {
        Self { text, cut }
    }

    /// The text that was kept, without the mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes were cut from its front; 0 for a whole log.
    #[must_use]
    pub const fn cut(&self) -> usize {
        self.cut
    }

    /// Its last lines, whole ones, [`TAIL_LINES`] and [`TAIL_BYTES`] at most; of a last line that is longer
    /// still, its end.
    #[must_use]
    pub fn tail(&self) -> &str {
        let text = self.text.trim_end();
        let starts = text.rmatch_indices('\n').map(|(at, _)| at + 1).chain([0]);
        let fits = |start: &usize| text.len() - start <= TAIL_BYTES;
        let start = starts.take(TAIL_LINES).take_while(fits).last().unwrap_or_else(|| {
            let mut at = text.len().saturating_sub(TAIL_BYTES);
            while !text.is_char_boundary(at) {
                at += 1;
            }
            at
        });
        text.get(start..).unwrap_or(text)
    }

    /// What a reader is shown: the text, with a mark in front where it was cut.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.cut == 0 {
            self.text.clone()
        } else {
            format!("[... {} bytes cut ...]\n{}", self.cut, self.text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_log_keeps_its_end_and_says_what_was_cut() {
        let mut bytes = b"first line\n".repeat(20_000);
        bytes.extend_from_slice(b"Error: no space left on device\n");
        let log = Log::from_bytes(&bytes).unwrap();
        assert!(log.text().ends_with("Error: no space left on device\n"));
        assert!(log.text().starts_with("first line\n"), "cut at a line");
        assert!(log.text().len() <= LOG_MAX);
        assert_eq!(log.cut() + log.text().len(), bytes.len());
        assert!(log.shown().starts_with("[... "));
    }

    fn tail_of(text: &str) -> String {
        Log::from_bytes(text.as_bytes()).unwrap().tail().to_owned()
    }

    #[test]
    fn the_tail_is_the_last_whole_lines() {
        let lines = |range: std::ops::RangeInclusive<u32>| {
            range.map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(tail_of("\nError: no space left on device\n\n"), "\nError: no space left on device");
        assert_eq!(tail_of(&lines(1..=100)), lines(81..=100));
        let long = "x".repeat(TAIL_BYTES - 4);
        assert_eq!(tail_of(&format!("before\n{long}\nend\n")), format!("{long}\nend"));
        assert_eq!(tail_of(&format!("before\n{long}\nthe end\n")), "the end");
        assert_eq!(tail_of(&format!("before\n{}", "ž".repeat(TAIL_BYTES))), "ž".repeat(TAIL_BYTES / 2));
    }

    proptest! {
        #[test]
        fn any_bytes_give_bounded_clean_text(bytes in proptest::collection::vec(any::<u8>(), 0..2000), repeat in 1_usize..150) {
            if let Some(log) = Log::from_bytes(&bytes.repeat(repeat)) {
                prop_assert!(log.text().len() <= LOG_MAX);
                prop_assert!(!log.text().contains('\0'));
                let tail = log.tail();
                prop_assert!(!tail.is_empty() && tail.len() <= TAIL_BYTES && tail.lines().count() <= TAIL_LINES);
                prop_assert!(log.text().trim_end().ends_with(tail));
            }
        }
    }
}
