//! A machine that is being installed: templates rendered for it, and the shells and senders that run them.

use std::{
    fmt, fs,
    net::TcpListener,
    process::{Command, Output},
};

use milepost_testkit::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a shell, a URL and a form have to be careful about, on two lines.
pub(crate) const STORAGE_MESSAGE: &str = "2×480 GB: \"sda\" & 'sdb' = 100 % + swap; größer?\n<b>second</b> line\\n #1/2 `true` $(false) ~ {} [] | *";
/// The same as it is kept: one line.
pub(crate) const STORAGE_MESSAGE_KEPT: &str = "2×480 GB: \"sda\" & 'sdb' = 100 % + swap; größer? <b>second</b> line\\n #1/2 `true` $(false) ~ {} [] | *";
pub(crate) const POST_MESSAGE: &str = "50% + 50% = 100%; a&b=c; it's $HOME %20 %zz ?";
/// A short log, kept as it is.
pub(crate) const PACKAGES_LOG: &str =
    "[1/3] Installing: glibc=2.39 & more\n\ttoken \"x\", 100% für 'web1'\n{ not: json\n\nComplete!\n";
/// How the long log ends.
pub(crate) const LAST_WORDS: &str = "error: %post: no space left on device (für /boot & mehr: 100%)";
/// How long a line of a script may take, in seconds; no test gets anywhere near it.
const PATIENCE: &str = "20";

/// How the lines of a template are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    program: &'static str,
    package: &'static str,
    /// The parts of a template, in their order.
    parts: &'static [&'static str],
    /// Whether a log leaves the machine with a step.
    pub(crate) sends_logs: bool,
    /// Whether a log leaves the machine with a callback.
    pub(crate) calls_home_with_log: bool,
}

pub(crate) const CURL: Sender = Sender {
    program: "curl",
    package: "curl",
    parts: &[include_str!("curl.sh")],
    sends_logs: true,
    calls_home_with_log: true,
};
pub(crate) const WGET: Sender = Sender {
    program: "wget",
    package: "wget",
    parts: &[include_str!("encode.sh"), include_str!("wget.sh")],
    sends_logs: true,
    calls_home_with_log: true,
};
pub(crate) const BUSYBOX: Sender = Sender {
    program: "busybox",
    package: "busybox",
    parts: &[include_str!("encode.sh"), include_str!("busybox.sh")],
    sends_logs: true,
    calls_home_with_log: false,
};
pub(crate) const SMALL_BUSYBOX: Sender = Sender {
    program: "busybox",
    package: "busybox",
    parts: &[include_str!("encode.sh"), include_str!("busybox-get.sh")],
    sends_logs: false,
    calls_home_with_log: false,
};
pub(crate) const SENDERS: [Sender; 4] = [CURL, WGET, BUSYBOX, SMALL_BUSYBOX];

/// What runs a script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shell {
    words: &'static [&'static str],
    package: &'static str,
}

pub(crate) const DASH: Shell = Shell { words: &["dash"], package: "dash" };
pub(crate) const BASH: Shell = Shell { words: &["bash"], package: "bash" };
pub(crate) const ASH: Shell = Shell { words: &["busybox", "sh"], package: "busybox" };
pub(crate) const SHELLS: [Shell; 3] = [DASH, BASH, ASH];

/// What a machine does.
pub(crate) const FIRST_ATTEMPT: &str = include_str!("first-attempt.sh");
pub(crate) const SECOND_ATTEMPT: &str = include_str!("second-attempt.sh");
pub(crate) const FIRST_BOOT: &str = include_str!("first-boot.sh");
pub(crate) const UNKNOWN_STEP: &str = include_str!("unknown-step.sh");

/// A machine with its files.
pub(crate) struct Machine {
    sender: Sender,
    shell: Shell,
    url: String,
    token: String,
    seconds: &'static str,
    work: TempDir,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = if self.sender.sends_logs { "" } else { ", by GET alone" };
        write!(f, "{} from {}{method}", self.sender.program, self.shell.words.join(" "))
    }
}

impl Machine {
    pub(crate) fn new(sender: Sender, shell: Shell, url: &str, token: &str) -> Self {
        require(sender.program, sender.package);
        require(shell.words[0], shell.package);
        let work = tempfile::tempdir().unwrap();
        let mut long = "Installing: package-für-alles=1.0 & more: 42%\n".repeat(5000);
        long.push_str(LAST_WORDS);
        long.push('\n');
        for (name, text) in [
            ("storage.message", STORAGE_MESSAGE),
            ("post.message", POST_MESSAGE),
            ("packages.log", PACKAGES_LOG),
            ("install.post.log", &long),
        ] {
            fs::write(work.path().join(name), text).unwrap();
        }
        Self { sender, shell, url: url.to_owned(), token: token.to_owned(), seconds: PATIENCE, work }
    }

    /// The same machine, whose lines wait for a second only.
    pub(crate) fn impatient(self) -> Self {
        Self { seconds: "1", ..self }
    }

    /// Runs what a machine does. Whatever becomes of its reports, the script ends with success and prints
    /// nothing.
    #[track_caller]
    pub(crate) fn runs(&self, story: &str) {
        let output = self.run(story);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{self} ended with {}: {out}{err}", output.status);
        assert_eq!((out.as_ref(), err.as_ref()), ("", ""), "{self}");
    }

    fn run(&self, story: &str) -> Output {
        let template = [&self.sender.parts.concat(), story].concat();
        let script = template
            .replace("@URL@", &self.url)
            .replace("@TOKEN@", &self.token)
            .replace("@SECONDS@", self.seconds)
            .replace("@WORK@", self.work.path().to_str().unwrap());
        let file = self.work.path().join("rendered.sh");
        fs::write(&file, script).unwrap();
        // Should a line have no limit of its own, the test is to fail, not to hang.
        let mut command = Command::new("timeout");
        command.arg("120").args(self.shell.words).arg(file).current_dir(&self.work);
        // An installer has no locale, and nobody's settings.
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap()
    }
}

fn require(program: &str, package: &str) {
    let found =
        Command::new("sh").args(["-c", "command -v \"$1\" >/dev/null", "sh", program]).status().unwrap();
    assert!(found.success(), "there is no {program}; install it first: apt install {package}");
}

/// A build that a machine is to report to.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Opens a kickstart build of `host`.
#[track_caller]
pub(crate) fn open(server: &Server, host: &str) -> Opened {
    let input = json!({"host": {"name": host}, "workflow": "kickstart"});
    let build = server.manage().post("/api/v2/builds", &input).expect(201).json();
    Opened { id: text(&build["id"]), token: text(&build["token"]) }
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An address where nobody listens.
pub(crate) fn closed_port() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}
