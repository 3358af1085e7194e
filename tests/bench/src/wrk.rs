//! The closed loop: wrk with two threads and one of our scripts.
//!
//! The rule it protects: an answer other than 2xx, a broken connection or a time-out fails the run;
//! such a run has no throughput.

use std::{collections::HashMap, process::Command, time::Duration};

use crate::{
    failure::{Context as _, Failure, Result},
    http::{Client, post_form},
    process,
    stats::number,
    steps::{BUILDS, WARM_UP},
    world::World,
};

const REPORT: &str = include_str!("../lua/report.lua");
const GET: &str = include_str!("../lua/get.lua");
/// No server here needs as long for an answer, even under the heaviest load.
const TIMEOUT: &str = "30s";

/// What wrk saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Answers, all of them 2xx.
    pub(crate) answered: u64,
    /// Answers a second.
    pub(crate) rate: f64,
    /// In milliseconds; not a number where it is not known.
    pub(crate) p50: f64,
    /// In milliseconds; at saturation, and with wrk's correction.
    pub(crate) p99: f64,
}

/// Writes the scripts where wrk can read them.
pub(crate) fn write_scripts(world: &World) -> Result<()> {
    std::fs::write(world.place.join("report.lua"), REPORT)?;
    std::fs::write(world.place.join("get.lua"), GET)?;
    Ok(())
}

fn run(
    world: &World,
    url: &str,
    script: &str,
    arguments: &[&str],
    connections: usize,
    seconds: u64,
) -> Result<Outcome> {
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "2", "--timeout", TIMEOUT])
        .args(["--connections", &connections.to_string(), "--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(world.place.join(script))
        .args([url, "--"])
        .args(arguments)
        .current_dir(world.place.path());
    let said = process::output("wrk", &mut command, Duration::from_secs(seconds + 60))?;
    let line = said.lines().find(|line| line.starts_with("requests=")).context("wrk said nothing")?;
    let values: HashMap<&str, u64> =
        line.split(' ').filter_map(|word| word.split_once('=')).filter_map(parsed).collect();
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let faults = ["refused", "connect", "read", "write", "timeout"];
    if faults.iter().any(|fault| value(fault) > 0) || value("requests") == 0 {
        return Err(Failure::new(format!("{url} did not take all requests: {line}")));
    }
    Ok(Outcome {
        answered: value("requests"),
        rate: number(value("requests")) * 1e6 / number(value("duration").max(1)),
        p50: number(value("p50")) / 1000.0,
        p99: number(value("p99")) / 1000.0,
    })
}

fn parsed<'a>((name, value): (&'a str, &str)) -> Option<(&'a str, u64)> {
    Some((name, value.parse().ok()?))
}

/// Reports from as many connections, for as many seconds; `tokens` is the file with the builds' tokens.
pub(crate) fn reports(world: &World, url: &str, tokens: &str, connections: usize) -> Result<Outcome> {
    let last = BUILDS.to_string();
    run(world, url, "report.lua", &[tokens, "steps", "1", &last], connections, world.options.seconds)
}

/// GETs of the paths in a file.
pub(crate) fn gets(
    world: &World,
    url: &str,
    paths: &str,
    token: &str,
    connections: usize,
) -> Result<Outcome> {
    run(world, url, "get.lua", &[paths, token], connections, world.options.seconds)
}

/// Sends two reports for each build that is there for it, from several connections; answers how many
/// were recorded, which is all of them.
pub(crate) fn warm_up(world: &World, url: &str, tokens: &[String]) -> Result<u64> {
    let tokens = tokens.get(BUILDS..).unwrap_or_default();
    let send = |tokens: &[String]| -> Result<u64> {
        let mut client = Client::new(url)?;
        let mut recorded = 0;
        for round in 0..2 {
            for token in tokens {
                let form = world.fleet.form(token, round);
                let answer = client.send(&post_form(url, "/unattended/step", &form))?;
                if !answer.is_success() {
                    return Err(Failure::new(format!("{url}: {} {}", answer.status, answer.text())));
                }
                recorded += 1;
            }
        }
        Ok(recorded)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            tokens.chunks(WARM_UP / 16).map(|tokens| scope.spawn(move || send(tokens))).collect();
        let results = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Failure::new("a thread that warms up panicked")))
        });
        results.sum()
    })
}
