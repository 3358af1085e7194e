//! A file system without room.

use std::{fs, path::Path, process::Command};

use milepost_spool::{Error, NoRoom, Spool};

use crate::place::{Place, all, child, child_directory, drain, files, length, record, segments_of};

const CHILD: &str = "full::child_that_fills_its_disk";

#[test]
#[ignore = "the part of a child, whose disk is small"]
fn child_that_fills_its_disk() {
    let Some(directory) = child_directory() else { return };
    let limits = segments_of(if directory.ends_with("one") { 1 << 30 } else { 10_000 });
    let mut spool = Spool::open(&directory, limits).unwrap();
    let mut stored = Vec::new();
    // Large ones, then small ones into what is left.
    for size in [3000, 300, 30, 0] {
        for number in 0.. {
            let some = [record(number, size), record(number + 1000, size)];
            match spool.append(&some) {
                Ok(()) => stored.extend(some),
                Err(error) => {
                    assert!(matches!(error, Error::Full { cause: NoRoom::System(_), .. }), "{error}");
                    assert!(error.to_string().contains("Free some space"), "{error}");
                    break;
                }
            }
        }
        assert_eq!(spool.backlog().records, u64::try_from(stored.len()).unwrap());
        let on_disk: u64 = files(&directory, "spool").iter().map(|path| length(path)).sum();
        assert_eq!(spool.backlog().bytes, on_disk, "nothing is left of the one that failed");
    }
    assert!(stored.len() > 20);
    assert_eq!(all(&mut spool), stored);
    drop(spool);

    let mut spool = Spool::open(&directory, limits).unwrap();
    assert_eq!(all(&mut spool), stored, "a full spool can be opened");
    assert_eq!(drain(&mut spool), stored, "and emptied");
    drop(spool);

    let mut spool = Spool::open(&directory, limits).unwrap();
    spool.append(&stored[..4]).unwrap();
    assert_eq!(all(&mut spool), stored[..4], "and filled again");
    assert!(files(&directory, "damaged").is_empty());
}

fn passes(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

/// Works everywhere; the limit is met in the middle of a write.
#[test]
fn a_file_that_may_not_grow_further_is_a_full_spool() {
    let place = Place::new();
    let limited = "trap '' XFSZ; ulimit -f 101; exec \"$@\"";
    passes(child(&["sh", "-c", limited, "sh"], CHILD, &place.path().join("one")));
}

#[test]
fn a_full_disk_is_a_full_spool() {
    let small = "mount -t tmpfs -o size=64k tmpfs \"$0\" && exec \"$@\"";
    let own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", small];
    for spool in ["one", "many"] {
        let place = Place::new();
        fs::create_dir(place.path()).unwrap();
        let disk = place.path();
        let mut through = own_mounts.to_vec();
        through.push(disk.to_str().unwrap());
        if !can_mount(&through) {
            eprintln!("not tested: no file system can be mounted here");
            return;
        }
        passes(child(&through, CHILD, &disk.join(spool)));
    }
}

fn can_mount(through: &[&str]) -> bool {
    let (program, arguments) = through.split_first().unwrap();
    Path::new("/proc/self/ns/user").exists()
        && Command::new(program).args(arguments).arg("true").status().is_ok_and(|status| status.success())
}
