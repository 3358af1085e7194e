//! Builds made up by the rules that the estimator was tuned on: heavy tails, slow hosts, a mirror that
//! drifts and is shared, stragglers, repeated steps, lost reports, and a mix that shifts.
//!
//! The rule it protects: the numbers were chosen for what installing machines is like, before there was
//! an estimator to be pleased by them.

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Exp, LogNormal, Pareto};

use super::facts;
use crate::story::{Story, Teller, Telling};

const HOUR: f64 = 3600.0;

/// What a site is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    /// What it is called in the tables.
    pub(crate) name: &'static str,
    groups: usize,
    models: usize,
    /// How much slower or faster mirrors are from the middle on.
    mirror_shift: f64,
    /// How much more there is to install from the middle on, as with a new version of the system.
    version_shift: f64,
    /// The share of arrivals that are a whole rack.
    racks: f64,
}

/// All of them.
pub(crate) const MIXES: &[Mix] = &[
    Mix { name: "steady", groups: 5, models: 3, mirror_shift: 1.0, version_shift: 1.0, racks: 0.3 },
    Mix { name: "new mirror", groups: 5, models: 3, mirror_shift: 0.5, version_shift: 1.0, racks: 0.3 },
    Mix { name: "new version", groups: 5, models: 3, mirror_shift: 1.0, version_shift: 1.5, racks: 0.3 },
    Mix { name: "many kinds", groups: 25, models: 8, mirror_shift: 1.0, version_shift: 1.0, racks: 0.3 },
    Mix { name: "racks", groups: 5, models: 3, mirror_shift: 1.0, version_shift: 1.0, racks: 0.9 },
];

/// What a step's time depends on.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// A request of Foreman.
    Api,
    /// The firmware of the model, and the host's own equipment.
    Firmware,
    /// The mirror of the location.
    Network,
    Disk,
    Processor,
    /// Packages: half fetched, half unpacked.
    Mixed,
}

struct Step {
    label: &'static str,
    work: Work,
    seconds: f64,
    /// The share of host groups that have it.
    common: f64,
}

const fn step(label: &'static str, work: Work, seconds: f64, common: f64) -> Step {
    Step { label, work, seconds, common }
}

const WORKFLOWS: &[(&str, &[Step])] = &[
    (
        "kickstart",
        &[
            step("dhcp", Work::Api, 2.0, 0.8),
            step("dns", Work::Api, 2.0, 0.8),
            step("tftp", Work::Api, 4.0, 0.8),
            step("power_on", Work::Api, 5.0, 0.6),
            step("pxe_boot", Work::Firmware, 15.0, 0.7),
            step("boot_files", Work::Network, 12.0, 0.4),
            step("get_ks", Work::Network, 35.0, 1.0),
            step("pre", Work::Processor, 25.0, 0.6),
            step("storage", Work::Disk, 30.0, 1.0),
            step("packages", Work::Mixed, 320.0, 1.0),
            step("post", Work::Processor, 35.0, 1.0),
            step("register", Work::Network, 25.0, 0.4),
            step("updates", Work::Mixed, 150.0, 0.3),
            step("config_agent", Work::Mixed, 70.0, 0.5),
            step("built", Work::Api, 3.0, 1.0),
            step("first_boot", Work::Firmware, 55.0, 1.0),
        ],
    ),
    (
        "autoinstall",
        &[
            step("dhcp", Work::Api, 2.0, 0.8),
            step("tftp", Work::Api, 4.0, 0.8),
            step("power_on", Work::Api, 5.0, 0.6),
            step("pxe_boot", Work::Firmware, 15.0, 0.7),
            step("installer_image", Work::Network, 80.0, 0.8),
            step("get_autoinstall", Work::Processor, 40.0, 1.0),
            step("pre", Work::Processor, 15.0, 0.5),
            step("storage", Work::Disk, 20.0, 1.0),
            step("image_write", Work::Disk, 110.0, 1.0),
            step("bootloader", Work::Mixed, 90.0, 1.0),
            step("updates", Work::Mixed, 200.0, 0.5),
            step("post", Work::Processor, 50.0, 1.0),
            step("built", Work::Api, 3.0, 1.0),
            step("first_boot", Work::Firmware, 65.0, 1.0),
        ],
    ),
    (
        "image",
        &[
            step("compute", Work::Disk, 90.0, 1.0),
            step("ip_address", Work::Api, 12.0, 0.8),
            step("power_on", Work::Api, 6.0, 0.8),
            step("get_userdata", Work::Processor, 30.0, 1.0),
            step("packages", Work::Mixed, 90.0, 0.8),
            step("post", Work::Processor, 60.0, 1.0),
            step("config_agent", Work::Mixed, 60.0, 0.5),
            step("built", Work::Api, 3.0, 1.0),
            step("first_boot", Work::Processor, 18.0, 1.0),
        ],
    ),
];

struct Group {
    name: String,
    workflow: usize,
    has: Vec<bool>,
    models: Vec<usize>,
    packages: f64,
    scripts: f64,
    telling: Telling,
}

struct Model {
    name: String,
    firmware: f64,
    disk: f64,
    processor: f64,
}

/// A mirror, whose slowness drifts: an Ornstein-Uhlenbeck process of the logarithm.
struct Mirror {
    log: f64,
    at: f64,
    recent: Vec<f64>,
}

struct Site {
    mix: Mix,
    random: Xoshiro256PlusPlus,
    groups: Vec<Group>,
    models: Vec<Model>,
    mirrors: Vec<Mirror>,
    middle: f64,
}

/// A history of so many builds.
pub(crate) fn history(mix: Mix, seed: u64, builds: usize) -> Vec<Story> {
    let mut site = Site::new(mix, seed);
    // Arrivals come first, since the middle of the history has to be known.
    let mut arrivals: Vec<(f64, usize, usize)> = Vec::new();
    let mut now = 0.0;
    while arrivals.len() < builds {
        now += site.exponential(HOUR);
        let size = if site.chance(mix.racks) { site.random.random_range(6..30) } else { 1 };
        let (group, location) = (site.random.random_range(0..mix.groups), site.random.random_range(0..3));
        for _ in 0..size {
            now += site.exponential(20.0);
            arrivals.push((now, group, location));
        }
    }
    arrivals.truncate(builds);
    site.middle = arrivals.get(builds / 2).map_or(now, |(at, ..)| *at);
    let arrivals = arrivals.into_iter().enumerate();
    arrivals
        .filter_map(|(number, (opened, group, location))| site.story(number, opened, group, location))
        .collect()
}

impl Site {
    fn new(mix: Mix, seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut site = Self {
            mix,
            random,
            groups: Vec::new(),
            models: Vec::new(),
            mirrors: (0..3).map(|_| Mirror { log: 0.0, at: 0.0, recent: Vec::new() }).collect(),
            middle: 0.0,
        };
        for number in 0..mix.models {
            let firmware = site.random.random_range(50.0..240.0);
            let (disk, processor) = (site.spread(0.35), site.spread(0.25));
            site.models.push(Model { name: format!("M{number}"), firmware, disk, processor });
        }
        for number in 0..mix.groups {
            let workflow = number % WORKFLOWS.len();
            let steps = WORKFLOWS.get(workflow).map_or(&[][..], |(_, steps)| steps);
            let has = steps.iter().map(|step| site.random.random::<f64>() < step.common).collect();
            let first = site.random.random_range(0..mix.models);
            let second = site.random.random_range(0..mix.models);
            let telling = Telling {
                starts: site.chance(0.6),
                percentages: site.chance(0.25),
                lost: site.random.random_range(0.0..0.04),
            };
            let (packages, scripts) = (site.spread(0.4), site.spread(0.4));
            let models = vec![first, first, second];
            let name = format!("g{number}");
            site.groups.push(Group { name, workflow, has, models, packages, scripts, telling });
        }
        site
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random.random::<f64>() < share
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        Exp::new(1.0 / mean).map_or(mean, |law| law.sample(&mut self.random))
    }

    /// A factor with the median 1.
    fn spread(&mut self, sigma: f64) -> f64 {
        LogNormal::new(0.0, sigma).map_or(1.0, |law| law.sample(&mut self.random))
    }

    /// How slow the mirror of a location is now: it drifts within two hours or so, and those who began
    /// within twenty minutes share it.
    fn slowness(&mut self, location: usize, now: f64) -> f64 {
        let kick = self.spread(0.3).ln();
        let shift = if now > self.middle { self.mix.mirror_shift } else { 1.0 };
        let Some(mirror) = self.mirrors.get_mut(location) else { return 1.0 };
        let keeps = (-(now - mirror.at).max(0.0) / (2.0 * HOUR)).exp();
        mirror.log = mirror.log * keeps + kick * (1.0 - keeps * keeps).sqrt();
        mirror.at = mirror.at.max(now);
        let sharing = mirror.recent.iter().rev().take_while(|began| **began > now - HOUR / 3.0).count();
        let sharing = f64::from(u32::try_from(sharing).unwrap_or(0));
        mirror.log.exp() * shift * (1.0 + 0.03 * sharing)
    }

    fn story(&mut self, number: usize, opened: f64, group: usize, location: usize) -> Option<Story> {
        let pick = self.random.random_range(0..3_usize);
        let group = self.groups.get(group)?;
        let model = self.models.get(*group.models.get(pick)?)?;
        let (workflow, steps) = WORKFLOWS.get(group.workflow)?;
        let place = ["brno", "raleigh", "pune"].get(location)?;
        let facts = facts(&format!("h{number}.example.com"), &group.name, &model.name, place)?;
        let (firmware, disk, processor) = (model.firmware, model.disk, model.processor);
        let (packages, scripts, telling) = (group.packages, group.scripts, group.telling);
        let has = group.has.clone();
        let version = if opened > self.middle { self.mix.version_shift } else { 1.0 };
        let host = self.spread(0.12);
        let equipment = self.spread(0.06);
        self.mirrors.get_mut(location)?.recent.push(opened);
        let mut luck = Xoshiro256PlusPlus::seed_from_u64(self.random.next_u64());
        let mut teller = Teller::new(opened, telling);
        // One build in fifty boots its installer a second time before it gets through.
        let boots = steps.iter().any(|step| step.label == "pxe_boot");
        let false_start = (boots && self.chance(0.02)).then(|| self.random.random_range(3..steps.len() - 2));
        let first = steps.iter().zip(&has).take(false_start.unwrap_or(0));
        let again =
            steps.iter().zip(&has).skip_while(|(step, _)| false_start.is_some() && step.label != "pxe_boot");
        let repeated = self.chance(0.03);
        for (step, has) in first.chain(again) {
            let fetch = step.seconds * packages * version * self.slowness(location, teller.now);
            let (mean, sigma) = match step.work {
                Work::Api => (step.seconds, 0.4),
                Work::Firmware => ((firmware + step.seconds) * equipment, 0.04),
                Work::Network => (fetch * host.sqrt(), 0.12),
                Work::Disk => (step.seconds * disk * host, 0.08),
                Work::Processor => (step.seconds * processor * scripts * host, 0.1),
                Work::Mixed => {
                    (fetch * 0.5 + step.seconds * packages * version * processor * host * 0.5, 0.08)
                }
            };
            let mut takes = mean * self.spread(sigma);
            // A straggler: a retry, a bad disk, a crowded switch.
            if self.chance(0.02) {
                let factor = Pareto::new(1.4, 1.8).map_or(1.4, |law| law.sample(&mut self.random));
                takes *= f64::min(factor, 8.0);
            }
            if *has {
                teller.step(step.label, takes, &mut || luck.random());
                if repeated && step.label == "post" {
                    teller.step(step.label, takes * 0.5, &mut || luck.random());
                }
            } else if step.common > 0.55 && !matches!(step.work, Work::Api) {
                // It happens all the same; this site does not report it.
                teller.silence(takes);
            }
        }
        let reports = teller.reports(&mut || 0.0);
        Some(Story { facts, workflow, opened, reports })
    }
}
