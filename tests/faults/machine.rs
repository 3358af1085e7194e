//! A machine that is being installed, over and over: opens its build, reports its steps one after
//! the other through either service, and sends again what was not acknowledged.
//!
//! The rule it protects: it does what a helper script in an installer may do, and no more: one
//! report at a time, each request bounded, the same id when a report is sent again.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::{Answer, Request, Silence},
    ledger::{Attempt, Ledger, Opened, Outcome, Sent, UNKNOWN_STEP},
    place::last,
    random::Random,
    world::World,
};

const STEPS: &[&str] = &["get_ks", "storage", "packages", "packages", "packages", "post"];
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// How long a machine tries to have one report acknowledged.
const GIVE_UP: Duration = Duration::from_secs(90);
/// How many reports a build has, about.
const REPORTS: usize = 120;

pub(crate) struct Machine<'a> {
    world: &'a World,
    number: usize,
    random: Random,
    ledger: Ledger,
    /// Those of the build at hand that were put off, as a helper does when nobody answers.
    later: Vec<usize>,
    next: usize,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(world: &'a World, number: usize, random: Random) -> Self {
        let ledger = Ledger { host: host(number), ..Ledger::default() };
        Self { world, number, random, ledger, later: Vec::new(), next: 0 }
    }

    /// Installs until the run is over.
    pub(crate) fn run(mut self) -> Ledger {
        while !self.world.is_over() {
            if !self.open() {
                break;
            }
            let length = REPORTS / 2 + self.random.below(REPORTS);
            for at in 0..length {
                if self.world.is_over() {
                    break;
                }
                self.step(at * STEPS.len() / length);
                last(self.random.millis(20, 150));
            }
            self.catch_up();
        }
        self.ledger
    }

    fn pick_node(&mut self) -> usize {
        let home = self.number % self.world.nodes.len();
        if self.random.percent(75) { home } else { self.random.below(self.world.nodes.len()) }
    }

    /// Opens a build, at whichever service can.
    fn open(&mut self) -> bool {
        let body = json!({"host": {"name": self.ledger.host}, "workflow": "kickstart"}).to_string();
        let request = Request::post("/api/v2/builds", JSON, body).bearer(&self.world.manage);
        let began = Instant::now();
        while began.elapsed() < GIVE_UP {
            let node = self.pick_node();
            if let (Ok(answer), ..) = self.world.ask(node, &request)
                && answer.status == 201
            {
                let said = answer.json();
                let text = |name: &str| said[name].as_str().unwrap().to_owned();
                let is_counted = self.random.percent(25);
                self.ledger.builds.push(Opened { id: text("id"), token: text("token"), is_counted });
                return true;
            }
            if self.world.is_over() {
                return false;
            }
            last(self.random.millis(50, 300));
        }
        self.world.wrong(format!("{} could not open a build for {GIVE_UP:?}", self.ledger.host));
        false
    }

    fn write(&mut self, label: &'static str) -> usize {
        let (number, at) = (self.number, self.next);
        self.next += 1;
        let is_counted = self.ledger.builds.last().unwrap().is_counted;
        let has_word = is_counted || self.random.percent(88);
        let log_bytes = if self.random.percent(15) { 1_000 + self.random.below(9_000) } else { 0 };
        self.ledger.reports.push(Sent {
            build: self.ledger.builds.len() - 1,
            word: has_word.then(|| format!("word-{number}-{at}")),
            message: format!("message-{number}-{at}"),
            label,
            status: self.random.pick(&[Some("init"), Some("init"), Some("done"), Some("failed"), None]),
            seq: is_counted.then(|| u64::try_from(at).unwrap()),
            log_bytes,
            attempts: Vec::new(),
        });
        self.ledger.reports.len() - 1
    }

    fn step(&mut self, place: usize) {
        let label = STEPS[place.min(STEPS.len() - 1)];
        match self.random.below(100) {
            0..5 => {
                let report = self.write(UNKNOWN_STEP);
                self.deliver(report);
            }
            5..12 => {
                let mut batch: Vec<usize> =
                    (0..2 + self.random.below(6)).map(|_| self.write(label)).collect();
                batch.retain(|report| self.ledger.reports[*report].word.is_some());
                if self.random.percent(30) {
                    batch.push(self.write(UNKNOWN_STEP));
                }
                // One that came before, too.
                let build = self.ledger.builds.len() - 1;
                if self.random.percent(50)
                    && let Some(old) = self.ledger.reports.iter().position(|old| old.build == build)
                    && self.ledger.reports[old].word.is_some()
                {
                    batch.push(old);
                }
                self.deliver_batch(&batch);
            }
            12..14 => {
                let report = self.write("built");
                self.deliver(report);
            }
            _ => {
                let report = self.write(label);
                self.deliver(report);
            }
        }
    }

    /// Sends a report until it is known what became of it; now and then it is put off instead.
    fn deliver(&mut self, report: usize) {
        let began = Instant::now();
        let mut node = self.pick_node();
        loop {
            let (answer, at, took) = self.world.ask(node, &self.request(report));
            let outcome = self.outcome(report, node, at, answer.as_ref());
            self.note(report, Attempt { node, began: at, took, outcome });
            let is_done = outcome.is_acknowledged()
                || outcome == Outcome::Refused
                || self.ledger.reports[report].word.is_none() && outcome != Outcome::Unreachable;
            if is_done {
                return;
            }
            let is_named = self.ledger.reports[report].word.is_some();
            if began.elapsed() > GIVE_UP {
                if is_named {
                    self.world.wrong(format!("nobody took {} for {GIVE_UP:?}", self.name(report)));
                }
                return;
            }
            if is_named && self.random.percent(20) {
                self.later.push(report);
                return;
            }
            if self.random.percent(50) {
                node = self.random.below(self.world.nodes.len());
            }
            last(self.random.millis(30, 250));
        }
    }

    /// Sends what was put off, as a helper does when it comes to its end.
    fn catch_up(&mut self) {
        let later = std::mem::take(&mut self.later);
        for batch in later.chunks(50) {
            self.deliver_batch(batch);
        }
    }

    fn deliver_batch(&mut self, batch: &[usize]) {
        let began = Instant::now();
        let mut left = batch.to_vec();
        while !left.is_empty() {
            let node = self.pick_node();
            let reports: Vec<Value> = left.iter().map(|report| self.json(*report)).collect();
            let token = &self.ledger.builds.last().unwrap().token;
            let body = json!({"token": token, "reports": reports}).to_string();
            let request = Request::post("/unattended/batch", JSON, body);
            let (answer, at, took) = self.world.ask(node, &request);
            self.ledger.batches += 1;
            let outcomes: Vec<Outcome> = match &answer {
                Ok(answer) if answer.status == 200 => {
                    let said = answer.json();
                    let results = said["results"].as_array().cloned().unwrap_or_default();
                    if results.len() != left.len() {
                        self.world.wrong(format!("a batch of {} had {} results", left.len(), results.len()));
                    }
                    left.iter().zip(&results).map(|(report, result)| self.result(*report, result)).collect()
                }
                _ => left.iter().map(|report| self.outcome(*report, node, at, answer.as_ref())).collect(),
            };
            let mut again = Vec::new();
            for (report, outcome) in left.into_iter().zip(outcomes) {
                self.note(report, Attempt { node, began: at, took, outcome });
                if !outcome.is_acknowledged() && outcome != Outcome::Refused {
                    again.push(report);
                }
            }
            left = again;
            if !left.is_empty() {
                if began.elapsed() > GIVE_UP {
                    self.world.wrong(format!("nobody took a batch of {} for {GIVE_UP:?}", self.ledger.host));
                    return;
                }
                last(self.random.millis(30, 250));
            }
        }
    }

    /// What a result in a batch says.
    fn result(&self, report: usize, result: &Value) -> Outcome {
        match result["result"].as_str() {
            Some("recorded") => Outcome::Recorded,
            Some("repeated") => Outcome::Repeated,
            Some("refused") if !self.ledger.reports[report].is_known_step() => Outcome::Refused,
            _ => {
                self.world.wrong(format!("{} in a batch was answered {result}", self.name(report)));
                Outcome::Failed
            }
        }
    }

    /// What an answer means for a report; whether it is one that may be given at all.
    fn outcome(&self, report: usize, node: usize, at: Instant, answer: Result<&Answer, &Silence>) -> Outcome {
        match answer {
            Err(Silence::Unreachable) => Outcome::Unreachable,
            Err(Silence::Broken | Silence::TimedOut) => Outcome::Unknown,
            Ok(answer) => match (answer.status, answer.json()["result"].as_str()) {
                (200, Some("recorded")) => Outcome::Recorded,
                (200, Some("repeated")) => Outcome::Repeated,
                (422, _) if !self.ledger.reports[report].is_known_step() => Outcome::Refused,
                (500, _) => Outcome::Failed,
                // It was sent to a service that was frozen, and had waited for too long when that went on.
                (408, _) if self.world.nodes[node].was_disturbed(at, Instant::now()) => Outcome::Failed,
                (status, _) => {
                    let (node, name) = (self.world.nodes[node].name, self.name(report));
                    let body: String = answer.body.chars().take(300).collect();
                    self.world.wrong(format!("service {node} answered {status} to {name}: {body}"));
                    Outcome::Failed
                }
            },
        }
    }

    fn note(&mut self, report: usize, attempt: Attempt) {
        let node = &self.world.nodes[attempt.node];
        if attempt.outcome.is_acknowledged() {
            node.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        if attempt.outcome == Outcome::Failed {
            if self.world.was_calm(attempt.began, attempt.took) {
                self.world.wrong(format!(
                    "service {} did not take {} in a calm",
                    node.name,
                    self.name(report)
                ));
            }
            node.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.ledger.reports[report].attempts.push(attempt);
    }

    fn name(&self, report: usize) -> String {
        let report = &self.ledger.reports[report];
        format!("{} of build {}", report.message, self.ledger.builds[report.build].id)
    }

    fn json(&self, report: usize) -> Value {
        let Sent { word, message, label, status, seq, log_bytes, .. } = &self.ledger.reports[report];
        let mut json = json!({"label": label, "message": message});
        let members = json.as_object_mut().unwrap();
        let mut set =
            |name: &str, value: Option<Value>| members.extend(value.map(|it| (name.to_owned(), it)));
        set("id", word.as_deref().map(Value::from));
        set("status", status.map(Value::from));
        set("seq", seq.map(Value::from));
        set("logs", (*log_bytes > 0).then(|| "l".repeat(*log_bytes).into()));
        json
    }

    /// The report in one of the forms in which it may come; the same each time.
    fn request(&self, report: usize) -> Request {
        let Sent { word, message, label, status, seq, log_bytes, build, .. } = &self.ledger.reports[report];
        let token = &self.ledger.builds[*build].token;
        let mut form = format!("message={message}");
        let mut add = |name: &str, value: Option<String>| {
            form += &value.map(|value| format!("&{name}={value}")).unwrap_or_default();
        };
        add("id", word.clone());
        add("seq", seq.map(|seq| seq.to_string()));
        if *log_bytes > 0 {
            add("logs", Some("l".repeat(*log_bytes)));
            add("status", status.map(ToOwned::to_owned));
            return Request::post("/unattended/step", FORM, format!("token={token}&label={label}&{form}"));
        }
        match (report % 3, status) {
            (0, Some(status)) => Request::get(format!("/unattended/step/{token}/{label}/{status}?{form}")),
            (1, _) => {
                let mut body = self.json(report);
                body["token"] = token.as_str().into();
                Request::post("/unattended/step", JSON, body.to_string())
            }
            _ => {
                add("status", status.map(ToOwned::to_owned));
                Request::get(format!("/unattended/step?token={token}&label={label}&{form}"))
            }
        }
    }
}

/// What the machine of that number is called.
pub(crate) fn host(number: usize) -> String {
    format!("machine{number}.example.com")
}
