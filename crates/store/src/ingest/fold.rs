//! Folds a batch over the builds that it speaks of, on copies: nothing is shown before it is
//! committed.
//!
//! The rule it protects: [`milepost_domain::Build::apply`] decides what a report changes; here is
//! only which reports get that far, and from where a build is taken.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use diesel::{
    PgConnection, QueryableByName, RunQueryDsl, sql_query,
    sql_types::{self, Array},
};
use lru::LruCache;
use milepost_domain::{
    Build, Id, Label, Plan, Report, Time,
    registry::{Mode, Registry},
};
use uuid::Uuid;

use super::{Item, Receipt, What};
use crate::{
    Error, Result,
    build::{self, Announcement, Known},
    change::{self, Change, NewReport},
    memory::Ticket,
    notify::Node,
    pool::Shared,
    registry, report,
    schema::reports,
};

/// The ids of all reports of a build, as of a version of it.
pub(super) struct Ids {
    version: i64,
    known: HashSet<Uuid>,
}

/// A build that may not be known yet, with what opens it.
pub(super) struct Newcomer<'a> {
    pub(super) announced: &'a Announcement,
    /// When its first report came.
    pub(super) at: Time,
}

impl Newcomer<'_> {
    /// Opens it. What the database refuses of it is nobody else's fault: its reports then find no build.
    fn open(&self, connection: &mut PgConnection, shared: &Shared, id: Uuid) -> Result<()> {
        match build::open_announced(connection, shared, Id::from_uuid(id), self.announced, self.at) {
            Err(error @ (Error::Unavailable(_) | Error::Interrupted(_))) => Err(error),
            Err(error) => {
                log::error!("build {id} cannot be opened by its token: {error}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// A build on its way through a batch.
pub(super) struct Work {
    pub(super) before: Arc<Known>,
    pub(super) after: Build,
    pub(super) reports: Vec<NewReport>,
    pub(super) ticket: Ticket,
    known: HashSet<Uuid>,
    /// What was stored before, once it had to be read.
    stored: Option<Vec<Report>>,
    is_changed: bool,
}

/// The builds of a batch, and what folding them needs.
pub(super) struct Folding<'a> {
    connection: &'a mut PgConnection,
    shared: &'a Shared,
    works: Vec<Work>,
    /// Where each build's work is.
    places: HashMap<Uuid, usize>,
    /// Whether the registry was read since the batch came.
    is_fresh: &'a mut bool,
}

impl<'a> Folding<'a> {
    /// Takes the builds from what is remembered, and from the database what is not. One that is
    /// not known is left out.
    pub(super) fn begin(
        connection: &'a mut PgConnection,
        shared: &'a Shared,
        ids: &mut LruCache<Uuid, Ids>,
        is_fresh: &'a mut bool,
        builds: &HashMap<Uuid, Option<Newcomer<'_>>>,
    ) -> Result<Self> {
        let mut found: Vec<(Ticket, Arc<Known>)> = Vec::with_capacity(builds.len());
        let mut missing: Vec<(Uuid, Ticket)> = Vec::new();
        for id in builds.keys() {
            let ticket = shared.memory.ticket(*id);
            match shared.memory.build(*id) {
                Some(known) => found.push((ticket, known)),
                None => missing.push((*id, ticket)),
            }
        }
        if !missing.is_empty() {
            let wanted: Vec<Uuid> = missing.iter().map(|(id, _)| *id).collect();
            let mut loaded = build::load_known(connection, &wanted)?;
            for id in wanted {
                let is_known = loaded.iter().any(|known| known.build.id.uuid() == id);
                if let Some(Some(newcomer)) = builds.get(&id).filter(|_| !is_known) {
                    newcomer.open(connection, shared, id)?;
                    loaded.extend(build::load_known(connection, &[id])?);
                }
            }
            for known in loaded {
                let known = Arc::new(known);
                let id = known.build.id.uuid();
                if let Some((_, ticket)) = missing.iter().find(|(wanted, _)| *wanted == id) {
                    shared.memory.learn(*ticket, &known);
                    found.push((*ticket, known));
                }
            }
        }
        let stale: Vec<Uuid> = found
            .iter()
            .filter(|(_, known)| {
                ids.get(&known.build.id.uuid()).is_none_or(|ids| ids.version != known.version)
            })
            .map(|(_, known)| known.build.id.uuid())
            .collect();
        for id in &stale {
            ids.put(*id, Ids { version: 0, known: HashSet::new() });
        }
        // Whatever was committed since the build was read is among them, which is right: it is a
        // repeat, whatever the version.
        for (build, id) in stored_ids(connection, &stale)? {
            if let Some(ids) = ids.get_mut(&build) {
                ids.known.insert(id);
            }
        }
        let works: Vec<Work> = found
            .into_iter()
            .map(|(ticket, before)| Work {
                after: before.build.clone(),
                reports: Vec::new(),
                ticket,
                known: ids.pop(&before.build.id.uuid()).map(|ids| ids.known).unwrap_or_default(),
                stored: None,
                is_changed: false,
                before,
            })
            .collect();
        let places = works.iter().enumerate().map(|(at, work)| (work.after.id.uuid(), at)).collect();
        Ok(Self { connection, shared, works, places, is_fresh })
    }

    /// Folds one thing that was said; what it comes to holds once the batch is committed.
    pub(super) fn fold(&mut self, item: &Item) -> Result<Receipt> {
        let at = self.places.get(&item.build.uuid());
        let Some(work) = at.and_then(|at| self.works.get_mut(*at)) else {
            return Err(Error::not_found("build", &item.build));
        };
        let (report, mode) = match &item.what {
            What::Rejection { label, at } => {
                work.after.reject(label.clone(), *at);
                work.is_changed = true;
                return Ok(Receipt::Recorded);
            }
            What::Report { report, mode, .. } => (report, *mode),
        };
        if work.known.contains(&report.id.uuid()) {
            return Ok(Receipt::Repeated);
        }
        let (workflow, plan) = (&work.after.workflow, &work.after.plan);
        let admit = |registry: &Registry| admit(registry, workflow, plan, report, mode);
        let mut admitted = admit(&self.shared.registry());
        if admitted.is_err() && !*self.is_fresh {
            // Another node may have registered it meanwhile.
            let fresh = Arc::new(registry::load(self.connection, self.shared.mode)?);
            self.shared.keep_registry(Arc::clone(&fresh));
            *self.is_fresh = true;
            admitted = admit(&fresh);
        }
        work.is_changed = true;
        match admitted {
            Err(refusal) => {
                work.after.reject(refusal.label.clone(), report.received_at);
                Ok(Receipt::Refused(refusal))
            }
            Ok(report) => {
                work.take(self.connection, report)?;
                Ok(Receipt::Recorded)
            }
        }
    }

    /// Writes what has changed, and answers the builds that were written, with all of them.
    pub(super) fn write(self, node: Node) -> (Result<HashSet<Uuid>>, Vec<Work>) {
        let changed = self.works.iter().filter(|work| work.is_changed);
        let changes: Vec<Change<'_>> = changed
            .map(|work| Change { before: &work.before, after: &work.after, reports: &work.reports })
            .collect();
        let written = if changes.is_empty() {
            Ok(HashSet::new())
        } else {
            change::write(self.connection, changes, node)
        };
        (written, self.works)
    }
}

/// Lets a report pass, or says why not.
pub(super) fn admit(
    registry: &Registry,
    workflow: &Label,
    plan: &Plan,
    report: &Report,
    mode: Option<Mode>,
) -> std::result::Result<Report, milepost_domain::registry::UnknownStep> {
    let mode = mode.unwrap_or_else(|| registry.mode_of(workflow));
    registry.admit(report.clone(), plan, mode)
}

impl Work {
    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    fn take(&mut self, connection: &mut PgConnection, report: Report) -> Result<()> {
        self.known.insert(report.id.uuid());
        self.after.settle(report.received_at);
        if self.after.is_late(&report)
            && let Some(mut all) = self.all_reports(connection)?
        {
            all.push(report.clone());
            self.after.replay(all);
        } else {
            self.after.apply(&report);
        }
        let course = &self.after.course;
        self.reports.push(NewReport { position: course.reports, attempt: course.attempt, report });
        Ok(())
    }

    /// What is stored, and what of this very batch is not yet; `None` when older ones have been
    /// retired, so that the build could not be folded from them.
    fn all_reports(&mut self, connection: &mut PgConnection) -> Result<Option<Vec<Report>>> {
        let stored = match self.stored.take() {
            Some(stored) => stored,
            None => report::load_all(connection, &self.after)?,
        };
        let mut all = self.stored.insert(stored).clone();
        all.extend(self.reports.iter().map(|new| new.report.clone()));
        let is_whole = u32::try_from(all.len()).is_ok_and(|count| count == self.after.course.reports);
        Ok(is_whole.then_some(all))
    }

    /// The build once it is written, and the ids of its reports.
    pub(super) fn written(self) -> (Ticket, Arc<Known>, Ids) {
        let version = self.before.version + i64::from(self.is_changed);
        let known = Arc::new(Known { build: self.after, version });
        (self.ticket, known, Ids { version, known: self.known })
    }
}

#[derive(QueryableByName)]
#[diesel(table_name = reports)]
struct StoredId {
    build_id: Uuid,
    id: Uuid,
}

fn stored_ids(connection: &mut PgConnection, builds: &[Uuid]) -> Result<Vec<(Uuid, Uuid)>> {
    if builds.is_empty() {
        return Ok(Vec::new());
    }
    // Build by build, because PostgreSQL passes over partitions for one key, not for a list of them.
    let each = "SELECT r.build_id, r.id FROM unnest($1) AS b (id) CROSS JOIN LATERAL \
                (SELECT build_id, id FROM reports WHERE build_id = b.id) AS r";
    let rows: Vec<StoredId> = sql_query(each).bind::<Array<sql_types::Uuid>, _>(builds).load(connection)?;
    Ok(rows.into_iter().map(|row| (row.build_id, row.id)).collect())
}
