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
use milepost_domain::{Time, host::HostRef};
use milepost_store::{Seen, Stamp};
use sha2::{Digest, Sha256};

use crate::{App, auth::hex, problem::Problem, view::HostProgress};

/// How many pages are kept, of some 4 KiB each.
const PAGES: NonZeroUsize = match NonZeroUsize::new(2_048) {
    Some(pages) => pages,
    None => NonZeroUsize::MIN,
};

/// A page and the name of its very content.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) body: Bytes,
    pub(crate) etag: String,
    of: (Stamp, i64, Option<Time>),
}

/// The name of a content, for an `ETag`.
pub(crate) fn content_name(body: &[u8]) -> String {
    hex(Sha256::digest(body).get(..12).unwrap_or_default())
}

/// The pages that were rendered last.
#[derive(Clone)]
pub(crate) struct Shown(Arc<Mutex<LruCache<HostRef, Page>>>);

impl Default for Shown {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(PAGES))))
    }
}

impl Shown {
    /// The page of what was seen of the host of that name.
    ///
    /// # Errors
    /// When it cannot be rendered, which has no known reason.
    pub(crate) fn page(
        &self,
        app: &App,
        named: HostRef,
        seen: &Seen,
        as_of: Option<Time>,
        now: Time,
    ) -> Result<Page, Problem> {
        let of = (seen.stamp(), now.timestamp(), as_of);
        let pages = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = pages().get(&named).filter(|page| page.of == of) {
            return Ok(page.clone());
        }
        let progress = HostProgress::of(app, seen, as_of, now);
        let body = serde_json::to_vec(&progress).map_err(Problem::internal)?;
        let etag = content_name(&body);
        let page = Page { body: body.into(), etag, of };
        pages().put(named, page.clone());
        Ok(page)
    }
}
