//! Plans, which builds share: each is read once by a process, and kept once.
//!
//! The rule it protects: a plan is stored under the digest of all that it says, so one that was read never
//! becomes another, whatever the database.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use diesel::prelude::*;
use lru::LruCache;
use milepost_domain::Plan;

use crate::{Result, memory::at_least_one, row::PlanRow, schema::plans};

/// So many are remembered: a few for each workflow that a site has ever had, of some 4 KiB each.
const PLANS: NonZeroUsize = at_least_one(512);

/// The plans that are remembered, by their digest.
static KNOWN: LazyLock<Mutex<LruCache<Vec<u8>, Arc<Plan>>>> =
    LazyLock::new(|| Mutex::new(LruCache::new(PLANS)));

fn known() -> MutexGuard<'static, LruCache<Vec<u8>, Arc<Plan>>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The plans of these digests; from the database only where this process does not know them.
pub(crate) fn load(
    connection: &mut PgConnection,
    mut digests: Vec<Vec<u8>>,
) -> Result<HashMap<Vec<u8>, Arc<Plan>>> {
    digests.sort();
    digests.dedup();
    let mut found = HashMap::with_capacity(digests.len());
    {
        let mut known = known();
        digests.retain(|digest| match known.get(digest) {
            Some(plan) => {
                found.insert(digest.clone(), Arc::clone(plan));
                false
            }
            None => true,
        });
    }
    if digests.is_empty() {
        return Ok(found);
    }
    let rows: Vec<PlanRow> =
        plans::table.filter(plans::digest.eq_any(&digests)).select(PlanRow::as_select()).load(connection)?;
    for row in rows {
        let digest = row.digest.clone();
        let plan = Arc::new(row.into_domain()?);
        known().put(digest.clone(), Arc::clone(&plan));
        found.insert(digest, plan);
    }
    Ok(found)
}
