//! Why a command ended badly, for people.
//!
//! The rule it protects: what goes wrong is one sentence on standard error that says what to do,
//! and an exit code: 1 when something is wrong with what was shown, 2 for usage and connections.

/// The exit code of every failure.
pub(crate) const EXIT_CODE: u8 = 2;

/// A command ended badly.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
}

impl Failure {
    /// The command was not usable as it was given, or what it needs could not be reached.
    #[expect(clippy::needless_pass_by_value, reason = "so that it can stand in `map_err`")]
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self { message: message.to_string() }
    }
}

macro_rules! from {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        }
    )+};
}
from!(milepost_cluster::Error, milepost_store::Error, std::io::Error);
