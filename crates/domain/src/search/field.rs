//! What can be searched in a resource, as data.
//!
//! The rule it protects: a query reaches only what its resource lists, and each field says by
//! its kind which operators and values it takes.

/// One searchable field of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name in queries, in lower case; errors and canonical text use this one.
    pub name: &'static str,
    /// Other names for the same field.
    pub aliases: &'static [&'static str],
    /// What its values are.
    pub kind: Kind,
    /// Whether words without a field are looked for here. Only [`Kind::Text`] and
    /// [`Kind::Choice`] can be.
    pub free_text: bool,
}

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text; a value is [`Value::Text`](super::Value::Text).
    Text,
    /// A whole number; a value is [`Value::Integer`](super::Value::Integer).
    Integer,
    /// A point in time; a value is [`Value::Time`](super::Value::Time).
    Time,
    /// One of these words; a value is [`Value::Text`](super::Value::Text), spelled as listed.
    Choice(&'static [&'static str]),
    /// A UUID; a value is [`Value::Text`](super::Value::Text) in lower case with hyphens, so
    /// that a cast to SQL's `uuid` cannot fail.
    Uuid,
    /// Yes or no; a value is [`Value::Boolean`](super::Value::Boolean).
    Boolean,
}

impl Field {
    /// A field without aliases that free words do not search.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, aliases: &[], kind, free_text: false }
    }

    /// The same field, answering to other names too.
    #[must_use]
    pub const fn also_called(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// The same field, searched by free words.
    #[must_use]
    pub const fn in_free_text(mut self) -> Self {
        self.free_text = true;
        self
    }

    /// Whether `word` names this field; case does not matter.
    #[must_use]
    pub fn is_called(&self, word: &str) -> bool {
        self.names().any(|name| name.eq_ignore_ascii_case(word))
    }

    /// Its name, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Whether words without a field are looked for here.
    pub(super) const fn takes_free_text(&self) -> bool {
        self.free_text && matches!(self.kind, Kind::Text | Kind::Choice(_))
    }
}

impl Kind {
    /// The word for it in messages.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "number",
            Self::Time => "time",
            Self::Choice(_) => "choice",
            Self::Uuid => "UUID",
            Self::Boolean => "yes-or-no",
        }
    }

    /// The operators that apply to it, the usual one first.
    #[must_use]
    pub const fn operators(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Choice(_) => &["=", "!=", "~", "!~", "^", "!^"],
            Self::Integer => &["=", "!=", "<", "<=", ">", ">=", "^", "!^"],
            Self::Time => &["=", "!=", "<", "<=", ">", ">="],
            Self::Uuid => &["=", "!=", "^", "!^"],
            Self::Boolean => &["=", "!="],
        }
    }
}
