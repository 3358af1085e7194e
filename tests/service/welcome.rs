//! What the first start says, and that it is true when it is pasted.

use std::process::{Command, Stdio};

use crate::place::{Place, Said, Service, milepost, progress};

/// The lines to paste, as a script.
fn lines_to_paste(service: &mut Service) -> String {
    service.read_until(|line| line.starts_with("Three lines to paste"));
    let before = service.said().len();
    service.read_until(str::is_empty);
    service.said()[before..].join("\n")
}

/// Runs a script as somebody who has just opened a shell.
fn paste(script: &str) -> Said {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).stdin(Stdio::null()).env_remove("MILEPOST_URL").env_remove("MILEPOST_TOKEN");
    Said::by(&mut shell)
}

#[test]
fn the_first_start_says_where_things_are() {
    let place = Place::new();
    let mut service = place.start();
    service.read_until(|line| line.starts_with("Three lines to paste"));
    let said = service.said().join("\n");
    assert!(said.contains(&place.data_text()), "{said}");
    assert!(said.contains(&format!("{}/docs", service.url)), "{said}");
    service.stop();
}

#[test]
fn the_lines_of_the_first_start_open_a_build_report_and_show_it() {
    let place = Place::new();
    let mut service = place.start();
    let script = lines_to_paste(&mut service);
    let (first_two, third) = script.trim_end().rsplit_once('\n').unwrap();
    assert!(third.contains(" status"), "{third}");
    assert_eq!(paste(first_two).success(), "recorded\nrecorded\n", "{first_two}");

    let progress = progress(&place.api(&service, "read"), "web1.example.com");
    assert_eq!((&progress["state"], &progress["last_message"]), (&"running".into(), &"412 packages".into()));
    assert_eq!(progress["current_step"]["label"], "packages");

    if Said::by(&mut milepost(["status", "--help"])).code == Some(0) {
        let shown = paste(third).success();
        assert!(shown.contains("web1") && shown.contains("412 packages"), "{shown}");
    }
    service.stop();
}

#[test]
fn a_later_start_says_no_more_than_where_it_listens() {
    let place = Place::new();
    place.start().stop();
    let said = place.start().stop();
    assert!(!said.iter().any(|line| line.contains("Three lines") || line.contains("Milepost is ready")));
}
