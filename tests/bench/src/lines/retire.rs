//! What it takes to get rid of the oldest day.
//!
//! The rule it protects: the day is dropped by SQL here, as a partition that was attached when the
//! reports were made up (`src/seed/copy.rs`); once `milepost prune` does it, that is to be called.

use std::time::Instant;

use super::{Line, in_turns};
use crate::{
    database::Database,
    failure::{Context as _, Failure, Result},
    findings::Findings,
    results::{Judged, Spec},
    seed::{self, DAYS, STORED, STORED_NAIVE},
    units::Unit,
    world::World,
};

pub(crate) const LINE: Line = Line {
    names: &["retire"],
    compares: "dropping the partition of a day with DELETE and VACUUM of a plain table, a thirtieth of --reports",
    quick: false,
    takes: (0, 30),
    // Together with the line about growth, whose rows it shares.
    seeds: 8,
    round,
};

const SPEC: Spec = Spec {
    what: "retiring a day",
    against: "DELETE + VACUUM",
    unit: Unit::Seconds,
    judged: Judged::ValueDown,
    goal: Some(0.1),
    heroic: None,
};

/// Midnight of a day that was made up, as SQL.
fn midnight(day: u32) -> String {
    let ago = DAYS - day;
    format!("(date_trunc('day', now(), 'UTC') - interval '{ago} days')")
}

/// The lowest id that a build of that day can have, as SQL.
fn lowest_id(day: u32) -> String {
    let at = midnight(day);
    format!("(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid")
}

/// Drops the partitions that hold a day; answers seconds and reports.
fn drop_day(database: &Database, day: u32) -> Result<(f64, u64)> {
    let of_day = format!("build_id >= {} AND build_id < {}", lowest_id(day), lowest_id(day + 1));
    let reports =
        database.number(STORED, &format!("SELECT count(*) AS value FROM reports WHERE {of_day}"))?;
    let mut partitions = Vec::new();
    for table in ["reports", "report_logs"] {
        let sql = format!("SELECT DISTINCT tableoid::regclass::text AS value FROM {table} WHERE {of_day}");
        partitions.extend(database.texts(STORED, &sql)?);
    }
    let whole =
        |name: &String| ["reports", "report_logs"].contains(&name.as_str()) || name.ends_with("default");
    if partitions.is_empty() || partitions.iter().any(whole) {
        return Err(Failure::new(format!("there is no partition for the day alone: {partitions:?}")));
    }
    let begun = Instant::now();
    database.execute(STORED, &format!("DROP TABLE {}", partitions.join(", ")))?;
    Ok((begun.elapsed().as_secs_f64(), reports))
}

fn delete_day(database: &Database, day: u32) -> Result<f64> {
    let (from, to) = (midnight(day), midnight(day + 1));
    let begun = Instant::now();
    database.execute(
        STORED_NAIVE,
        &format!("DELETE FROM reports WHERE received_at >= {from} AND received_at < {to}"),
    )?;
    database.execute(STORED_NAIVE, "VACUUM reports")?;
    Ok(begun.elapsed().as_secs_f64())
}

fn round(world: &mut World, round: u32, findings: &mut Findings) -> Result<()> {
    seed::stored(world)?;
    let day = round.checked_sub(1).filter(|day| *day < DAYS).context("there are no more days to retire")?;
    world.database.execute("postgres", "CHECKPOINT")?;
    let ((ours, reports), theirs) = in_turns(
        world,
        round,
        |world| drop_day(&world.database, day),
        |world| delete_day(&world.database, day),
    )?;
    findings.results.add(SPEC, ours, Some(theirs));
    findings.note(format!("The day that is retired has {reports} reports."));
    world.narrator.say(&format!(
        "  {reports} reports: dropped in {}; deleted and vacuumed in {}",
        Unit::Seconds.show(ours),
        Unit::Seconds.show(theirs)
    ));
    Ok(())
}
