//! Whoever calls the helper finds everything as it was.

use std::{fs, io::Write as _, process::Stdio};

use milepost_testkit::Server;

use crate::{
    machine::{Machine, ended, helper, open, steps},
    networks::closed_port,
    senders::Sender,
    shells::{ASH, BASH, SHELLS, Shell},
};

/// Runs a script in every shell, once against a service and once without one, and expects what it prints.
#[track_caller]
fn everywhere(script: impl Fn(Shell) -> String, out: &str) {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        for url in [server.url.clone(), closed_port()] {
            let machine = Machine::new(shell, Sender::Curl, &url, &build.token);
            let outcome = machine.run(&script(shell));
            let said = (outcome.status, outcome.out.as_str(), outcome.err.as_str());
            assert_eq!(said, (0, out, ""), "{} at {url}", machine.name());
        }
        assert_eq!(steps(&server, &build), ["packages/init"], "{shell:?}");
    }
}

const STEP: &str = "milepost step packages init -m 'a b' -p 5";

#[test]
fn the_strictest_caller_is_not_stopped() {
    let script = |shell: Shell| {
        let pipefail = if shell.has_pipefail { "set -o pipefail" } else { "" };
        format!("set -eu; {pipefail}\n{STEP}\nmilepost\nmilepost nonsense\nmilepost step\nmilepost run\nmilepost tail\necho went on")
            .replace("milepost\n", "milepost 2>/dev/null\n")
            .replace("milepost run\n", "milepost run 2>/dev/null\n")
    };
    everywhere(script, "went on\n");
}

#[test]
fn options_variables_arguments_and_directory_stay_as_they_are() {
    let script = |_| {
        // What the helper has of its own begins so; of the rest it has no more than a function.
        let state = "$-|$*|$#|$IFS|$(pwd)|$(umask)|$LC_ALL|$label|$url|$(set | grep '^_mp_' || :)";
        format!(
            "set -- one 'two  three' '*'
            IFS=:; label=mine; url=mine; LC_ALL=C.UTF-8; set -fC; umask 027
            before=\"{state}\"
            {STEP}
            after=\"{state}\"
            if [ \"$before\" = \"$after\" ]; then echo same; else echo \"$before\"; echo \"$after\"; fi"
        )
    };
    everywhere(script, "same\n");
}

#[test]
fn the_traps_of_a_caller_are_its_own() {
    everywhere(
        |_| format!("trap 'echo the end' EXIT; trap 'echo term' TERM; {STEP}; kill -TERM $$; echo last"),
        "term\nlast\nthe end\n",
    );
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let machine = Machine::new(BASH, Sender::Curl, &server.url, &build.token);
    machine.runs(&format!("set -E; trap 'echo wrong' ERR; {STEP}"));
}

#[test]
fn a_caller_that_reads_lines_loses_none() {
    let script = |_| {
        format!(
            "printf '1\\n2\\n3\\n' | while read -r line; do [ \"$line\" != 1 ] || {STEP}; echo \"$line\"; done"
        )
    };
    everywhere(script, "1\n2\n3\n");
}

#[test]
fn sourcing_it_twice_is_as_good_as_once() {
    everywhere(|_| format!(". '{}'; {STEP}; echo $?", helper().display()), "0\n");
}

#[test]
fn neither_a_home_nor_a_place_to_write_is_needed() {
    // HOME is not set in any of these tests; /proc is a directory that even root cannot write to.
    everywhere(|_| format!("cd /proc; set -eu; {STEP}; pwd"), "/proc\n");
}

#[test]
fn a_caller_that_shows_its_commands_shows_no_token() {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(shell, Sender::Curl, &server.url, &build.token);
        let outcome = machine.run(&format!("set -x; {STEP}; milepost run post -- true"));
        assert_eq!((outcome.status, outcome.out.as_str()), (0, ""));
        assert!(outcome.err.contains("milepost step packages"), "{shell:?}: {}", outcome.err);
        assert!(!outcome.err.contains(&build.token), "{shell:?}: {}", outcome.err);
        assert_eq!(steps(&server, &build), ["packages/init", "post/init", "post/done"], "{shell:?}");
    }
}

#[test]
fn without_a_token_nothing_happens_and_commands_run() {
    for shell in SHELLS {
        let machine = Machine::new(shell, Sender::Curl, &closed_port(), "");
        for missing in
            ["unset MILEPOST_TOKEN", "MILEPOST_TOKEN='<%= token %>'", "unset MILEPOST_TOKEN MILEPOST_URL"]
        {
            let script = format!(
                "{missing}; set -u; {STEP}; milepost flush; milepost tail script.sh
                milepost run post -- sh -c 'echo out; exit 3' || echo $?"
            );
            let script = script
                .replace("sh -c", "env echo out; milepost run post -- test 1 = 2 ||")
                .replace("'echo out; exit 3' ||", "");
            let outcome = machine.run(&script);
            assert_eq!(
                (outcome.status, outcome.out.as_str(), outcome.err.as_str()),
                (0, "out\n1\n", ""),
                "{shell:?}"
            );
        }
        assert_eq!(fs::read_dir(machine.file("state")).unwrap().count(), 0, "{shell:?} leaves nothing");
    }
}

#[test]
fn it_can_be_run_instead_of_sourced() {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(shell, Sender::Curl, &server.url, &build.token);
        let run = |arguments: &[&str]| {
            let mut command = shell.command();
            command.arg(helper()).args(arguments);
            machine.surround(&mut command);
            ended(&mut command)
        };
        let quiet = run(&["step", "packages", "init", "-m", "a b"]);
        assert_eq!((quiet.status, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""), "{shell:?}");
        let loud = run(&["run", "post", "--", "expr", "1", "+", "1"]);
        assert_eq!((loud.status, loud.out.as_str(), loud.err.as_str()), (0, "2\n", ""), "{shell:?}");
        for arguments in [&["help"][..], &[]] {
            let help = run(arguments);
            assert_eq!((help.status, help.out.as_str()), (0, ""), "{shell:?}");
            assert!(help.err.starts_with("milepost step LABEL"), "{shell:?}: {}", help.err);
        }
        assert_eq!(steps(&server, &build), ["packages/init", "post/init", "post/done"], "{shell:?}");
    }
}

#[test]
fn it_is_read_the_same_from_a_pipe() {
    // `curl -s URL | sh` has no file to look at; sourcing is what such a script then does.
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let machine = Machine::new(ASH, Sender::Curl, &server.url, &build.token);
    let mut command = ASH.command();
    machine.surround(&mut command);
    let mut running = command.arg("-s").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let script = format!("{}\n{STEP}\n", fs::read_to_string(helper()).unwrap());
    running.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(steps(&server, &build), ["packages/init"]);
}
