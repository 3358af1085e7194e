//! A power cut brings back any earlier cursor, for that is not synced; segments are.

use std::fs;

use milepost_spool::Record;
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::place::{Place, all, record, segments_of};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_earlier_cursor_hides_nothing(
        lives in vec((vec((0..4_usize, 0..5_usize), 0..8), any::<Index>()), 1..6),
    ) {
        let place = Place::new();
        let cursor = place.path().join("cursor");
        // What the disk may hold of it, the oldest first.
        let mut history: Vec<Option<Vec<u8>>> = vec![None];
        let mut waiting: Vec<Record> = Vec::new();
        let mut number = 0;
        for (steps, brought_back) in lives {
            let mut spool = place.open(segments_of(150));
            let found = all(&mut spool);
            prop_assert!(found.ends_with(&waiting), "{:?} are hidden of {:?}", found, waiting);
            waiting = found;
            for (appended, removed) in steps {
                let records: Vec<Record> = (number..).take(appended).map(|number| record(number, 30)).collect();
                number += 10;
                spool.append(&records).unwrap();
                waiting.extend(records);
                let shown = spool.peek(removed.max(1), usize::MAX).unwrap().len().min(removed);
                spool.remove(shown).unwrap();
                waiting.drain(..shown);
                history.push(fs::read(&cursor).ok());
            }
            drop(spool);
            history.truncate(brought_back.index(history.len()) + 1);
            match history.last().unwrap() {
                Some(bytes) => fs::write(&cursor, bytes).unwrap(),
                None => drop(fs::remove_file(&cursor)),
            }
        }
        let found = all(&mut place.open(segments_of(150)));
        prop_assert!(found.ends_with(&waiting));
        prop_assert!(place.files("damaged").is_empty());
    }
}
