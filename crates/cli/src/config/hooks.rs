//! How others are told what happens: the section of the settings that says so.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use milepost_api::HookSettings;
use serde::Deserialize;

use super::Picker;
use crate::failure::Failure;

/// Nobody wants to hear of it later; and a session that is silent for longer is taken for dead.
const SWEEP_SECONDS_MAX: u32 = 120;

/// What can be typed of it.
#[expect(clippy::struct_field_names, reason = "clap makes the options of them")]
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct HookArgs {
    /// How often it is looked for what has changed, to tell hooks of, in seconds [default: 10]
    #[arg(long, env = "MILEPOST_HOOKS_SWEEP_SECONDS", value_name = "SECONDS")]
    hooks_sweep_seconds: Option<NonZeroU32>,
    /// Days of nothing but failure after which a hook is disabled [default: 5]
    #[arg(long, env = "MILEPOST_HOOKS_DISABLE_AFTER_DAYS", value_name = "DAYS")]
    hooks_disable_after_days: Option<NonZeroU32>,
    /// Whether hooks may lead to addresses that are not public [default: true]
    #[arg(long, env = "MILEPOST_HOOKS_PRIVATE_ADDRESSES", value_name = "BOOL")]
    hooks_private_addresses: Option<bool>,
}

/// `[hooks]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HooksSection {
    sweep_seconds: Option<NonZeroU32>,
    disable_after_days: Option<NonZeroU32>,
    private_addresses: Option<bool>,
}

impl Picker {
    /// Picks how others are told what happens.
    ///
    /// # Errors
    /// When a value is not what its place allows.
    pub(super) fn hooks(&mut self, args: HookArgs, file: &HooksSection) -> Result<HookSettings, Failure> {
        let usual = HookSettings::default();
        let sweep = self.count("hooks.sweep_seconds", args.hooks_sweep_seconds, file.sweep_seconds, 10);
        if sweep > SWEEP_SECONDS_MAX {
            return Err(Failure::usage(format!("hooks.sweep_seconds must be 1 to {SWEEP_SECONDS_MAX}")));
        }
        let days =
            self.count("hooks.disable_after_days", args.hooks_disable_after_days, file.disable_after_days, 5);
        let private_addresses = self.or(
            "hooks.private_addresses",
            args.hooks_private_addresses,
            file.private_addresses,
            usual.private_addresses,
            ToString::to_string,
        );
        Ok(HookSettings {
            sweep_every: Duration::from_secs(sweep.into()),
            give_up_after: chrono::Duration::days(days.into()),
            private_addresses,
            ..usual
        })
    }
}
