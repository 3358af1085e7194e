//! Words that arrive from machines and people, bounded where they enter.
//!
//! The rule it protects: a value of these types is within its limits and free of control
//! characters, so nothing behind the edge has to check or escape a terminal sequence again. They
//! are shared, not copied: a build is cloned with every batch of its reports.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest label, in characters.
pub const LABEL_MAX: usize = 128;
/// The longest name, in characters.
pub const NAME_MAX: usize = 255;
/// The longest message, in bytes.
pub const MESSAGE_MAX: usize = 4096;

/// A text that is not what its place allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("{what} must not be empty")]
    Empty {
        /// Which text.
        what: &'static str,
    },
    /// Over its limit.
    #[error("{what} is {length} {unit} long; at most {limit} are allowed")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How long it came.
        length: usize,
        /// How long it may be.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A character that has no place there.
    #[error("{what} has the character {character:?} at position {position}; {allowed}")]
    Character {
        /// Which text.
        what: &'static str,
        /// The character at fault.
        character: char,
        /// Its place, counted in characters from 1.
        position: usize,
        /// What may stand there.
        allowed: &'static str,
    },
}

/// The stable key of a step: 1 to 128 of `a-z 0-9 _ . : -`.
///
/// It has no character that a URL path, a shell or a batch file would have to quote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(Arc<str>);

impl Label {
    /// Foreman's `built`: the installer is done, the boot order changes.
    pub const BUILT: &'static str = "built";

    /// Makes a label of free words ("Installing packages" becomes `installing_packages`), for
    /// senders that have no labels of their own. `None` when no letter or digit is left.
    #[must_use]
    pub fn from_words(words: &str) -> Option<Self> {
        let mut label = String::new();
        for c in words.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-') {
                label.push(c);
            } else if !label.ends_with('_') && !label.is_empty() {
                label.push('_');
            }
            if label.len() == LABEL_MAX {
                break;
            }
        }
        let label = label.trim_end_matches('_');
        (!label.is_empty()).then(|| Self(label.into()))
    }

    /// The label of Foreman's `built`.
    #[must_use]
    pub fn built() -> Self {
        Self(Self::BUILT.into())
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this announces that the machine is about to restart.
    #[must_use]
    pub fn is_reboot(&self) -> bool {
        *self.0 == *"reboot"
    }

    /// Whether this is Foreman's `built`.
    #[must_use]
    pub fn is_built(&self) -> bool {
        *self.0 == *Self::BUILT
    }
}

impl FromStr for Label {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = text.chars().position(|c| {
            !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | ':' | '-'))
        });
        if let Some((at, character)) = fault.and_then(|at| Some((at, text.chars().nth(at)?))) {
            return Err(InvalidText::Character {
                what: "label",
                character,
                position: at + 1,
                allowed: "a label is made of a-z, 0-9, '_', '.', ':' and '-'",
            });
        }
        match text.len() {
            0 => Err(InvalidText::Empty { what: "label" }),
            length if length > LABEL_MAX => {
                Err(InvalidText::TooLong { what: "label", length, limit: LABEL_MAX, unit: "characters" })
            }
            _ => Ok(Self(text.into())),
        }
    }
}

impl Borrow<str> for Label {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What people call a step, a host or a place: one line of 1 to 255 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Label> for Name {
    /// A label is a name too: it is shorter and has no control characters.
    fn from(label: Label) -> Self {
        Self(label.0)
    }
}

impl FromStr for Name {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidText::Empty { what: "name" });
        }
        let length = text.chars().count();
        if length > NAME_MAX {
            return Err(InvalidText::TooLong { what: "name", length, limit: NAME_MAX, unit: "characters" });
        }
        if let Some((at, character)) = text.chars().enumerate().find(|(_, c)| c.is_control()) {
            return Err(InvalidText::Character {
                what: "name",
                character,
                position: at + 1,
                allowed: "a name is one line without control characters",
            });
        }
        Ok(Self(text.into()))
    }
}

/// A sentence that a machine sent about a step: at most 4096 bytes, control characters replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Message(Arc<str>);

impl Message {
    /// The message as text, one line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Message {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MESSAGE_MAX {
            return Err(InvalidText::TooLong {
                what: "message",
                length: text.len(),
                limit: MESSAGE_MAX,
                unit: "bytes",
            });
        }
        let line: String = without_escapes(text).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim();
        if line.is_empty() {
            return Err(InvalidText::Empty { what: "message" });
        }
        Ok(Self(line.into()))
    }
}

/// `text` without terminal escape sequences (ECMA-48: CSI, OSC and two-character ones); other
/// control characters are left for the caller to keep or replace.
pub fn without_escapes(text: &str) -> impl Iterator<Item = char> + '_ {
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            let c = chars.next()?;
            match c {
                '\u{1b}' => match chars.next() {
                    Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                    Some(']') => {
                        while let Some(c) = chars.next() {
                            if c == '\u{7}' {
                                break;
                            }
                            if c == '\u{1b}' {
                                chars.next_if_eq(&'\\');
                                break;
                            }
                        }
                    }
                    _ => {}
                },
                // The eight-bit form of CSI.
                '\u{9b}' => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                other => return Some(other),
            }
        }
    })
}

macro_rules! text_conversions {
    ($($type:ty),+) => {$(
        impl TryFrom<String> for $type {
            type Error = InvalidText;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(text: $type) -> Self {
                text.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )+};
}
text_conversions!(Label, Name, Message);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_label_names_the_character_at_fault() {
        let error = "Get KS".parse::<Label>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "label has the character 'G' at position 1; a label is made of a-z, 0-9, '_', '.', ':' and '-'"
        );
        assert!("".parse::<Label>().is_err());
        assert!("a".repeat(128).parse::<Label>().is_ok());
        assert_eq!(
            "a".repeat(129).parse::<Label>().unwrap_err().to_string(),
            "label is 129 characters long; at most 128 are allowed"
        );
    }

    #[test]
    fn words_become_a_label() {
        assert_eq!(Label::from_words("Installing  packages!").unwrap().as_str(), "installing_packages");
        assert_eq!(Label::from_words("--- ").unwrap().as_str(), "---");
        assert_eq!(Label::from_words("¿?"), None);
    }

    #[test]
    fn a_message_cannot_move_the_cursor() {
        let message: Message =
            "\u{1b}[2J\u{1b}]0;title\u{7}red \u{1b}[31malert\r\nnext\u{9b}1A".parse().unwrap();
        assert_eq!(message.as_str(), "red alert  next");
    }

    proptest! {
        #[test]
        fn no_control_character_passes_into_a_message(text in "\\PC*|.*") {
            if let Ok(message) = text.parse::<Message>() {
                prop_assert!(!message.as_str().chars().any(char::is_control));
            }
        }

        #[test]
        fn a_label_made_of_words_is_a_label(words in ".{0,200}") {
            if let Some(label) = Label::from_words(&words) {
                prop_assert!(label.as_str().parse::<Label>().is_ok());
            }
        }
    }
}
