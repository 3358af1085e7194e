//! The builds that have not ended, each with what needs a person: for searches, counts and metrics.
//!
//! The rule it protects: it is what a page would show at the same moment. Nothing of it is stored, so nothing
//! has to run for it to be right; it costs a look at each build that has not ended, and nobody who reports
//! waits for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use diesel::prelude::*;
use milepost_domain::{
    BuildId, HostFacts, Id, Time,
    signal::{Context, Signal, SignalKind, signals},
};
use uuid::Uuid;

use crate::{Result, Store, build::HostBuild, list::Worked, mute::Mutes, schema::builds};

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

/// What needs a person on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Whose build it is.
    pub host: HostFacts,
    /// The kinds of its signals.
    pub kinds: Vec<SignalKind>,
    /// Whether somebody does not want to hear of it.
    pub is_muted: bool,
}

/// What needed a person when that was last worked out.
#[derive(Debug, Default)]
pub(crate) struct Needs(Mutex<Option<Known>>);

/// What needed a person in that second, with those mutes.
#[derive(Debug)]
struct Known {
    second: i64,
    mutes: Arc<Mutes>,
    needs: Arc<Vec<Need>>,
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

    /// What needs a person, as of this second: whoever asks often, as a page does that shows counts, asks for what
    /// another has worked out, or waits for it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn needs(&self, now: Time, context: &Context<'_>) -> Result<Arc<Vec<Need>>> {
        let mut known = self.shared().needs.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, mutes) = (now.timestamp(), self.mutes());
        let fits = |known: &&Known| known.second == second && Arc::ptr_eq(&known.mutes, &mutes);
        if let Some(known) = known.as_ref().filter(fits) {
            return Ok(Arc::clone(&known.needs));
        }
        let need = |standing: Standing| {
            let kinds: Vec<SignalKind> = standing.signals.iter().map(|signal| signal.kind).collect();
            let is_muted = standing.is_muted;
            (!kinds.is_empty()).then_some(Need { host: standing.of.host.facts, kinds, is_muted })
        };
        let needs = Arc::new(self.standing(now, context)?.into_iter().filter_map(need).collect::<Vec<_>>());
        *known = Some(Known { second, mutes, needs: Arc::clone(&needs) });
        Ok(needs)
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
pub fn count<'a>(needs: impl IntoIterator<Item = &'a Need>) -> Vec<(SignalKind, SignalCount)> {
    let mut counts: HashMap<SignalKind, SignalCount> = HashMap::new();
    for need in needs {
        for kind in &need.kinds {
            let count = counts.entry(*kind).or_default();
            let counted = if need.is_muted { &mut count.muted } else { &mut count.heard };
            *counted = counted.saturating_add(1);
        }
    }
    SignalKind::ALL.iter().map(|kind| (*kind, counts.get(kind).copied().unwrap_or_default())).collect()
}
