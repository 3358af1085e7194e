//! Whatever becomes of a report, the installation goes on, and not much later.

use std::{fs, thread, time::Duration};

use milepost_testkit::Server;

use crate::{
    machine::{Machine, open, steps},
    networks::{Answering, Unreachable, black_hole, closed_port, dribbling},
    senders::{SENDERS, Sender},
    shells::{DASH, SHELLS, Shell},
};

const TOKEN: &str = "mpb_0123456789abcdef";
const TWO_STEPS: &str = "set -eu; milepost step packages init -m hello; milepost step packages done";
/// What the helper promises for a call, and generous room for a machine that is busy.
const TOTAL: Duration = Duration::from_secs(10 + 8);

/// Every sender in one shell, and every shell with one sender.
fn combinations() -> Vec<(Shell, Sender)> {
    let senders = SENDERS.into_iter().map(|sender| (DASH, sender));
    senders.chain(SHELLS.into_iter().map(|shell| (shell, Sender::Curl))).collect()
}

/// Both reports wait, and the second was not even tried.
#[track_caller]
fn keeps_both(shell: Shell, sender: Sender, url: &str) {
    let machine = Machine::new(shell, sender, url, TOKEN);
    let took = machine.runs(TWO_STEPS);
    assert!(took < TOTAL, "{}: {took:?}", machine.name());
    assert_eq!(machine.waiting(), ["packages/init", "packages/done"], "{}", machine.name());
}

#[test]
fn a_service_that_is_not_there_costs_no_time_and_no_report() {
    let url = closed_port();
    for (shell, sender) in combinations() {
        keeps_both(shell, sender, &url);
    }
}

#[test]
fn a_name_that_does_not_resolve_costs_no_report() {
    // Reserved by RFC 6761 to be nobody's.
    thread::scope(|scope| {
        for sender in SENDERS {
            scope.spawn(move || keeps_both(DASH, sender, "http://milepost.invalid:8420"));
        }
    });
}

#[test]
fn a_service_that_never_answers_costs_ten_seconds_once() {
    thread::scope(|scope| {
        for (shell, sender) in combinations() {
            scope.spawn(move || {
                let (url, _connections) = black_hole();
                keeps_both(shell, sender, &url);
            });
        }
    });
}

#[test]
fn a_service_that_comes_to_no_end_costs_ten_seconds_once() {
    let url = dribbling();
    thread::scope(|scope| {
        for sender in SENDERS {
            let url = url.as_str();
            scope.spawn(move || keeps_both(DASH, sender, url));
        }
    });
}

#[test]
fn a_network_that_swallows_everything_costs_ten_seconds_once() {
    let unreachable = Unreachable::new();
    let url = unreachable.url.as_str();
    thread::scope(|scope| {
        for sender in SENDERS {
            scope.spawn(move || keeps_both(DASH, sender, url));
        }
    });
}

#[test]
fn a_service_that_has_trouble_gets_the_report_later() {
    // A redirect too: whoever answers with one is not Milepost.
    for status in [500, 503, 429, 408, 302, 307, 404] {
        for sender in SENDERS {
            let service = Answering::with(status);
            keeps_both(DASH, sender, &service.url);
            let requests = service.requests.lock().unwrap();
            let ours: Vec<&String> = requests.iter().filter(|line| !line.contains("/elsewhere")).collect();
            assert_eq!(ours.len(), 1, "{sender:?}, {status}: {requests:?}");
            // The wget of busybox cannot be kept from following; it is not believed.
            let followed = requests.len() > 1;
            assert!(!followed || !sender.hides_the_token(), "{sender:?}, {status}: {requests:?}");
        }
    }
}

#[test]
fn a_report_that_will_never_be_taken_is_dropped() {
    for status in [400, 401, 413, 422] {
        for sender in SENDERS {
            let service = Answering::with(status);
            let machine = Machine::new(DASH, sender, &service.url, TOKEN);
            machine.runs(TWO_STEPS);
            assert_eq!(machine.waiting(), Vec::<String>::new(), "{sender:?}, {status}");
            assert_eq!(service.requests.lock().unwrap().len(), 2, "{sender:?}, {status}");
        }
    }
}

#[test]
fn what_goes_wrong_is_said_only_when_asked() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let machine = Machine::new(DASH, Sender::Curl, &server.url, &format!("{}0", build.token));
    machine.runs(TWO_STEPS);
    let outcome = machine.run(&format!("export MILEPOST_DEBUG=1; {TWO_STEPS}; milepost dance"));
    assert_eq!((outcome.status, outcome.out.as_str()), (0, ""));
    assert!(
        outcome.err.contains("token is unknown or has run out; the reports are dropped"),
        "{}",
        outcome.err
    );
    assert!(outcome.err.contains("no verb 'dance'"), "{}", outcome.err);
    assert!(!outcome.err.contains(&build.token), "no credential is said: {}", outcome.err);
    assert_eq!(steps(&server, &build), Vec::<String>::new());
}

#[test]
fn the_token_is_on_no_command_line() {
    thread::scope(|scope| {
        for sender in SENDERS.into_iter().filter(|sender| sender.hides_the_token()) {
            scope.spawn(move || {
                let (url, connections) = black_hole();
                let token = format!("mpb_secret_of_{sender:?}");
                let machine = Machine::new(DASH, sender, &url, &token);
                let mut running = machine.command("milepost step packages -m hello").spawn().unwrap();
                connections.recv().unwrap();
                let seen = command_lines();
                assert!(running.try_wait().unwrap().is_none(), "{sender:?} is still waiting for its answer");
                assert!(seen.contains("script.sh"), "command lines are seen");
                assert!(!seen.contains(&token), "{sender:?}");
                // Its end is another test's business.
                let _ = running.kill();
                let _ = running.wait();
            });
        }
    });
}

/// The arguments of every process there is.
fn command_lines() -> String {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
}
