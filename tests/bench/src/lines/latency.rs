//! How long a report takes: at a fixed rate, and alone.

use super::Line;
use crate::{
    failure::{Failure, Result},
    findings::Findings,
    pace::{self, Paced},
    process::Server,
    results::{Judged, Spec},
    subject::Subject,
    units::Unit,
    world::World,
    wrk,
};

pub(crate) const FIXED: Line = Line {
    names: &["latency"],
    compares: "p50 and p99 at 1,000, 5,000 and 10,000 reports/s with the disk's fdatasync",
    quick: false,
    takes: (3, 12),
    seeds: 0,
    round: fixed,
};

pub(crate) const LONE: Line = Line {
    names: &["lone"],
    compares: "one report after another, nothing else going on, with the disk's fdatasync",
    quick: true,
    takes: (1, 5),
    seeds: 0,
    round: lone,
};

const RATES: [u64; 3] = [1000, 5000, 10_000];
/// The rate that the goals speak of.
const JUDGED: u64 = 5000;
const DISK_SECONDS: u64 = 4;

const P50: Spec = Spec {
    what: "p50 at 5,000 reports/s",
    against: "fdatasync p50",
    unit: Unit::Micros,
    judged: Judged::RatioDown,
    goal: Some(8.0),
    heroic: None,
};
const P99: Spec = Spec {
    what: "p99 at 5,000 reports/s",
    against: "fdatasync p99",
    unit: Unit::Micros,
    judged: Judged::ValueDown,
    goal: Some(25_000.0),
    heroic: Some(10_000.0),
};
const ALONE: Spec = Spec {
    what: "one lone report, p50",
    against: "fdatasync p50",
    unit: Unit::Micros,
    judged: Judged::ValueDown,
    goal: Some(1500.0),
    heroic: Some(800.0),
};

/// The service on a fresh database, warmed up; with how many reports that took.
fn warm(world: &World) -> Result<(Server, u64)> {
    let server = Subject::Service.start(world)?;
    let sent = wrk::warm_up(world, &server.url, &world.fleet.tokens)?;
    Ok((server, sent))
}

/// Here nothing is cut off, so the numbers have to be equal.
fn check(world: &World, server: Server, sent: u64) -> Result<()> {
    drop(server);
    let stored = Subject::Service.stored(world)?;
    Subject::Service.check_stored(stored, sent, 0)
}

fn at_rate(world: &World, rate: u64) -> Result<Paced> {
    let (server, warmed) = warm(world)?;
    let paced = pace::at_rate(world, &server.url, &world.fleet.tokens, rate)?;
    check(world, server, warmed + paced.answered)?;
    let show = |share: f64| Unit::Micros.show(paced.latencies.quantile(share));
    world.narrator.say(&format!(
        "  {rate} reports/s: p50 {}, p99 {}, answered {}{}",
        show(0.5),
        show(0.99),
        Unit::Rate.show(paced.answered_rate),
        if paced.kept_up() { "" } else { ": the service fell behind" }
    ));
    Ok(paced)
}

fn fixed(world: &mut World, _: u32, findings: &mut Findings) -> Result<()> {
    let disk = findings.measure_disk(world, DISK_SECONDS)?;
    for rate in RATES {
        let paced = at_rate(world, rate)?;
        if rate == JUDGED {
            let of = |share: f64| (paced.latencies.quantile(share), Some(disk.quantile(share)));
            let ((p50, disk_p50), (p99, disk_p99)) = (of(0.5), of(0.99));
            findings.results.add(P50, p50, disk_p50);
            findings.results.add(P99, p99, disk_p99);
        }
        if !paced.kept_up() {
            findings.note(format!(
                "At {rate} reports/s the service fell behind in at least one round: the latencies at that rate \
                 grow with the length of the run and say only that."
            ));
        }
        findings.add_paced(rate, paced);
    }
    Ok(())
}

fn lone(world: &mut World, _: u32, findings: &mut Findings) -> Result<()> {
    let disk = findings.measure_disk(world, 2)?;
    let (server, warmed) = warm(world)?;
    let seen = pace::lone(world, &server.url, &world.fleet.tokens)?;
    if seen.len() == 0 {
        return Err(Failure::new("no report was answered"));
    }
    check(world, server, warmed + u64::try_from(seen.len())?)?;
    let (ours, theirs) = (seen.quantile(0.5), disk.quantile(0.5));
    findings.results.add(ALONE, ours, Some(theirs));
    let show = |value| Unit::Micros.show(value);
    world.narrator.say(&format!(
        "  alone: p50 {}, p99 {}; the disk: p50 {}, p99 {}",
        show(ours),
        show(seen.quantile(0.99)),
        show(theirs),
        show(disk.quantile(0.99))
    ));
    Ok(())
}
