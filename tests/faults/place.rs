//! The directory of a run, and the end of everything that was started in it.
//!
//! The rule it protects: nothing outlives the run, however it ends: a frozen PostgreSQL would stay
//! for ever. Only processes of this directory are ended.

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A directory that the database's user can reach, with a short path for the socket's sake.
pub(crate) struct Place {
    directory: Option<TempDir>,
    janitor: Child,
}

/// Ends what works in the directory or names it, once the pipe from the run closes.
const JANITOR: &str = r#"
cat >/dev/null
for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    [ "$pid" != $$ ] || continue
    case "$(readlink "$process/cwd" 2>/dev/null) $(tr '\0' ' ' 2>/dev/null <"$process/cmdline")" in
        *"$1"*) kill -KILL "$pid" 2>/dev/null ;;
    esac
done
[ -e "$1/keep" ] || rm -rf "$1"
"#;

impl Place {
    pub(crate) fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        let directory = builder.prefix("mp-faults-").permissions(Permissions::from_mode(0o755));
        let directory = directory.tempdir_in("/var/tmp").unwrap();
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "sh"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { directory: Some(directory), janitor }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.as_ref().unwrap().path().join(name)
    }

    /// Leaves the files for a person to look at, and answers where.
    pub(crate) fn keep(&mut self) -> PathBuf {
        let directory = self.directory.take().unwrap().keep();
        std::fs::write(directory.join("keep"), "").unwrap();
        directory
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// Sends a signal to processes; those that are gone already are what was wanted.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(ToString::to_string);
    let script = "name=$1; shift; for pid; do kill -s \"$name\" \"$pid\" 2>/dev/null; done; true";
    let sent = Command::new("sh").args(["-c", script, "sh", name]).args(pids).status();
    assert!(sent.unwrap().success());
}

/// Whether a process runs.
pub(crate) fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// The processes of that name that work in a directory.
pub(crate) fn working_in(directory: &Path, name: &str) -> Vec<u32> {
    let process = |pid: u32| {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let at = std::fs::read_link(process.join("cwd")).ok()?;
        let comm = std::fs::read_to_string(process.join("comm")).ok()?;
        (at == directory && comm.trim_end() == name).then_some(pid)
    };
    let entries = std::fs::read_dir("/proc").unwrap();
    entries.flatten().filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Looks until something is so, at most so long; whether it came to be.
pub(crate) fn until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        last(Duration::from_millis(20));
    }
}

/// How long a fault lasts, a machine installs, or nobody looks.
pub(crate) fn last(length: Duration) {
    std::thread::sleep(length);
}
