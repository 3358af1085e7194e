//! Whatever is done in whatever order, a spool is a queue.

use std::collections::VecDeque;

use milepost_spool::{Error, Limits, NoRoom, Record};
use proptest::{collection::vec, prelude::*};

use crate::place::{Place, length, record};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<usize>),
    Peek { records: usize, bytes: usize },
    Remove(usize),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![Just(0_usize), 1..60_usize, 200..400_usize];
    let step = prop_oneof![
        4 => vec(size, 0..5).prop_map(Step::Append),
        3 => (0..12_usize, 0..700_usize).prop_map(|(records, bytes)| Step::Peek { records, bytes }),
        3 => (0..12_usize).prop_map(Step::Remove),
        1 => Just(Step::Reopen),
    ];
    vec(step, 1..40)
}

/// What [`milepost_spool::Spool::peek`] promises.
fn oldest(model: &VecDeque<Record>, records: usize, bytes: usize) -> Vec<Record> {
    let mut sum = 0;
    let fitting = model.iter().take(records.max(1)).enumerate().take_while(|(index, record)| {
        sum += record.payload.len();
        *index == 0 || sum <= bytes
    });
    fitting.map(|(_, record)| record.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_spool_is_a_queue(steps in steps()) {
        let limits = Limits { bytes: 2500, segment_bytes: 300 };
        let place = Place::new();
        let mut spool = place.open(limits);
        let mut model = VecDeque::new();
        let mut shown = 0;
        let mut number = 0;
        for step in steps {
            match step {
                Step::Append(sizes) => {
                    let records: Vec<Record> =
                        sizes.iter().zip(number..).map(|(size, number)| record(number, *size)).collect();
                    number += 10;
                    match spool.append(&records) {
                        Ok(()) => model.extend(records),
                        Err(Error::Full { needed, cause: NoRoom::Limit { used, limit }, .. }) => {
                            prop_assert_eq!((used, limit), (spool.backlog().bytes, limits.bytes));
                            prop_assert!(used + needed > limit);
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                Step::Peek { records, bytes } => {
                    let found = spool.peek(records, bytes).unwrap();
                    shown = found.len();
                    prop_assert_eq!(found, oldest(&model, records, bytes));
                }
                Step::Remove(n) if n <= shown => {
                    spool.remove(n).unwrap();
                    model.drain(..n);
                    shown -= n;
                }
                Step::Remove(n) => {
                    let error = spool.remove(n).unwrap_err();
                    prop_assert!(matches!(error, Error::NotShown { .. }), "{}", error);
                }
                Step::Reopen => {
                    drop(spool);
                    spool = place.open(limits);
                    shown = 0;
                }
            }
            let backlog = spool.backlog();
            let segments = place.files("spool");
            prop_assert_eq!(backlog.records, u64::try_from(model.len()).unwrap());
            prop_assert_eq!(backlog.oldest_micros, model.front().map(|record| record.at_micros));
            prop_assert_eq!(backlog.bytes, segments.iter().map(|path| length(path)).sum::<u64>());
            prop_assert!(backlog.bytes <= limits.bytes);
            prop_assert_eq!(segments.is_empty(), model.is_empty());
        }
        prop_assert!(place.files("damaged").is_empty());
    }
}
