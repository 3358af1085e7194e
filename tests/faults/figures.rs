//! What a run came to, as a table for people and as a line of JSON.
//!
//! The rule it protects: the figures are counted from the ledgers, not from what the services say
//! of themselves, but for what only those know.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use crate::{
    audit::Found,
    ledger::{Attempt, Ledger, Outcome},
    settings::Settings,
    watch::Seen,
    world::World,
};

pub(crate) struct Figures<'a> {
    pub(crate) scenario: &'static str,
    pub(crate) world: &'a World,
    pub(crate) settings: &'a Settings,
    pub(crate) ledgers: &'a [Ledger],
    pub(crate) seen: &'a Seen,
    pub(crate) found: Found,
    pub(crate) took: Duration,
}

impl Figures<'_> {
    fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.ledgers.iter().flat_map(|ledger| &ledger.reports).flat_map(|sent| &sent.attempts)
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.attempts().filter(|attempt| attempt.outcome == outcome).count()
    }

    /// The slowest answer of a service to which nothing was done, in calm or in trouble.
    fn slowest(&self, is_calm: bool) -> u128 {
        let answered = self.attempts().filter(|attempt| {
            !matches!(attempt.outcome, Outcome::Unknown | Outcome::Unreachable)
                && !self.world.nodes[attempt.node].was_disturbed(attempt.began, attempt.ended())
                && self.world.was_calm(attempt.began, attempt.took) == is_calm
        });
        answered.map(|attempt| attempt.took.as_millis()).max().unwrap_or(0)
    }

    pub(crate) fn json(&self) -> Value {
        let mut kinds: BTreeMap<&str, Value> = BTreeMap::new();
        for (kind, faults) in self.world.by_kind() {
            let mut recovery: Vec<u128> =
                faults.iter().map(|fault| (fault.recovered - fault.lifted).as_millis()).collect();
            recovery.sort_unstable();
            let during = self.attempts().filter(|attempt| {
                faults.iter().any(|fault| fault.began <= attempt.ended() && attempt.began <= fault.recovered)
            });
            let (mut failed, mut slowest) = (0, 0);
            for attempt in during {
                failed += usize::from(attempt.outcome == Outcome::Failed);
                let owes = !self.world.nodes[attempt.node].was_disturbed(attempt.began, attempt.ended());
                slowest = slowest.max(if owes { attempt.took.as_millis() } else { 0 });
            }
            let lasted = faults.iter().map(|fault| (fault.lifted - fault.began).as_millis()).max();
            kinds.insert(
                kind.name(),
                json!({
                    "faults": faults.len(),
                    "lasted_max_ms": lasted,
                    "recovery_median_ms": recovery[recovery.len() / 2],
                    "recovery_max_ms": recovery.last(),
                    "answered_500": failed,
                    "slowest_ms": slowest,
                }),
            );
        }
        let reports: Vec<_> = self.ledgers.iter().flat_map(|ledger| &ledger.reports).collect();
        let looks: BTreeMap<String, u64> = self
            .seen
            .answers
            .iter()
            .map(|((name, is_calm, word), count)| {
                (format!("{name} {}: {word}", if *is_calm { "calm" } else { "fault" }), *count)
            })
            .collect();
        let slowest_look = |is_calm: bool| {
            let all = self.seen.slowest.iter().filter(|((_, calm), _)| *calm == is_calm);
            all.map(|(_, took)| took.as_millis()).max().unwrap_or(0)
        };
        json!({
            "scenario": self.scenario,
            "seed": self.settings.seed,
            "seconds": self.took.as_secs(),
            "machines": self.ledgers.len(),
            "builds": self.found.builds,
            "reports": reports.len(),
            "sent": self.attempts().filter(|it| it.outcome != Outcome::Unreachable).count(),
            "batches": self.ledgers.iter().map(|ledger| ledger.batches).sum::<u64>(),
            "acknowledged": reports.iter().filter(|sent| sent.acknowledged().is_some()).count(),
            "answered_recorded": self.count(Outcome::Recorded),
            "answered_repeated": self.count(Outcome::Repeated),
            "answered_refused": self.count(Outcome::Refused),
            "answered_500": self.count(Outcome::Failed),
            "unknown": self.count(Outcome::Unknown),
            "unreachable": self.count(Outcome::Unreachable),
            "spooled_at_least": self.seen.spooled,
            "in_a_spool_at_most": self.seen.waiting_max,
            "stored": self.found.stored,
            "stored_across_services_out_of_order": self.found.crossed,
            "slowest_ms": {"calm": self.slowest(true), "fault": self.slowest(false)},
            "slowest_look_ms": {"calm": slowest_look(true), "fault": slowest_look(false)},
            "faults": kinds,
            "looks": looks,
            "small_file_system": self.world.has_small_file_system(),
            "violations": self.world.wrongs().len(),
        })
    }

    pub(crate) fn table(&self) -> String {
        let json = self.json();
        let mut text = format!("\nfaults: {} (seed {})\n", self.scenario, self.settings.seed);
        for (name, value) in json.as_object().unwrap() {
            match value {
                Value::Number(value) => writeln!(text, "  {name:<36} {value:>9}").unwrap(),
                Value::Object(members) if name == "slowest_ms" || name == "slowest_look_ms" => {
                    writeln!(
                        text,
                        "  {name:<36} {:>9} in calm, {} in faults",
                        members["calm"], members["fault"]
                    )
                    .unwrap();
                }
                _ => {}
            }
        }
        let row = |text: &mut String, kind: &str, cells: [String; 6]| {
            write!(text, "  {kind:<36}").unwrap();
            for cell in cells {
                write!(text, "{cell:>10}").unwrap();
            }
            text.push('\n');
        };
        let names = [
            "faults",
            "lasted_max_ms",
            "recovery_median_ms",
            "recovery_max_ms",
            "slowest_ms",
            "answered_500",
        ];
        let heads = ["count", "lasted", "recovered", "at most", "slowest", "500s"];
        row(&mut text, "fault (ms)", heads.map(ToOwned::to_owned));
        for (kind, it) in json["faults"].as_object().unwrap() {
            row(&mut text, kind, names.map(|name| it[name].to_string()));
        }
        text
    }
}
