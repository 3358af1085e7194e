//! One service under test: started, killed, frozen, and what it was when.
//!
//! The rule it protects: a service counts as disturbed exactly from before it is touched until it
//! serves again; at all other times it owes an answer.

use std::{
    fs::OpenOptions,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    http::{Answer, Request, Silence, ask},
    place::signal,
};

const READY: &str = "listening on http://";
/// How long a start, or an end, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A time that has begun, and perhaps ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) began: Instant,
    pub(crate) ended: Option<Instant>,
}

impl Span {
    pub(crate) fn overlaps(&self, from: Instant, to: Instant) -> bool {
        self.began <= to && self.ended.is_none_or(|ended| from <= ended)
    }
}

/// A service.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) log: PathBuf,
    /// What starts it, ahead of what all have in common.
    command: Vec<String>,
    environment: Vec<(&'static str, String)>,
    child: Mutex<Option<Child>>,
    address: Mutex<Option<SocketAddr>>,
    disturbed: Mutex<Vec<Span>>,
    /// Reports that it has acknowledged to anybody.
    pub(crate) acknowledged: AtomicU64,
    /// Reports that it could not take.
    pub(crate) failed: AtomicU64,
}

impl Node {
    pub(crate) fn new(
        name: &'static str,
        log: PathBuf,
        command: Vec<String>,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            name,
            log,
            command,
            environment,
            child: Mutex::new(None),
            address: Mutex::new(None),
            disturbed: Mutex::new(Vec::new()),
            acknowledged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(&self) -> Result<(), String> {
        let (program, arguments) = self.command.split_first().unwrap();
        let mut command = Command::new(program);
        command.env_clear().args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        for name in ["PATH", "HOME", "MILEPOST_PG_BIN"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.envs(self.environment.iter().cloned()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let (sender, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
                if let Some(address) = line.strip_prefix(READY) {
                    let _ = sender.send(address.parse::<SocketAddr>().unwrap());
                }
            }
        });
        *self.child.lock().unwrap() = Some(child);
        let address = ready.recv_timeout(PATIENCE);
        *self.address.lock().unwrap() = address.ok();
        self.calm();
        address.map(|_| ()).map_err(|_| format!("service {} does not start; see its log", self.name))
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.lock().unwrap().as_ref().map(Child::id)
    }

    /// From now on it owes no answer.
    fn disturb(&self) {
        self.disturbed.lock().unwrap().push(Span { began: Instant::now(), ended: None });
    }

    fn calm(&self) {
        for span in self.disturbed.lock().unwrap().iter_mut() {
            span.ended.get_or_insert_with(Instant::now);
        }
    }

    pub(crate) fn was_disturbed(&self, from: Instant, to: Instant) -> bool {
        self.disturbed.lock().unwrap().iter().any(|span| span.overlaps(from, to))
    }

    /// Ends it by a signal; whether it ended with success.
    pub(crate) fn end(&self, name: &str) -> Result<bool, String> {
        let Some(mut child) = self.child.lock().unwrap().take() else { return Ok(true) };
        self.disturb();
        signal(name, &[child.id()]);
        let (sender, ended) = mpsc::channel();
        let pid = child.id();
        thread::spawn(move || sender.send(child.wait()));
        let status = ended.recv_timeout(PATIENCE);
        *self.address.lock().unwrap() = None;
        status.map(|status| status.unwrap().success()).map_err(|_| {
            signal("KILL", &[pid]);
            format!("service {} has not ended {PATIENCE:?} after SIG{name}", self.name)
        })
    }

    pub(crate) fn freeze(&self) {
        self.disturb();
        signal("STOP", self.pid().as_slice());
    }

    pub(crate) fn thaw(&self) {
        signal("CONT", self.pid().as_slice());
        self.calm();
    }

    pub(crate) fn ask(&self, request: &Request) -> Result<Answer, Silence> {
        let address = self.address.lock().unwrap().ok_or(Silence::Unreachable)?;
        ask(address, request)
    }

    /// What `/readyz` says, if it says anything.
    pub(crate) fn readiness(&self) -> Option<(u16, Value)> {
        let answer = self.ask(&Request::get("/readyz")).ok()?;
        Some((answer.status, answer.json()))
    }

    /// Whether everything that it took is in the database.
    pub(crate) fn is_drained(&self) -> bool {
        self.readiness().is_some_and(|(_, body)| {
            body["status"] == "ok" && body["spool"]["reports"].as_u64().unwrap_or(0) == 0
        })
    }

    pub(crate) fn spooled(&self) -> u64 {
        self.readiness().map_or(0, |(_, body)| body["spool"]["reports"].as_u64().unwrap_or(0))
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
