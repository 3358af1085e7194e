//! A directory for one test, and hands to work on the cluster in it.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use milepost_cluster::{Cluster, Config, Durability, Error};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use tempfile::TempDir;

/// A temporary directory that the user `postgres` may enter.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.path("pg"), Durability::Throwaway)
    }

    pub(crate) fn start(&self) -> Cluster {
        Cluster::start(&self.config()).unwrap()
    }

    /// Runs the example that starts a durable cluster; gives its process and the server's pid.
    pub(crate) fn hold(&self) -> (Child, i32) {
        let tests = env::current_exe().unwrap();
        let hold = tests.parent().unwrap().with_file_name("examples").join("hold");
        assert!(hold.exists(), "cargo test builds it; alone: cargo build --example hold");
        let mut child = Command::new(hold)
            .arg(self.path("pg"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    }

    pub(crate) fn durable(&self) -> Config {
        Config::new(self.path("pg"), Durability::Durable)
    }
}

pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

pub(crate) fn psql(cluster: &Cluster, database: &str) -> Command {
    let server = fs::read_link(format!("/proc/{}/exe", cluster.pid())).unwrap();
    let mut command = Command::new(server.with_file_name("psql"));
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).arg(cluster.url(database));
    command
}

pub(crate) fn sql(cluster: &Cluster, database: &str, text: &str) -> String {
    let output = psql(cluster, database).args(["-c", text]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

pub(crate) fn is_alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

/// Starts what must not start, and checks that the message says these things.
pub(crate) fn refused(config: &Config, says: &[&str]) -> Error {
    let error = Cluster::start(config).unwrap_err();
    let message = error.to_string();
    for part in says {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
    error
}
