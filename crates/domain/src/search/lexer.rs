//! A query as words and marks.
//!
//! The rule it protects: keywords count only as whole, unquoted words, so a quoted text always
//! means itself; no control character passes (PostgreSQL refuses NUL in a text).

use std::str::Chars;

use super::ParseError;

/// A word or a mark, and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) position: usize,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A mark or keyword, and how it is spelled.
    Mark(Mark, &'static str),
    /// A word or a quoted text.
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Open,
    Close,
    Comma,
    And,
    Or,
    Not,
    Has,
    Null,
    Compare(Operator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    Like,
    NotLike,
    In,
    NotIn,
    Order(Bound),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const LESS: Mark = Mark::Compare(Operator::Order(Bound::Less));
const GREATER: Mark = Mark::Compare(Operator::Order(Bound::Greater));

/// The longer ones first: the first that fits is taken.
const SYMBOLS: &[(Mark, &str)] = &[
    (Mark::And, "&&"),
    (Mark::Or, "||"),
    (Mark::Compare(Operator::Equals), "=="),
    (Mark::Compare(Operator::NotEquals), "!="),
    (Mark::Compare(Operator::NotEquals), "<>"),
    (Mark::Compare(Operator::NotLike), "!~"),
    (Mark::Compare(Operator::NotIn), "!^"),
    (Mark::Compare(Operator::Order(Bound::LessOrEqual)), "<="),
    (Mark::Compare(Operator::Order(Bound::GreaterOrEqual)), ">="),
    (Mark::Open, "("),
    (Mark::Close, ")"),
    (Mark::Comma, ","),
    (Mark::And, "&"),
    (Mark::Or, "|"),
    (Mark::Not, "!"),
    (Mark::Not, "-"),
    (Mark::Compare(Operator::Equals), "="),
    (Mark::Compare(Operator::Like), "~"),
    (Mark::Compare(Operator::In), "^"),
    (LESS, "<"),
    (GREATER, ">"),
];

const KEYWORDS: &[(Mark, &str)] = &[
    (Mark::And, "and"),
    (Mark::Or, "or"),
    (Mark::Not, "not"),
    (Mark::Has, "has"),
    (Mark::Has, "set?"),
    (Mark::Null, "null?"),
    (LESS, "before"),
    (GREATER, "after"),
    (Mark::Compare(Operator::Equals), "at"),
];

fn keyword(word: &str) -> Option<(Mark, &'static str)> {
    KEYWORDS.iter().copied().find(|(_, keyword)| keyword.eq_ignore_ascii_case(word))
}

/// Whether a word has to be quoted to mean itself.
pub(super) fn is_keyword(word: &str) -> bool {
    keyword(word).is_some()
}

fn symbol(first: char, second: Option<char>) -> Option<(Mark, &'static str)> {
    SYMBOLS.iter().copied().find(|(_, symbol)| {
        let mut chars = symbol.chars();
        chars.next() == Some(first) && chars.next().is_none_or(|c| second == Some(c))
    })
}

/// The characters that are left, and how many were taken.
struct Reader<'q> {
    chars: Chars<'q>,
    position: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.position += 1;
        Some(c)
    }

    /// The next character and the one after it.
    fn peek(&self) -> Option<(char, Option<char>)> {
        let mut ahead = self.chars.clone();
        Some((ahead.next()?, ahead.next()))
    }
}

/// Splits a query.
pub(super) fn lex(query: &str) -> Result<Vec<Token>, ParseError> {
    let odd = |c: char| c.is_control() && !c.is_whitespace();
    if let Some(position) = query.chars().position(odd) {
        return Err(ParseError::new(position, "a control character"));
    }
    let mut reader = Reader { chars: query.chars(), position: 0 };
    let mut tokens = Vec::new();
    while let Some((first, second)) = reader.peek() {
        let position = reader.position;
        let kind = if first.is_whitespace() {
            reader.next();
            continue;
        } else if let Some((mark, spelling)) = symbol(first, second) {
            for _ in spelling.chars() {
                reader.next();
            }
            TokenKind::Mark(mark, spelling)
        } else if first == '"' {
            TokenKind::Text(quoted(&mut reader)?)
        } else {
            let word = word(&mut reader);
            keyword(&word).map_or(TokenKind::Text(word), |(mark, spelling)| TokenKind::Mark(mark, spelling))
        };
        tokens.push(Token { position, kind });
    }
    Ok(tokens)
}

fn quoted(reader: &mut Reader<'_>) -> Result<String, ParseError> {
    let start = reader.position;
    let unterminated = || {
        ParseError::new(start, "unterminated quote")
            .hint("close it with '\"', or write '\\\"' for a quote within")
    };
    reader.next();
    let mut text = String::new();
    loop {
        match reader.next().ok_or_else(unterminated)? {
            '"' => return Ok(text),
            '\\' => text.push(reader.next().ok_or_else(unterminated)?),
            c => text.push(c),
        }
    }
}

/// Takes a word: `-`, `!` and `"` within one belong to it, so that `web-1` needs no quotes.
fn word(reader: &mut Reader<'_>) -> String {
    let mut word = String::new();
    while let Some((c, after)) = reader.peek() {
        let ends = c.is_whitespace()
            || matches!(c, '(' | ')' | ',' | '=' | '~' | '<' | '>' | '&' | '|' | '^')
            // Foreman would take the '!' of `state!=failed` into the name and not find the field.
            || (c == '!' && matches!(after, Some('=' | '~' | '^')));
        if ends && !word.is_empty() {
            break;
        }
        reader.next();
        word.push(c);
    }
    word
}
