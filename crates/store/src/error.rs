//! What can go wrong between the domain and the database.
//!
//! The rule it protects: no HTTP here, and a sentence for people in what may reach them; what
//! the database said goes to the log only.

use milepost_domain::{Label, registry::InvalidRegistry};

/// What the state of affairs forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The token identifies another build already.
    #[error("this token belongs to a build of another host; a token identifies one build")]
    CredentialInUse,
    /// The build is past that.
    #[error("the build has ended, so that cannot be recorded any more")]
    BuildEnded,
    /// The build was not registered with an installer that is done.
    #[error(
        "the build is installed already, so it cannot be canceled; open a new build to install the host again"
    )]
    AlreadyInstalled,
    /// Each mute by search is asked of each build.
    #[error(
        "there are 100 mutes by search already; end some, or mute single hosts, of which there can be any number"
    )]
    TooManyMutes,
}

/// What can go wrong between the domain and the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing by that name or id.
    #[error("{what} '{key}' is not known")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which name or id.
        key: String,
    },
    /// The state of affairs forbids it.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// It belongs to somebody else.
    #[error("{what} '{key}' belongs to '{owner}'; only its owner can change or remove it")]
    Owned {
        /// What it is.
        what: &'static str,
        /// Its name.
        key: Label,
        /// Whose it is.
        owner: Label,
    },
    /// A step cannot go while workflows name it.
    #[error("step '{step}' is part of the workflow '{workflow}'; take it out there first")]
    StepInUse {
        /// The step.
        step: Label,
        /// One workflow that names it.
        workflow: Label,
    },
    /// It does not hold together.
    #[error(transparent)]
    Registry(#[from] InvalidRegistry),
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// Too much waits to be written already.
    #[error("more reports came than can be written; try again in a moment")]
    Busy,
    /// The spool cannot be used.
    #[error("the spool cannot be used: {0}")]
    Spool(String),
    /// Another transaction came in between; running it again may help.
    #[error("another change came in between: {0}")]
    Interrupted(String),
    /// The database refused, or holds what we cannot read: a fault of ours.
    #[error("the database answered: {0}")]
    Database(String),
}

impl Error {
    /// Nothing of that kind by that name or id.
    pub fn not_found(what: &'static str, key: &impl ToString) -> Self {
        Self::NotFound { what, key: key.to_string() }
    }
}
