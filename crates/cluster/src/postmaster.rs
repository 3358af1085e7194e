//! One running server: started or adopted, watched until it is ready, stopped.
//!
//! The rule it protects: the server outlives the terminal's Ctrl-C, because the service has to drain
//! into it first; and it never outlives a service that ended in order.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    process::{Child, ExitStatus},
    time::Duration,
};

use nix::{fcntl::OFlag, sys::signal::Signal};

use crate::{
    Error,
    binaries::Binaries,
    error::tail,
    identity::ServerUser,
    layout::Layout,
    pidfile::{Endpoint, PidFile},
    process::{Home, send, wait_until},
    settings::{MARK, as_recorded},
};

/// Recovery after a crash reads up to `max_wal_size` of log on a slow disk.
const START_LIMIT: Duration = Duration::from_secs(600);
/// A fast shutdown writes what is in `shared_buffers`.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// An immediate shutdown kills its children after five seconds.
const QUIT_LIMIT: Duration = Duration::from_secs(15);
/// A log above this size is put aside at the next start; one old log is kept.
const LOG_LIMIT: u64 = 16 << 20;

/// A server that takes connections.
#[derive(Debug)]
pub(crate) struct Postmaster {
    layout: Layout,
    home: Home,
    pid: i32,
    /// Absent when adopted: it is not our child.
    child: Option<Child>,
    listen: Option<Endpoint>,
}

impl Postmaster {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(
        binaries: &Binaries,
        user: &ServerUser,
        layout: &Layout,
        arguments: &[OsString],
    ) -> Result<Self, Error> {
        user.private_directory(&layout.socket)?;
        let home = Home::of(&layout.data)?;
        let (log, before) = open_log(layout, user)?;
        let output = log.try_clone().map_err(Error::io("open the log", &layout.log))?;
        let program = binaries.program("postgres");
        // It would go there by itself, but later: so it is known for ours from its first moment on.
        let child = user
            .command(&program, &layout.data)
            .args(arguments)
            .stdout(output)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(Error::io("run", &program))?;
        // A pid is a positive int in the kernel; std alone makes it unsigned.
        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let mut server = Self { layout: layout.clone(), home, pid, child: Some(child), listen: None };
        server.wait_ready(before)?;
        Ok(server)
    }

    /// What the server of ours that runs on the directory says of itself, ready or not, and the
    /// arguments it was started with. Nothing when none runs.
    pub(crate) fn find(layout: &Layout) -> Result<Option<(PidFile, Vec<u8>)>, Error> {
        let home = Home::of(&layout.data)?;
        let Some(file) = PidFile::read(&layout.data) else { return Ok(None) };
        if !home.holds(file.pid.saturating_abs()) {
            return Ok(None);
        }
        let recorded = fs::read(layout.data.join("postmaster.opts")).unwrap_or_default();
        let ours = recorded.windows(MARK.len()).any(|part| part == MARK.as_bytes());
        if file.pid < 0 || !ours {
            let directory = layout.data.clone();
            return Err(Error::ForeignServer { directory, pid: file.pid.saturating_abs() });
        }
        Ok(Some((file, recorded)))
    }

    /// Takes over a server of ours that outlived its service. Nothing when there is none, or when it
    /// runs with other settings, was on its way out, or has lost its socket: then it is gone after
    /// this.
    pub(crate) fn adopt(layout: &Layout, arguments: &[OsString]) -> Result<Option<Self>, Error> {
        let Some((file, recorded)) = Self::find(layout)? else { return Ok(None) };
        let home = Home::of(&layout.data)?;
        let layout = layout.clone();
        let mut server = Self { layout, home, pid: file.pid, child: None, listen: None };
        // It may still be recovering, or be shutting down: then this waits for its end.
        if let Err(error) = server.wait_ready(0) {
            log::info!("the PostgreSQL that was found ended: {error}");
            server.stop()?;
            return Ok(None);
        }
        let same = recorded.ends_with(&as_recorded(arguments));
        if !same || !server.listen.as_ref().is_some_and(Endpoint::exists) {
            log::info!("restarting the PostgreSQL that was found: its settings are not the same");
            server.stop()?;
            return Ok(None);
        }
        Ok(Some(server))
    }

    /// The process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Where it listens.
    pub(crate) fn listen(&self) -> Endpoint {
        let planned = || Endpoint { socket: self.layout.socket.clone(), port: 5432 };
        self.listen.clone().unwrap_or_else(planned)
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&self) -> bool {
        self.home.holds(self.pid)
    }

    /// Fast shutdown, and when that takes too long an immediate one.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        for (signal, limit) in [(Signal::SIGINT, STOP_LIMIT), (Signal::SIGQUIT, QUIT_LIMIT)] {
            if self.has_ended().is_none() {
                send(self.pid, signal);
            }
            if wait_until(limit, || self.has_ended().is_some()) {
                self.leave_no_socket();
                return Ok(());
            }
            log::warn!("PostgreSQL (pid {}) has not stopped {limit:?} after {signal}", self.pid);
        }
        let (directory, log) = (self.layout.data.clone(), self.layout.log.clone());
        Err(Error::StopFailed { directory, pid: self.pid, log })
    }

    /// The directory is empty when the server ended in order, and then nothing should stay in /tmp.
    fn leave_no_socket(&self) {
        if let Err(error) = fs::remove_dir(&self.layout.socket) {
            log::debug!("{} stays: {error}", self.layout.socket.display());
        }
    }

    fn wait_ready(&mut self, log_before: u64) -> Result<(), Error> {
        let mut ended = None;
        let came = wait_until(START_LIMIT, || {
            ended = self.has_ended();
            let file = PidFile::read(&self.layout.data).filter(|file| file.pid == self.pid);
            self.listen = file.filter(|file| file.ready).and_then(|file| file.listen);
            ended.is_some() || self.listen.is_some()
        });
        if came && ended.is_none() {
            return Ok(());
        }
        let reason = ended.unwrap_or_else(|| format!("it is not ready after {START_LIMIT:?}"));
        Err(Error::StartFailed {
            directory: self.layout.data.clone(),
            reason,
            output: tail(&log_since(&self.layout, log_before)),
            log: self.layout.log.clone(),
        })
    }

    /// How it ended, when it has.
    fn has_ended(&mut self) -> Option<String> {
        match &mut self.child {
            Some(child) => match child.try_wait() {
                Ok(status) => status.as_ref().map(ExitStatus::to_string),
                Err(error) => Some(error.to_string()),
            },
            None => (!self.home.holds(self.pid)).then(|| "it has ended".to_owned()),
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            log::warn!("{error}");
        }
    }
}

/// Opens the log to append, and tells how long it was before.
fn open_log(layout: &Layout, user: &ServerUser) -> Result<(File, u64), Error> {
    let path = &layout.log;
    if fs::symlink_metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT) {
        let mut old = path.clone().into_os_string();
        old.push(".1");
        fs::rename(path, old).map_err(Error::io("put aside the log", path))?;
    }
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        // The parent may belong to an ordinary user, and we may be root.
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .map_err(Error::io("open the log", path))?;
    user.own(&log, path)?;
    let before = log.metadata().map_err(Error::io("look at", path))?.len();
    Ok((log, before))
}

/// What the server wrote since it started, at most the last few kilobytes.
fn log_since(layout: &Layout, start: u64) -> Vec<u8> {
    const KEEP: u64 = 8 << 10;
    let read = || {
        let mut file = File::open(&layout.log)?;
        let from = start.max(file.metadata()?.len().saturating_sub(KEEP));
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.take(KEEP).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    read().unwrap_or_default()
}
