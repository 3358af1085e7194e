//! What each named constraint of the schema means to whoever ran into it.
//!
//! The rule it protects: a violated constraint is a fact of the domain with a sentence, or a
//! fault of ours; a test fails on a constraint that this table does not list.

use crate::{Conflict, Error};

/// What the violation of a constraint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Two requests raced for the same thing; the transaction is run again.
    Race,
    /// Somebody else's state of affairs.
    Conflict(Conflict),
    /// Our own values are always within it: a violation is a fault of ours.
    Ours,
}

/// Every constraint and unique index of the schema, by name.
pub const MEANINGS: &[(&str, Meaning)] = &[
    ("audit_pkey", Meaning::Ours),
    ("builds_host_id_fkey", Meaning::Race),
    ("builds_pkey", Meaning::Race),
    // A plan went with the last build that had it, just when another one was opened.
    ("builds_plan_fkey", Meaning::Race),
    ("credentials_build_id_fkey", Meaning::Race),
    ("credentials_pkey", Meaning::Conflict(Conflict::CredentialInUse)),
    ("deliveries_event_id_fkey", Meaning::Race),
    ("deliveries_hook_id_fkey", Meaning::Race),
    ("deliveries_pkey", Meaning::Race),
    ("deliveries_state_check", Meaning::Ours),
    ("hooks_format_check", Meaning::Ours),
    ("hooks_pkey", Meaning::Race),
    ("hosts_foreman_id_key", Meaning::Race),
    ("hosts_name_key", Meaning::Race),
    ("hosts_pkey", Meaning::Race),
    ("mutes_host_id_fkey", Meaning::Race),
    ("mutes_pkey", Meaning::Race),
    ("mutes_subject_check", Meaning::Ours),
    ("outbox_pkey", Meaning::Race),
    ("plans_expected_boots_check", Meaning::Ours),
    ("plans_pkey", Meaning::Race),
    ("report_logs_pkey", Meaning::Race),
    ("reports_pkey", Meaning::Race),
    ("step_runs_pkey", Meaning::Race),
    ("steps_pkey", Meaning::Race),
    ("steps_priority_check", Meaning::Ours),
    ("steps_timeout_seconds_check", Meaning::Ours),
    ("steps_weight_seconds_check", Meaning::Ours),
    ("sweeper_is_only_check", Meaning::Ours),
    ("sweeper_pkey", Meaning::Race),
    ("timings_pkey", Meaning::Race),
    ("tokens_kind_check", Meaning::Ours),
    ("tokens_pkey", Meaning::Race),
    ("tokens_scope_check", Meaning::Ours),
    ("told_build_id_fkey", Meaning::Race),
    ("told_pkey", Meaning::Race),
    ("told_state_check", Meaning::Ours),
    ("workflows_expected_boots_check", Meaning::Ours),
    ("workflows_pkey", Meaning::Race),
    ("workflows_registry_check", Meaning::Ours),
];

/// What a violation of the constraint of that name says.
#[must_use]
pub fn meaning(name: &str) -> Meaning {
    let name = whole(name);
    MEANINGS.iter().find(|(known, _)| *known == name).map_or(Meaning::Ours, |(_, meaning)| *meaning)
}

/// A constraint of a partition carries the partition's name in front of its own: without
/// `default` or the eight digits of a day in it, this is the constraint of the whole table.
fn whole(name: &str) -> String {
    let is_day = |part: &str| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('_').filter(|part| *part != "default" && !is_day(part)).collect::<Vec<_>>().join("_")
}

/// What PostgreSQL says in cases for which Diesel has no kind of its own: running again helps.
const INTERRUPTED: &[&str] = &[
    "deadlock detected",
    "canceling statement due to lock timeout",
    "canceling statement due to user request",
    "could not obtain lock",
    // A row was on its way to the default partition when its own one was attached.
    "violates partition constraint",
];
/// The same: the server is going, coming or gone, or has no room or time for anybody.
const UNAVAILABLE: &[&str] = &[
    "No space left on device",
    "canceling statement due to statement timeout",
    "could not extend file",
    "out of memory",
    "terminating connection",
    "server closed the connection",
    "the database system is",
    "connection to server",
    "no connection to the server",
];

fn says(message: &str, any_of: &[&str]) -> bool {
    any_of.iter().any(|text| message.contains(text))
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
        match &error {
            Diesel::DatabaseError(Kind::SerializationFailure, _) => Self::Interrupted(error.to_string()),
            Diesel::DatabaseError(
                Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction,
                _,
            ) => Self::Unavailable(error.to_string()),
            Diesel::DatabaseError(_, info) if says(info.message(), INTERRUPTED) => {
                Self::Interrupted(error.to_string())
            }
            Diesel::DatabaseError(_, info) if says(info.message(), UNAVAILABLE) => {
                Self::Unavailable(error.to_string())
            }
            Diesel::DatabaseError(_, info) => match info.constraint_name().map(meaning) {
                Some(Meaning::Race) => Self::Interrupted(error.to_string()),
                Some(Meaning::Conflict(conflict)) => Self::Conflict(conflict),
                Some(Meaning::Ours) | None => Self::Database(error.to_string()),
            },
            _ => Self::Database(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_each_constraint_once() {
        assert!(MEANINGS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_constraint_of_a_partition_means_the_same() {
        for name in ["reports_default_pkey", "reports_20261124_pkey", "report_logs_20261124_pkey"] {
            assert_eq!(meaning(name), Meaning::Race, "{name}");
        }
        assert_eq!(meaning("reports_2026112_pkey"), Meaning::Ours);
    }
}
