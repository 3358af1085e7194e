//! The one place that reads the clock and draws random numbers.
//!
//! The rule it protects: everything behind the edge gets `now` and its ids as arguments.

use milepost_domain::{Id, Time};
use rand::Rng as _;

/// The server's time, cut to what PostgreSQL keeps: microseconds.
#[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
#[must_use]
pub fn now() -> Time {
    use chrono::SubsecRound as _;
    chrono::Utc::now().trunc_subsecs(6)
}

/// A fresh id made at `now`.
pub(crate) fn new_id<K>(now: Time) -> Id<K> {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    Id::at(now, random)
}

/// Bits that nobody can guess, for a credential.
pub(crate) fn secret_bits() -> [u8; 24] {
    let mut random = [0; 24];
    rand::rng().fill_bytes(&mut random);
    random
}
