//! What lies on the disk: other builds have to read it.

use std::{fs, os::unix::fs::PermissionsExt};

use milepost_spool::{Error, Record, Spool};

use crate::place::{Place, all, segments_of};

/// A segment with one record, byte by byte.
const SEGMENT: [u8; 45] = [
    b'M', b'P', b'S', b'P', b'O', b'O', b'L', b'\n', // magic
    1, 0, 0, 0, // format version
    0x6a, 0xb1, 0xbe, 0x45, // CRC of the 12 bytes before
    9, 0, 0, 0, // length
    0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // time: -2
    0x26, 0x39, 0xf4, 0xcb, // CRC of the payload: the check value of CRC-32
    0x9e, 0x01, 0x17, 0x66, // CRC of the 16 bytes before
    b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'8', b'9',
];
const NAME: &str = "00000000000000000000.spool";

fn stored() -> Record {
    Record { at_micros: -2, payload: b"123456789".to_vec() }
}

#[test]
fn a_segment_is_written_byte_by_byte_as_it_is_described() {
    let place = Place::new();
    place.open(segments_of(1000)).append(&[stored()]).unwrap();
    assert_eq!(fs::read(place.path().join(NAME)).unwrap(), SEGMENT);
}

#[test]
fn a_segment_of_this_format_is_read() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    fs::write(place.path().join(NAME), SEGMENT).unwrap();
    assert_eq!(all(&mut place.open(segments_of(1000))), [stored()]);
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    let torn = &SEGMENT[..30];
    let mut newer = SEGMENT;
    newer[8] = 2;
    let crc = crc32fast::hash(&newer[..12]);
    newer[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(place.path().join(NAME), newer).unwrap();
    fs::write(place.path().join("00000000000000000001.spool"), torn).unwrap();

    let error = Spool::open(&place.path(), segments_of(1000)).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("Start the newer version"), "{error}");
    assert_eq!(fs::read(place.path().join(NAME)).unwrap(), newer);
    assert_eq!(fs::read(place.path().join("00000000000000000001.spool")).unwrap(), torn);
}

#[test]
fn nobody_else_may_read_it() {
    let place = Place::new();
    let directory = place.path().join("of/its/own");
    let mut spool = Spool::open(&directory, segments_of(1000)).unwrap();
    spool.append(&[stored(), stored()]).unwrap();
    spool.peek(1, 0).unwrap();
    spool.remove(1).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.clone()), 0o700);
    for name in [NAME, "cursor", "lock"] {
        assert_eq!(mode(directory.join(name)), 0o600, "{name}");
    }
}

#[test]
fn other_files_are_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path()).unwrap();
    for name in ["1.spool", "notes.spool", "0000000000000000000x.spool", "99999999999999999999.spool"] {
        fs::write(place.path().join(name), "mine").unwrap();
    }
    let mut spool = place.open(segments_of(1000));
    spool.append(&[stored()]).unwrap();
    assert_eq!(all(&mut spool), [stored()]);
    assert_eq!(place.files("spool").len(), 5);
}
