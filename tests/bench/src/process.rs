//! Processes of ours: servers that run beside a measurement, and commands that are waited for.
//!
//! The rule it protects: what was started is ended, by its id, however this program ends; and
//! nothing is waited for without a limit.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{
    failure::{Context as _, Failure, Result},
    janitor, stop,
};

/// How long a process that was asked to end may take before it is killed.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running process, the leader of its own group, so that Ctrl-C reaches us alone.
pub(crate) struct Running {
    name: String,
    child: Child,
    ended: bool,
}

impl Running {
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .context(&format!("cannot start {name} ({})", command.get_program().display()))?;
        janitor::watch(child.id());
        Ok(Self { name: name.to_owned(), child, ended: false })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn status(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() && !self.ended {
            self.ended = true;
            janitor::forget(self.child.id());
        }
        Ok(status)
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.status()? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(Failure::new(format!("{} has not ended after {limit:?}", self.name)));
            }
            stop::pause(Duration::from_millis(5))?;
        }
    }

    fn signal(&self, signal: Signal) {
        // A process id is a positive int in the kernel; std alone makes it unsigned.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It may have ended meanwhile, which is what is wanted.
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }

    /// Whether it has ended within that time; not cut short by Ctrl-C, which brought us here.
    fn gone_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if self.status().is_ok_and(|status| status.is_some()) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            if self.ended {
                return;
            }
            self.signal(signal);
            self.gone_within(PATIENCE);
        }
    }
}

/// A server that has said where it listens.
pub(crate) struct Server {
    process: Running,
    pub(crate) url: String,
    /// From just before it was executed until the line that says that it can be used.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts it and reads its stderr until it names its address; all of that goes into a log.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path, limit: Duration) -> Result<Self> {
        let begun = Instant::now();
        let mut process = Running::spawn(name, command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = process.child.stderr.take().context("a server without a stderr")?;
        let mut log_file = File::options().create(true).append(true).open(log)?;
        let (tell, told) = mpsc::channel();
        // It ends with the server, whose last words it writes down.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { return };
                let lower = line.to_ascii_lowercase();
                if lower.contains("listening")
                    && let Some(at) = line.find("http://")
                {
                    let url = line.get(at..).and_then(|rest| rest.split_whitespace().next());
                    // Nobody waits for a second address.
                    let _ = tell.send((url.unwrap_or_default().to_owned(), Instant::now()));
                }
                if writeln!(log_file, "{line}").is_err() {
                    return;
                }
            }
        });
        let end = begun + limit;
        loop {
            if let Ok((url, at)) = told.recv_timeout(Duration::from_millis(20)) {
                return Ok(Self { process, url, started_in: at - begun });
            }
            stop::check()?;
            let ended = process.status()?;
            if ended.is_some() || Instant::now() > end {
                let said = tail(log);
                return Err(Failure::new(format!("{name} did not come up: {ended:?}; it said: {said}")));
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Fails when it has ended, which no server does under load.
    pub(crate) fn still_runs(&mut self) -> Result<()> {
        match self.process.status()? {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!("{} ended: {status}", self.process.name))),
        }
    }
}

/// Runs a command to its end and answers what it wrote to stdout.
pub(crate) fn output(name: &str, command: &mut Command, limit: Duration) -> Result<String> {
    let mut process = Running::spawn(name, command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (out, err) = (process.child.stdout.take(), process.child.stderr.take());
    // Both at once: a full pipe would hold the process up.
    let err = thread::spawn(move || {
        let mut text = String::new();
        err.map(|mut err| err.read_to_string(&mut text));
        text
    });
    let out = thread::spawn(move || {
        let mut text = String::new();
        out.map(|mut out| out.read_to_string(&mut text));
        text
    });
    let status = process.wait(limit)?;
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if status.success() {
        return Ok(out);
    }
    Err(Failure::new(format!("{name} failed, {status}: {}{}", out.trim(), err.trim())))
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(5)).copied().collect::<Vec<_>>().join(" | ")
}
