//! What processes use: processor time and memory, from /proc.
//!
//! The rule it protects: a throughput is shown beside who used the machine for it, the load
//! generator and strangers included.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    failure::{Context as _, Result},
    stats,
};

/// Shares of all processors within a measurement, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Split {
    pub(crate) server: f64,
    pub(crate) postgres: f64,
    pub(crate) load: f64,
    /// Idle, or waiting for the disk.
    pub(crate) idle: f64,
    /// Everything else: the kernel's own threads, strangers.
    pub(crate) other: f64,
}

impl Split {
    pub(crate) fn median(splits: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| stats::median(&splits.iter().map(part).collect::<Vec<_>>());
        Self {
            server: of(|split| split.server),
            postgres: of(|split| split.postgres),
            load: of(|split| split.load),
            idle: of(|split| split.idle),
            other: of(|split| split.other),
        }
    }
}

/// The fields of /proc/PID/stat behind the name, which may hold blanks.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    // The state is a letter; it and whatever is negative count as 0.
    Some(rest.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect())
}

fn field(fields: &[u64], at: usize) -> u64 {
    fields.get(at).copied().unwrap_or_default()
}

/// utime and stime, with those of children that have been waited for.
fn with_children(fields: &[u64]) -> u64 {
    (11..=14).map(|at| field(fields, at)).sum()
}

/// Ticks of a process and all below it. Those of a child that ends move to its parent.
fn tree(root: u32) -> u64 {
    let mut children: HashMap<u64, Vec<u32>> = HashMap::new();
    let mut ticks: HashMap<u32, u64> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some(fields) = stat(pid) else { continue };
        children.entry(field(&fields, 1)).or_default().push(pid);
        ticks.insert(pid, with_children(&fields));
    }
    let mut sum = 0;
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        sum += ticks.get(&pid).copied().unwrap_or_default();
        waiting.extend(children.remove(&u64::from(pid)).into_iter().flatten());
    }
    sum
}

/// Ticks of all processors: those that were idle or waiting, and all.
fn machine() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what follows is contained in the first two.
    (field(&ticks, 3) + field(&ticks, 4), ticks.iter().take(8).sum())
}

/// A measurement that has begun.
pub(crate) struct Meter {
    server: Option<u32>,
    postgres: Option<u32>,
    begun: [u64; 5],
}

impl Meter {
    pub(crate) fn start(server: Option<u32>, postgres: Option<u32>) -> Self {
        let mut meter = Self { server, postgres, begun: [0; 5] };
        meter.begun = meter.now();
        meter
    }

    fn now(&self) -> [u64; 5] {
        let own = stat(std::process::id()).map_or(0, |fields| with_children(&fields));
        let (idle, all) = machine();
        [self.server.map_or(0, tree), self.postgres.map_or(0, tree), own, idle, all]
    }

    /// The shares since it began; for the load, we and the children that we have waited for.
    pub(crate) fn stop(&self) -> Split {
        let mut used = self.now();
        for (used, before) in used.iter_mut().zip(self.begun) {
            *used = used.saturating_sub(before);
        }
        let [server, postgres, load, idle, all] = used;
        let share = |ticks: u64| 100.0 * stats::number(ticks) / stats::number(all.max(1));
        let other = all.saturating_sub(server + postgres + load + idle);
        Split {
            server: share(server),
            postgres: share(postgres),
            load: share(load),
            idle: share(idle),
            other: share(other),
        }
    }
}

/// A line of /proc/PID/status in MiB.
fn memory(pid: u32, name: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(kib.context(&format!("/proc/{pid}/status has no {name}"))? / 1024.0)
}

/// What a process keeps in memory, looked at while a load runs.
pub(crate) struct MemoryWatch {
    pid: u32,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<f64>>>,
}

/// In MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// The most that it ever had, by the kernel.
    pub(crate) peak: f64,
    /// The median of what was seen.
    pub(crate) median: f64,
}

impl MemoryWatch {
    pub(crate) fn start(pid: u32) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let mut seen = Vec::new();
            while !asked.load(Ordering::Relaxed) {
                seen.extend(memory(pid, "VmRSS"));
                thread::sleep(Duration::from_millis(200));
            }
            seen
        });
        Self { pid, done, thread: Some(thread) }
    }

    pub(crate) fn stop(mut self) -> Result<Memory> {
        self.done.store(true, Ordering::Relaxed);
        let seen = self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Memory { peak: memory(self.pid, "VmHWM")?, median: stats::median(&seen) })
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}
