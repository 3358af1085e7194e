//! How many pages may be open at once, and how soon all of them are told of a change.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::Line;
use crate::{
    failure::{Context as _, Failure, Result},
    findings::Findings,
    http::{Client, authority},
    results::{Judged, Spec},
    subject::Subject,
    units::Unit,
    usage::MemoryWatch,
    world::World,
};

pub(crate) const LINE: Line = Line {
    names: &["streams"],
    compares: "5,000 open streams of events: memory, and one change until all are told",
    quick: false,
    takes: (0, 15),
    seeds: 0,
    round,
};

const STREAMS: usize = 5_000;
/// How long anything may take here before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);
/// In each round.
const CHANGES: u32 = 5;

const MEMORY: Spec = Spec {
    what: "memory with 5,000 open streams",
    against: "",
    unit: Unit::MiB,
    judged: Judged::ValueDown,
    goal: Some(300.0),
    heroic: Some(150.0),
};

const TOLD: Spec = Spec {
    what: "one change until 5,000 streams are told",
    against: "",
    unit: Unit::Seconds,
    judged: Judged::ValueDown,
    goal: Some(1.0),
    heroic: Some(0.5),
};

/// A stream, and how many events it has got of the change that is waited for.
struct Looker {
    stream: TcpStream,
    events: u32,
}

/// Reads from all until each has got an event that begins so.
fn until_told(lookers: &mut [Looker], event: &[u8]) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut chunk = [0; 16 * 1024];
    loop {
        let mut waiting = 0;
        for looker in lookers.iter_mut().filter(|looker| looker.events == 0) {
            match looker.stream.read(&mut chunk) {
                Ok(0) => return Err(Failure::new("the service closed a stream")),
                Ok(read) => {
                    let bytes = chunk.get(..read).unwrap_or_default();
                    let found = bytes.windows(event.len()).filter(|window| *window == event).count();
                    looker.events += u32::try_from(found)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            waiting += usize::from(looker.events == 0);
        }
        if waiting == 0 {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Failure::new(format!(
                "{waiting} streams were not told within {} s",
                PATIENCE.as_secs()
            )));
        }
    }
}

/// What was told before does not count.
fn forget(lookers: &mut [Looker]) -> Result<()> {
    let mut chunk = [0; 16 * 1024];
    for looker in lookers {
        looker.events = 0;
        match looker.stream.read(&mut chunk) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn round(world: &mut World, _: u32, findings: &mut Findings) -> Result<()> {
    // On a copy: others count what is in the first one.
    let server = Subject::Service.start(world)?;
    let request = format!(
        "GET /api/v2/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        authority(&server.url),
        world.token
    );
    let watch = MemoryWatch::start(server.pid());
    let mut lookers = Vec::with_capacity(STREAMS);
    for _ in 0..STREAMS {
        let mut stream = TcpStream::connect(authority(&server.url))?;
        stream.write_all(request.as_bytes())?;
        stream.set_nonblocking(true)?;
        lookers.push(Looker { stream, events: 0 });
    }
    until_told(&mut lookers, b"event: ")?;
    let token = world.fleet.tokens.first().context("there is no build")?;
    let mut reporter = Client::new(&server.url)?;
    for change in 0..CHANGES {
        let label = if change % 2 == 0 { "get_ks" } else { "packages" };
        let report = format!(
            "GET /unattended/step/{token}/{label}/init HTTP/1.1\r\nHost: {}\r\n\r\n",
            authority(&server.url)
        );
        forget(&mut lookers)?;
        let begun = Instant::now();
        if !reporter.send(report.as_bytes())?.is_success() {
            return Err(Failure::new("a report was refused"));
        }
        // Not by a heartbeat.
        until_told(&mut lookers, b"event: build")?;
        let took = begun.elapsed().as_secs_f64();
        world.narrator.say(&format!("  all were told in {}", Unit::Seconds.show(took)));
        findings.results.add(TOLD, took, None);
    }
    let memory = watch.stop()?;
    world.narrator.say(&format!("  {} at the most", Unit::MiB.show(memory.peak)));
    findings.results.add(MEMORY, memory.peak, None);
    Ok(())
}
