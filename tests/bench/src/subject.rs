//! Who takes reports: the service and the references, each with a fresh database for each run.
//!
//! The rule it protects: a throughput counts only reports that are in the database afterwards, no
//! fewer than were answered and no more than were sent.

use std::fs;

use crate::{
    database::{COUNT, size_of},
    failure::{Context as _, Failure, Result},
    process::Server,
    stats::number,
    usage::{Memory, MemoryWatch, Meter, Split},
    world::{BASE, NAIVE, World},
    wrk::{self, Outcome},
};

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Service,
    /// The service on a database of that name, which is kept as it is.
    ServiceOn(&'static str),
    Naive,
    FlaskDelete,
    FlaskWal,
}

/// What a run under full load showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ingested {
    pub(crate) outcome: Outcome,
    pub(crate) split: Split,
    pub(crate) memory: Memory,
    /// Of a report in the database with its log and all indexes; 0 where that is not measured.
    pub(crate) bytes: f64,
}

const RUN: &str = "run";
const FLASK_FILE: &str = "flask.db";

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Service | Self::ServiceOn(_) => "service",
            Self::Naive => "naive",
            Self::FlaskDelete => "Flask DELETE",
            Self::FlaskWal => "Flask WAL",
        }
    }

    fn journal(self) -> &'static str {
        if self == Self::FlaskWal { "WAL" } else { "DELETE" }
    }

    fn database(self) -> &'static str {
        if let Self::ServiceOn(name) = self { name } else { RUN }
    }

    /// A fresh database and the server on it.
    pub(crate) fn start(self, world: &World) -> Result<Server> {
        match self {
            Self::Service => {
                world.database.copy(BASE, RUN)?;
                world.start_service(RUN)
            }
            Self::ServiceOn(name) => {
                world.database.execute("postgres", "CHECKPOINT")?;
                world.start_service(name)
            }
            Self::Naive => {
                world.database.copy(NAIVE, RUN)?;
                world.start_naive(RUN)
            }
            Self::FlaskDelete | Self::FlaskWal => {
                for end in ["", "-wal", "-shm", "-journal"] {
                    // What is not there need not be removed.
                    let _ = fs::remove_file(world.place.join(&format!("{FLASK_FILE}{end}")));
                }
                let builds = world.fleet.tokens.len().to_string();
                world.flask_tool(&["make", FLASK_FILE, self.journal(), &builds])?;
                world.start_flask(FLASK_FILE, self.journal())
            }
        }
    }

    /// The builds' tokens.
    pub(crate) fn tokens(self, world: &World) -> Result<Vec<String>> {
        match self {
            Self::FlaskDelete | Self::FlaskWal => world.flask_tokens(),
            _ => Ok(world.fleet.tokens.clone()),
        }
    }

    fn tokens_file(self) -> &'static str {
        match self {
            Self::FlaskDelete | Self::FlaskWal => "tokens-flask",
            _ => "tokens",
        }
    }

    /// How many reports are stored.
    pub(crate) fn stored(self, world: &World) -> Result<u64> {
        match self {
            Self::FlaskDelete | Self::FlaskWal => {
                let count = world.flask_tool(&["count", FLASK_FILE])?;
                count.trim().parse().context("the count of the Flask reference")
            }
            _ => world.database.number(self.database(), COUNT),
        }
    }

    /// Bytes of a stored report with its log and all indexes; what the tables take while they are empty
    /// is left out. Only of fresh databases.
    fn bytes(self, world: &World, stored: u64) -> Result<f64> {
        let (empty, tables): (&str, &[&str]) = match self {
            Self::Service => (BASE, &["reports", "report_logs"]),
            Self::Naive => (NAIVE, &["reports"]),
            Self::ServiceOn(_) | Self::FlaskDelete | Self::FlaskWal => return Ok(0.0),
        };
        let size = |database: &str| world.database.number(database, &size_of(tables));
        let bytes = size(self.database())?.saturating_sub(size(empty)?);
        Ok(number(bytes) / number(stored.max(1)))
    }

    /// Fails unless there are as many reports as were answered, or a few more: those that were under
    /// way when the load ended.
    pub(crate) fn check_stored(self, stored: u64, answered: u64, under_way: usize) -> Result<()> {
        let most = answered + u64::try_from(under_way)?;
        if (answered..=most).contains(&stored) {
            return Ok(());
        }
        let name = self.name();
        Err(Failure::new(format!(
            "{name}: {answered} reports were answered and {under_way} may have been under way, but {stored} are stored"
        )))
    }
}

/// Full load from as many connections.
pub(crate) fn ingest(world: &World, subject: Subject, connections: usize) -> Result<Ingested> {
    let before = if let Subject::ServiceOn(_) = subject { subject.stored(world)? } else { 0 };
    let mut server = subject.start(world)?;
    let tokens = subject.tokens(world)?;
    let warm = wrk::warm_up(world, &server.url, &tokens)?;
    let memory = MemoryWatch::start(server.pid());
    let meter = Meter::start(Some(server.pid()), Some(world.database.pid()?));
    let outcome = wrk::reports(world, &server.url, subject.tokens_file(), connections)?;
    let split = meter.stop();
    let memory = memory.stop()?;
    server.still_runs()?;
    // It answers what is under way before it ends.
    drop(server);
    let stored = subject.stored(world)?;
    subject.check_stored(stored - before, warm + outcome.answered, connections)?;
    let bytes = subject.bytes(world, stored)?;
    let rate = crate::units::Unit::Rate.show(outcome.rate);
    let (name, seconds) = (subject.name(), world.options.seconds);
    let on = if let Subject::ServiceOn(name) = subject { format!(" on '{name}'") } else { String::new() };
    world.narrator.say(&format!(
        "  {name}{on}, {connections} connections for {seconds} s: {rate}, p50 {:.1} ms, p99 {:.0} ms; {stored} stored",
        outcome.p50, outcome.p99
    ));
    Ok(Ingested { outcome, split, memory, bytes })
}
