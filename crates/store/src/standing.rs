//! The builds that have not ended, each with what needs a person: for searches, counts and metrics.
//!
//! The rule it protects: it is what a page would show at the same moment. Nothing of it is stored, so nothing
//! has to run for it to be right; it costs a look at each build that has not ended, and nobody who reports
//! waits for it.

use std::{collections::HashMap, sync::Arc};

use diesel::prelude::*;
use milepost_domain::{
    BuildId, Id, Time,
    signal::{Context, Signal, SignalKind, signals},
};
use uuid::Uuid;

use crate::{Result, Store, build::HostBuild, list::Worked, schema::builds};

/// A build that has not ended.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The build, with its host.
    pub of: HostBuild,
    /// What needs a person, the most urgent first.
    pub signals: Vec<Signal>,
    /// Whether somebody does not want to hear of it.
    pub is_muted: bool,
}

/// How many signals of a kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalCount {
    /// Those that somebody is to hear of.
    pub heard: u32,
    /// Those that are muted.
    pub muted: u32,
}

impl Store {
    /// The builds that have not ended; `context` has what signals have to know beside the build and its kind.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn standing(&self, now: Time, context: &Context<'_>) -> Result<Vec<Standing>> {
        let open: Vec<Uuid> = self.read(|connection| {
            Ok(builds::table.filter(builds::ended_at.is_null()).select(builds::id).load(connection)?)
        })?;
        let ids: Vec<BuildId> = open.into_iter().map(Id::from_uuid).collect();
        let mutes = self.mutes();
        let look = |of: HostBuild| {
            // Its credential may have run out unheard.
            if of.build.course.ended_at.is_some() {
                return None;
            }
            let timings = self.timings(&of.build.workflow, &of.host.facts);
            let muted = mutes.of(&of.host, Some(&of.build), now).map(crate::mute::Mute::told);
            let context = Context { timings: timings.as_deref(), muted: muted.as_ref(), ..*context };
            let signals = signals(&of.build, now, &context);
            Some(Standing { signals, is_muted: muted.is_some(), of })
        };
        Ok(self.look_at_builds(&ids, now)?.into_iter().filter_map(look).collect())
    }

    /// What a search for signals needs.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn worked(&self, now: Time, context: &Context<'_>) -> Result<Arc<Worked>> {
        let mut worked = Worked::default();
        for standing in self.standing(now, context)? {
            let id = standing.of.build.id;
            if standing.is_muted {
                worked.muted.insert(id);
            }
            let kinds: Vec<SignalKind> = standing.signals.iter().map(|signal| signal.kind).collect();
            if !kinds.is_empty() {
                worked.signals.insert(id, kinds);
            }
        }
        Ok(Arc::new(worked))
    }
}

/// How many signals of each kind there are, kinds without any too.
pub fn count<'a>(standing: impl IntoIterator<Item = &'a Standing>) -> Vec<(SignalKind, SignalCount)> {
    let mut counts: HashMap<SignalKind, SignalCount> = HashMap::new();
    for standing in standing {
        for signal in &standing.signals {
            let count = counts.entry(signal.kind).or_default();
            let counted = if standing.is_muted { &mut count.muted } else { &mut count.heard };
            *counted = counted.saturating_add(1);
        }
    }
    SignalKind::ALL.iter().map(|kind| (*kind, counts.get(kind).copied().unwrap_or_default())).collect()
}
