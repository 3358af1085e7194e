//! `milepost demo`: a believable fleet that installs itself, to see what the service shows.
//!
//! The rule it protects: everything goes the way that real machines go, over HTTP with each build's own
//! token; the same seed plays the same fleet; what it opened is called off when it is ended.

use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use milepost_client::{
    Client, explain,
    types::{BuildInput, BuildPatch, HostInput, RecordableState, Workflow, WorkflowStep},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::signal::unix::{SignalKind, signal};

use crate::{failure::Failure, output::Console};

/// What to play.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DemoArgs {
    /// How many hosts
    #[arg(long, default_value_t = 24, value_name = "N")]
    hosts: u32,
    /// How many times faster than machines are
    #[arg(long, default_value_t = 20.0, value_name = "X")]
    speed: f64,
    /// Another fleet for another number
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// What becomes of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Healthy,
    /// A step fails, with its log.
    Fails,
    /// Nothing is heard after a while.
    Stuck,
    /// It boots its installer again, and again.
    Loops,
    /// Its clock is years off.
    WrongClock,
}

const PLACES: [&str; 3] = ["brno", "praha", "ostrava"];
const WORKFLOWS: [&str; 4] = ["kickstart", "preseed", "autoinstall", "kickstart"];
const MODELS: [&str; 3] = ["R650", "DL380", "VM"];

/// A step on a machine's way.
#[derive(Debug, Clone)]
struct Step {
    label: String,
    is_optional: bool,
    /// What it usually takes.
    seconds: f64,
}

/// One machine on its way.
struct Machine {
    http: reqwest::Client,
    url: String,
    name: String,
    fate: Fate,
    steps: Vec<Step>,
    /// How long a step takes that is said to take a second.
    second: Duration,
    random: SmallRng,
    boot: u32,
}

/// Plays until all have come to an end, or somebody ends it.
///
/// # Errors
/// When the service gives no answer.
pub(crate) async fn run(args: DemoArgs, client: &Client, console: &mut Console<'_>) -> Result<(), Failure> {
    if !(0.01..=10_000.0).contains(&args.speed) || args.hosts == 0 || args.hosts > 5_000 {
        return Err(Failure::usage("--speed must be from 0.01 to 10000, and --hosts from 1 to 5000"));
    }
    let failed = |error| Failure::usage(explain(client, error));
    let workflows =
        client.list_workflows().per_page("all").send().await.map_err(failed)?.into_inner().results;
    let known = crate::steps::all(client).await?;
    let plan = |workflow: &Workflow| {
        let step = |place: &WorkflowStep| {
            let usual = known.iter().find(|step| step.label == place.label).map(|step| step.weight_seconds);
            let seconds = place.weight_seconds.or(usual).and_then(|seconds| u32::try_from(seconds).ok());
            let is_optional = place.optional.unwrap_or(false);
            Step { label: place.label.clone(), is_optional, seconds: seconds.map_or(10.0, f64::from) }
        };
        (workflow.name.clone(), workflow.steps.iter().map(step).collect())
    };
    let plans: Vec<(String, Vec<Step>)> = workflows.iter().map(plan).collect();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().map_err(Failure::usage)?;
    let mut random = SmallRng::seed_from_u64(args.seed);
    let mut machines = Vec::new();
    let mut opened = Vec::new();
    for number in 0..args.hosts {
        let (machine, id) = open(client, &http, &plans, number, args, &mut random).await?;
        opened.push(id);
        machines.push(machine);
    }
    console.print(&format!(
        "{} hosts install themselves, {} times as fast as they would; see `milepost watch`. Ctrl-C calls off what is left.\n",
        args.hosts, args.speed
    ))?;
    let mut ends = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let all = join_all(machines.into_iter().map(Machine::install));
    let was_ended = tokio::select! {
        _ = all => false,
        _ = ends.0.recv() => true,
        _ = ends.1.recv() => true,
    };
    if was_ended {
        for id in opened {
            // What has failed stays to be looked at, and what is installed is past that.
            let is_under_way = client
                .get_build()
                .id(id)
                .send()
                .await
                .is_ok_and(|build| matches!(build.state.as_str(), "pending" | "running"));
            if is_under_way {
                let patch = BuildPatch { state: RecordableState::Canceled };
                let _ = client.update_build().id(id).body(patch).send().await;
            }
        }
    }
    Ok(())
}

async fn open(
    client: &Client,
    http: &reqwest::Client,
    plans: &[(String, Vec<Step>)],
    number: u32,
    args: DemoArgs,
    random: &mut SmallRng,
) -> Result<(Machine, uuid::Uuid), Failure> {
    let pick = |list: &[&'static str], random: &mut SmallRng| {
        list.get(random.random_range(0..list.len())).copied().unwrap_or_default()
    };
    let (place, workflow, model) = (pick(&PLACES, random), pick(&WORKFLOWS, random), pick(&MODELS, random));
    let fate = match number % 12 {
        3 => Fate::Fails,
        6 => Fate::Stuck,
        9 => Fate::Loops,
        11 => Fate::WrongClock,
        _ => Fate::Healthy,
    };
    let name = format!("demo{:03}.{place}.example.com", number + 1);
    let host = HostInput {
        name: name.clone(),
        location: Some(place.to_owned()),
        organization: Some("demo".to_owned()),
        hostgroup: Some(if number.is_multiple_of(3) { "db" } else { "web" }.to_owned()),
        model: Some(model.to_owned()),
        foreman_id: None,
        ip: None,
        mac: Some(format!("52:54:00:de:{:02x}:{:02x}", number / 256, number % 256)),
        operatingsystem: None,
    };
    let input = BuildInput { host, workflow: workflow.to_owned(), token: None, expires_at: None };
    let answer = client.create_build().body(input).send().await;
    let build = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
    let without = || Failure::usage("the service opened a build and named no URL to report to");
    let steps = plans.iter().find(|(known, _)| *known == workflow).map(|(_, steps)| steps.clone());
    // Between half and twice as fast as usual, as machines of a hall are.
    let pace = 2_f64.powf(random.random_range(-1.0..1.0));
    let machine = Machine {
        http: http.clone(),
        url: build.report_url.ok_or_else(without)?,
        name,
        fate,
        steps: steps.unwrap_or_default(),
        second: Duration::from_secs_f64(pace / args.speed),
        random: SmallRng::seed_from_u64(random.random()),
        boot: 0,
    };
    Ok((machine, build.id))
}

impl Machine {
    async fn install(mut self) {
        // A hall is powered on in a few minutes, not at once.
        let late = self.random.random_range(0.0..60.0);
        self.wait(late).await;
        let boots = if self.fate == Fate::Loops { 4 } else { 1 };
        for boot in 1..=boots {
            self.boot = boot;
            if !self.pass(boot == boots && self.fate != Fate::Loops).await {
                return;
            }
        }
    }

    /// One pass through the installer; whether it comes back for another.
    async fn pass(&mut self, to_the_end: bool) -> bool {
        let steps = self.steps.clone();
        let breaks_at = steps.len() * 3 / 5;
        for (at, step) in steps.iter().enumerate() {
            let is_at_work = at == breaks_at;
            if at > 0 && step.is_optional && self.random.random_bool(0.3) {
                continue;
            }
            self.say(&step.label, "init", None).await;
            match self.fate {
                Fate::Fails if is_at_work => {
                    let log = "Running scriptlet: kernel-core\nerror: cannot write /boot/vmlinuz: No space left on device\n";
                    self.say(&step.label, "failed", Some(log)).await;
                    return false;
                }
                Fate::Stuck if is_at_work => return false,
                Fate::Loops if is_at_work && !to_the_end => return true,
                _ => {}
            }
            // Long tails: most take what is usual, a few much longer.
            let stretch =
                if self.random.random_bool(0.05) { 3.0 } else { self.random.random_range(0.7..1.4) };
            self.wait(step.seconds * stretch).await;
            self.say(&step.label, "done", None).await;
        }
        false
    }

    async fn wait(&self, seconds: f64) {
        tokio::time::sleep(self.second.mul_f64(seconds)).await;
    }

    /// Reports as an installer does: what becomes of it does not stop anything.
    async fn say(&self, label: &str, status: &str, log: Option<&str>) {
        let clock = if self.fate == Fate::WrongClock {
            "2019-01-01T00:00:00Z".to_owned()
        } else {
            milepost_api::now().to_rfc3339()
        };
        let boot = format!("{}-{}", self.name, self.boot);
        let mut form = vec![("boot_id", boot.as_str()), ("reported_at", clock.as_str())];
        let message = match (label, status) {
            ("packages", "init") => Some("412 packages"),
            ("storage", "init") => Some("sda, 480 GB: /boot, swap, /"),
            ("get_ks", "done") => Some("ks.cfg, 14 KiB"),
            (_, "failed") => Some("No space left on device"),
            _ => None,
        };
        form.extend(message.map(|message| ("message", message)));
        form.extend(log.map(|log| ("logs", log)));
        let request = self.http.post(format!("{}/{label}/{status}", self.url)).form(&form);
        if let Err(error) = request.send().await {
            log::debug!("{}: {error}", self.name);
        }
    }
}
