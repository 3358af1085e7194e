//! Builds by the thousand: healthy ones, of which nothing may be said, and sick ones, of which it must be
//! said in time.
//!
//! Two thousand of each, in seconds; `MILEPOST_SIGNALS_BUILDS=10000` makes it as many.

use std::{collections::BTreeMap, env};

use chrono::{Duration, TimeDelta};
use milepost_domain::{
    Build, Durations, Plan, PlannedStep, Report, ReportId, Status, Time, Timings,
    signal::{Context, Signal, SignalKind, signals},
};

use crate::known::{self, NAMES};

/// A generator of numbers that anybody can make again (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one less than `sides`.
    fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }

    fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    /// Thousandths: 1000 as often above as below, 360 and 2800 hardly ever (a lognormal law with the
    /// deviation 0.3, by a sum of twelve).
    fn pace(&mut self) -> f64 {
        let sum: usize = (0..12).map(|_| self.below(1001)).sum();
        let normal = f64::from(u32::try_from(sum).unwrap()) / 1000.0 - 6.0;
        (0.3 * normal).exp()
    }
}

/// What a machine sends, and when it arrives.
struct Sent {
    report: Report,
    boot: u32,
    entry: bool,
}

/// How one machine reports.
#[expect(clippy::struct_excessive_bools, reason = "each is a coin that was tossed")]
struct Machine {
    dice: Dice,
    workflow: &'static str,
    plan: Plan,
    /// It says when a step starts, and not only when it is done.
    starts: bool,
    boot_ids: bool,
    /// It says itself that it fetched its answers; else Foreman does.
    says_download: bool,
    was_late: bool,
    boot: u32,
    /// `Some(1)`: its reports are numbered one by one.
    count: Option<i64>,
    clock: TimeDelta,
    now: Time,
    sent: Vec<Sent>,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let workflow = NAMES[dice.below(NAMES.len())];
        Self {
            workflow,
            plan: known::plan(workflow),
            starts: dice.percent(50),
            boot_ids: dice.percent(50),
            says_download: dice.percent(50),
            was_late: false,
            boot: 0,
            count: dice.percent(30).then_some(0),
            clock: TimeDelta::seconds(i64::try_from(dice.below(240)).unwrap() - 120),
            now: known::opened(),
            sent: Vec::new(),
            dice,
        }
    }

    fn say(&mut self, step: &PlannedStep, status: Status) {
        let id = ReportId::from_word(&self.sent.len().to_string());
        let mut report = Report::simple(id, step.label.clone(), self.now);
        report.status = Some(status);
        // Foreman and the boot server report for a machine that does not run yet, and say nothing of it.
        if step.priority >= if self.says_download { 20 } else { 30 } {
            report.reported_at = Some(self.now + self.clock);
            report.boot_id = self.boot_ids.then(|| self.boot.to_string());
            if let Some(count) = &mut self.count {
                *count += 1;
                report.seq = Some(*count);
            }
            // The Smart Proxy in between is quick, and sometimes it is not.
            let late = if self.dice.percent(3) { self.dice.below(300) } else { self.dice.below(3) };
            self.was_late |= late > 3;
            report.received_at += Duration::seconds(i64::try_from(late).unwrap());
        }
        self.sent.push(Sent { report, boot: self.boot, entry: step.entry });
    }

    /// One pass through those of the steps that this site has, up to `end`.
    fn pass(&mut self, mine: &[PlannedStep], end: &str) {
        let mut later = false;
        for step in mine {
            let usual = f64::from(step.weight_seconds) * self.dice.pace();
            // A healthy step ends well before its silence is a stall.
            let spent = usual.min(f64::from(step.timeout_seconds) * 0.6).max(1.0);
            let spent = TimeDelta::milliseconds(format!("{:.0}", spent * 1000.0).parse().unwrap());
            if self.starts || step.optional {
                self.say(step, Status::Init);
            }
            let times = if self.starts && self.dice.percent(20) { 1 + self.dice.below(13) } else { 1 };
            for time in 1..=times {
                self.now += spent / i32::try_from(times).unwrap();
                // Some begin one and the same step over and over, and some say everything twice.
                let status = if time < times { Status::Init } else { Status::Done };
                self.say(step, status);
                if self.dice.percent(5) {
                    self.say(step, status);
                }
            }
            later |= !step.entry && step.priority > 30;
            let is_planned = later && self.workflow == "windows" && self.boot < 2 && self.dice.percent(10);
            if step.label.is_built() || is_planned {
                self.restart();
            }
            if step.label.as_str() == end {
                break;
            }
        }
    }

    fn restart(&mut self) {
        self.boot += 1;
        self.count = self.count.filter(|_| self.boot_ids).map(|_| 0).or(self.count);
        self.now += TimeDelta::seconds(60 + i64::try_from(self.dice.below(240)).unwrap());
    }

    /// The steps that the site of this machine has.
    fn steps(&mut self) -> Vec<PlannedStep> {
        let plan = self.plan.clone();
        plan.steps().iter().filter(|step| !step.optional || self.dice.percent(50)).cloned().collect()
    }

    /// What it sent, in the order in which it arrived.
    fn arrivals(&mut self) -> Vec<Sent> {
        let mut sent = std::mem::take(&mut self.sent);
        sent.sort_by_key(|sent| sent.report.received_at);
        sent
    }
}

/// A build as the service sees it.
struct Seen {
    build: Build,
    arrived: Vec<Report>,
}

impl Seen {
    fn of(machine: &Machine) -> Self {
        Self { build: known::open(machine.workflow, machine.plan.clone()), arrived: Vec::new() }
    }

    fn take(&mut self, report: &Report) {
        self.arrived.push(report.clone());
        if self.build.is_late(report) {
            self.build.replay(self.arrived.clone());
        } else {
            self.build.apply(report);
        }
    }

    fn look(&self, now: Time, timings: Option<&Timings>) -> Vec<Signal> {
        let found = signals(&self.build, now, &Context { timings, extends: true, ..Context::default() });
        for (at, signal) in found.iter().enumerate() {
            assert!(found.iter().skip(at + 1).all(|other| other.kind != signal.kind), "twice: {found:#?}");
            assert!(signal.since <= now && !signal.detail.is_empty(), "{signal:#?}");
        }
        found
    }

    #[track_caller]
    fn must_be(&self, kind: SignalKind, now: Time, seed: u64) {
        let found = self.look(now, None);
        let is_there = found.iter().any(|signal| signal.kind == kind);
        assert!(is_there, "seed {seed}: no {kind:?} at {now} in {found:#?} of {:?}", self.build.course);
    }
}

fn builds() -> u64 {
    env::var("MILEPOST_SIGNALS_BUILDS").map_or(2_000, |builds| builds.parse().unwrap())
}

/// What 64 healthy builds of each workflow taught.
fn learned() -> BTreeMap<&'static str, Timings> {
    let mut learned: BTreeMap<&str, Timings> = BTreeMap::new();
    for seed in 1_000_000..1_000_400 {
        let mut machine = Machine::new(seed);
        let steps = machine.steps();
        machine.pass(&steps, "");
        let mut seen = Seen::of(&machine);
        machine.arrivals().iter().for_each(|sent| seen.take(&sent.report));
        let timings =
            learned.entry(machine.workflow).or_insert_with(|| known::timings(machine.workflow, 0, 1.0));
        if let Some(durations) = Durations::of(&seen.build) {
            timings.learn(&durations);
        }
    }
    learned
}

#[test]
fn of_healthy_builds_fewer_than_one_in_a_thousand_is_signalled() {
    let learned = learned();
    assert!(learned.len() == NAMES.len() && learned.values().all(|timings| timings.builds() > 50));
    let mut alarmed = Vec::new();
    for seed in 0..builds() {
        let mut machine = Machine::new(seed);
        let steps = machine.steps();
        machine.pass(&steps, "");
        let timings = learned.get(machine.workflow).filter(|_| seed % 2 == 0);
        let mut seen = Seen::of(&machine);
        let mut found = Vec::new();
        for sent in machine.arrivals() {
            // Somebody looks in the longest of the silence, and just after it.
            found.extend(seen.look(sent.report.received_at - TimeDelta::milliseconds(1), timings));
            seen.take(&sent.report);
            found.extend(seen.look(sent.report.received_at, timings));
        }
        found.extend(seen.look(machine.now + TimeDelta::days(1), timings));
        if !found.is_empty() {
            found.dedup();
            found.truncate(1);
            alarmed.push((seed, machine.workflow, found));
        }
    }
    let count = u64::try_from(alarmed.len()).unwrap();
    assert!(count * 1_000 < builds(), "{count} of {}, such as {alarmed:#?}", builds());
}

/// How long the plan allows a machine to be silent where it stands.
fn limit(plan: &Plan, seen: &Seen) -> TimeDelta {
    let last = seen.build.course.current.as_ref().unwrap();
    let reached: Vec<i32> =
        seen.arrived.iter().filter_map(|report| Some(plan.get(&report.label)?.priority)).collect();
    let furthest = reached.into_iter().max().unwrap();
    let next = plan.steps().iter().find(|step| !step.optional && step.priority > furthest);
    let limits = [plan.get(last), next].into_iter().flatten().map(|step| step.timeout_seconds);
    TimeDelta::seconds(limits.max().unwrap().max(900).into())
}

/// A machine that stops before it is installed, and what was seen of it.
fn stopped(seed: u64) -> (Machine, Seen, Report) {
    let mut machine = Machine::new(seed);
    let steps = machine.steps();
    machine.pass(&steps, "");
    let built = machine.sent.iter().position(|sent| sent.report.label.is_built()).unwrap();
    machine.sent.truncate(1 + machine.dice.below(built));
    let mut arrivals = machine.arrivals();
    let mut seen = Seen::of(&machine);
    for sent in &arrivals {
        seen.take(&sent.report);
    }
    let last = arrivals.pop().unwrap().report;
    (machine, seen, last)
}

#[test]
fn no_machine_that_falls_silent_is_missed_and_none_that_goes_on_stays_marked() {
    for seed in 0..builds() {
        let (machine, mut seen, last) = stopped(seed);
        let limit = limit(&machine.plan, &seen);
        let now = last.received_at + limit + TimeDelta::seconds(1);
        seen.must_be(SignalKind::Stalled, now, seed);
        let built = machine.plan.steps().iter().find(|step| step.label.is_built()).unwrap();
        let mut next = Report::simple(ReportId::from_word("next"), built.label.clone(), now);
        next.status = Some(Status::Init);
        seen.take(&next);
        assert_eq!(seen.look(now, None), [], "seed {seed}");
    }
}

#[test]
fn no_machine_that_talks_and_does_not_get_on_is_missed() {
    for seed in 0..builds() {
        let (machine, mut seen, last) = stopped(seed);
        let start = last.received_at;
        let mut chatter = Report { status: Some(Status::Init), seq: None, ..last };
        let own = machine.plan.get(&chatter.label).unwrap().timeout_seconds;
        let limit = limit(&machine.plan, &seen).max(TimeDelta::seconds(own.into()));
        let end = limit * 2 + TimeDelta::seconds(180);
        for at in (180..=end.num_seconds()).step_by(180) {
            chatter.id = ReportId::from_word(&format!("chatter {at}"));
            chatter.received_at = start + TimeDelta::seconds(at);
            seen.take(&chatter);
        }
        seen.must_be(SignalKind::Stalled, start + end + TimeDelta::seconds(1), seed);
    }
}

#[test]
fn no_machine_that_boots_its_installer_again_is_missed() {
    for seed in 0..builds() {
        let mut machine = Machine::new(seed);
        // Numbers that begin anew without a boot id are no numbers.
        machine.count = None;
        let steps = machine.steps();
        let ahead: Vec<&PlannedStep> =
            steps.iter().filter(|step| !step.entry && step.priority > 30 && step.priority <= 800).collect();
        let end = ahead[machine.dice.below(ahead.len())].label.clone();
        let installed = end.is_built();
        let boots = if installed { 2 } else { machine.plan.expected_boots() + 1 };
        for boot in 1..=boots + 1 {
            machine.boot = boot * 10;
            machine.pass(&steps, end.as_str());
            machine.restart();
        }
        // The first phase of the boot is over that was one too many. Where reports came late, what the boot before
        // it had done may not have been known yet, and the next one is.
        let surplus = if machine.was_late { boots + 1 } else { boots };
        let mut seen = Seen::of(&machine);
        let mut entered = false;
        for sent in machine.arrivals() {
            seen.take(&sent.report);
            entered |= sent.boot == surplus * 10 && sent.entry && sent.report.status == Some(Status::Done);
            if entered && !seen.build.course.runs_now().any(|run| run.label.is_built()) {
                seen.must_be(SignalKind::BootLoop, sent.report.received_at, seed);
            }
        }
        assert!(entered, "seed {seed}");
    }
}
