//! How the service starts and ends, and what stays.

use std::{fs, process::Command};

use crate::place::{Place, is_alive, open, progress, report};

#[test]
fn the_line_that_it_can_be_used_names_where_and_is_true() {
    let place = Place::new();
    let service = place.start();
    assert!(service.url.starts_with("http://127.0.0.1:"), "{}", service.url);
    assert!(!service.url.ends_with(":0"), "the port is the one that the system gave");
    // Where clients on this machine find it.
    assert_eq!(fs::read_to_string(place.file("url")).unwrap().trim(), service.url);
    let said = service.stop();
    assert_eq!(said.iter().filter(|line| line.starts_with("listening on ")).count(), 1, "{said:#?}");
}

#[test]
fn a_signal_to_end_ends_the_database_too_with_success() {
    for name in ["TERM", "INT"] {
        let place = Place::new();
        let service = place.start();
        let postmaster = place.postmaster().unwrap();
        assert!(is_alive(postmaster));
        let (status, said) = service.end_by(name);
        assert_eq!(status.code(), Some(0), "{said:#?}");
        assert!(!is_alive(postmaster), "PostgreSQL outlives SIG{name}");
        assert_eq!(place.postmaster(), None);
        assert!(!place.file("url").exists(), "clients would still look for it there");
    }
}

#[test]
fn what_was_reported_is_there_after_a_restart() {
    let place = Place::new();
    let service = place.start();
    let build = open(&place.api(&service, "manage"), "web1.example.com");
    let _ = report(&service, &build, "get_ks/done").expect(200);
    let before = progress(&place.api(&service, "read"), "web1.example.com");
    service.stop();

    let service = place.start();
    let after = progress(&place.api(&service, "read"), "web1.example.com");
    for member in ["host", "state", "percent", "last_report_at"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(after["build"]["id"], build.id.as_str());
    // The token of before is good, and the build goes on.
    assert_eq!(report(&service, &build, "storage/done").expect(200).text, "recorded\n");
    service.stop();
}

#[test]
fn nothing_of_it_runs_as_root_but_itself() {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    if id(&["-u"]) != "0" {
        // Without root there is nobody to change into.
        return;
    }
    let postgres = id(&["-u", "postgres"]);
    let place = Place::new();
    let service = place.start();
    let status = fs::read_to_string(format!("/proc/{}/status", place.postmaster().unwrap())).unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    // Real, effective, saved and of the file system.
    assert_eq!(uids.split_whitespace().collect::<Vec<_>>(), [postgres.as_str(); 4]);
    service.stop();
}
