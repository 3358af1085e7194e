//! A shell that outlives us and cleans up, should we be killed.
//!
//! The rule it protects: even after SIGKILL nothing of a run is left: no process, no directory.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use crate::failure::Result;

/// Keeps the list of those who run; when our end of the pipe closes, whatever the reason, it ends them.
const SCRIPT: &str = r#"
running=
while read -r word pid; do
    case $word in
        watch) running="$running $pid" ;;
        forget)
            kept=
            for one in $running; do [ "$one" = "$pid" ] || kept="$kept $one"; done
            running=$kept
            ;;
        keep) exit 0 ;;
    esac
done
[ -n "$running" ] || [ -d "$1" ] || exit 0
for signal in INT KILL; do
    for pid in $running; do kill -s "$signal" "$pid" 2>/dev/null; done
    tries=100
    while [ "$tries" -gt 0 ]; do
        left=
        for pid in $running; do kill -0 "$pid" 2>/dev/null && left=yes; done
        [ -n "$left" ] || break
        sleep 0.1
        tries=$((tries - 1))
    done
done
rm -rf "$1"
"#;

static PIPE: Mutex<Option<(Child, ChildStdin)>> = Mutex::new(None);

/// Starts the shell; it removes `directory` in the end.
pub(crate) fn start(directory: &Path) -> Result<()> {
    let mut child = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C is not for it.
        .process_group(0)
        .spawn()?;
    if let Some(stdin) = child.stdin.take() {
        *PIPE.lock().unwrap_or_else(PoisonError::into_inner) = Some((child, stdin));
    }
    Ok(())
}

fn tell(line: &str) {
    if let Some((_, pipe)) = PIPE.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        // Without the shell things go as they do without a janitor: by the destructors.
        let _ = writeln!(pipe, "{line}");
    }
}

/// From here on this process is to be ended with us.
pub(crate) fn watch(pid: u32) {
    tell(&format!("watch {pid}"));
}

/// It has ended.
pub(crate) fn forget(pid: u32) {
    tell(&format!("forget {pid}"));
}

/// Everything is to be left as it is.
pub(crate) fn keep() {
    tell("keep");
}
