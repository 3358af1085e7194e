//! Writes a batch to the database, or says that the database is away.
//!
//! The rule it protects: a report that the database refuses fails alone; a commit of which the outcome is
//! not known is found out by the ids of its reports.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{PgConnection, RunQueryDsl};
use lru::LruCache;
use uuid::Uuid;

use super::{
    Item, Receipt, What,
    fold::{Folding, Ids, Newcomer},
};
use crate::{Error, Result, change, memory::at_least_one, meters::Left, pool::Shared};

/// How often a change that others come in between of is tried.
const TRIES: u32 = 40;
/// Of how many builds the ids of the reports are remembered.
const BUILDS: NonZeroUsize = at_least_one(4_096);

/// The database cannot be written to now, whatever the reports.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Away(pub(super) String);

/// What became of each item, in their order.
pub(super) type Fates = Vec<Result<Receipt>>;

/// A connection that writes, and what its owner remembers of the builds that it wrote.
pub(super) struct Session {
    shared: Arc<Shared>,
    patience: Duration,
    is_left: Arc<AtomicBool>,
    connection: Option<PgConnection>,
    ids: LruCache<Uuid, Ids>,
    /// Reports that may have been committed when the connection broke: found stored, they are
    /// recorded, not repeated.
    doubtful: HashSet<(Uuid, Uuid)>,
}

impl Session {
    /// `is_left` says that nobody waits for it any more.
    pub(super) fn new(shared: &Arc<Shared>, patience: Duration, is_left: &Arc<AtomicBool>) -> Self {
        Self {
            shared: Arc::clone(shared),
            patience,
            is_left: Arc::clone(is_left),
            connection: None,
            ids: LruCache::new(BUILDS),
            doubtful: HashSet::new(),
        }
    }

    /// Writes the items, in their order.
    ///
    /// # Errors
    /// When the database is away: nothing is known of what was written then.
    pub(super) fn write(&mut self, items: &[Item]) -> std::result::Result<Fates, Away> {
        let mut fates: Vec<Option<Result<Receipt>>> = items.iter().map(|_| None).collect();
        let mut is_fresh = false;
        self.doubtful.clear();
        self.settle(items, (0..items.len()).collect(), &mut is_fresh, &mut fates)?;
        let lost = || Err(Error::Database("a report was taken and nothing became of it".to_owned()));
        Ok(fates.into_iter().map(|fate| fate.unwrap_or_else(lost)).collect())
    }

    /// Brings each of the items in `todo` to its fate.
    fn settle(
        &mut self,
        items: &[Item],
        mut todo: Vec<usize>,
        is_fresh: &mut bool,
        fates: &mut [Option<Result<Receipt>>],
    ) -> std::result::Result<(), Away> {
        let (mut tries, mut breaks) = (0, 0);
        while !todo.is_empty() {
            if self.is_left.load(Ordering::Relaxed) {
                return Err(Away("it took too long".to_owned()));
            }
            match self.attempt(items, &todo, is_fresh, fates) {
                Ok(overtaken) => {
                    if !overtaken.is_empty() {
                        self.shared.meters.conflicts.inc();
                    }
                    todo = overtaken;
                    tries += 1;
                }
                Err(Error::Interrupted(why)) => {
                    log::debug!("a batch is tried again: {why}");
                    self.forget(items, &todo);
                    tries += 1;
                }
                Err(Error::Unavailable(why)) => {
                    // An idle connection may have died long ago: so once more, on a new one.
                    self.connection = None;
                    self.forget(items, &todo);
                    breaks += 1;
                    if breaks > 1 {
                        return Err(Away(why));
                    }
                }
                Err(error) => {
                    self.forget(items, &todo);
                    return self.split(items, todo, is_fresh, fates, &error);
                }
            }
            if tries > TRIES {
                for at in todo.drain(..) {
                    set(fates, at, Err(Error::Interrupted("others kept coming in between".to_owned())));
                }
            }
        }
        Ok(())
    }

    /// Halves what the database refuses, until the one at fault is alone.
    fn split(
        &mut self,
        items: &[Item],
        mut todo: Vec<usize>,
        is_fresh: &mut bool,
        fates: &mut [Option<Result<Receipt>>],
        error: &Error,
    ) -> std::result::Result<(), Away> {
        if let [at] = todo[..] {
            self.probe().map_err(|_| Away(error.to_string()))?;
            log::error!("the database refuses a report, which is not recorded: {error}");
            set(fates, at, Ok(Receipt::Failed(error.to_string())));
            return Ok(());
        }
        let rest = todo.split_off(todo.len() / 2);
        self.settle(items, todo, is_fresh, fates)?;
        self.settle(items, rest, is_fresh, fates)
    }

    /// Whether the database can be written to at all: if not, it is not the report's fault.
    fn probe(&mut self) -> Result<()> {
        let connection = connected(&mut self.connection, &self.shared, self.patience)?;
        diesel::sql_query("SELECT 1 FROM (SELECT pg_current_xact_id()) x").execute(connection)?;
        Ok(())
    }

    /// What is remembered of the builds of these items may not be so.
    fn forget(&mut self, items: &[Item], todo: &[usize]) {
        for id in builds(items, todo) {
            self.shared.memory.doubt_builds(&[id]);
            self.ids.pop(&id);
        }
    }

    /// Folds and writes the items of `todo`, and answers those whose build another node wrote
    /// meanwhile.
    fn attempt(
        &mut self,
        items: &[Item],
        todo: &[usize],
        is_fresh: &mut bool,
        fates: &mut [Option<Result<Receipt>>],
    ) -> Result<Vec<usize>> {
        let connection = connected(&mut self.connection, &self.shared, self.patience)?;
        let named = newcomers(items, todo);
        let mut folding = Folding::begin(connection, &self.shared, &mut self.ids, is_fresh, &named)?;
        for &at in todo {
            let Some(item) = items.get(at) else { continue };
            let fate = match folding.fold(item) {
                Ok(Receipt::Repeated) if self.doubtful.contains(&key(item)) => Ok(Receipt::Recorded),
                Err(error @ Error::NotFound { .. }) => Err(error),
                Err(error) => return Err(error),
                Ok(receipt) => Ok(receipt),
            };
            set(fates, at, fate);
        }
        let began = Instant::now();
        let (written, works) = folding.write(self.shared.node);
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                if matches!(error, Error::Unavailable(_)) {
                    self.doubtful.extend(works.iter().flat_map(|work| {
                        let build = work.after.id.uuid();
                        work.reports.iter().map(move |new| (build, new.report.id.uuid()))
                    }));
                }
                return Err(error);
            }
        };
        self.shared.memory.prove();
        self.shared.meters.batch(works.iter().map(|work| work.reports.len()).sum(), began.elapsed());
        let mut overtaken: HashSet<Uuid> = HashSet::new();
        let registry = self.shared.registry();
        for work in works {
            let id = work.after.id.uuid();
            if work.is_changed() && !written.contains(&id) {
                self.shared.memory.doubt_builds(&[id]);
                overtaken.insert(id);
                continue;
            }
            let before = &work.before.build;
            // Few reports change the state, and since when it lasted has to be worked out.
            if before.course.state != work.after.course.state {
                self.shared.meters.reached(&registry, Some(Left::by(before)), &work.after);
            }
            let (ticket, known, ids) = work.written();
            self.shared.memory.learn(ticket, &known);
            self.ids.put(id, ids);
        }
        Ok(todo
            .iter()
            .copied()
            .filter(|at| items.get(*at).is_some_and(|item| overtaken.contains(&item.build.uuid())))
            .collect())
    }
}

fn set(fates: &mut [Option<Result<Receipt>>], at: usize, fate: Result<Receipt>) {
    if let Some(place) = fates.get_mut(at) {
        *place = Some(fate);
    }
}

fn builds(items: &[Item], todo: &[usize]) -> HashSet<Uuid> {
    todo.iter().filter_map(|at| items.get(*at)).map(|item| item.build.uuid()).collect()
}

/// The builds of these items, with what opens those that are announced.
fn newcomers<'a>(items: &'a [Item], todo: &[usize]) -> HashMap<Uuid, Option<Newcomer<'a>>> {
    let mut builds = HashMap::with_capacity(todo.len());
    for item in todo.iter().filter_map(|at| items.get(*at)) {
        let newcomer = builds.entry(item.build.uuid()).or_insert(None);
        if let (None, What::Report { report, announced: Some(announced), .. }) = (&newcomer, &item.what) {
            *newcomer = Some(Newcomer { announced, at: report.received_at });
        }
    }
    builds
}

fn key(item: &Item) -> (Uuid, Uuid) {
    let report = match &item.what {
        What::Report { report, .. } => report.id.uuid(),
        What::Rejection { .. } => Uuid::nil(),
    };
    (item.build.uuid(), report)
}

fn connected<'a>(
    slot: &'a mut Option<PgConnection>,
    shared: &Shared,
    patience: Duration,
) -> Result<&'a mut PgConnection> {
    if slot.is_none() {
        let mut connection = shared.establish()?;
        change::prepare(&mut connection)?;
        // Nobody waits for it any longer, so it shall not hold a connection for as long as a lock lasts.
        let limit = format!("SET statement_timeout = {}", patience.as_millis().max(1));
        diesel::sql_query(limit).execute(&mut connection)?;
        *slot = Some(connection);
    }
    slot.as_mut().ok_or_else(|| Error::Unavailable("there is no connection".to_owned()))
}
