//! Makes databases that look as if the service had been at work for a month.
//!
//! The rule it protects: what is stored beforehand is what the service itself would have stored. It
//! is copied from one installation that the service was really told of; only ids, names and times
//! differ. So a change of the schema needs no change here.

mod copy;
mod naive;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    database::Database,
    failure::{Failure, Result},
    http::{Client, get, post_form},
    world::{BASE, World},
};

pub(crate) use naive::STORED as STORED_NAIVE;

/// Many hosts with a build each, and hardly any report.
pub(crate) const FLEET: &str = "fleet";
/// A month of reports.
pub(crate) const STORED: &str = "stored";
/// The names of the hosts that were made up, in no order.
pub(crate) const HOSTS: &str =
    "SELECT name AS value FROM hosts WHERE name LIKE 'seeded-%' ORDER BY md5(name || now()::text)";
/// Over how many days the reports are spread; the last one is yesterday.
pub(crate) const DAYS: u32 = 30;
/// More hosts than any cache holds, and than are asked for within a few seconds.
const HOSTS_OF_FLEET: u64 = 60_000;

/// Sends a whole installation of the first build to a service on this database.
fn tell_one(world: &World, database: &str) -> Result<()> {
    let server = world.start_service(database)?;
    let mut client = Client::new(&server.url)?;
    let token = world.fleet.tokens.first().map_or("", String::as_str);
    for at in 0..world.fleet.steps.len() {
        let form = world.fleet.form(token, at);
        let answer = client.send(&post_form(&server.url, "/unattended/step", &form))?;
        if !answer.is_success() {
            return Err(Failure::new(format!("{} {}", answer.status, answer.text())));
        }
    }
    Ok(())
}

/// Asks the service for one of the hosts that were made up.
fn ask_for_one(world: &World, database: &str) -> Result<()> {
    let hosts = world.database.texts(database, HOSTS)?;
    let server = world.start_service(database)?;
    let path = format!("/api/v2/hosts/{}/progress", hosts.first().map_or("", String::as_str));
    let answer = Client::new(&server.url)?.send(&get(&server.url, &path, &world.token))?;
    if answer.status == 200 && answer.text().contains("\"state\":\"completed\"") {
        return Ok(());
    }
    let said = answer.text();
    Err(Failure::new(format!("a host that was made up does not look real: {} {said}", answer.status)))
}

/// Makes [`FLEET`], once.
pub(crate) fn fleet(world: &World) -> Result<()> {
    static MADE: AtomicBool = AtomicBool::new(false);
    if MADE.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    world.narrator.say(&format!("  making up {HOSTS_OF_FLEET} hosts with a build each"));
    world.database.copy(BASE, FLEET)?;
    tell_one(world, FLEET)?;
    let first = world.fleet.hosts.first().map_or("", String::as_str);
    copy::builds(&world.database, FLEET, first, HOSTS_OF_FLEET)?;
    world.database.execute(FLEET, copy::CLEAN)?;
    world.database.execute(FLEET, "VACUUM ANALYZE")?;
    ask_for_one(world, FLEET)
}

/// Makes [`STORED`], and [`STORED_NAIVE`] where it is wanted, once.
pub(crate) fn stored(world: &mut World) -> Result<()> {
    static MADE: AtomicBool = AtomicBool::new(false);
    if MADE.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let (reports, with_naive) = (world.options.reports, world.wants("retire"));
    world.narrator.say(&format!("  making up {reports} reports; nothing is synced meanwhile"));
    world.database.copy(BASE, STORED)?;
    tell_one(world, STORED)?;
    let per_build = u64::try_from(world.fleet.steps.len())?;
    let builds = reports.div_ceil(per_build);
    let first = world.fleet.hosts.first().map_or("", String::as_str);
    let narrator = &world.narrator;
    world.database.seeding(|database| {
        copy::builds(database, STORED, first, builds)?;
        copy::partitions(database, STORED)?;
        let parts: [(&str, &(dyn Fn() -> Result<()> + Sync)); 3] = [
            ("reports", &|| copy::reports(database, STORED)),
            ("logs", &|| copy::logs(database, STORED)),
            ("naive reports", &|| {
                if with_naive { naive::reports(database, builds * per_build) } else { Ok(()) }
            }),
        ];
        all_at_once(&parts, &|name| narrator.say(&format!("  {name} are made up")))
    })?;
    check(&world.database, builds * per_build, with_naive)?;
    world.database.execute(STORED, copy::CLEAN)?;
    ask_for_one(world, STORED)?;
    world.narrator.say("  they are counted, and the service takes them for its own");
    Ok(())
}

/// Runs all of them, each in a thread of its own.
fn all_at_once(parts: &[(&str, &(dyn Fn() -> Result<()> + Sync))], done: &dyn Fn(&str)) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = parts.iter().map(|(name, part)| (name, scope.spawn(part))).collect();
        let mut result = Ok(());
        for (name, thread) in threads {
            let ended =
                thread.join().unwrap_or_else(|_| Err(Failure::new(format!("making up {name} panicked"))));
            if ended.is_ok() {
                done(name);
            }
            result = result.and(ended);
        }
        result
    })
}

/// Counts what was made up.
fn check(database: &Database, reports: u64, with_naive: bool) -> Result<()> {
    // Those of the installation that was copied are there as well.
    let count = |table| {
        format!("SELECT count(*) AS value FROM {table} WHERE build_id IN (SELECT id FROM seed.builds)")
    };
    // A log lies where the service puts one of that length; not all of them need a row of their own.
    let logs = database.number(
        STORED,
        "SELECT (SELECT count(*) FROM seed.logs) * (SELECT count(*) FROM seed.builds) AS value",
    )?;
    let mut counts = vec![
        ("reports", STORED, count("reports"), reports),
        ("rows of logs", STORED, count("report_logs"), logs),
    ];
    if with_naive {
        let all = "SELECT count(*) AS value FROM reports".to_owned();
        counts.push(("naive reports", STORED_NAIVE, all, reports));
    }
    for (what, name, sql, expected) in counts {
        let found = database.number(name, &sql)?;
        if found != expected {
            return Err(Failure::new(format!("{found} {what} were made up, not {expected}")));
        }
    }
    Ok(())
}
