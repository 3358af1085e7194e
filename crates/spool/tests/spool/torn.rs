//! A write that the end of the process or the machine cut off.

use std::fs::OpenOptions;

use milepost_spool::Record;
use proptest::{collection::vec, prelude::*};

use crate::place::{Place, all, length, record, segments_of};

/// Appends of several records each.
fn appends() -> impl Strategy<Value = Vec<Vec<usize>>> {
    vec(vec(0..90_usize, 1..4), 0..8)
}

/// Numbers the records through.
fn records(appends: &[Vec<usize>]) -> Vec<Vec<Record>> {
    let mut numbers = 0..;
    let mut of =
        |sizes: &Vec<usize>| sizes.iter().map(|size| record(numbers.next().unwrap(), *size)).collect();
    appends.iter().map(&mut of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Where the file ends early, and where it has its length but not yet its bytes.
    #[test]
    fn all_that_was_acknowledged_is_there(
        acknowledged in appends(),
        torn in vec(0..90_usize, 1..6),
        at in any::<prop::sample::Index>(),
        zeros in any::<bool>(),
    ) {
        let place = Place::new();
        let mut appends = acknowledged;
        appends.push(torn);
        let mut appends = records(&appends);
        let torn = appends.pop().unwrap();
        let mut spool = place.open(segments_of(400));
        for records in &appends {
            spool.append(records).unwrap();
        }
        let before: Vec<u64> = place.files("spool").iter().map(|path| length(path)).collect();
        spool.append(&torn).unwrap();
        drop(spool);

        let segments = place.files("spool");
        let last = segments.last().unwrap();
        let (begin, end) = (before.get(segments.len() - 1).copied().unwrap_or(0), length(last));
        let cut = begin + u64::try_from(at.index(usize::try_from(end - begin).unwrap() + 1)).unwrap();
        let file = OpenOptions::new().write(true).open(last).unwrap();
        file.set_len(cut).unwrap();
        if zeros {
            file.set_len(end).unwrap();
        }
        drop(file);

        let mut spool = place.open(segments_of(400));
        let found = all(&mut spool);
        let whole: Vec<Record> = appends.concat();
        prop_assert!(found.starts_with(&whole));
        prop_assert!(torn.starts_with(&found[whole.len()..]));
        if !zeros {
            prop_assert!(place.files("damaged").is_empty(), "nothing was lost, so nobody has to look");
        }

        let more = record(1000, 40);
        spool.append(std::slice::from_ref(&more)).unwrap();
        drop(spool);
        let mut expected = found;
        expected.push(more);
        prop_assert_eq!(all(&mut place.open(segments_of(400))), expected);
    }
}
