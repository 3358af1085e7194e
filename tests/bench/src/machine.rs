//! What machine this is, for the document.

use std::{fs, path::Path, process::Command};

use crate::place::file_system;

/// What a program says on its first line; empty where it is not there.
pub(crate) fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// The value of the first line of a file that begins so.
fn value(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':'])).to_owned()
}

/// Facts about the machine, name and value.
pub(crate) fn facts(directory: &Path) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory: u64 =
        value("/proc/meminfo", "MemTotal").split(' ').next().unwrap_or_default().parse().unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        ("processor", value("/proc/cpuinfo", "model name")),
        ("cores", cores.to_string()),
        ("memory", format!("{} GiB", memory >> 20)),
        ("file system", file_system(directory)),
        ("kernel", kernel.trim().to_owned()),
    ]
}

/// The commit, and whether anything was changed since.
pub(crate) fn commit() -> String {
    let commit = says("git", &["rev-parse", "--short=12", "HEAD"]);
    if commit.is_empty() {
        return "unknown".to_owned();
    }
    let changed = says("git", &["status", "--porcelain", "--untracked-files=no"]);
    if changed.is_empty() { commit } else { format!("{commit}, with changes") }
}
