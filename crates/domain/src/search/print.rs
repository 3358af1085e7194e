//! A query as canonical text.
//!
//! The rule it protects: the text reads back as the same tree, within the limits of a query.
//! `and` and `or` never meet without parentheses, because Foreman groups them otherwise.

use std::fmt::{self, Write};

use super::{Expr, Pattern, Test, Value, lexer::is_keyword, time};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => joined(f, " and ", all.iter().map(Grouped)),
            Self::Or(any) => joined(f, " or ", any.iter().map(Grouped)),
            Self::Not(expr) => write!(f, "not {}", Grouped(expr)),
            Self::Compare { field, test } => write!(f, "{} {test}", field.name),
            Self::FreeText(_, pattern) => Quoted(&pattern.to_string()).fmt(f),
            Self::Has(field) => write!(f, "has {}", field.name),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = |pattern: &Pattern| pattern.to_string();
        match self {
            Self::Equals(value) => write!(f, "= {value}"),
            Self::NotEquals(value) => write!(f, "!= {value}"),
            Self::Like(like) => write!(f, "~ {}", Quoted(&pattern(like))),
            Self::NotLike(like) => write!(f, "!~ {}", Quoted(&pattern(like))),
            Self::Less(value) => write!(f, "< {value}"),
            Self::LessOrEqual(value) => write!(f, "<= {value}"),
            Self::Greater(value) => write!(f, "> {value}"),
            Self::GreaterOrEqual(value) => write!(f, ">= {value}"),
            Self::In(values) => list(f, "^", values),
            Self::NotIn(values) => list(f, "!^", values),
            Self::Within(range) => write!(f, "= {}", Quoted(&range.to_string())),
            Self::NotWithin(range) => write!(f, "!= {}", Quoted(&range.to_string())),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            // Of a row only, so in no query that is read.
            Self::Texts(texts) => joined(f, ", ", texts.iter().map(|text| Quoted(text))),
            Self::Integer(number) => number.fmt(f),
            Self::Time(at) => f.write_str(&time::text(*at)),
            Self::Boolean(yes) => yes.fmt(f),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, operator: &str, values: &[Value]) -> fmt::Result {
    write!(f, "{operator} (")?;
    joined(f, ", ", values.iter())?;
    f.write_char(')')
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    by: &str,
    items: impl Iterator<Item = impl fmt::Display>,
) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            f.write_str(by)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// An operand, in parentheses where it has operands of its own.
struct Grouped<'a>(&'a Expr);

impl fmt::Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::And(_) | Expr::Or(_) => write!(f, "({})", self.0),
            other => other.fmt(f),
        }
    }
}

/// A text, in quotes where it would not read back as one word.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let plain =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '/' | '*' | '%' | '@' | '+');
        if !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') && !is_keyword(text) {
            return f.write_str(text);
        }
        f.write_char('"')?;
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}
