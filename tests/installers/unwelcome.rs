//! Reports that nobody takes: whatever becomes of them, the installation goes on.

use std::{net::TcpListener, thread};

use milepost_testkit::Server;

use crate::machine::{
    FIRST_ATTEMPT, FIRST_BOOT, Machine, SECOND_ATTEMPT, SENDERS, SHELLS, Sender, Shell, UNKNOWN_STEP,
    closed_port, open,
};

/// Each sender in each shell.
fn combinations() -> impl Iterator<Item = (Sender, Shell)> {
    SENDERS.into_iter().flat_map(|sender| SHELLS.map(|shell| (sender, shell)))
}

#[test]
fn a_service_that_is_not_there_stops_no_installation() {
    let url = closed_port();
    for (sender, shell) in combinations() {
        let machine = Machine::new(sender, shell, &url, "mpb_0123456789");
        machine.runs(FIRST_ATTEMPT);
        machine.runs(SECOND_ATTEMPT);
        machine.runs(FIRST_BOOT);
    }
}

#[test]
fn a_name_that_does_not_resolve_stops_no_installation() {
    for (sender, shell) in combinations() {
        // Reserved by RFC 6761 to be nobody's.
        Machine::new(sender, shell, "http://milepost.invalid:8420", "mpb_0123456789")
            .impatient()
            .runs(FIRST_BOOT);
    }
}

#[test]
fn a_service_that_never_answers_holds_no_installation_up() {
    // The kernel takes the connections; nobody reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    thread::scope(|scope| {
        for (sender, shell) in combinations() {
            let machine = Machine::new(sender, shell, &url, "mpb_0123456789").impatient();
            scope.spawn(move || machine.runs(FIRST_BOOT));
        }
    });
}

#[test]
fn an_unknown_step_stops_no_installation_and_is_counted() {
    let server = Server::start();
    for (at, (sender, shell)) in combinations().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let machine = Machine::new(sender, shell, &server.url, &build.token);
        machine.runs(UNKNOWN_STEP);
        let build = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
        // Three were sent, and each was answered 422.
        assert_eq!(build["rejected_reports"], 3, "{machine}");
        assert_eq!((&build["state"], &build["reports"]), (&"pending".into(), &0.into()), "{machine}");
    }
}

#[test]
fn a_wrong_token_stops_no_installation_and_opens_nothing() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let wrong = format!("{}0", build.token);
    let _ = server.anyone().get(&format!("/unattended/step/{wrong}/get_ks/done")).expect(401);
    let _ = server.anyone().get(&format!("/unattended/built?token={wrong}")).expect(404);
    for (sender, shell) in combinations() {
        let machine = Machine::new(sender, shell, &server.url, &wrong);
        machine.runs(FIRST_ATTEMPT);
        machine.runs(SECOND_ATTEMPT);
        machine.runs(FIRST_BOOT);
    }
    let build = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
    assert_eq!((&build["state"], &build["reports"]), (&"pending".into(), &0.into()));
}
