//! The values of a query, read by the kind of their field.
//!
//! The rule it protects: a value that leaves here is one that the field can have, so no query
//! that parses fails in the database.

use std::num::IntErrorKind;

use super::{Field, Kind, ParseError, Value, error::excerpt};

/// A value as it was written, and where.
pub(super) struct Operand {
    pub(super) position: usize,
    pub(super) text: String,
}

impl Operand {
    fn fault(&self, what: impl std::fmt::Display) -> ParseError {
        ParseError::new(self.position, format_args!("'{}' {what}", excerpt(&self.text)))
    }

    /// As a value of `field`, which is of any kind but a time.
    pub(super) fn value(self, field: &Field) -> Result<Value, ParseError> {
        match field.kind {
            // Times are read by `time::read`, which needs the clock.
            Kind::Text | Kind::Time => Ok(Value::Text(self.text)),
            Kind::Integer => self.integer(),
            Kind::Choice(choices) => self.choice(field, choices),
            Kind::Uuid => self.uuid(),
            Kind::Boolean => match self.text.to_ascii_lowercase().as_str() {
                "true" | "yes" => Ok(Value::Boolean(true)),
                "false" | "no" => Ok(Value::Boolean(false)),
                _ => Err(self.fault("is neither true nor false")),
            },
        }
    }

    fn integer(&self) -> Result<Value, ParseError> {
        self.text.parse().map(Value::Integer).map_err(|error| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => self.fault("is out of range"),
            _ => self.fault("is not a whole number"),
        })
    }

    fn choice(&self, field: &Field, choices: &'static [&'static str]) -> Result<Value, ParseError> {
        let known = || choices.iter().copied();
        known()
            .find(|choice| choice.eq_ignore_ascii_case(&self.text))
            .map(|choice| Value::Text(choice.to_owned()))
            .ok_or_else(|| {
                let what = format_args!("value of '{}':", field.name).to_string();
                ParseError::unknown(self.position, &what, &self.text, known(), known())
            })
    }

    fn uuid(&self) -> Result<Value, ParseError> {
        let fault = || self.fault("is not a UUID").hint("write it as 0193f4a0-0000-7000-8000-000000000000");
        let mut hyphenated = String::new();
        for (index, c) in self.text.chars().enumerate() {
            match c {
                '-' if matches!(index, 8 | 13 | 18 | 23) => hyphenated.push('-'),
                c if c.is_ascii_hexdigit() && !matches!(index, 8 | 13 | 18 | 23) => {
                    hyphenated.push(c.to_ascii_lowercase());
                }
                _ => return Err(fault()),
            }
        }
        if hyphenated.len() == 36 { Ok(Value::Text(hyphenated)) } else { Err(fault()) }
    }
}
