//! Looks at the services all the while, as a page, a load balancer and a monitoring do.
//!
//! The rule it protects: what readers get is seen, not supposed: each status is counted, in calm
//! and in trouble apart.

use std::{collections::BTreeMap, time::Duration};

use crate::{http::Request, machine::host, place::last, random::Random, world::World};

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// How often each thing that was looked at gave each answer, in calm or not.
    pub(crate) answers: BTreeMap<(&'static str, bool, String), u64>,
    /// The slowest answer of each, in calm or not.
    pub(crate) slowest: BTreeMap<(&'static str, bool), Duration>,
    /// Reports that went to a spool, as far as the services had counted when they were last asked.
    pub(crate) spooled: u64,
    /// The most that lay in a spool at once.
    pub(crate) waiting_max: u64,
}

/// Looks until the run is over.
pub(crate) fn run(world: &World, mut random: Random) -> Seen {
    let mut seen = Seen::default();
    // What each process had counted when it was last asked.
    let mut counted: BTreeMap<(usize, u32), u64> = BTreeMap::new();
    while !world.is_over() {
        for (at, node) in world.nodes.iter().enumerate() {
            let machine = host(random.below(crate::MACHINES));
            let looks = [
                ("/readyz", Request::get("/readyz")),
                ("/healthz", Request::get("/healthz")),
                ("/metrics", Request::get("/metrics")),
                ("progress", Request::get(format!("/api/v2/hosts/{machine}/progress"))),
                ("list", Request::get("/api/v2/hosts?per_page=5")),
            ];
            for (name, request) in looks {
                let pid = node.pid();
                let (answer, began, took) = world.ask(at, &request.bearer(&world.manage));
                let is_calm = world.was_calm(began, took);
                let word = match &answer {
                    Ok(answer) if name == "/readyz" => {
                        format!("{} {}", answer.status, answer.json()["status"].as_str().unwrap_or_default())
                    }
                    Ok(answer) if answer.json().get("as_of").is_some() => format!("{} as_of", answer.status),
                    Ok(answer) => answer.status.to_string(),
                    Err(silence) => format!("{silence:?}"),
                };
                *seen.answers.entry((name, is_calm, word)).or_default() += 1;
                let Ok(answer) = answer else { continue };
                if is_calm && answer.status >= 500 {
                    world.wrong(format!(
                        "service {} answers {} to {name} in a calm",
                        node.name, answer.status
                    ));
                }
                let slowest = seen.slowest.entry((name, is_calm)).or_default();
                if !node.was_disturbed(began, began + took) {
                    *slowest = took.max(*slowest);
                }
                if let (Some(pid), "/metrics") = (pid, name) {
                    counted.insert((at, pid), metric(&answer.body, "milepost_reports_spooled_total"));
                    seen.waiting_max = seen.waiting_max.max(metric(&answer.body, "milepost_spool_reports"));
                }
            }
        }
        last(Duration::from_millis(150));
    }
    seen.spooled = counted.values().sum();
    seen
}

fn metric(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}
