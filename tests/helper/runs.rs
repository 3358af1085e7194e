//! `milepost run`: a command is what it would be without, and its end is reported.

use std::{fs, time::Duration};

use milepost_testkit::Server;

use crate::{
    machine::{Machine, log_of, open, reports, steps},
    networks::closed_port,
    senders::Sender,
    shells::{DASH, SHELLS},
};

#[test]
fn output_exit_status_and_input_are_those_of_the_command() {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        for url in [server.url.clone(), closed_port()] {
            let machine = Machine::new(shell, Sender::Curl, &url, &build.token);
            machine.write("input", b"line one\nno end");
            let outcome = machine.run(
                "work() { cat; echo \"$# $2\" >&2; return 7; }
                milepost run post -- work 'a b' 'c  *' <input; echo $?
                milepost run packages true; echo $?
                milepost run packages -- no-such-command 2>/dev/null; echo $?",
            );
            let name = machine.name();
            assert_eq!(outcome.out, "line one\nno end7\n0\n127\n", "{name}");
            assert_eq!((outcome.status, outcome.err.as_str()), (0, "2 c  *\n"), "{name}");
            let left = fs::read_dir(machine.file("state")).unwrap().flatten();
            let left: Vec<_> = left.filter(|entry| entry.path().is_dir()).collect();
            assert!(left.is_empty(), "{name}: {left:?}");
        }
        let expected = [
            "post/init",
            "post/failed",
            "packages/init",
            "packages/done",
            "packages/init",
            "packages/failed",
        ];
        assert_eq!(steps(&server, &build), expected, "{shell:?}");
        let reports = reports(&server, &build);
        assert_eq!(reports[1]["message"], "exit status 7", "{shell:?}");
        let log = log_of(&server, &build, &reports[1]);
        assert!(log.contains("line one\n") && log.contains("2 c  *"), "{shell:?}: {log}");
    }
}

#[test]
fn of_a_long_output_the_end_is_reported_and_all_of_it_is_shown() {
    let server = Server::start();
    for (at, sender) in [Sender::Curl, Sender::SmallWget].into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(DASH, sender, &server.url, &build.token);
        let outcome = machine.run("milepost run packages -- seq 1 20000");
        let all: String = (1..=20_000).map(|n: u32| n.to_string() + "\n").collect();
        assert!(outcome.status == 0 && outcome.out == all, "{sender:?}");
        let log = log_of(&server, &build, &reports(&server, &build)[1]);
        assert!(log.ends_with("19999\n20000\n"), "{sender:?}");
    }
}

#[test]
fn set_e_ends_a_function_that_is_run_and_then_its_caller() {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(shell, Sender::Curl, &server.url, &build.token);
        let outcome = machine
            .run("set -eu; work() { echo one; false; echo two; }; milepost run post -- work; echo three");
        assert_eq!((outcome.status, outcome.out.as_str()), (1, "one\n"), "{shell:?}: {}", outcome.err);
        assert_eq!(steps(&server, &build), ["post/init", "post/failed"], "{shell:?}");
    }
}

#[test]
fn what_a_command_leaves_running_is_neither_waited_for_nor_cut_off() {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(shell, Sender::Curl, &server.url, &build.token);
        // It writes when the run is long over, and says whether it could.
        let outcome = machine.run(
            "serve() { while [ ! -e over ]; do sleep 0.1; done; echo late && echo written >verdict; }
            work() { ( serve & ); echo early; }
            milepost run post -- work >shown
            : >over
            n=0; while [ ! -e verdict ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done",
        );
        let name = machine.name();
        assert_eq!((outcome.status, outcome.err.as_str()), (0, ""), "{name}");
        assert!(outcome.took < Duration::from_secs(15), "{name}: {:?}", outcome.took);
        assert!(fs::read_to_string(machine.file("shown")).unwrap().starts_with("early\n"), "{name}");
        assert_eq!(fs::read_to_string(machine.file("verdict")).unwrap_or_default(), "written\n", "{name}");
        assert_eq!(steps(&server, &build), ["post/init", "post/done"], "{name}");
    }
}
