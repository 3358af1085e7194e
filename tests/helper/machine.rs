//! A machine that is being installed: a shell, a way to send, a spool, and a build to report to.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use milepost_testkit::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{senders::Sender, shells::Shell};

/// The file under test.
pub(crate) fn helper() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("integrations/shell/milepost.sh")
}

/// A build that was opened for a test.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Opens a kickstart build of a host.
#[track_caller]
pub(crate) fn open(server: &Server, host: &str) -> Opened {
    let input = json!({"host": {"name": host}, "workflow": "kickstart"});
    let build = server.manage().post("/api/v2/builds", &input).expect(201).json();
    let text = |name: &str| build[name].as_str().unwrap().to_owned();
    Opened { id: text("id"), token: text("token") }
}

/// The reports of a build, in their order.
#[track_caller]
pub(crate) fn reports(server: &Server, build: &Opened) -> Vec<Value> {
    let path = format!("/api/v2/builds/{}/reports?per_page=all", build.id);
    server.read().get(&path).expect(200).json()["results"].as_array().unwrap().clone()
}

/// Label and status of each report, as `packages/init`.
#[track_caller]
pub(crate) fn steps(server: &Server, build: &Opened) -> Vec<String> {
    let step = |report: &Value| match report["status"].as_str() {
        Some(status) => format!("{}/{status}", report["label"].as_str().unwrap()),
        None => report["label"].as_str().unwrap().to_owned(),
    };
    reports(server, build).iter().map(step).collect()
}

/// The log of a report.
#[track_caller]
pub(crate) fn log_of(server: &Server, build: &Opened, report: &Value) -> String {
    let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, report["id"].as_str().unwrap());
    server.read().get(&path).expect(200).text
}

/// A machine with its files.
pub(crate) struct Machine {
    pub(crate) shell: Shell,
    pub(crate) sender: Sender,
    pub(crate) url: String,
    pub(crate) token: String,
    /// A directory with a blank in its name, as a careless script would fall over it.
    place: TempDir,
}

/// What became of a script.
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Machine {
    pub(crate) fn new(shell: Shell, sender: Sender, url: &str, token: &str) -> Self {
        let place = tempfile::Builder::new().prefix("a machine ").tempdir().unwrap();
        let bin = place.path().join("bin");
        fs::create_dir(&bin).unwrap();
        sender.furnish(&bin);
        fs::create_dir(place.path().join("state")).unwrap();
        Self { shell, sender, url: url.to_owned(), token: token.to_owned(), place }
    }

    /// Who this is, for a message.
    pub(crate) fn name(&self) -> String {
        format!("{:?} in {}", self.sender, self.shell.words.join(" "))
    }

    /// A file of the machine.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.file("state/spool")
    }

    /// The labels and statuses of the reports that wait.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let text = fs::read_to_string(self.spool()).unwrap_or_default();
        let value = |line: &str, name: &str| {
            line.split('&').find_map(|pair| pair.strip_prefix(name)).map(ToOwned::to_owned)
        };
        text.lines()
            .map(|line| match (value(line, "label=").unwrap(), value(line, "status=")) {
                (label, Some(status)) => format!("{label}/{status}"),
                (label, None) => label,
            })
            .collect()
    }

    /// The command that runs `script` after the helper was sourced.
    pub(crate) fn command(&self, script: &str) -> Command {
        let file = self.write("script.sh", format!(". '{}'\n{script}", helper().display()).as_bytes());
        let mut command = self.shell.command();
        command.arg(file);
        self.surround(&mut command);
        command
    }

    /// Gives a command the environment of the machine and nothing else.
    pub(crate) fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", self.file("bin"))
            .env("MILEPOST_URL", &self.url)
            .env("MILEPOST_TOKEN", &self.token)
            .env("MILEPOST_SPOOL", self.spool())
            .current_dir(self.place.path())
            .stdin(Stdio::null());
    }

    /// Runs a script after the helper was sourced.
    pub(crate) fn run(&self, script: &str) -> Outcome {
        ended(&mut self.command(script))
    }

    /// Runs a script, which ends with success and says nothing.
    #[track_caller]
    pub(crate) fn runs(&self, script: &str) -> Duration {
        let outcome = self.run(script);
        let said = (outcome.status, outcome.out.as_str(), outcome.err.as_str());
        assert_eq!(said, (0, "", ""), "{}", self.name());
        outcome.took
    }
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Outcome {
    let began = Instant::now();
    let Output { status, stdout, stderr } = command.output().unwrap();
    Outcome {
        status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap()),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
        took: began.elapsed(),
    }
}
