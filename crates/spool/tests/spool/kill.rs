//! A process that is killed while it writes and removes.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::Stdio,
};

use milepost_spool::{Record, Spool};
use proptest::{collection::vec, prelude::*};

use crate::place::{Place, all, child, child_directory, record, segments_of};

const SEGMENT: u64 = 2000;
const SIZES: [usize; 5] = [0, 7, 300, 41, 90];

fn numbered(number: u64) -> Record {
    record(number, SIZES[usize::try_from(number).unwrap() % SIZES.len()])
}

/// What a child has said before it was killed.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    /// The records before this one were acknowledged.
    appended: u64,
    /// The records before this one were removed.
    removed: u64,
    /// The records before this one may have been.
    removing: u64,
}

impl Said {
    fn hear(&mut self, line: &str) {
        // The harness has begun a line of its own.
        let mut words = line.split("spool: ").last().unwrap_or_default().split(' ');
        let (Some(word), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) else { return };
        match word {
            "appended" => self.appended = number,
            "removing" => self.removing = number,
            "removed" => self.removed = number,
            _ => {}
        }
    }
}

#[test]
#[ignore = "the part of a child, which is killed"]
fn child_that_appends_and_removes() {
    let Some(directory) = child_directory() else { return };
    let mut spool = Spool::open(&directory, segments_of(SEGMENT)).unwrap();
    // Only what this process does is said, so it goes on where the last one was.
    let mut removed = std::env::var("REMOVED").unwrap().parse::<u64>().unwrap();
    let mut appended = removed + spool.backlog().records;
    let say = |word: &str, number: u64| writeln!(io::stdout(), "spool: {word} {number}").unwrap();
    say("removing", removed);
    say("removed", removed);
    for round in 0.. {
        let end = appended + 1 + round % 4;
        spool.append(&(appended..end).map(numbered).collect::<Vec<_>>()).unwrap();
        appended = end;
        say("appended", appended);
        if round % 3 == 0 {
            let shown = spool.peek(5, usize::MAX).unwrap().len();
            let end = removed + u64::try_from(shown).unwrap();
            say("removing", end);
            spool.remove(shown).unwrap();
            removed = end;
            say("removed", removed);
        }
    }
}

/// Lets a child work until it has said so many lines, and kills it.
fn kill_after(lines: usize, place: &Place, removed: u64) -> Said {
    let mut command = child(&[], "kill::child_that_appends_and_removes", &place.path());
    let mut child = command.env("REMOVED", removed.to_string()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = Said::default();
    let mut heard = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in heard.by_ref().take(lines) {
        said.hear(&line.unwrap());
    }
    child.kill().unwrap();
    // What is in the pipe was said as well; its last line may be half of one.
    for line in heard {
        said.hear(&line.unwrap());
    }
    assert!(!child.wait().unwrap().success());
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_and_what_was_removed_stays_so(kills in vec(5..150_usize, 3)) {
        let place = Place::new();
        let mut first = 0;
        for lines in kills {
            let said = kill_after(lines, &place, first);
            let found = all(&mut place.open(segments_of(SEGMENT)));
            let starts = [said.removed.max(first), said.removing.max(first)];
            let end = |start: u64| start + u64::try_from(found.len()).unwrap();
            // From either start; of what was acknowledged, none is missing at the end.
            let right = starts.into_iter().find(|start| {
                end(*start) >= said.appended
                    && found == (*start..end(*start)).map(numbered).collect::<Vec<_>>()
            });
            let Some(start) = right else {
                panic!("{said:?}: {} records, the first: {:?}", found.len(), found.first());
            };
            first = start;
            prop_assert!(place.files("damaged").is_empty());
        }
    }
}
