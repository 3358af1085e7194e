//! What is done to the services and to their database, and that they recover from it.
//!
//! The rule it protects: every fault is lifted, and after each one both services take reports into
//! the database again, and readers see them, before the next one comes.

use std::time::{Duration, Instant};

use crate::{
    http::{LIMIT, Request},
    machine::host,
    node::Span,
    place::{is_alive, last, signal, until},
    random::Random,
    sql,
    world::{Fault, World},
};

/// How long recovery may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many reports each service takes before a calm ends.
const PROGRESS: u64 = 15;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ServiceKilled,
    ServiceFrozen,
    ServiceStopped,
    KilledWhileSpooling,
    RestartedThenFrozen,
    BackendKilled,
    ConnectionsCut,
    StatementsCanceled,
    PostmasterKilled,
    PostgresFrozen,
    PostgresStopped,
    BothKilled,
    SpoolFilled,
}

impl Kind {
    /// What two services on a PostgreSQL of the site's own meet.
    pub(crate) const OF_TWO: &[Self] = &[
        Self::ServiceKilled,
        Self::ServiceFrozen,
        Self::ServiceStopped,
        Self::KilledWhileSpooling,
        Self::RestartedThenFrozen,
        Self::BackendKilled,
        Self::ConnectionsCut,
        Self::StatementsCanceled,
        Self::PostmasterKilled,
        Self::PostgresFrozen,
        Self::PostgresStopped,
        Self::SpoolFilled,
    ];
    /// What one service with its embedded PostgreSQL meets.
    pub(crate) const OF_ONE: &[Self] = &[
        Self::ServiceKilled,
        Self::PostmasterKilled,
        Self::BothKilled,
        Self::PostgresFrozen,
        Self::ServiceStopped,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServiceKilled => "service killed (SIGKILL)",
            Self::ServiceFrozen => "service frozen (SIGSTOP)",
            Self::ServiceStopped => "service restarted (SIGTERM)",
            Self::KilledWhileSpooling => "service killed while it spools",
            Self::RestartedThenFrozen => "PostgreSQL frozen after a restart",
            Self::BackendKilled => "backend killed (SIGKILL)",
            Self::ConnectionsCut => "connections cut",
            Self::StatementsCanceled => "statements canceled",
            Self::PostmasterKilled => "postmaster killed (SIGKILL)",
            Self::PostgresFrozen => "PostgreSQL frozen (SIGSTOP)",
            Self::PostgresStopped => "PostgreSQL stopped",
            Self::BothKilled => "service and postmaster killed",
            Self::SpoolFilled => "spool full, PostgreSQL away",
        }
    }

    /// Does it, and lifts it.
    fn happen(self, world: &World, is_long: bool, random: &mut Random) -> Result<(), String> {
        let at = random.below(world.nodes.len());
        let (node, postgres) = (&world.nodes[at], &world.postgres);
        let a_while = random.millis(1_800, 3_200);
        // Longer than any machine waits for an answer.
        let too_long = if is_long && random.percent(60) { LIMIT + a_while } else { a_while };
        match self {
            Self::ServiceKilled => {
                node.end("KILL")?;
                last(random.millis(0, 800));
                node.start()
            }
            Self::ServiceFrozen => {
                node.freeze();
                last(too_long);
                node.thaw();
                Ok(())
            }
            Self::ServiceStopped => {
                stop(node)?;
                node.start()
            }
            Self::KilledWhileSpooling => {
                postgres.stop();
                let spools = until(PATIENCE, || node.spooled() > 0);
                node.end("KILL")?;
                postgres.again()?;
                node.start()?;
                spools.then_some(()).ok_or_else(|| format!("service {} spools nothing", node.name))
            }
            Self::RestartedThenFrozen => {
                stop(node)?;
                node.start()?;
                postgres.freeze();
                last(too_long);
                postgres.thaw();
                Ok(())
            }
            Self::BackendKilled => {
                let backends = sql::backends(&postgres.url());
                signal("KILL", &[random.pick(&backends)]);
                // PostgreSQL ends all of them then, and begins anew.
                let are_gone = until(PATIENCE, || !backends.iter().any(|pid| is_alive(*pid)));
                are_gone.then_some(()).ok_or_else(|| "PostgreSQL goes on without that backend".to_owned())
            }
            Self::ConnectionsCut | Self::StatementsCanceled => {
                let cut =
                    if self == Self::ConnectionsCut { "pg_terminate_backend" } else { "pg_cancel_backend" };
                for _ in 0..12 {
                    sql::to_all_backends(&postgres.url(), cut);
                    last(random.millis(10, 120));
                }
                Ok(())
            }
            Self::PostmasterKilled => {
                postgres.kill();
                last(random.millis(0, 1_500));
                postgres.recover()
            }
            Self::PostgresFrozen => {
                postgres.freeze();
                last(a_while);
                postgres.thaw();
                Ok(())
            }
            Self::PostgresStopped => {
                postgres.stop();
                last(a_while);
                postgres.again()
            }
            Self::BothKilled => {
                postgres.kill();
                node.end("KILL")?;
                node.start()
            }
            Self::SpoolFilled => {
                postgres.stop();
                let small = world.nodes.last().unwrap();
                let before = small.failed();
                let is_full = until(PATIENCE, || small.failed() >= before + 5);
                let status = small.readiness().map(|(status, _)| status);
                postgres.again()?;
                if !is_full {
                    return Err("the small spool does not become full".to_owned());
                }
                // A load balancer is to learn of it.
                (status == Some(503))
                    .then_some(())
                    .ok_or_else(|| format!("/readyz says {status:?}, and it is full"))
            }
        }
    }
}

fn stop(node: &crate::node::Node) -> Result<(), String> {
    let ended_well = node.end("TERM")?;
    ended_well.then_some(()).ok_or_else(|| format!("service {} did not end well", node.name))
}

/// One fault after the other, each kind as often as another, with calms between them.
pub(crate) fn go_on(world: &World, kinds: &[Kind], duration: Duration, random: &mut Random) {
    // Whatever is wrong at the beginning is not the doing of a fault.
    calm(world, random);
    let began = Instant::now();
    loop {
        let mut round = kinds.to_vec();
        random.shuffle(&mut round);
        for (at, kind) in round.into_iter().enumerate() {
            let is_first_round = world.faults.lock().unwrap().len() <= at;
            if !is_first_round && began.elapsed() >= duration {
                return;
            }
            one(world, kind, !duration.is_zero(), random);
        }
        if began.elapsed() >= duration {
            return;
        }
    }
}

fn one(world: &World, kind: Kind, is_long: bool, random: &mut Random) {
    let began = Instant::now();
    world.trouble.lock().unwrap().push(Span { began, ended: None });
    if let Err(why) = kind.happen(world, is_long, random) {
        world.wrong(format!("{}: {why}", kind.name()));
    }
    let lifted = Instant::now();
    if !until(PATIENCE, || world.nodes.iter().all(crate::node::Node::is_drained)) {
        world.wrong(format!("{}: no recovery within {PATIENCE:?}", kind.name()));
    }
    let recovered = Instant::now();
    if let Some(span) = world.trouble.lock().unwrap().last_mut() {
        span.ended = Some(recovered);
    }
    world.faults.lock().unwrap().push(Fault { kind, began, lifted, recovered });
    calm(world, random);
}

/// Reports are taken by each service, and seen through each, before the next fault.
fn calm(world: &World, random: &mut Random) {
    let began = Instant::now();
    if world.nodes.iter().all(crate::node::Node::is_drained) {
        world.drained.lock().unwrap().push(began);
    }
    let before: Vec<u64> = world.nodes.iter().map(crate::node::Node::acknowledged).collect();
    for (at, node) in world.nodes.iter().enumerate() {
        if !until(PATIENCE, || node.acknowledged() >= before[at] + PROGRESS) {
            world.wrong(format!("service {} takes no reports in a calm", node.name));
        }
        let machine = random.below(crate::MACHINES);
        let request = Request::get(format!("/api/v2/hosts/{}/progress", host(machine))).bearer(&world.manage);
        let mut first = None;
        let moves = until(PATIENCE, || {
            let (Ok(answer), ..) = world.ask(at, &request) else { return false };
            let message = answer.json()["last_message"].clone();
            answer.status == 200 && *first.get_or_insert_with(|| message.clone()) != message
        });
        if !moves {
            world.wrong(format!("service {} shows no progress of {} in a calm", node.name, host(machine)));
        }
    }
    last(random.millis(300, 900));
}
