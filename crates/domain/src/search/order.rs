//! Foreman's `order=started_at DESC`.
//!
//! The rule it protects: only columns that a list offers for sorting are sorted by, and the name
//! that leaves here is the list's own, never the text that came in.

use super::{ParseError, error::excerpt};

/// How a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// One of the names that were offered.
    pub field: &'static str,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// Reads an order: a name, then `ASC` or `DESC` in any case; `ASC` without one. `None` when
/// there is nothing.
///
/// # Errors
/// When the name is none of `sortable`, the direction is another word, or more follows.
pub fn parse_order(order: &str, sortable: &[&'static str]) -> Result<Option<Order>, ParseError> {
    let mut words = words(order);
    let Some((position, name)) = words.next() else {
        return Ok(None);
    };
    let known = || sortable.iter().copied();
    let field = known()
        .find(|field| field.eq_ignore_ascii_case(&name))
        .ok_or_else(|| ParseError::unknown(position, "sort field", &name, known(), known()))?;
    let descending = match words.next() {
        None => false,
        Some((_, word)) if word.eq_ignore_ascii_case("asc") => false,
        Some((_, word)) if word.eq_ignore_ascii_case("desc") => true,
        Some((position, word)) => {
            let fault = format_args!("unknown sort direction '{}'", excerpt(&word)).to_string();
            return Err(ParseError::new(position, fault).hint("write ASC or DESC"));
        }
    };
    match words.next() {
        None => Ok(Some(Order { field, descending })),
        Some((position, word)) => {
            let fault = format_args!("unexpected '{}'", excerpt(&word)).to_string();
            Err(ParseError::new(position, fault).hint("a list is sorted by one field"))
        }
    }
}

/// The words of a text with the offsets, in characters, where they start.
fn words(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut chars = text.chars().enumerate().peekable();
    std::iter::from_fn(move || {
        while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
        let (position, first) = chars.next()?;
        let mut word = String::from(first);
        while let Some((_, c)) = chars.next_if(|(_, c)| !c.is_whitespace()) {
            word.push(c);
        }
        Some((position, word))
    })
}
