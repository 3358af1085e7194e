//! The text after `~`: a piece to contain, or a whole with wildcards.
//!
//! The rule it protects: what a user types reaches SQL only as an escaped pattern, so `_` and
//! `\` mean themselves and nothing but `*` and `%` is a wildcard.

use std::fmt;

/// A pattern that is matched without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The literal pieces between the wildcards: always two or more, and only the first and the
    /// last may be empty.
    pieces: Vec<String>,
}

impl Pattern {
    /// Text with a wildcard has to match as a whole, text without one to be contained.
    pub(super) fn new(text: &str) -> Self {
        let mut pieces: Vec<String> = text.split(['*', '%']).map(ToOwned::to_owned).collect();
        if pieces.len() == 1 {
            pieces.insert(0, String::new());
            pieces.push(String::new());
        }
        let last = pieces.len() - 1;
        let mut index = 0..;
        // Wildcards side by side are one; so nothing empty is left in between.
        pieces.retain(|piece| {
            let at = index.next().unwrap_or(last);
            at == 0 || at == last || !piece.is_empty()
        });
        Self { pieces }
    }

    /// The pattern for `LIKE` and `ILIKE` with `ESCAPE '\'` (PostgreSQL's default).
    #[must_use]
    pub fn to_sql(&self) -> String {
        let mut sql = String::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                sql.push('%');
            }
            for c in piece.chars() {
                if matches!(c, '_' | '%' | '\\') {
                    sql.push('\\');
                }
                sql.push(c);
            }
        }
        sql
    }

    /// Whether `text` matches, as `ILIKE` would decide.
    ///
    /// Case is folded character by character; beyond ASCII a database's locale may differ.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = fold(text);
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return false;
        };
        let inner = text.strip_prefix(&fold(first)).and_then(|rest| rest.strip_suffix(&fold(last)));
        // The earliest place for each piece leaves the most for those after it.
        inner
            .and_then(|inner| {
                middle
                    .iter()
                    .try_fold(inner, |rest, piece| rest.split_once(&fold(piece)).map(|(_, after)| after))
            })
            .is_some()
    }
}

fn fold(text: &str) -> String {
    // Not str::to_lowercase: that looks at neighbours (final sigma), which pieces do not have.
    text.chars().flat_map(char::to_lowercase).collect()
}

impl fmt::Display for Pattern {
    /// As it is typed in a query, without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pieces.as_slice() {
            [first, piece, last] if first.is_empty() && last.is_empty() => f.write_str(piece),
            pieces => f.write_str(&pieces.join("*")),
        }
    }
}
