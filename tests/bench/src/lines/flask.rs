//! Durable reports a second against the daemon that a site writes for itself.

use super::Line;
use crate::{
    failure::Result,
    findings::Findings,
    results::{Judged, Spec},
    subject::{Subject, ingest},
    units::Unit,
    world::World,
};

pub(crate) const LINE: Line = Line {
    names: &["flask"],
    compares: "durable reports/s over 64 and 256 connections with Flask, gunicorn and SQLite, journal DELETE and WAL",
    quick: false,
    takes: (6, 18),
    seeds: 0,
    round,
};

const fn spec(what: &'static str, against: &'static str, goal: f64, heroic: f64) -> Spec {
    let (unit, judged) = (Unit::Rate, Judged::RatioUp);
    Spec { what, against, unit, judged, goal: Some(goal), heroic: Some(heroic) }
}

fn round(world: &mut World, round: u32, findings: &mut Findings) -> Result<()> {
    for (what, connections) in [("reports/s, 64 connections", 64), ("reports/s, 256 connections", 256)] {
        // Ours stands between the two, next to both.
        let mut subjects = [Subject::FlaskDelete, Subject::Service, Subject::FlaskWal];
        if round.is_multiple_of(2) {
            subjects.reverse();
        }
        let mut rates = Vec::new();
        for subject in subjects {
            let run = ingest(world, subject, connections)?;
            let work = format!("{}, {connections} connections", subject.name());
            findings.add_work(&work, run.split, run.outcome);
            rates.push((subject, run.outcome.rate));
        }
        let rate = |wanted: Subject| {
            rates.iter().find(|(subject, _)| *subject == wanted).map_or(0.0, |(_, rate)| *rate)
        };
        let ours = rate(Subject::Service);
        let delete = spec(what, "Flask DELETE", 30.0, 60.0);
        findings.results.add(delete, ours, Some(rate(Subject::FlaskDelete)));
        findings.results.add(spec(what, "Flask WAL", 12.0, 25.0), ours, Some(rate(Subject::FlaskWal)));
    }
    Ok(())
}
