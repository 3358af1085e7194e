//! What others are told of a build: a pure function of what they were told last and of how it stands.
//!
//! The rule it protects: each change is told once, whoever looks and however often; what came and went
//! between two looks is told by where it led, and that a build was opened is told in any case.

use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::{
    Build, Signal, State, Time,
    signal::{SignalKind, between, span},
};

/// What something told is about: its name travels, and is what hooks choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A build was opened.
    Opened,
    /// A build came into another state, or into the same one in another attempt; never `pending`.
    Reached(State),
    /// Something needs a person.
    Began(SignalKind),
    /// It does no longer.
    Cleared(SignalKind),
}

impl Topic {
    /// Every topic, in the order they are documented.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let states = State::ALL.iter().filter(|state| **state != State::Pending);
        let signals = SignalKind::ALL.iter().flat_map(|&kind| [Self::Began(kind), Self::Cleared(kind)]);
        [Self::Opened].into_iter().chain(states.map(|&state| Self::Reached(state))).chain(signals).collect()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("build.opened"),
            Self::Reached(state) => write!(f, "build.{state}"),
            Self::Began(kind) => write!(f, "signal.{kind}.began"),
            Self::Cleared(kind) => write!(f, "signal.{kind}.cleared"),
        }
    }
}

/// A pattern of topics: a `*` stands for one part of the name, and at the end for all that follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPattern(String);

/// Text that is no pattern of topics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no event is called '{text}'; there are {}, and * stands for any part: build.*, signal.*, signal.*.began, *",
    known()
)]
pub struct InvalidTopic {
    text: String,
}

/// The topics as a person reads them, short.
fn known() -> String {
    let builds =
        Topic::all().into_iter().filter(|topic| !matches!(topic, Topic::Began(_) | Topic::Cleared(_)));
    let builds: Vec<String> = builds.map(|topic| topic.to_string()).collect();
    let kinds: Vec<&str> = SignalKind::ALL.iter().map(|kind| kind.as_str()).collect();
    format!(
        "{}, and signal.KIND.began and signal.KIND.cleared with a KIND of {}",
        builds.join(", "),
        kinds.join(", ")
    )
}

impl TopicPattern {
    /// Whether that topic is meant.
    #[must_use]
    pub fn matches(&self, topic: Topic) -> bool {
        let name = topic.to_string();
        let mut parts = name.split('.');
        let mut wanted = self.0.split('.').peekable();
        while let Some(part) = wanted.next() {
            let is_last = wanted.peek().is_none();
            match parts.next() {
                Some(_) if part == "*" && is_last => return true,
                Some(found) if part == "*" || part == found => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TopicPattern {
    type Err = InvalidTopic;

    /// Reads a pattern; one that fits nothing there is, is a mistake.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pattern = Self(text.to_owned());
        let fits = Topic::all().into_iter().any(|topic| pattern.matches(topic));
        let shown = || text.chars().take(60).filter(|letter| !letter.is_control()).collect();
        if fits { Ok(pattern) } else { Err(InvalidTopic { text: shown() }) }
    }
}

/// What others were told of a build last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// In which state it was.
    pub state: State,
    /// In which attempt.
    pub attempt: u32,
    /// What needed a person.
    pub signals: BTreeSet<SignalKind>,
}

/// Something that others are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What it is about.
    pub topic: Topic,
    /// When it happened; of a signal, when that was found.
    pub at: Time,
    /// It in words, without the host.
    pub sentence: String,
    /// The signal that began.
    pub signal: Option<Signal>,
}

/// What is to be told of `build` after `told`, in the order it is to be told, and what was told then;
/// `signals` are those of the build at `now`.
///
/// A muted signal is neither told to begin nor to clear: what was told of it stays.
#[must_use]
pub fn news(told: Option<&Told>, build: &Build, signals: &[Signal], now: Time) -> (Vec<News>, Told) {
    let course = &build.course;
    let mut news = Vec::new();
    if told.is_none() {
        let sentence = format!("a build was opened ({})", build.workflow);
        news.push(News { topic: Topic::Opened, at: build.started_at.min(now), sentence, signal: None });
    }
    let before = told.map_or((State::Pending, 1), |told| (told.state, told.attempt));
    if before != (course.state, course.attempt) && course.state != State::Pending {
        news.push(reached(build, signals, now));
    }
    let known = told.map(|told| told.signals.clone()).unwrap_or_default();
    let mut standing = BTreeSet::new();
    for signal in signals {
        match (known.contains(&signal.kind), &signal.muted) {
            (false, Some(_)) => continue,
            (true, _) => {}
            (false, None) => news.push(News {
                topic: Topic::Began(signal.kind),
                at: now,
                sentence: signal.detail.clone(),
                signal: Some(signal.clone()),
            }),
        }
        standing.insert(signal.kind);
    }
    news.extend(known.difference(&standing).map(|&kind| News {
        topic: Topic::Cleared(kind),
        at: now,
        sentence: format!("no longer: {}", kind.as_str().replace('_', " ")),
        signal: None,
    }));
    (news, Told { state: course.state, attempt: course.attempt, signals: standing })
}

fn reached(build: &Build, signals: &[Signal], now: Time) -> News {
    let course = &build.course;
    let at = match course.state {
        State::Pending | State::Running | State::Failed => course.last_report_at,
        State::Installed => course.installed_at,
        State::Completed | State::Canceled | State::Superseded | State::Expired => course.ended_at,
    };
    let at = at.unwrap_or(now).min(now);
    let taken = || span(between(build.started_at, at));
    let failure = || signals.iter().find(|signal| signal.kind == SignalKind::FailedStep);
    let sentence = match course.state {
        State::Pending => "the build waits for its first report".to_owned(),
        State::Running if course.attempt > 1 => {
            format!("attempt {} of the installation runs", course.attempt)
        }
        State::Running => "the installation runs".to_owned(),
        State::Failed => {
            failure().map_or_else(|| "the installation failed".to_owned(), |signal| signal.detail.clone())
        }
        State::Installed => format!("installed after {}", taken()),
        State::Completed => format!("completed after {}", taken()),
        State::Canceled => "the build was called off".to_owned(),
        State::Superseded => "a newer build took its place".to_owned(),
        State::Expired => "nothing was heard before the build's credential ran out".to_owned(),
    };
    News { topic: Topic::Reached(course.state), at, sentence, signal: None }
}
