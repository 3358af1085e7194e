//! The one write path for reports, whatever way they came.
//!
//! The rule it protects: what is answered as recorded is committed; a report with a known id is
//! stored once and changes the build once; an unknown step in a strict registry is counted on the
//! build and changes nothing else.

use std::{collections::HashSet, sync::Arc};

use diesel::prelude::*;
use milepost_domain::{
    BuildId, Report, Time,
    registry::{Mode, Registry, UnknownStep},
};
use uuid::Uuid;

use crate::{
    Result, Store, build,
    report::{self, NewReport},
    schema::reports,
};

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It is on disk.
    Recorded,
    /// It was there already.
    Repeated,
    /// Its step is unknown and the registry is strict.
    Refused(UnknownStep),
}

impl Store {
    /// Takes reports of one build, in their order, and answers a receipt for each. They are on
    /// disk when this returns.
    ///
    /// `mode` overrides what the registry says of the build's workflow.
    ///
    /// # Errors
    /// When the build is not known, or the database refuses.
    pub fn record(
        &self,
        id: BuildId,
        arrived: &[Report],
        mode: Option<Mode>,
        now: Time,
    ) -> Result<Vec<Receipt>> {
        let mut registry = self.registry();
        let known = Arc::as_ptr(&registry);
        let receipts = self.write(|connection| record(connection, &mut registry, id, arrived, mode, now))?;
        if known != Arc::as_ptr(&registry) {
            self.keep_registry(registry);
        }
        Ok(receipts)
    }
}

/// [`Store::record`] within a transaction of the caller's. `registry` is read again when it does
/// not know a step: another node may have registered it meanwhile.
///
/// # Errors
/// As [`Store::record`].
pub fn record(
    connection: &mut PgConnection,
    registry: &mut Arc<Registry>,
    id: BuildId,
    arrived: &[Report],
    mode: Option<Mode>,
    now: Time,
) -> Result<Vec<Receipt>> {
    let mut versioned = build::load_for_update(connection, id, now)?;
    let mut known = known_ids(connection, id, arrived)?;
    let mut rows: Vec<NewReport> = Vec::new();
    let mut receipts = Vec::with_capacity(arrived.len());
    let mut fresh = false;
    for report in arrived {
        if !known.insert(report.id.uuid()) {
            receipts.push(Receipt::Repeated);
            continue;
        }
        let build = &mut versioned.build;
        let admit = |registry: &Registry| {
            let mode = mode.unwrap_or_else(|| registry.mode_of(&build.workflow));
            registry.admit(report.clone(), &build.plan, mode)
        };
        let mut admitted = admit(registry);
        if admitted.is_err() && !fresh {
            *registry = Arc::new(crate::registry::load(connection, registry.mode)?);
            fresh = true;
            admitted = admit(registry);
        }
        match admitted {
            Err(refusal) => {
                build.reject(refusal.label.clone(), report.received_at);
                receipts.push(Receipt::Refused(refusal));
            }
            Ok(report) => {
                if build.is_late(&report) {
                    // What is stored, and what of this very batch is not yet.
                    let mut all = report::load_all(connection, id)?;
                    all.extend(rows.iter().map(|row| row.report.clone()));
                    all.push(report.clone());
                    build.replay(all);
                } else {
                    build.apply(&report);
                }
                let (position, attempt) = (build.course.reports, build.course.attempt);
                rows.push(NewReport { report, position, attempt });
                receipts.push(Receipt::Recorded);
            }
        }
    }
    // A mere repetition writes nothing.
    if receipts.iter().any(|receipt| *receipt != Receipt::Repeated) {
        report::insert(connection, id, &rows)?;
        build::save(connection, &mut versioned)?;
    }
    Ok(receipts)
}

/// Which of the reports are stored already.
fn known_ids(connection: &mut PgConnection, id: BuildId, arrived: &[Report]) -> Result<HashSet<Uuid>> {
    let ids: Vec<Uuid> = arrived.iter().map(|report| report.id.uuid()).collect();
    let known: Vec<Uuid> = reports::table
        .filter(reports::build_id.eq(id.uuid()))
        .filter(reports::id.eq_any(ids))
        .select(reports::id)
        .load(connection)?;
    Ok(known.into_iter().collect())
}
