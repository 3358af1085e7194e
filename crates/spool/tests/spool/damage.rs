//! A disk that does not keep what it was given.

use std::{fs, path::Path};

use milepost_spool::{Record, Spool};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::place::{Place, all, drain, record, segments_of};

fn flip(path: &Path, at: usize, bits: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= bits;
    fs::write(path, bytes).unwrap();
}

fn is_subsequence(part: &[Record], whole: &[Record]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|record| rest.any(|it| it == record))
}

/// Three segments with three records each.
fn three_segments(place: &Place) -> (Spool, Vec<Record>) {
    let mut spool = place.open(segments_of(200));
    let records: Vec<Record> = (0..9).map(|number| record(number, 40)).collect();
    for record in &records {
        spool.append(std::slice::from_ref(record)).unwrap();
    }
    assert_eq!(place.files("spool").len(), 3);
    (spool, records)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_flipped_byte_invents_nothing_and_loses_nothing_unsaid(
        sizes in vec(0..120_usize, 1..16),
        removed in 0..4_usize,
        file in any::<Index>(),
        at in any::<Index>(),
        bits in 1_u8..,
    ) {
        let place = Place::new();
        let mut spool = place.open(segments_of(300));
        let records: Vec<Record> = sizes.iter().zip(0..).map(|(size, number)| record(number, *size)).collect();
        for some in records.chunks(2) {
            spool.append(some).unwrap();
        }
        let removed = spool.peek(removed, usize::MAX).unwrap().len();
        spool.remove(removed).unwrap();
        drop(spool);

        let mut files = place.files("spool");
        files.push(place.path().join("cursor"));
        let path = file.get(&files);
        flip(path, at.index(fs::read(path).unwrap().len()), bits);

        let mut spool = place.open(segments_of(300));
        let more = record(1000, 20);
        spool.append(std::slice::from_ref(&more)).unwrap();
        let mut found = drain(&mut spool);
        prop_assert_eq!(found.pop(), Some(more));
        prop_assert!(is_subsequence(&found, &records), "nothing is invented");
        let lost = !is_subsequence(&records[removed..], &found);
        prop_assert!(!lost || place.files("damaged").len() == 1, "what was lost lies aside");
        prop_assert_eq!(place.files("spool").len(), 0);
    }
}

#[test]
fn what_lies_before_the_damage_and_in_other_segments_is_kept() {
    let place = Place::new();
    let (spool, records) = three_segments(&place);
    drop(spool);
    let second = &place.files("spool")[1];
    // In the payload of its second record.
    flip(second, 16 + 60 + 20 + 5, 1);
    let bytes = fs::read(second).unwrap();

    let mut spool = place.open(segments_of(200));
    assert_eq!(spool.backlog().records, 7);
    let kept = [&records[..4], &records[6..]].concat();
    assert_eq!(all(&mut spool), kept);
    assert_eq!(drain(&mut spool), kept);
    let aside = place.files("damaged");
    assert_eq!(aside.len(), 1);
    assert_eq!(fs::read(&aside[0]).unwrap(), bytes, "as it was found");
    assert_eq!(spool.backlog().bytes, 0, "it is no part of the spool any more");
}

#[test]
fn damage_is_found_while_the_spool_is_open_too() {
    let place = Place::new();
    let (mut spool, records) = three_segments(&place);
    let segments = place.files("spool");
    flip(&segments[0], 16, 1);
    flip(&segments[2], 16 + 60, 1);

    let kept = &records[3..7];
    assert_eq!(all(&mut spool), kept);
    assert_eq!((spool.backlog().records, spool.backlog().oldest_micros), (4, Some(kept[0].at_micros)));
    assert_eq!(place.files("damaged").len(), 1, "the first is done with");

    let more = record(9, 40);
    spool.append(std::slice::from_ref(&more)).unwrap();
    assert_eq!(drain(&mut spool), [kept, &[more]].concat());
    assert_eq!(place.files("damaged").len(), 2);
}

#[test]
fn nothing_is_appended_behind_damage() {
    let place = Place::new();
    let mut spool = place.open(segments_of(1000));
    spool.append(&[record(0, 40), record(1, 40)]).unwrap();
    flip(&place.files("spool")[0], 16 + 60, 1);
    assert_eq!(all(&mut spool), [record(0, 40)]);
    spool.append(&[record(2, 40)]).unwrap();
    assert_eq!(all(&mut spool), [record(0, 40), record(2, 40)]);
    drop(spool);
    assert_eq!(drain(&mut place.open(segments_of(1000))), [record(0, 40), record(2, 40)]);
}

#[test]
fn a_damaged_length_in_the_last_segment_is_not_taken_for_a_torn_write() {
    let place = Place::new();
    let (spool, records) = three_segments(&place);
    drop(spool);
    // 40 bytes become 40 + 2^16, and would go far beyond the end of the file.
    flip(&place.files("spool")[2], 16 + 2, 1);
    assert_eq!(drain(&mut place.open(segments_of(200))), records[..6]);
    assert_eq!(place.files("damaged").len(), 1);
}

#[test]
fn a_damaged_header_loses_no_record() {
    let place = Place::new();
    let (spool, records) = three_segments(&place);
    drop(spool);
    flip(&place.files("spool")[0], 3, 255);
    assert_eq!(drain(&mut place.open(segments_of(200))), records);
    assert_eq!(place.files("damaged").len(), 1);
}

#[test]
fn damage_to_what_was_removed_does_no_harm() {
    let place = Place::new();
    let (mut spool, records) = three_segments(&place);
    assert_eq!(spool.peek(2, usize::MAX).unwrap(), records[..2]);
    spool.remove(2).unwrap();
    drop(spool);
    for at in [5, 16 + 30] {
        flip(&place.files("spool")[0], at, 1);
    }
    assert_eq!(drain(&mut place.open(segments_of(200))), records[2..]);
    assert!(place.files("damaged").is_empty());
}

#[test]
fn what_was_set_aside_is_not_replaced() {
    let place = Place::new();
    let (spool, _) = three_segments(&place);
    drop(spool);
    let first = place.files("spool")[0].clone();
    flip(&first, 16, 1);
    let earlier = place.path().join(format!("{}.damaged", first.display()));
    fs::write(&earlier, "from an earlier time").unwrap();
    drop(place.open(segments_of(200)));
    assert_eq!(fs::read(&earlier).unwrap(), b"from an earlier time");
    assert!(place.path().join(format!("{}.damaged.1", first.display())).exists());
}

#[test]
fn without_a_cursor_all_is_shown_again() {
    let place = Place::new();
    let (mut spool, records) = three_segments(&place);
    spool.peek(2, usize::MAX).unwrap();
    spool.remove(2).unwrap();
    drop(spool);
    fs::remove_file(place.path().join("cursor")).unwrap();
    assert_eq!(all(&mut place.open(segments_of(200))), records);
}
