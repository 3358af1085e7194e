//! `milepost tail`: a log that is followed, in pieces.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Read, Write as _},
    thread,
    time::{Duration, Instant},
};

use milepost_testkit::Server;

use crate::{
    machine::{Machine, Opened, log_of, open, reports, steps},
    senders::Sender,
    shells::SHELLS,
};

/// A look is taken every five seconds; this is room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// A log as it arrives.
struct Arriving<'a> {
    server: &'a Server,
    build: &'a Opened,
    /// What the service tells of the host, each time that something comes.
    changes: Lines<BufReader<Box<dyn Read>>>,
}

impl<'a> Arriving<'a> {
    fn of(server: &'a Server, build: &'a Opened, host: &str) -> Self {
        let stream = server.read().open_stream(&format!("/api/v2/events?search=name+%3D+{host}"), &[]);
        Self { server, build, changes: BufReader::new(stream).lines() }
    }

    /// The pieces that arrived, once they say this.
    #[track_caller]
    fn until(&mut self, word: &str) -> String {
        let began = Instant::now();
        loop {
            let with_log =
                reports(self.server, self.build).into_iter().filter(|report| report["log_bytes"] != 0);
            let text: String = with_log.map(|report| log_of(self.server, self.build, &report)).collect();
            if text.contains(word) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "'{word}' did not arrive: {text}");
            // Of a change, or that the stream is alive.
            while !self.changes.next().unwrap().unwrap().is_empty() {}
        }
    }
}

#[test]
fn a_log_arrives_in_pieces_under_the_step_that_was_reported_last() {
    let server = Server::start();
    thread::scope(|scope| {
        for (at, shell) in SHELLS.into_iter().enumerate() {
            let server = &server;
            scope.spawn(move || {
                let host = format!("web{at}.example.com");
                let build = open(server, &host);
                let mut log_there = Arriving::of(server, &build, &host);
                let machine = Machine::new(shell, Sender::Curl, &server.url, &build.token);
                let log = machine.write("installer.log", b"first\n");
                // Its output is a pipe that is read to its end, so a follower that held it would hold us.
                let outcome = machine.run(
                    "milepost step packages init -m 'a b' -p 7; exec 3>&1 4>&2; milepost tail installer.log; echo started",
                );
                assert_eq!((outcome.status, outcome.out.as_str(), outcome.err.as_str()), (0, "started\n", ""));
                assert_eq!(log_there.until("first"), "first\n", "{shell:?}");
                let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
                file.write_all("second 100% für\n".as_bytes()).unwrap();
                assert_eq!(log_there.until("second"), "first\nsecond 100% für\n", "{shell:?}");
                // Written anew, as by a rotation.
                fs::write(&log, "third\n").unwrap();
                log_there.until("third");
                // Too much for one look: the end of it goes.
                let much = "x".repeat(99) + "\n";
                fs::write(&log, much.repeat(5000) + "fourth\n").unwrap();
                let size = log_there.until("fourth").len();
                assert!((60_000..70_000).contains(&size), "{shell:?}: {size} bytes");

                let steps = steps(server, &build);
                assert!(steps.iter().all(|step| step == "packages/init"), "{shell:?}: {steps:?}");
                let build = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
                assert_eq!(build["state"], "running", "{shell:?}");
                // With the directory of the machine goes the file that keeps the follower alive.
            });
        }
    });
}
