//! What could not be sent is kept, and arrives in order, once.

use std::{fs, process::Command, sync::atomic::Ordering, thread};

use milepost_testkit::Server;
use serde_json::Value;

use crate::{
    machine::{Machine, ended, open, reports, steps},
    networks::{Lossy, closed_port},
    senders::{SENDERS, Sender},
    shells::{ASH, BASH, DASH, KSH, SHELLS},
};

const WHILE_AWAY: &str = "
milepost step get_ks done
milepost step pre init -m 'für später'
milepost step pre done
milepost step storage init -l away.log
milepost step storage done
";
const KEPT: [&str; 5] = ["get_ks/done", "pre/init", "pre/done", "storage/init", "storage/done"];

#[test]
fn what_a_network_missed_arrives_once_and_in_order_with_the_next_report() {
    let server = Server::start();
    let shells = SHELLS.into_iter().map(|shell| (shell, Sender::Curl));
    for (at, (shell, sender)) in SENDERS.into_iter().map(|sender| (DASH, sender)).chain(shells).enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let mut machine = Machine::new(shell, sender, &closed_port(), &build.token);
        machine.write("away.log", b"what happened meanwhile\n");
        machine.runs(WHILE_AWAY);
        assert_eq!(machine.waiting(), KEPT, "{}", machine.name());

        machine.url.clone_from(&server.url);
        machine.runs("milepost step packages init");
        assert_eq!(machine.waiting().len(), 6, "{}: it failed a moment ago", machine.name());
        machine.runs("milepost flush");
        machine.runs("milepost step packages done");
        assert_eq!(machine.waiting(), Vec::<String>::new(), "{}", machine.name());
        let expected: Vec<&str> = KEPT.into_iter().chain(["packages/init", "packages/done"]).collect();
        assert_eq!(steps(&server, &build), expected, "{}", machine.name());
        let log_bytes = &reports(&server, &build)[3]["log_bytes"];
        assert_eq!(log_bytes, 24, "{}", machine.name());
    }
}

#[test]
fn after_a_while_a_report_takes_along_what_waits() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let mut machine = Machine::new(DASH, Sender::Curl, &closed_port(), &build.token);
    machine.write("away.log", b"x\n");
    machine.runs(WHILE_AWAY);
    // Half a minute goes by.
    let until = machine.file("state/spool.until");
    assert!(until.exists());
    fs::write(until, "0\n").unwrap();
    machine.url.clone_from(&server.url);
    machine.runs("milepost step packages init");
    let expected: Vec<&str> = KEPT.into_iter().chain(["packages/init"]).collect();
    assert_eq!(steps(&server, &build), expected);
}

#[test]
fn a_report_whose_answer_was_lost_is_not_recorded_twice() {
    let server = Server::start();
    for (at, sender) in SENDERS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let lossy = Lossy::before(&server.url, 2);
        let machine = Machine::new(DASH, sender, &lossy.url, &build.token);
        machine.runs("milepost step get_ks done");
        assert_eq!(machine.waiting(), ["get_ks/done"], "{sender:?}: nobody said that it was recorded");
        machine.runs("milepost step pre init; milepost flush");
        assert_eq!(lossy.lost.load(Ordering::SeqCst), 2, "{sender:?}");
        machine.runs("milepost flush");
        assert_eq!(machine.waiting(), Vec::<String>::new(), "{sender:?}");
        assert_eq!(steps(&server, &build), ["get_ks/done", "pre/init"], "{sender:?}");
    }
}

#[test]
fn a_report_that_is_refused_holds_up_no_other() {
    let server = Server::start();
    for (at, sender) in SENDERS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let mut machine = Machine::new(DASH, sender, &closed_port(), &build.token);
        machine.runs("milepost step get_ks done; milepost step no_such_step; milepost step pre init -p many");
        // What a machine leaves that lost its power.
        let cut = fs::read_to_string(machine.spool()).unwrap() + "label=post&stat\nlabel=%\n";
        fs::write(machine.spool(), cut).unwrap();
        machine.url.clone_from(&server.url);
        machine.runs("milepost step pre done; milepost flush");
        assert_eq!(machine.waiting(), Vec::<String>::new(), "{sender:?}");
        assert_eq!(steps(&server, &build), ["get_ks/done", "post", "pre/done"], "{sender:?}");
    }
}

#[test]
fn the_spool_has_a_bound_and_gives_up_logs_before_reports() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let mut machine = Machine::new(DASH, Sender::Curl, &closed_port(), &build.token);
    // Every byte of it takes three.
    machine.write("big.log", "ü".repeat(40_000).as_bytes());
    machine.runs("n=0; while [ $n -lt 40 ]; do milepost step packages -p $n -l big.log; n=$((n+1)); done");
    let size = fs::metadata(machine.spool()).unwrap().len();
    assert!((500_000..=2_097_152).contains(&size), "{size} bytes");
    machine.url.clone_from(&server.url);
    machine.runs("milepost flush");
    let reports = reports(&server, &build);
    let percents: Vec<f64> = reports.iter().map(|report| report["percentage"].as_f64().unwrap()).collect();
    assert_eq!(percents, (0..40).map(f64::from).collect::<Vec<f64>>(), "no report is lost");
    assert_eq!(reports[0]["log_bytes"], 0, "the oldest log is");
    assert_ne!(reports[39]["log_bytes"], 0, "the newest is not");
}

#[test]
fn what_no_longer_fits_into_the_spool_is_told_by_the_next_report() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let mut machine = Machine::new(DASH, Sender::Curl, &closed_port(), &build.token);
    // Too much even without logs.
    let line = format!("label=packages&status=init&message={}\n", "x".repeat(4000));
    fs::write(machine.spool(), line.repeat(600)).unwrap();
    machine.runs("milepost step packages init -m 'the last of them'");
    assert_eq!(machine.waiting().len(), 300, "the older half was dropped");
    machine.runs(&format!("milepost step packages -m {}", "y".repeat(5000)));
    machine.runs("milepost step post init");
    let kept = fs::read_to_string(machine.spool()).unwrap();
    fs::write(machine.spool(), kept.split_inclusive('\n').skip(300).collect::<String>()).unwrap();
    machine.url.clone_from(&server.url);
    machine.runs("milepost flush");
    let messages: Vec<Value> =
        reports(&server, &build).iter().map(|report| report["message"].clone()).collect();
    let told = messages[0].as_str().unwrap();
    assert!(told.starts_with("301 reports before this one are lost, the spool was full. yyy"), "{told}");
    assert_eq!(messages[1], Value::Null, "it is told once");
}

#[test]
fn many_at_once_lose_nothing() {
    let server = Server::start();
    for (at, shell) in [DASH, BASH, ASH, KSH].into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(shell, Sender::Curl, &server.url, &build.token);
        let script = "for n in 1 2 3; do milepost step packages -m \"$0 $n\"; done";
        let commands: Vec<Command> = (0..6).map(|_| machine.command(script)).collect();
        thread::scope(|scope| {
            for mut command in commands {
                scope.spawn(move || {
                    let outcome = ended(&mut command);
                    let said = (outcome.status, outcome.out.as_str(), outcome.err.as_str());
                    assert_eq!(said, (0, "", ""));
                });
            }
        });
        machine.runs("milepost flush");
        // Two that get their number in the same hundredth of a second may have the same: it orders, and the
        // id tells apart.
        let reports = reports(&server, &build);
        assert!(reports.iter().all(|report| report["seq"].is_i64()), "{}", machine.name());
        assert_eq!(reports.len(), 18, "{}", machine.name());
    }
}

#[test]
fn whoever_was_killed_while_sending_leaves_nothing_stuck() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let mut machine = Machine::new(DASH, Sender::Curl, &closed_port(), &build.token);
    machine.runs("milepost step get_ks done");
    // As it was while the first was being sent and the second came.
    fs::rename(machine.spool(), machine.file("state/spool.out")).unwrap();
    machine.runs("milepost step pre init");
    for lock in ["lock", "sender"] {
        let lock = machine.file(&format!("state/spool.{lock}"));
        fs::create_dir(&lock).unwrap();
        // No process can have this number.
        fs::write(lock.join("pid"), "4194305\n").unwrap();
    }
    machine.url.clone_from(&server.url);
    machine.runs("milepost step pre done; milepost flush");
    assert_eq!(steps(&server, &build), ["get_ks/done", "pre/init", "pre/done"]);
}

#[test]
fn where_nothing_can_be_written_a_report_is_sent_all_the_same() {
    let server = Server::start();
    for (at, sender) in SENDERS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(DASH, sender, &server.url, &build.token);
        let log = machine.write("a.log", "für & mehr\n".repeat(3000).as_bytes());
        let script = format!(
            "cd /proc; export MILEPOST_SPOOL=/proc/none/spool
            milepost step get_ks done; milepost step pre init -m 'für & mehr' -l '{}'",
            log.display()
        );
        machine.runs(&script);
        assert_eq!(steps(&server, &build), ["get_ks/done", "pre/init"], "{sender:?}");
        assert_ne!(reports(&server, &build)[1]["log_bytes"], 0, "{sender:?}");
        // And when that fails, it is lost, and that is all.
        machine.runs(&format!("export MILEPOST_URL={}; {script}", closed_port()));
    }
}
