//! A machine that is being installed: what Foreman would render for it, and the shells and senders that run it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use milepost_testkit::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where the harness lies.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")
}

/// What a script may use to send; nothing else of the kind is in its PATH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Curl,
    /// GNU's.
    Wget,
    /// Its own wget, and every other tool from it as well, as in the Debian installer.
    Busybox,
}

pub(crate) const SENDERS: [Sender; 3] = [Sender::Curl, Sender::Wget, Sender::Busybox];

/// The words that start a shell.
pub(crate) type Shell = &'static [&'static str];

pub(crate) const DASH: Shell = &["dash"];
pub(crate) const BASH: Shell = &["bash"];
pub(crate) const ASH: Shell = &["busybox", "sh"];
/// A script of the site may have asked for this before ours comes.
pub(crate) const STRICT: Shell = &["bash", "-eu", "-o", "pipefail"];
pub(crate) const SHELLS: [Shell; 3] = [DASH, BASH, ASH];

/// Each sender in each shell.
pub(crate) fn combinations() -> Vec<(Sender, Shell)> {
    SENDERS.into_iter().flat_map(|sender| SHELLS.map(|shell| (sender, shell))).collect()
}

/// Each sender and each shell once.
pub(crate) fn pairs() -> Vec<(Sender, Shell)> {
    SENDERS.into_iter().zip(SHELLS).collect()
}

/// Programs that every system has which one installs.
const TOOLS: &str = "awk basename cat chmod cksum cmp cp cut date dd dirname env expr grep head id ln ls mkdir mkfifo mktemp mv \
                     od rm rmdir sed sh sleep sort stat tail tee touch tr uname wc";

/// A PATH with the tools of an installer, made once.
fn tools(sender: Sender) -> &'static Path {
    static PLACES: OnceLock<TempDir> = OnceLock::new();
    let place = PLACES.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        for sender in SENDERS {
            let directory = place.path().join(format!("{sender:?}"));
            fs::create_dir(&directory).unwrap();
            if sender == Sender::Busybox {
                let applets = Command::new("busybox").arg("--list").output().unwrap();
                for applet in String::from_utf8(applets.stdout).unwrap().lines() {
                    symlink(find("busybox"), directory.join(applet)).unwrap();
                }
                continue;
            }
            let own = if sender == Sender::Curl { "curl" } else { "wget" };
            for tool in TOOLS.split(' ').chain([own]) {
                symlink(find(tool), directory.join(tool)).unwrap();
            }
        }
        place
    });
    // The directories are there for as long as the tests.
    let paths: &'static [PathBuf; 3] = {
        static PATHS: OnceLock<[PathBuf; 3]> = OnceLock::new();
        PATHS.get_or_init(|| SENDERS.map(|sender| place.path().join(format!("{sender:?}"))))
    };
    let at = SENDERS.iter().position(|it| *it == sender).unwrap();
    paths.get(at).unwrap()
}

fn find(program: &str) -> PathBuf {
    let found =
        ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(|place| Path::new(place).join(program)).into_iter();
    found.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("there is no {program}"))
}

/// One script of an installation.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The hook that runs it.
    pub(crate) hook: String,
    pub(crate) path: PathBuf,
}

impl Script {
    /// Whether it is for an installation that failed.
    pub(crate) fn is_for_errors(&self) -> bool {
        ["onerror", "traceback", "error-commands"].contains(&self.hook.as_str())
    }
}

/// A machine with everything that Foreman renders for it.
pub(crate) struct Machine {
    pub(crate) sender: Sender,
    pub(crate) shell: Shell,
    work: TempDir,
}

impl Machine {
    /// A machine for which nothing was rendered.
    pub(crate) fn bare(sender: Sender, shell: Shell) -> Self {
        let machine = Self { sender, shell, work: tempfile::tempdir().unwrap() };
        let places =
            ["tmp", "run", "root", "usr/lib/systemd/system", "var/log/installer", "mnt/sysimage/root"];
        for place in places {
            fs::create_dir_all(machine.root().join(place)).unwrap();
        }
        machine
    }

    /// A machine that reports there with that credential; `more` are host parameters besides.
    pub(crate) fn new(sender: Sender, shell: Shell, url: &str, token: &str, more: &Value) -> Self {
        let machine = Self::bare(sender, shell);
        let mut parameters = json!({"milepost_url": url});
        for (name, value) in more.as_object().unwrap() {
            parameters[name] = value.clone();
        }
        let host = json!({"name": "web1.example.com", "token": token, "parameters": parameters});
        let file = machine.work.path().join("host.json");
        fs::write(&file, host.to_string()).unwrap();
        let output = Command::new("sh")
            .arg(here().join("run.sh"))
            .arg("scripts")
            .args([&file, machine.work.path(), &machine.root()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        machine
    }

    /// What the scripts take for the machine's disk.
    pub(crate) fn root(&self) -> PathBuf {
        self.work.path().join("disk")
    }

    /// The scripts of a document, in the order in which its installer runs them.
    pub(crate) fn scripts(&self, document: &str) -> Vec<Script> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.work.path().join("scripts").join(document))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let hook = |path: &Path| {
            let (_, hook) = path.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap();
            hook.to_owned()
        };
        paths.into_iter().map(|path| Script { hook: hook(&path), path }).collect()
    }

    /// Runs the scripts of a document as they come, as when all goes well.
    #[track_caller]
    pub(crate) fn installs(&self, document: &str) {
        for script in self.scripts(document) {
            if !script.is_for_errors() {
                self.runs(&script);
            }
        }
    }

    /// Runs one script; it ends with success and says only what the document does.
    #[track_caller]
    pub(crate) fn runs(&self, script: &Script) {
        let output = self.run(&script.path);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let what = format!("{script:?} run by {:?} with {:?}", self.shell, self.sender);
        assert!(output.status.success(), "{what} ended with {}: {out}{err}", output.status);
        assert_eq!(err, "", "{what}");
        let known =
            ["partition table", "outside", "configuring", "ready", "zfsinstall", "End of ", "installing "];
        for line in out.lines() {
            assert!(known.iter().any(|it| line.starts_with(it)), "{what} said: {line}");
        }
    }

    /// Runs a file with the shell of this machine. Should anything in it have no limit, the test fails and does not hang.
    pub(crate) fn run(&self, file: &Path) -> Output {
        let shell = find(self.shell[0]);
        let mut command = Command::new(find("timeout"));
        command.arg("120").arg(shell).args(&self.shell[1..]).arg(file).current_dir(&self.work);
        command.env_clear().env("PATH", tools(self.sender));
        // The first boot's own places and patience; nothing else reads them.
        command.env("MILEPOST_ROOT", self.root()).env("MILEPOST_PATIENCE", "1").output().unwrap()
    }
}

/// A build that a machine is to report to.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Opens a build of `host`.
#[track_caller]
pub(crate) fn open(server: &Server, host: &str, workflow: &str) -> Opened {
    let input = json!({"host": {"name": host}, "workflow": workflow});
    let build = server.manage().post("/api/v2/builds", &input).expect(201).json();
    Opened { id: text(&build["id"]), token: text(&build["token"]) }
}

/// The reports of a build, in their order, each as "label status".
#[track_caller]
pub(crate) fn heard(server: &Server, build: &Opened) -> Vec<String> {
    reports(server, build)
        .iter()
        .map(|report| format!("{} {}", text(&report["label"]), report["status"].as_str().unwrap_or("-")))
        .collect()
}

/// The reports of a build, whole.
#[track_caller]
pub(crate) fn reports(server: &Server, build: &Opened) -> Vec<Value> {
    let path = format!("/api/v2/builds/{}/reports?per_page=all", build.id);
    server.read().get(&path).expect(200).json()["results"].as_array().unwrap().clone()
}

/// The log of the last report.
#[track_caller]
pub(crate) fn last_log(server: &Server, build: &Opened) -> String {
    let last = reports(server, build).pop().unwrap();
    assert_ne!(last["log_bytes"], 0, "{last}");
    let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, text(&last["id"]));
    server.read().get(&path).expect(200).text
}

/// The state of a build.
#[track_caller]
pub(crate) fn state(server: &Server, build: &Opened) -> String {
    text(&server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json()["state"])
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
