//! What the disk can do by itself: how long a small write takes to be durable.
//!
//! The rule it protects: a latency of the service is judged beside the disk's own, measured in the
//! same round; a disk that stalls is no fault of whoever waits for it.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    time::{Duration, Instant},
};

use crate::{failure::Result, place::Place, stats::Sorted, stop};

/// A page of PostgreSQL's log.
const PAGE: usize = 8192;
/// A segment of it, which is written over again and again as PostgreSQL recycles them.
const PAGES: u64 = 2048;

/// Writes a page and syncs it, again and again: durations in microseconds.
pub(crate) fn fdatasync(place: &Place, time: Duration) -> Result<Sorted> {
    let path = place.join("fdatasync");
    let file = File::create(&path)?;
    let page = [0x5a; PAGE];
    for number in 0..PAGES {
        file.write_all_at(&page, number * 8192)?;
    }
    file.sync_all()?;
    let end = Instant::now() + time;
    let mut seen = Vec::new();
    let mut number = 0;
    while Instant::now() < end {
        stop::check()?;
        let begun = Instant::now();
        file.write_all_at(&page, number % PAGES * 8192)?;
        file.sync_data()?;
        seen.push(begun.elapsed().as_secs_f64() * 1e6);
        number += 1;
    }
    std::fs::remove_file(&path)?;
    Ok(Sorted::new(seen))
}
