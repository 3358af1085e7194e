//! Milepost under faults: machines report through services that are killed, frozen and cut off from
//! a PostgreSQL that is killed, frozen and stopped; afterwards what the machines know is held
//! against what is stored.
//!
//! The rule it protects: what was answered as recorded is stored once and in its order, whatever
//! fails; and whoever asks is answered in time.
//!
//! `make test` has one round of every fault, `make faults` five minutes of them. See
//! `docs/reliability.md`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod audit;
mod faults;
mod figures;
mod http;
mod ledger;
mod machine;
mod node;
mod place;
mod postgres;
mod random;
mod settings;
mod sql;
mod watch;
mod world;

use std::{
    io::Write as _,
    sync::{Mutex, PoisonError, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    faults::Kind, figures::Figures, machine::Machine, random::Random, settings::Settings, world::World,
};

/// How many hosts are being installed.
pub(crate) const MACHINES: usize = 40;
/// How long the spools may take to empty at the end.
const PATIENCE: Duration = Duration::from_secs(60);

/// One scenario after the other: they would take the machine from each other.
static ONE: Mutex<()> = Mutex::new(());

fn run(scenario: &'static str, settings: &Settings, mut world: World, kinds: &[Kind], duration: Duration) {
    let began = Instant::now();
    let mut random = Random::new(settings.seed);
    let machines: Vec<Random> = (0..MACHINES).map(|_| random.fork()).collect();
    let looks = random.fork();
    let (ledgers, seen) = thread::scope(|scope| {
        let world = &world;
        let machines: Vec<_> = machines
            .into_iter()
            .enumerate()
            .map(|(number, random)| scope.spawn(move || Machine::new(world, number, random).run()))
            .collect();
        let watch = scope.spawn(move || watch::run(world, looks));
        let faults = scope.spawn(move || faults::go_on(world, kinds, duration, &mut random));
        let faults = faults.join();
        world.is_over.store(true, Ordering::Relaxed);
        let ledgers: Vec<_> = machines.into_iter().map(|machine| machine.join().unwrap()).collect();
        let seen = watch.join().unwrap();
        faults.expect("every fault could be made and lifted");
        (ledgers, seen)
    });
    if !place::until(PATIENCE, || world.nodes.iter().all(node::Node::is_drained)) {
        world.wrong("the spools do not empty");
    }
    let found = audit::compare(&world, &ledgers);
    for node in &world.nodes {
        match node.end("TERM") {
            Ok(true) => {}
            Ok(false) => world.wrong(format!("service {} ended with an error", node.name)),
            Err(why) => world.wrong(why),
        }
    }
    audit::remains(&world);
    let figures = Figures {
        scenario,
        world: &world,
        settings,
        ledgers: &ledgers,
        seen: &seen,
        found,
        took: began.elapsed(),
    };
    // Past the harness, which would swallow it.
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}{}", figures.table(), figures.json()).unwrap();
    if !world.has_small_file_system() && world.nodes.len() > 1 {
        writeln!(out, "No file system could be mounted here: the small spool was bounded by its setting.")
            .unwrap();
    }
    drop(out);
    let wrongs = world.wrongs();
    assert!(found.stored > 0, "reports were stored");
    if !wrongs.is_empty() {
        let place = world.place.keep();
        panic!(
            "{} wrongs (seed {}); the logs are in {}:\n{}",
            wrongs.len(),
            settings.seed,
            place.display(),
            wrongs.join("\n")
        );
    }
}

#[test]
fn two_services_on_one_database_lose_nothing_whatever_fails() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = Settings::read();
    let duration = settings.duration.mul_f64(0.8);
    run("two services, one PostgreSQL", &settings, World::of_two(&settings), Kind::OF_TWO, duration);
}

#[test]
fn a_service_with_its_own_database_loses_nothing_whatever_fails() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = Settings::read();
    let duration = settings.duration.mul_f64(0.2);
    run("one service, its own PostgreSQL", &settings, World::of_one(&settings), Kind::OF_ONE, duration);
}
