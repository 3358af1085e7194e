//! Typed identifiers: a host's id can never be taken for a build's.
//!
//! The rule it protects: ids are UUID v7, so they sort by the time they were made, which is what
//! lets reports be partitioned by build and lists page without a second sort key.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::Time;

/// What an [`Id`] identifies.
pub trait Kind {
    /// The word for it in messages, for example `build`.
    const NOUN: &'static str;
}

/// Marks the id of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostKind {}
/// Marks the id of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuildKind {}
/// Marks the id of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportKind {}

impl Kind for HostKind {
    const NOUN: &'static str = "host";
}
impl Kind for BuildKind {
    const NOUN: &'static str = "build";
}
impl Kind for ReportKind {
    const NOUN: &'static str = "report";
}

/// The id of a host.
pub type HostId = Id<HostKind>;
/// The id of a build; its time part is when the build was opened.
pub type BuildId = Id<BuildKind>;
/// The id of a report, unique within its build.
pub type ReportId = Id<ReportKind>;

/// A UUID that knows what it identifies.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id<K> {
    uuid: Uuid,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}

impl<K> Id<K> {
    /// A UUID v7 made at `at` with the given random bits.
    #[must_use]
    pub fn at(at: Time, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Self::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Takes a UUID that is known to identify a `K`.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// When it was made, by its time part; `None` for a UUID of another version.
    #[must_use]
    pub fn made_at(self) -> Option<Time> {
        let (seconds, nanos) = self.uuid.get_timestamp()?.to_unix();
        (self.uuid.get_version_num() == 7)
            .then(|| Time::from_timestamp(i64::try_from(seconds).ok()?, nanos))
            .flatten()
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl ReportId {
    /// The id of a report from the word its sender chose for it: a UUID is taken as it is, any
    /// other word is hashed, so that a repeat is recognised however the sender names its reports.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Uuid::from_str(word).map_or_else(
            |_| {
                let digest = Sha256::digest(word.as_bytes());
                let mut bytes = [0_u8; 16];
                bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
                Self::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
            },
            Self::from_uuid,
        )
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", K::NOUN, self.uuid)
    }
}

impl<K> FromStr for Id<K> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self::from_uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let earlier: BuildId = Id::at(Time::from_timestamp_millis(1_000_000).unwrap(), [255; 10]);
        let later: BuildId = Id::at(Time::from_timestamp_millis(1_000_001).unwrap(), [0; 10]);
        assert!(earlier < later);
        assert_eq!(earlier.uuid().get_version_num(), 7);
    }

    #[test]
    fn the_same_word_gives_the_same_report_id() {
        assert_eq!(ReportId::from_word("web1-3"), ReportId::from_word("web1-3"));
        assert_ne!(ReportId::from_word("web1-3"), ReportId::from_word("web1-4"));
        let uuid = "0193b0a0-0000-7000-8000-000000000001";
        assert_eq!(ReportId::from_word(uuid).to_string(), uuid);
    }
}
