//! A service that was killed has lost nothing that it had answered for.

use std::{sync::mpsc, thread};

use milepost_testkit::Api;

use crate::place::{Opened, Place, Service, is_alive, open, signal, text};

/// Reports until nobody answers; says the message of each report that was answered 200.
fn report_until_it_is_gone(service: &Service, build: &Opened) -> mpsc::Receiver<String> {
    let (sender, answered) = mpsc::channel();
    let address = service.url.trim_start_matches("http://").to_owned();
    let token = build.token.clone();
    thread::spawn(move || {
        for number in 0.. {
            let message = format!("report-{number}");
            if !is_answered(&address, &format!("token={token}&label=packages&status=init&message={message}"))
            {
                break;
            }
            sender.send(message).unwrap();
        }
    });
    answered
}

/// Sends one report; whether a whole answer came that says that it is on disk.
fn is_answered(address: &str, form: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let send = || {
        let mut stream = std::net::TcpStream::connect(address)?;
        let length = form.len();
        write!(stream, "POST /unattended/step HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{form}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    let answer: std::io::Result<String> = send();
    answer.is_ok_and(|answer| answer.contains(" 200 ") && answer.ends_with("recorded\n"))
}

#[track_caller]
fn messages(api: &Api, build: &Opened) -> Vec<String> {
    let path = format!("/api/v2/builds/{}/reports?per_page=all", build.id);
    let list = api.get(&path).expect(200).json();
    list["results"].as_array().unwrap().iter().map(|report| text(&report["message"])).collect()
}

/// Kills a service in the middle of reports, perhaps with its database, and starts it again.
fn nothing_answered_is_lost(with_its_database: bool) {
    let place = Place::new();
    let service = place.start();
    let postmaster = place.postmaster().unwrap();
    let build = open(&place.api(&service, "manage"), "web1.example.com");
    let answered = report_until_it_is_gone(&service, &build);
    let mut promised: Vec<String> = answered.iter().take(30).collect();
    assert_eq!(promised.len(), 30, "the service works before it is killed");
    let (status, _) = service.end_by("KILL");
    assert_eq!(status.code(), None, "it was killed");
    promised.extend(answered.iter());
    assert!(is_alive(postmaster), "otherwise this proves something else");
    if with_its_database {
        signal("KILL", postmaster);
    }

    let service = place.start();
    let found = if with_its_database { "Warm" } else { "Adopted" };
    assert!(service.said().iter().any(|line| line.contains(found)), "{:#?}", service.said());
    let kept = messages(&place.api(&service, "read"), &build);
    let lost: Vec<&String> = promised.iter().filter(|message| !kept.contains(message)).collect();
    assert!(lost.is_empty(), "answered 200, and lost: {lost:?}");
    assert_eq!(crate::place::report(&service, &build, "packages/done").expect(200).text, "recorded\n");
    service.stop();
    assert_eq!(place.postmaster(), None, "a database that was found running is stopped like any other");
}

#[test]
fn a_killed_service_has_lost_nothing_that_it_answered_for() {
    nothing_answered_is_lost(false);
}

#[test]
fn a_service_killed_with_its_database_has_lost_nothing_that_it_answered_for() {
    nothing_answered_is_lost(true);
}

#[test]
fn a_killed_service_does_not_welcome_again() {
    let place = Place::new();
    let (_, _) = place.start().end_by("KILL");
    let said = place.start().stop();
    assert!(!said.iter().any(|line| line.contains("Milepost is ready")), "{said:#?}");
}
