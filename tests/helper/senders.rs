//! The programs that the helper sends with, each alone beside what Debian's installer has.

use std::{fs, os::unix::fs::PermissionsExt, os::unix::fs::symlink, path::Path, process::Command};

use crate::shells::find;

/// The applets that the busybox of Debian's installer has in each of its releases from 11 to 13, as far as a
/// script may care: no awk, od, tee, mkfifo, timeout, which or cksum. Those that send are left out.
const APPLETS: &[&str] = &[
    "[",
    "basename",
    "cat",
    "chmod",
    "chown",
    "chroot",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "dmesg",
    "echo",
    "egrep",
    "env",
    "expr",
    "false",
    "fgrep",
    "find",
    "free",
    "grep",
    "groups",
    "gunzip",
    "head",
    "hostname",
    "id",
    "ip",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mknod",
    "mktemp",
    "mount",
    "mv",
    "pidof",
    "ping",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "sha256sum",
    "sleep",
    "sort",
    "stty",
    "sync",
    "tail",
    "tar",
    "test",
    "touch",
    "tr",
    "true",
    "tty",
    "umount",
    "uname",
    "uniq",
    "wc",
    "zcat",
];

/// How a machine sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    Curl,
    Wget,
    Python,
    Perl,
    Bash,
    Netcat,
    BusyboxNetcat,
    BusyboxWget,
    /// The wget of the busybox of Debian's installer, which has short options only and so can only GET.
    SmallWget,
}

pub(crate) const SENDERS: [Sender; 9] = [
    Sender::Curl,
    Sender::Wget,
    Sender::Python,
    Sender::Perl,
    Sender::Bash,
    Sender::Netcat,
    Sender::BusyboxNetcat,
    Sender::BusyboxWget,
    Sender::SmallWget,
];

/// Its usage decides what the helper thinks that it can do, and its refusal makes sure of it.
const SMALL_WGET: &str = r#"#!/bin/sh
case " $* " in
    *' --help '*) echo 'Usage: wget [-cqS] [-O FILE] [-o LOGFILE] [-Y on/off] [-P DIR] [-U AGENT] URL...' >&2; exit 1 ;;
    *' --'*) echo "wget: unrecognized option" >&2; exit 1 ;;
esac
exec BUSYBOX wget "$@"
"#;

impl Sender {
    /// Whether a whole log leaves the machine.
    pub(crate) fn posts(self) -> bool {
        self != Self::SmallWget
    }

    /// Whether the token stands on no command line.
    pub(crate) fn hides_the_token(self) -> bool {
        !matches!(self, Self::BusyboxWget | Self::SmallWget)
    }

    /// Fills a directory that is the whole PATH of a machine.
    pub(crate) fn furnish(self, place: &Path) {
        let busybox = find("busybox", "busybox");
        let link = |to: &Path, name: &str| symlink(to, place.join(name)).unwrap();
        for applet in APPLETS {
            link(&busybox, applet);
        }
        match self {
            Self::Curl => link(&find("curl", "curl"), "curl"),
            Self::Wget => link(&find("wget", "wget"), "wget"),
            Self::Python => link(Path::new(&python()), "python3"),
            Self::Perl => link(&find("perl", "perl"), "perl"),
            Self::Bash => link(&find("bash", "bash"), "bash"),
            Self::Netcat => link(&find("nc", "netcat-openbsd"), "nc"),
            Self::BusyboxNetcat => link(&busybox, "nc"),
            Self::BusyboxWget => link(&busybox, "wget"),
            Self::SmallWget => {
                let path = place.join("wget");
                fs::write(&path, SMALL_WGET.replace("BUSYBOX", busybox.to_str().unwrap())).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
                // For the wrapper itself, which is not the shell under test.
                link(&find("dash", "dash"), "sh");
            }
        }
    }
}

/// The interpreter itself: what is first in a PATH may be a script that needs the rest of it.
fn python() -> String {
    let say = "import sys; print(sys.executable)";
    let output = Command::new(find("python3", "python3")).args(["-c", say]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
