//! A service that is not there, does not answer, or refuses holds no script up for long and fails none.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use milepost_testkit::Server;
use serde_json::json;

use crate::machine::{Machine, STRICT, Script, Sender, pairs};

const DOCUMENTS: [&str; 9] = [
    "kickstart.ks",
    "preseed.cfg",
    "finish.sh",
    "autoinstall.yaml",
    "autoyast.xml",
    "agama.jsonnet",
    "cloud-config.yaml",
    "freebsd.sh",
    "freebsd-finish.sh",
];
/// The live system of Ubuntu has GNU's wget, and nothing else is asked there.
fn has_its_tool(sender: Sender, script: &Script) -> bool {
    sender == Sender::Wget || !["early-commands", "error-commands"].contains(&script.hook.as_str())
}

/// The scripts of all documents that this sender is for.
fn scripts(machine: &Machine) -> Vec<Script> {
    let all = DOCUMENTS.into_iter().flat_map(|document| machine.scripts(document));
    all.filter(|script| has_its_tool(machine.sender, script)).collect()
}

/// How long a script may wait for somebody who is silent: a few reports of five seconds each, with room.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_service_that_is_not_there_fails_no_script() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (sender, shell) in pairs().into_iter().chain([(Sender::Curl, STRICT), (Sender::Wget, STRICT)]) {
        let machine = Machine::new(sender, shell, &format!("http://{address}"), "mpb_0123456789", &json!({}));
        for script in scripts(&machine) {
            machine.runs(&script);
        }
    }
}

#[test]
fn a_service_that_knows_no_such_credential_fails_no_script() {
    let server = Server::start();
    for (sender, shell) in pairs() {
        let machine = Machine::new(sender, shell, &server.url, "mpb_0123456789", &json!({}));
        for script in scripts(&machine) {
            machine.runs(&script);
        }
    }
}

#[test]
fn a_service_that_never_answers_holds_no_script_up_for_long() {
    // The kernel takes the connections; nobody reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let machines = pairs()
        .into_iter()
        .map(|(sender, shell)| Machine::new(sender, shell, &url, "mpb_0123456789", &json!({})));
    let machines: Vec<Machine> = machines.collect();
    thread::scope(|scope| {
        for machine in &machines {
            for script in scripts(machine) {
                scope.spawn(move || {
                    let began = Instant::now();
                    machine.runs(&script);
                    let took = began.elapsed();
                    assert!(took < LIMIT, "{script:?} with {:?} took {took:?}", machine.sender);
                });
            }
        }
    });
}
