//! A data directory of its own, and the binary that works in it.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

use milepost_testkit::{Answer, Api};
use serde_json::{Value, json};
use tempfile::TempDir;

const READY: &str = "listening on ";

/// The binary that cargo built beside this test.
pub(crate) fn binary() -> PathBuf {
    let test = env::current_exe().unwrap();
    let binary = test.parent().and_then(Path::parent).unwrap().join("milepost");
    assert!(binary.is_file(), "{} is missing; build it first: cargo build -p milepost-cli", binary.display());
    binary
}

/// The binary, with none of the settings of whoever runs the tests.
pub(crate) fn milepost<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().stdin(Stdio::null()).args(arguments);
    // Where the programs are stays as it is.
    for name in ["PATH", "HOME", "MILEPOST_PG_BIN"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// What a command said, once it has ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn by(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// What was printed; the command must have succeeded, without a word on standard error.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// The token that was printed, alone; where no service runs, standard error says that it is not listed.
    #[track_caller]
    pub(crate) fn token(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        assert!(self.err.is_empty() || self.err.ends_with("it is good all the same\n"), "{}", self.err);
        self.out.strip_suffix('\n').unwrap().to_owned()
    }

    /// What stands on standard error; the command must have been refused, without printing anything.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(2), ""), "{}", self.err);
        self.err
    }
}

/// A directory that the database's user can reach too, with a short path, for the socket's sake.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        let directory = builder.prefix("mp-").permissions(fs::Permissions::from_mode(0o755));
        Self { directory: directory.tempdir_in("/var/tmp").unwrap() }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn data_text(&self) -> String {
        self.data().to_str().unwrap().to_owned()
    }

    /// A file in the data directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    /// Writes the settings file.
    pub(crate) fn configure(&self, text: &str) {
        fs::create_dir_all(self.data()).unwrap();
        fs::write(self.file("config.toml"), text).unwrap();
    }

    /// `milepost ... --data-dir HERE`.
    pub(crate) fn milepost<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = milepost(arguments);
        command.arg("--data-dir").arg(self.data());
        command
    }

    /// `milepost serve` here, on a free port.
    pub(crate) fn serve(&self) -> Command {
        self.milepost(["serve", "--listen", "127.0.0.1:0"])
    }

    /// A service here that can be used.
    #[track_caller]
    pub(crate) fn start(&self) -> Service {
        Service::start(&mut self.serve())
    }

    /// A token made as a person makes it.
    #[track_caller]
    pub(crate) fn token(&self, scope: &str) -> String {
        Said::by(&mut self.milepost(["token", "create", "--scope", scope])).token()
    }

    /// A client of a service here.
    #[track_caller]
    pub(crate) fn api(&self, service: &Service, scope: &str) -> Api {
        Api::new(&service.url, Some(self.token(scope)))
    }

    /// The process of the embedded database, if one runs or was killed.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let text = fs::read_to_string(self.file("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }
}

impl Drop for Place {
    /// A database that outlived a service that was killed, and then a test that failed.
    fn drop(&mut self) {
        if let Some(postmaster) = self.postmaster().filter(|pid| is_alive(*pid)) {
            signal("INT", postmaster);
            let pid = format!("--pid={postmaster}");
            let _ = Command::new("timeout").args(["10", "tail", &pid, "-f", "/dev/null"]).status();
        }
    }
}

/// A running service; it ends with this value.
pub(crate) struct Service {
    pub(crate) url: String,
    child: Child,
    /// What it says on standard error, line by line, until it ends.
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Service {
    /// Starts it and waits for the line that says that it can be used, which has to be true.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // Read as it comes, so that a talkative service never waits for us.
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut service = Self { url: String::new(), child, lines, said: Vec::new() };
        let line = service.read_until(|line| line.starts_with(READY));
        line.trim_start_matches(READY).clone_into(&mut service.url);
        let _ = service.anyone().get("/readyz").expect(200);
        service
    }

    /// Reads until a line that is looked for, and answers it.
    #[track_caller]
    pub(crate) fn read_until(&mut self, found: impl Fn(&str) -> bool) -> String {
        for line in &self.lines {
            self.said.push(line);
            if let Some(line) = self.said.last().filter(|line| found(line)) {
                return line.clone();
            }
        }
        panic!("the service ended before it said that: {:#?}", self.said);
    }

    /// What was read so far.
    pub(crate) fn said(&self) -> &[String] {
        &self.said
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client without a credential, as an installer is one.
    pub(crate) fn anyone(&self) -> Api {
        Api::new(&self.url, None)
    }

    /// Asks it to end by that signal; how it ended, and everything that it said.
    pub(crate) fn end_by(mut self, name: &str) -> (ExitStatus, Vec<String>) {
        signal(name, self.pid());
        let status = self.child.wait().unwrap();
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        (status, said)
    }

    /// Stops it as an operator does, and answers everything that it said.
    #[track_caller]
    pub(crate) fn stop(self) -> Vec<String> {
        let (status, said) = self.end_by("TERM");
        assert_eq!(status.code(), Some(0), "{said:#?}");
        said
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Its database is stopped with it.
        if let Ok(None) = self.child.try_wait() {
            signal("TERM", self.pid());
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(name: &str, pid: u32) {
    let kill =
        Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]).status();
    assert!(kill.unwrap().success(), "cannot send SIG{name} to {pid}");
}

/// Whether a process runs; one that has ended and waits for its parent to notice does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which is in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// An open build.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Opens a kickstart build.
#[track_caller]
pub(crate) fn open(manage: &Api, host: &str) -> Opened {
    let input = json!({"host": {"name": host}, "workflow": "kickstart"});
    let build = manage.post("/api/v2/builds", &input).expect(201).json();
    Opened { id: text(&build["id"]), token: text(&build["token"]) }
}

/// Reports by path, for example `get_ks/done`.
pub(crate) fn report(service: &Service, build: &Opened, step: &str) -> Answer {
    service.anyone().get(&format!("/unattended/step/{}/{step}", build.token))
}

#[track_caller]
pub(crate) fn progress(api: &Api, host: &str) -> Value {
    api.get(&format!("/api/v2/hosts/{host}/progress")).expect(200).json()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
