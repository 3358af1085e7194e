//! Host pages as they were last rendered.
//!
//! The rule it protects: a page is shown again only while nothing of what it shows has changed and
//! the clock has not moved on by a second, the finest that it tells.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::web::Bytes;
use lru::LruCache;
use milepost_domain::{BuildId, State, Time, host::HostRef, signal::LogTail};
use milepost_store::{Seen, Stamp, report};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{App, auth::hex, db, problem::Problem, view::HostProgress};

/// How many pages are kept, of some 4 KiB each.
const PAGES: NonZeroUsize = match NonZeroUsize::new(2_048) {
    Some(pages) => pages,
    None => NonZeroUsize::MIN,
};

/// How many ends of logs are kept, of 2 KiB each at most.
const LOGS: NonZeroUsize = match NonZeroUsize::new(512) {
    Some(logs) => logs,
    None => NonZeroUsize::MIN,
};

/// A page and the name of its very content.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) body: Bytes,
    pub(crate) etag: String,
    of: (Stamp, i64, Option<Time>, Option<Uuid>),
}

/// The end of the log of what a build failed in, if there is one.
type FailureLog = Option<Arc<LogTail>>;

/// The name of a content, for an `ETag`.
pub(crate) fn content_name(body: &[u8]) -> String {
    hex(Sha256::digest(body).get(..12).unwrap_or_default())
}

/// The pages that were rendered last, and what they tell of logs, which no page waits for twice.
#[derive(Clone)]
pub(crate) struct Shown {
    pages: Arc<Mutex<LruCache<HostRef, Page>>>,
    logs: Arc<Mutex<LruCache<BuildId, (Stamp, FailureLog)>>>,
}

impl Default for Shown {
    fn default() -> Self {
        let pages = Arc::new(Mutex::new(LruCache::new(PAGES)));
        Self { pages, logs: Arc::new(Mutex::new(LruCache::new(LOGS))) }
    }
}

impl Shown {
    /// The end of the log of what was seen to have failed. A page is not worth less without it, so none is
    /// shown while it cannot be read.
    pub(crate) async fn failure_log(&self, app: &App, seen: &Seen, now: Time) -> FailureLog {
        let build = seen.build(now).into_owned();
        if build.course.state != State::Failed {
            return None;
        }
        let (id, stamp) = (build.id, seen.stamp());
        let logs = || self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, log)) = logs().get(&id).filter(|(of, _)| *of == stamp) {
            return log.clone();
        }
        if app.store.condition().away.is_some() {
            return None;
        }
        let store = app.store.clone();
        let read = move || store.read(|connection| report::failure_log(connection, &build));
        match db::bounded(read).await {
            Ok(log) => {
                let log = log.map(Arc::new);
                logs().put(id, (stamp, log.clone()));
                log
            }
            Err(error) => {
                log::debug!("the log of what failed is left out: {error}");
                None
            }
        }
    }

    /// The page of what was seen of the host of that name.
    ///
    /// # Errors
    /// When it cannot be rendered, which has no known reason.
    pub(crate) fn page(
        &self,
        app: &App,
        named: HostRef,
        seen: &Seen,
        failure_log: Option<&LogTail>,
        as_of: Option<Time>,
        now: Time,
    ) -> Result<Page, Problem> {
        let muted = app.store.mutes().of(seen.host(), Some(&seen.build(now)), now).map(|mute| mute.id);
        let of = (seen.stamp(), now.timestamp(), as_of, muted);
        let pages = || self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages().get(&named).filter(|page| page.of == of) {
            return Ok(page.clone());
        }
        let progress = HostProgress::of(app, seen, failure_log, as_of, now);
        let body = serde_json::to_vec(&progress).map_err(Problem::internal)?;
        let etag = content_name(&body);
        let page = Page { body: body.into(), etag, of };
        pages().put(named, page.clone());
        Ok(page)
    }
}
