//! What is wrong with a query, and where.
//!
//! The rule it protects: a refusal names the place and the way out, and echoes no more of the
//! query than fits a line.

use std::fmt::Display;

/// The most characters of the query that a message repeats.
const EXCERPT_MAX: usize = 40;

/// A query or an order that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Where, as an offset in characters from 0.
    pub position: usize,
    /// The whole sentence for people; it names the position too.
    pub message: String,
}

impl ParseError {
    pub(super) fn new(position: usize, fault: impl Display) -> Self {
        Self { position, message: format!("{fault} at position {position}") }
    }

    pub(super) fn hint(mut self, hint: impl Display) -> Self {
        self.message = format!("{}; {hint}", self.message);
        self
    }

    /// `word` is none of `known`; names the nearest of them, or else all of `listed`.
    pub(super) fn unknown(
        position: usize,
        what: &str,
        word: &str,
        known: impl Iterator<Item = &'static str>,
        listed: impl Iterator<Item = &'static str>,
    ) -> Self {
        let error = Self::new(position, format_args!("unknown {what} '{}'", excerpt(word)));
        match nearest(word, known) {
            Some(near) => error.hint(format_args!("did you mean '{near}'?")),
            None => error.hint(format_args!("choose one of {}", listed.collect::<Vec<_>>().join(", "))),
        }
    }
}

/// The start of `text`, fit for one line of a message.
pub(super) fn excerpt(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut start: String = chars.by_ref().take(EXCERPT_MAX).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    start
}

fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    // The distance takes time and memory by the product of both lengths.
    if length > EXCERPT_MAX {
        return None;
    }
    let limit = if length < 4 { 1 } else { 2 };
    known
        .map(|name| (strsim::osa_distance(&word, name), name))
        .filter(|(distance, _)| *distance <= limit && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
