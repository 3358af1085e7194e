//! Foreman's search language (`scoped_search`) over our fields, as typed trees.
//!
//! The rule it protects: what a user types becomes values and never SQL. A query that parses is
//! within limits, names only fields of its resource and compares each with values it can have;
//! one that does not is refused with the place and the way out. No clock is read: `now` is a
//! parameter. `docs/search.md` is the language for users.

mod ast;
mod error;
mod field;
mod lexer;
mod order;
mod parser;
mod pattern;
mod print;
mod time;
mod value;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

pub use ast::{Expr, Test, Value};
pub use error::ParseError;
pub use field::{Field, Kind};
pub use order::{Order, parse_order};
pub use pattern::Pattern;
pub use time::TimeRange;

/// The longest query, in characters.
pub const QUERY_MAX: usize = 2048;
/// The deepest nesting of parentheses and `not`.
pub const DEPTH_MAX: usize = 32;
/// The most values in a list.
pub const LIST_MAX: usize = 100;

/// Reads a query over `fields`; relative times start from `now`. `None` when there is nothing in
/// it, which is a search for everything.
///
/// # Errors
/// When the query cannot be read or is over a limit; the error says where and why.
pub fn parse(query: &str, fields: &'static [Field], now: DateTime<Utc>) -> Result<Option<Expr>, ParseError> {
    let length = query.chars().count();
    if length > QUERY_MAX {
        let fault = format!("the query is {length} characters long and goes on");
        return Err(ParseError::new(QUERY_MAX, fault).hint(format_args!("at most {QUERY_MAX} are allowed")));
    }
    let tokens = lexer::lex(query)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    parser::Parser::read(&tokens, length, fields, now).map(Some)
}
