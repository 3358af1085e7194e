//! How fast the progress of a host is answered: often asked for, and never asked for before.

use super::{Line, in_turns};
use crate::{
    database::Database,
    failure::{Failure, Result},
    findings::Findings,
    http::{Client, get},
    results::{Judged, Spec},
    seed,
    steps::write_lines,
    subject::Subject,
    units::Unit,
    world::{NAIVE, World},
    wrk::{self, Outcome},
};

pub(crate) const CACHED: Line = Line {
    names: &["progress-cached"],
    compares: "GET progress of 100 hosts over 64 connections with hello-world of the same kind of server",
    quick: true,
    takes: (2, 4),
    seeds: 0,
    round: cached,
};

pub(crate) const DATABASE: Line = Line {
    names: &["progress-database"],
    compares: "GET progress of hosts that nobody asked for since the start, with a goal in requests/s",
    quick: false,
    takes: (1, 6),
    seeds: 0,
    round: database,
};

const CONNECTIONS: usize = 64;
/// How many hosts a screen full of them has.
const OFTEN: usize = 100;

const CACHED_SPEC: Spec = Spec {
    what: "progress of a host, cached",
    against: "hello-world",
    unit: Unit::Rate,
    judged: Judged::RatioUp,
    goal: Some(0.6),
    heroic: Some(0.8),
};
const DATABASE_SPEC: Spec = Spec {
    what: "progress of a host, from the database",
    against: "",
    unit: Unit::Rate,
    judged: Judged::ValueUp,
    goal: Some(5000.0),
    heroic: None,
};

/// The path of a host's progress.
fn path(host: &str) -> String {
    format!("/api/v2/hosts/{host}/progress")
}

fn say(world: &World, what: &str, outcome: Outcome) {
    let rate = Unit::Rate.show(outcome.rate);
    world.narrator.say(&format!("  {what}: {rate}, p50 {:.2} ms, p99 {:.1} ms", outcome.p50, outcome.p99));
}

fn cached(world: &mut World, round: u32, findings: &mut Findings) -> Result<()> {
    write_lines(&world.place, "paths-often", world.fleet.hosts.iter().take(OFTEN).map(|host| path(host)))?;
    write_lines(&world.place, "paths-hello", ["/hello", "/hello"])?;
    let ours = |world: &World| -> Result<Outcome> {
        let server = Subject::Service.start(world)?;
        // Each of them has something to show: half of an installation.
        let mut client = Client::new(&server.url)?;
        for token in world.fleet.tokens.iter().take(OFTEN) {
            for at in (0..world.fleet.steps.len() / 2).step_by(16) {
                let form = world.fleet.form(token, at);
                let answer = client.send(&crate::http::post_form(&server.url, "/unattended/step", &form))?;
                if !answer.is_success() {
                    return Err(Failure::new(answer.text()));
                }
            }
        }
        for host in world.fleet.hosts.iter().take(OFTEN) {
            let answer = client.send(&get(&server.url, &path(host), &world.token))?;
            if !answer.is_success() || !answer.text().contains("\"percent\"") {
                return Err(Failure::new(format!("progress: {} {}", answer.status, answer.text())));
            }
        }
        let outcome = wrk::gets(world, &server.url, "paths-often", &world.token, CONNECTIONS)?;
        say(world, "progress, cached", outcome);
        Ok(outcome)
    };
    let theirs = |world: &World| -> Result<Outcome> {
        let server = world.start_naive(NAIVE)?;
        let outcome = wrk::gets(world, &server.url, "paths-hello", &world.token, CONNECTIONS)?;
        say(world, "hello-world", outcome);
        Ok(outcome)
    };
    let (ours, theirs) = in_turns(world, round, ours, theirs)?;
    findings.results.add(CACHED_SPEC, ours.rate, Some(theirs.rate));
    Ok(())
}

/// Progress of hosts that are in no cache, for the service on this database. Each is asked for once.
pub(super) fn never_asked(world: &World, database: &str) -> Result<Outcome> {
    let hosts = Database::texts(&world.database, database, seed::HOSTS)?;
    write_lines(&world.place, "paths-seldom", hosts.iter().map(|host| path(host)))?;
    let server = world.start_service(database)?;
    let outcome = wrk::gets(world, &server.url, "paths-seldom", &world.token, CONNECTIONS)?;
    if outcome.answered > u64::try_from(hosts.len())? {
        world.narrator.say("  there are fewer hosts than answers: some were asked for twice");
    }
    Ok(outcome)
}

fn database(world: &mut World, _: u32, findings: &mut Findings) -> Result<()> {
    seed::fleet(world)?;
    let outcome = never_asked(world, seed::FLEET)?;
    say(world, "progress, from the database", outcome);
    findings.results.add(DATABASE_SPEC, outcome.rate, None);
    Ok(())
}
