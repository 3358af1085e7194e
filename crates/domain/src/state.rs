//! The states of a build, of a step, and the status of a report.
//!
//! The rule it protects: a build changes its state only by [`State::advance`], whose table is
//! total and rendered into `docs/states.md` by a test.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! words {
    ($type:ident, $what:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order they are documented.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every value as the word that travels and is stored.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that travels and is stored.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::state::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err($crate::state::UnknownWord::new($what, other, Self::WORDS)),
                }
            }
        }
    };
}
pub(crate) use words;

/// A word that is none of those that may stand in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be one of {}, not '{word}'", known.join(", "))]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: &'static [&'static str],
}

impl UnknownWord {
    /// `word` came for `what`, where only `known` ones may stand.
    #[must_use]
    pub fn new(what: &'static str, word: &str, known: &'static [&'static str]) -> Self {
        Self { what, word: word.chars().take(40).collect(), known }
    }
}

/// What a report says of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The step has started.
    Init,
    /// The step is done.
    Done,
    /// The step has failed.
    Failed,
}
words!(Status, "status", { Init => "init", Done => "done", Failed => "failed" });

/// How a step stands that has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunState {
    /// Started and not yet ended.
    Running,
    /// Done.
    Done,
    /// Failed; a retry makes it running again.
    Failed,
}
words!(RunState, "state", { Running => "running", Done => "done", Failed => "failed" });

/// How a step of a build stands, reported or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Expected and not reported yet.
    Pending,
    /// Started and not yet ended.
    Running,
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// A later step was reported and this one never was.
    Skipped,
}
words!(StepState, "state", {
    Pending => "pending", Running => "running", Done => "done", Failed => "failed", Skipped => "skipped",
});

impl From<RunState> for StepState {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Running => Self::Running,
            RunState::Done => Self::Done,
            RunState::Failed => Self::Failed,
        }
    }
}

/// The state of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Opened, nothing heard.
    Pending,
    /// Reports are coming.
    Running,
    /// A step failed and nothing better has been heard since.
    Failed,
    /// Foreman's *built*: the installer is done and the boot order changes.
    Installed,
    /// The machine has booted its own system and its first-boot steps are done.
    Completed,
    /// Somebody called it off.
    Canceled,
    /// A newer build of the same host was opened while this one was under way.
    Superseded,
    /// Its credential ran out before anything was heard.
    Expired,
}
words!(State, "state", {
    Pending => "pending", Running => "running", Failed => "failed", Installed => "installed",
    Completed => "completed", Canceled => "canceled", Superseded => "superseded", Expired => "expired",
});

/// What can happen to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A report of anything but a failure, with the installer still at work.
    Progress,
    /// A report of a failure.
    Failure,
    /// The installer is done (`built`), or a report came after that.
    Built,
    /// The last of the expected steps is done, or somebody said that the host is completed.
    Finished,
    /// The machine boots its installer again.
    NewAttempt,
    /// Somebody called the build off.
    Cancel,
    /// A newer build of the same host was opened.
    Supersede,
    /// The credential ran out.
    Expire,
}
words!(Event, "event", {
    Progress => "progress", Failure => "failure", Built => "built", Finished => "finished",
    NewAttempt => "new attempt", Cancel => "cancel", Supersede => "supersede", Expire => "expire",
});

impl State {
    /// The state after `event`. Total: what means nothing in a state leaves it as it is.
    ///
    /// `failed` is not a prison: progress makes it running again. A build that had already come
    /// to something (failed, installed, completed) keeps that when a newer one supersedes it, so
    /// that the history of the host stays true. Only a build that was never heard of expires.
    #[must_use]
    pub const fn advance(self, event: Event) -> Self {
        match (self, event) {
            (Self::Canceled | Self::Superseded, _) => self,
            (Self::Pending | Self::Running, Event::Supersede) => Self::Superseded,
            (_, Event::Supersede) => self,
            (Self::Pending, Event::Expire) => Self::Expired,
            (_, Event::Expire) => self,
            (Self::Pending | Self::Running | Self::Failed, Event::Cancel) => Self::Canceled,
            (_, Event::Cancel) => self,
            (_, Event::NewAttempt) => Self::Running,
            (Self::Installed | Self::Completed, Event::Progress) => self,
            (_, Event::Progress) => Self::Running,
            (_, Event::Failure) => Self::Failed,
            (Self::Completed, Event::Built) => self,
            (_, Event::Built) => Self::Installed,
            (_, Event::Finished) => Self::Completed,
        }
    }

    /// Whether a build in this state still waits for something to happen.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Failed | Self::Installed)
    }

    /// Whether time still counts: the bar moves and a silence is a silence.
    #[must_use]
    pub const fn is_moving(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_is_not_a_prison() {
        assert_eq!(State::Failed.advance(Event::Progress), State::Running);
        assert_eq!(State::Failed.advance(Event::Built), State::Installed);
    }

    #[test]
    fn what_was_called_off_or_superseded_stays_so() {
        for state in [State::Canceled, State::Superseded] {
            for &event in Event::ALL {
                assert_eq!(state.advance(event), state, "{state} on {event}");
            }
        }
    }

    #[test]
    fn a_silence_only_ends_a_build_that_never_spoke() {
        for &state in State::ALL {
            let expected = if state == State::Pending { State::Expired } else { state };
            assert_eq!(state.advance(Event::Expire), expected);
        }
    }

    #[test]
    fn only_finishing_completes() {
        for &state in State::ALL {
            for &event in Event::ALL {
                if state != State::Completed && state.advance(event) == State::Completed {
                    assert_eq!(event, Event::Finished, "{state} on {event}");
                }
            }
        }
    }

    #[test]
    fn words_round_trip_and_an_unknown_one_is_answered_with_the_known() {
        for &state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
        }
        assert_eq!(
            "ok".parse::<Status>().unwrap_err().to_string(),
            "status must be one of init, done, failed, not 'ok'"
        );
    }
}
