//! How much goes in, and who may.

use std::fs;

use milepost_spool::{Backlog, Error, Limits, MAX_PAYLOAD, NoRoom, Spool};

use crate::place::{Place, all, drain, length, record, segments_of};

/// A record of this size takes 100 bytes, and a segment has a header of 16.
const HUNDRED: usize = 80;

#[test]
fn a_full_spool_refuses_the_whole_append_and_has_room_again_after_a_remove() {
    let limits = Limits { bytes: 3 * 216, segment_bytes: 216 };
    let place = Place::new();
    let mut spool = place.open(limits);
    assert_eq!(spool.limits(), limits);
    for number in 0..5 {
        spool.append(&[record(number, HUNDRED)]).unwrap();
    }
    let before = (spool.backlog(), place.files("spool").iter().map(|path| length(path)).collect::<Vec<_>>());
    assert_eq!(before.0, Backlog { records: 5, bytes: 548, oldest_micros: Some(-5) });

    let error = spool.append(&[record(5, HUNDRED), record(6, HUNDRED)]).unwrap_err();
    let Error::Full { needed, cause: NoRoom::Limit { used, limit }, .. } = &error else { panic!("{error}") };
    assert_eq!((*needed, *used, *limit), (216, 548, 648));
    assert!(error.to_string().contains("raise its limit"), "{error}");
    let after = (spool.backlog(), place.files("spool").iter().map(|path| length(path)).collect::<Vec<_>>());
    assert_eq!(before, after);

    spool.append(&[record(5, HUNDRED)]).unwrap();
    spool.append(&[record(6, 0)]).unwrap_err();
    assert_eq!(spool.peek(2, usize::MAX).unwrap().len(), 2);
    spool.remove(1).unwrap();
    spool.append(&[record(6, HUNDRED)]).unwrap_err();
    spool.remove(1).unwrap();
    spool.append(&[record(6, HUNDRED), record(7, HUNDRED)]).unwrap();
    assert_eq!(drain(&mut spool), (2..8).map(|number| record(number, HUNDRED)).collect::<Vec<_>>());
}

#[test]
fn an_append_larger_than_a_segment_has_one_of_its_own() {
    let place = Place::new();
    let mut spool = place.open(segments_of(216));
    spool.append(&[record(0, HUNDRED)]).unwrap();
    let large: Vec<_> = (1..9).map(|number| record(number, HUNDRED)).collect();
    spool.append(&large).unwrap();
    spool.append(&[record(9, HUNDRED)]).unwrap();
    let lengths: Vec<u64> = place.files("spool").iter().map(|path| length(path)).collect();
    assert_eq!(lengths, [116, 816, 116]);
    assert_eq!(all(&mut spool), (0..10).map(|number| record(number, HUNDRED)).collect::<Vec<_>>());
}

#[test]
fn segments_go_as_they_are_emptied_and_an_idle_spool_takes_no_space() {
    let place = Place::new();
    let mut spool = place.open(segments_of(216));
    for number in 0..6 {
        spool.append(&[record(number, HUNDRED)]).unwrap();
    }
    for (left, segments) in [(6, 3), (5, 3), (4, 2), (3, 2), (2, 1), (1, 1), (0, 0)] {
        assert_eq!((spool.backlog().records, place.files("spool").len()), (left, segments));
        let shown = spool.peek(1, 0).unwrap();
        spool.remove(shown.len()).unwrap();
    }
    assert_eq!(spool.backlog(), Backlog::default());
    let mut names: Vec<_> =
        fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["cursor", "lock"]);
    drop(spool);

    let mut spool = place.open(segments_of(216));
    spool.append(&[record(6, 0)]).unwrap();
    let name = place.files("spool")[0].file_name().unwrap().to_owned();
    assert_eq!(name, "00000000000000000006.spool", "no name is used twice");
}

#[test]
fn a_record_has_a_largest_size() {
    let place = Place::new();
    let mut spool = place.open(segments_of(1000));
    let error = spool.append(&[record(0, 1), record(1, MAX_PAYLOAD + 1)]).unwrap_err();
    assert!(matches!(error, Error::TooLarge { most: MAX_PAYLOAD, .. }), "{error}");
    assert_eq!((spool.backlog(), place.files("spool").len()), (Backlog::default(), 0));
    spool.append(&[record(1, MAX_PAYLOAD)]).unwrap();
    drop(spool);
    assert_eq!(all(&mut place.open(segments_of(1000))), [record(1, MAX_PAYLOAD)]);
}

#[test]
fn only_what_was_shown_can_be_removed() {
    let place = Place::new();
    let mut spool = place.open(segments_of(1000));
    spool.append(&[record(0, 1), record(1, 1), record(2, 1)]).unwrap();
    assert!(matches!(spool.remove(1).unwrap_err(), Error::NotShown { asked: 1, shown: 0 }));
    spool.peek(2, usize::MAX).unwrap();
    assert!(matches!(spool.remove(3).unwrap_err(), Error::NotShown { asked: 3, shown: 2 }));
    spool.remove(1).unwrap();
    spool.append(&[record(3, 1)]).unwrap();
    spool.remove(1).unwrap();
    assert!(matches!(spool.remove(1).unwrap_err(), Error::NotShown { asked: 1, shown: 0 }));
    assert_eq!(all(&mut spool), [record(2, 1), record(3, 1)]);
}

#[test]
fn what_lies_before_an_unreadable_segment_can_be_taken() {
    let place = Place::new();
    let mut spool = place.open(segments_of(116));
    spool.append(&[record(0, HUNDRED)]).unwrap();
    spool.append(&[record(1, HUNDRED)]).unwrap();
    let second = place.files("spool")[1].clone();
    let aside = place.path().join("aside");
    fs::rename(&second, &aside).unwrap();

    assert_eq!(all(&mut spool), [record(0, HUNDRED)]);
    spool.remove(1).unwrap();
    assert!(matches!(spool.peek(2, usize::MAX).unwrap_err(), Error::Io { .. }));
    assert_eq!(spool.backlog().records, 1, "it is not given up");
    fs::rename(&aside, &second).unwrap();
    assert_eq!(drain(&mut spool), [record(1, HUNDRED)]);
}

#[test]
fn an_append_of_nothing_makes_nothing() {
    let place = Place::new();
    let mut spool = place.open(segments_of(1000));
    spool.append(&[]).unwrap();
    assert!(place.files("spool").is_empty());
}

#[test]
fn a_spool_has_one_owner() {
    let place = Place::new();
    let spool = place.open(segments_of(1000));
    let error = Spool::open(&place.path(), segments_of(1000)).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    let said = error.to_string();
    for word in [place.path().display().to_string(), format!("pid {}", std::process::id()), "Stop".to_owned()]
    {
        assert!(said.contains(&word), "{said}");
    }
    drop(spool);
    place.open(segments_of(1000));
}
