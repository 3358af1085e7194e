//! The shells that read the helper.

use std::{path::PathBuf, process::Command};

/// What reads a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shell {
    /// The program and its first arguments.
    pub(crate) words: &'static [&'static str],
    package: &'static str,
    /// Whether it knows `set -o pipefail`.
    pub(crate) has_pipefail: bool,
}

const fn shell(words: &'static [&'static str], package: &'static str, has_pipefail: bool) -> Shell {
    Shell { words, package, has_pipefail }
}

pub(crate) const DASH: Shell = shell(&["dash"], "dash", false);
pub(crate) const BASH: Shell = shell(&["bash"], "bash", true);
/// Debian's runs its own applets whatever the PATH, so with it the first of them is what sends.
pub(crate) const ASH: Shell = shell(&["busybox", "sh"], "busybox", true);
pub(crate) const KSH: Shell = shell(&["ksh93"], "ksh", true);
pub(crate) const MKSH: Shell = shell(&["mksh"], "mksh", true);
pub(crate) const ZSH: Shell = shell(&["zsh"], "zsh", true);
pub(crate) const ZSH_AS_SH: Shell = shell(&["zsh", "--emulate", "sh"], "zsh", true);
pub(crate) const SHELLS: [Shell; 7] = [DASH, BASH, ASH, KSH, MKSH, ZSH, ZSH_AS_SH];

impl Shell {
    /// The command that runs it, by its path.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(find(self.words[0], self.package));
        command.args(&self.words[1..]);
        command
    }
}

/// The path of a program of the operating system.
#[track_caller]
pub(crate) fn find(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|place| place.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{program} is missing: install the package {package} (scripts/deps.sh test)")
    })
}
