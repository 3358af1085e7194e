//! The open loop: reports at a fixed rate, whatever the server does; and one at a time.
//!
//! The rule it protects: a report's latency counts from the moment at which it was due, not from
//! when a connection was free for it; those that were never sent count too, with the time they waited.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    failure::{Context as _, Failure, Result},
    http::{Client, post_form},
    stats::{Sorted, number},
    steps::BUILDS,
    stop,
    world::World,
};

/// Connections; more than are ever needed unless the server falls behind.
const CONNECTIONS: usize = 128;
/// A sleep ends late by up to 50 us unless the kernel is asked otherwise.
const TIMER_SLACK_NS: std::ffi::c_ulong = 1000;

/// What came of a fixed rate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paced {
    /// Reports a second that were due.
    pub(crate) offered: f64,
    /// Reports a second that were answered within the time.
    pub(crate) answered_rate: f64,
    /// Answers, all of them 2xx.
    pub(crate) answered: u64,
    /// Latencies in microseconds.
    pub(crate) latencies: Sorted,
}

impl Paced {
    /// Whether the server kept up.
    pub(crate) fn kept_up(&self) -> bool {
        self.answered_rate > 0.98 * self.offered
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What all connections share.
struct Schedule<'a> {
    world: &'a World,
    url: &'a str,
    tokens: &'a [String],
    begin: Instant,
    /// Between two reports.
    gap: Duration,
    /// How many there are.
    total: u64,
    next: AtomicU64,
    failed: AtomicBool,
}

impl Schedule<'_> {
    fn due(&self, number: u64) -> Instant {
        self.begin + Duration::from_secs_f64(self.gap.as_secs_f64() * crate::stats::number(number))
    }

    fn end(&self) -> Instant {
        self.due(self.total)
    }

    fn request(&self, number: u64) -> Result<Vec<u8>> {
        let number = usize::try_from(number)?;
        let tokens = self.tokens.get(..BUILDS).context("too few builds")?;
        let token = tokens.get(number % BUILDS).context("too few builds")?;
        let form = self.world.fleet.form(token, number / BUILDS);
        Ok(post_form(self.url, "/unattended/step", &form))
    }

    /// One connection: takes the next report that is due, until there is none or the time is over.
    fn work(&self) -> Result<Vec<(f64, bool)>> {
        // Without it the latencies would be a little longer, not wrong.
        let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NS);
        let mut client = Client::new(self.url)?;
        client.connect()?;
        let end = self.end();
        let mut seen = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.total || self.failed.load(Ordering::Relaxed) {
                return Ok(seen);
            }
            let request = self.request(number)?;
            let due = self.due(number);
            let now = Instant::now();
            if now > end {
                return Ok(seen);
            }
            thread::sleep(due.saturating_duration_since(now));
            let answer = client.send(&request)?;
            let at = Instant::now();
            if !answer.is_success() {
                return Err(Failure::new(format!("{}: {} {}", self.url, answer.status, answer.text())));
            }
            seen.push((micros(at - due), at <= end));
        }
    }
}

/// Sends reports at this rate, for as many seconds.
pub(crate) fn at_rate(world: &World, url: &str, tokens: &[String], rate: u64) -> Result<Paced> {
    let seconds = world.options.seconds;
    let schedule = Schedule {
        world,
        url,
        tokens,
        // All are connected by then.
        begin: Instant::now() + Duration::from_millis(200),
        gap: Duration::from_secs(1) / u32::try_from(rate)?,
        total: rate * seconds,
        next: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    let fault: Mutex<Option<Failure>> = Mutex::new(None);
    let seen: Vec<(f64, bool)> = thread::scope(|scope| {
        let work = || {
            schedule.work().unwrap_or_else(|failure| {
                schedule.failed.store(true, Ordering::Relaxed);
                *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                Vec::new()
            })
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    if let Some(failure) = fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    stop::check()?;
    let answered = u64::try_from(seen.len())?;
    let in_time = u64::try_from(seen.iter().filter(|(_, in_time)| *in_time).count())?;
    let mut latencies: Vec<f64> = seen.into_iter().map(|(latency, _)| latency).collect();
    // Reports are taken in order, so those that were never sent are the last ones.
    let end = schedule.end();
    latencies.extend((answered..schedule.total).map(|number| micros(end - schedule.due(number))));
    Ok(Paced {
        offered: number(rate),
        answered_rate: number(in_time) / number(seconds),
        answered,
        latencies: Sorted::new(latencies),
    })
}

/// One report after another on one connection, nothing else going on: latencies in microseconds.
pub(crate) fn lone(world: &World, url: &str, tokens: &[String]) -> Result<Sorted> {
    let mut client = Client::new(url)?;
    client.connect()?;
    let end = Instant::now() + Duration::from_secs(world.options.seconds);
    let mut seen = Vec::new();
    while Instant::now() < end {
        stop::check()?;
        let token = tokens.get(seen.len() % BUILDS).context("too few builds")?;
        let request = post_form(url, "/unattended/step", &world.fleet.form(token, seen.len() / BUILDS));
        let begun = Instant::now();
        let answer = client.send(&request)?;
        if !answer.is_success() {
            return Err(Failure::new(format!("{url}: {} {}", answer.status, answer.text())));
        }
        seen.push(micros(begun.elapsed()));
    }
    Ok(Sorted::new(seen))
}
