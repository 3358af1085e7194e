//! A fleet that is played, and watched while it is.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::place::{Place, Said, signal};

#[test]
fn a_fleet_that_is_played_ends_as_fleets_do_and_can_be_watched() {
    let place = Place::new();
    let service = place.start();
    let mut watch = place.milepost(["watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let said =
        Said::by(&mut place.milepost(["demo", "--hosts", "12", "--speed", "5000", "--seed", "7"])).success();
    assert!(said.starts_with("12 hosts install themselves"), "{said}");

    let mut seen = String::new();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    for end in [" failed ", " completed 100 %"] {
        while !seen.contains(end) {
            seen += &lines.next().unwrap().unwrap();
        }
    }
    signal("INT", watch.id());
    assert!(watch.wait().unwrap().success());

    let builds = place.api(&service, "read").get("/api/v2/builds?per_page=all").expect(200).json();
    let states = builds["results"].as_array().unwrap().iter().map(|build| build["state"].as_str().unwrap());
    let mut states: Vec<&str> = states.collect();
    states.sort_unstable();
    let count = |state| states.iter().filter(|known| **known == state).count();
    // One fails, one is stuck, one goes round and round; the others get there.
    assert_eq!((count("failed"), count("running"), count("completed")), (1, 2, 9), "{states:?}");
    service.stop();
}

#[test]
fn a_speed_that_makes_no_sense_is_refused() {
    let place = Place::new();
    let service = place.start();
    for arguments in [["demo", "--speed", "0"], ["demo", "--hosts", "0"]] {
        assert!(Said::by(&mut place.milepost(arguments)).refusal().contains("--speed must be"));
    }
    service.stop();
}
