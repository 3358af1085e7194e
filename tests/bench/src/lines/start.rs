//! How long the service takes until it can be used, with the PostgreSQL that it brings along.

use super::Line;
use crate::{
    failure::Result,
    findings::Findings,
    results::{Judged, Spec},
    units::Unit,
    world::World,
};

pub(crate) const LINE: Line = Line {
    names: &["start"],
    compares: "from exec to `listening on`, on an embedded PostgreSQL that was there before",
    quick: false,
    takes: (0, 4),
    seeds: 0,
    round,
};

/// In each round.
const STARTS: u32 = 3;

const SPEC: Spec = Spec {
    what: "start on a warm embedded PostgreSQL",
    against: "",
    unit: Unit::Seconds,
    judged: Judged::ValueDown,
    goal: Some(0.5),
    heroic: Some(0.2),
};

fn round(world: &mut World, _: u32, findings: &mut Findings) -> Result<()> {
    let data_dir = world.place.join("embedded");
    if !data_dir.exists() {
        world.narrator.say("  the first start makes the database, and is not measured");
        drop(world.start_embedded(&data_dir)?);
    }
    for _ in 0..STARTS {
        let server = world.start_embedded(&data_dir)?;
        let took = server.started_in.as_secs_f64();
        drop(server);
        world.narrator.say(&format!("  started in {}", Unit::Seconds.show(took)));
        findings.results.add(SPEC, took, None);
    }
    Ok(())
}
