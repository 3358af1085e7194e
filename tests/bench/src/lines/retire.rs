//! What it takes to get rid of the oldest day.
//!
//! The rule it protects: the whole command counts, `milepost prune` from its start to its end; and it
//! is looked at whether that day has gone, and no other.

use std::time::{Duration, Instant};

use super::{Line, in_turns};
use crate::{
    database::Database,
    failure::{Context as _, Failure, Result},
    findings::Findings,
    process,
    results::{Judged, Spec},
    seed::{self, DAYS, STORED, STORED_NAIVE},
    units::Unit,
    world::{self, World},
};

pub(crate) const LINE: Line = Line {
    names: &["retire"],
    compares: "`milepost prune` of a day with DELETE and VACUUM of a plain table, a thirtieth of --reports",
    quick: false,
    takes: (0, 30),
    // Together with the line about growth, whose rows it shares.
    seeds: 8,
    round,
};

const LIMIT: Duration = Duration::from_secs(300);

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

/// How many reports are stored of a day.
fn reports(database: &Database, day: u32) -> Result<u64> {
    let (from, to) = (lowest_id(day), lowest_id(day + 1));
    let sql = format!("SELECT count(*) AS value FROM reports WHERE build_id >= {from} AND build_id < {to}");
    database.number(STORED, &sql)
}

/// Gets rid of the oldest day, as whoever runs the service does it; answers seconds and reports.
fn prune(world: &World, day: u32) -> Result<(f64, u64)> {
    let before = reports(&world.database, day)?;
    let url = world.database.url(STORED)?;
    // A day goes when it has been over for so many days.
    let kept = (DAYS - day - 1).to_string();
    let mut prune = world::command(&world.service);
    prune.args(["prune", "--database-url", &url, "--retention-reports-days", &kept]);
    prune.arg("--data-dir").arg(world.data_dir());
    let begun = Instant::now();
    process::output("milepost prune", &mut prune, LIMIT)?;
    let took = begun.elapsed().as_secs_f64();
    let (left, next) = (reports(&world.database, day)?, reports(&world.database, day + 1)?);
    if before == 0 || left > 0 || next == 0 {
        return Err(Failure::new(format!(
            "the oldest day had {before} reports, has {left}, and the next one has {next}; it alone was to go"
        )));
    }
    Ok((took, before))
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
    let ((ours, reports), theirs) =
        in_turns(world, round, |world| prune(world, day), |world| delete_day(&world.database, day))?;
    findings.results.add(SPEC, ours, Some(theirs));
    findings.note(format!(
        "The day that is retired has about {} reports.",
        world.options.reports / u64::from(DAYS)
    ));
    world.narrator.say(&format!(
        "  {reports} reports: pruned in {}; deleted and vacuumed in {}",
        Unit::Seconds.show(ours),
        Unit::Seconds.show(theirs)
    ));
    Ok(())
}
