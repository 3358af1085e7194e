//! A machine whose clock is wrong.
//!
//! The rule it protects: lateness is not skew. A report that was delivered late looks like one from a clock
//! that is behind, so the smallest difference counts, and a clock is called behind only on proof, or when
//! nothing that came at several moments was any closer.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    Build,
    evidence::MOMENTS,
    signal::{Severity, Signal, SignalKind, text::span},
};

/// A clock may be wrong by this much: what Kerberos takes (RFC 4120, section 8.2: acceptable clock skew, 5 minutes).
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);
/// From here on certificates look expired or not yet valid.
const SKEW_HARMFUL: Duration = Duration::from_secs(60 * 60);

/// The machine's clock differs from ours by more than protocols take.
pub(super) fn clock_skew(build: &Build) -> Option<Signal> {
    let clock = build.course.evidence.clock.as_ref().filter(|_| build.course.state.is_open())?;
    let size = Duration::from_millis(clock.behind_ms.unsigned_abs());
    if size <= SKEW_MAX {
        return None;
    }
    let is_behind = clock.behind_ms > 0;
    // Nobody reports on a build before it is opened, however late that arrives.
    let reported_at =
        TimeDelta::try_milliseconds(clock.behind_ms).and_then(|behind| clock.at.checked_sub_signed(behind));
    let is_proven = !is_behind || reported_at.is_none_or(|reported_at| reported_at < build.started_at);
    if !is_proven && clock.moments < MOMENTS {
        return None;
    }
    let direction = if is_behind { "behind" } else { "ahead" };
    let severity = if size > SKEW_HARMFUL { Severity::Warning } else { Severity::Info };
    let detail = format!(
        "the clock of the host is {} {direction}, measured by its reports; {} is what other services take",
        span(size),
        span(SKEW_MAX)
    );
    let remedy = "set its hardware clock, or give the installer a time server: certificates and tickets fail by the \
        wrong time";
    Some(Signal::new(SignalKind::ClockSkew, severity, clock.at, detail).with_remedy(remedy))
}
