//! Starts that cannot work: what is said, with which exit code, and that nothing is left behind.

use std::{fs, net::TcpListener};

use crate::place::{Place, Said, open, progress, report};

#[test]
fn a_second_service_on_the_same_data_is_refused_and_the_first_works_on() {
    let place = Place::new();
    let first = place.start();
    let build = open(&place.api(&first, "manage"), "web1.example.com");

    let refusal = Said::by(&mut place.serve()).refusal();
    assert!(refusal.contains(&place.data_text()), "{refusal}");
    assert!(refusal.contains(&format!("pid {}", first.pid())), "{refusal}");
    assert!(refusal.contains("--data-dir"), "it says what to do: {refusal}");

    let _ = report(&first, &build, "get_ks/done").expect(200);
    assert_eq!(progress(&place.api(&first, "read"), "web1.example.com")["state"], "running");
    assert_eq!(fs::read_to_string(place.file("url")).unwrap().trim(), first.url, "clients still find it");
    first.stop();
}

#[test]
fn a_port_that_is_taken_is_named_and_no_database_is_left_running() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for is_first in [true, false] {
        if !is_first {
            // Now there is a database that could be left.
            place.start().stop();
        }
        let refusal = Said::by(&mut place.milepost(["serve", "--listen", &address])).refusal();
        assert!(refusal.contains(&address) && refusal.contains("--listen"), "{refusal}");
        assert_eq!(place.postmaster(), None);
    }
}

#[test]
fn an_address_that_is_none_is_named() {
    let place = Place::new();
    let refusal = Said::by(&mut place.milepost(["serve", "--listen", "localhost:http"])).refusal();
    assert!(refusal.contains("localhost:http") && refusal.contains("--listen"), "{refusal}");
}

#[test]
fn data_of_another_major_version_is_refused_untouched() {
    let place = Place::new();
    let service = place.start();
    let build = open(&place.api(&service, "manage"), "web1.example.com");
    service.stop();
    let version = place.file("postgres/PG_VERSION");
    let own = fs::read_to_string(&version).unwrap();
    fs::write(&version, "9\n").unwrap();

    let refusal = Said::by(&mut place.serve()).refusal();
    for part in [place.data_text().as_str(), "PostgreSQL 9", own.trim(), "pg_upgrade"] {
        assert!(refusal.contains(part), "no '{part}' in: {refusal}");
    }
    assert_eq!(place.postmaster(), None);

    fs::write(&version, own).unwrap();
    let service = place.start();
    let _ = report(&service, &build, "get_ks/done").expect(200);
    service.stop();
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let place = Place::new();
    fs::write(place.data(), "a file").unwrap();
    let refusal = Said::by(&mut place.serve()).refusal();
    assert!(refusal.contains(&place.data_text()) && refusal.contains("--data-dir"), "{refusal}");
}
