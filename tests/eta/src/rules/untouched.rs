//! Builds made up by other rules than those that the estimator was tuned on.
//!
//! The rule it protects: nothing is shared with [`super::tuned`] but the way of telling, and no shape
//! of it: times are gamma and two-peaked instead of log-normal, what goes wrong adds a fixed time-out
//! instead of a factor, the mirror follows the hours and the load instead of drifting, every report
//! comes late, and what is installed grows from day to day.

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use rand_distr::{Distribution as _, Exp, Gamma, Weibull};

use super::facts;
use crate::story::{Story, Teller, Telling};

const DAY: f64 = 86_400.0;

struct Site {
    random: Xoshiro256PlusPlus,
    /// When those who share a mirror began, by location.
    began: [Vec<f64>; 2],
    /// When a mirror was gone, and for how long.
    outage: (f64, f64),
}

/// A history of so many builds.
pub(crate) fn history(seed: u64, builds: usize) -> Vec<Story> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5eed_0f0d);
    let outage = (random.random_range(2.0..6.0) * DAY, random.random_range(600.0..1500.0));
    let mut site = Site { random, began: [Vec::new(), Vec::new()], outage };
    let mut stories = Vec::new();
    let mut now = 0.0;
    while stories.len() < builds {
        // People work by day: the gaps are three times as long at night.
        let night = if (now % DAY) / DAY > 0.4 { 3.0 } else { 1.0 };
        now += site.exponential(1500.0 * night);
        // A rack comes in at once, a minute between its hosts; most days bring single hosts.
        let size = if site.chance(0.15) { site.random.random_range(8..24) } else { 1 };
        let (group, location) = (site.random.random_range(0..5_u8), site.random.random_range(0..2_usize));
        for _ in 0..size {
            now += site.exponential(60.0);
            let number = stories.len();
            stories.extend(site.story(number, group, location, now));
        }
    }
    stories.truncate(builds);
    stories
}

impl Site {
    fn chance(&mut self, share: f64) -> bool {
        self.random.random::<f64>() < share
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        Exp::new(1.0 / mean).map_or(mean, |law| law.sample(&mut self.random))
    }

    /// Time with this mean; `shape` 100 hardly varies (10 %), 16 does (25 %).
    fn gamma(&mut self, mean: f64, shape: f64) -> f64 {
        Gamma::new(shape, mean / shape).map_or(mean, |law| law.sample(&mut self.random))
    }

    fn weibull(&mut self, scale: f64, shape: f64) -> f64 {
        Weibull::new(scale, shape).map_or(scale, |law| law.sample(&mut self.random))
    }

    /// How long a download of `seconds` takes that begins now: the mirror is shared with those who
    /// began within the last quarter of an hour, it is busy at noon, and it may be gone.
    fn download(&mut self, seconds: f64, now: f64, location: usize) -> f64 {
        let sharing = self
            .began
            .get(location)
            .map_or(0, |all| all.iter().rev().take_while(|began| **began > now - 900.0).count());
        let sharing = f64::from(u32::try_from(sharing).unwrap_or(0));
        let crowd = (sharing / 8.0).max(1.0).sqrt();
        let noon = 1.0 + 0.4 * (now % DAY / DAY * std::f64::consts::TAU).sin().max(0.0);
        // A cache in front of it has most, and what it does not have takes twice as long.
        let cache = if self.chance(0.2) { 2.0 } else { 1.0 };
        let varied = self.gamma(seconds, 40.0) * crowd * noon * cache;
        let (gone, back) = (self.outage.0, self.outage.0 + self.outage.1);
        if location == 0 && now < back && now + varied > gone {
            back - now.min(gone) + varied
        } else {
            varied
        }
    }

    fn story(&mut self, number: usize, group: u8, location: usize, opened: f64) -> Option<Story> {
        let mut model = usize::from(group % 3);
        if self.chance(0.25) {
            model = self.random.random_range(0..3_usize);
        }
        let (memory_test, disk_speed) = [(75.0, 1.0), (140.0, 0.7), (210.0, 1.5)].get(model).copied()?;
        let names = ["db", "web", "compute-node", "storage", "desktop"];
        let hostgroup = names.get(usize::from(group)).copied()?;
        let place = ["brno", "raleigh"].get(location).copied()?;
        let facts =
            facts(&format!("u{number}.example.com"), hostgroup, ["T1", "T2", "T3"].get(model)?, place)?;
        let telling = Telling { starts: group.is_multiple_of(2), percentages: false, lost: 0.04 };
        let mut luck = Xoshiro256PlusPlus::seed_from_u64(self.random.next_u64());
        let mut lateness = Xoshiro256PlusPlus::seed_from_u64(self.random.next_u64());
        let mut teller = Teller::new(opened, telling);
        // One host in six trains all of its memory anew, at both boots.
        let training = if self.chance(1.0 / 6.0) { 2.2 } else { 1.0 };
        let growth = 1.0 + opened / DAY * 0.01;
        let workflow = if group < 3 { "kickstart" } else { "preseed" };
        if let Some(began) = self.began.get_mut(location) {
            began.push(opened);
        }
        for &(label, kind, seconds) in if group < 3 { KICKSTART } else { PRESEED } {
            let scaled = seconds * (1.0 + f64::from(group) * 0.15);
            let mut takes = match kind {
                Kind::Api => self.weibull(seconds, 1.5),
                Kind::Boot => self.gamma(memory_test * training, 200.0) + self.gamma(seconds, 50.0),
                Kind::Fetch => self.download(scaled * growth, teller.now, location),
                // A quick format, or a whole array that is initialised.
                Kind::Disk if self.chance(0.1) => self.gamma(scaled * disk_speed * 3.0, 60.0),
                Kind::Disk => self.gamma(scaled * disk_speed, 60.0),
                Kind::Script => self.weibull(scaled * 1.05, 8.0),
            };
            // Something does not answer, and is waited for until a time-out of its own.
            if matches!(kind, Kind::Fetch | Kind::Script) && self.chance(0.06) {
                takes += [30.0, 60.0, 120.0].get(self.random.random_range(0..3_usize)).copied()?;
            }
            if label == "config_agent" && group == 1 {
                continue;
            }
            teller.step(label, takes, &mut || luck.random());
        }
        let reports = teller.reports(&mut || lateness.random_range(0.0..8.0));
        Some(Story { facts, workflow, opened, reports })
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Api,
    Boot,
    Fetch,
    Disk,
    Script,
}

const KICKSTART: &[(&str, Kind, f64)] = &[
    ("dhcp", Kind::Api, 2.0),
    ("dns", Kind::Api, 3.0),
    ("tftp", Kind::Api, 6.0),
    ("power_on", Kind::Api, 8.0),
    ("pxe_boot", Kind::Boot, 20.0),
    ("get_ks", Kind::Fetch, 40.0),
    ("storage", Kind::Disk, 35.0),
    ("packages", Kind::Fetch, 300.0),
    ("post", Kind::Script, 45.0),
    ("config_agent", Kind::Script, 60.0),
    ("built", Kind::Api, 3.0),
    ("first_boot", Kind::Boot, 50.0),
];

const PRESEED: &[(&str, Kind, f64)] = &[
    ("dhcp", Kind::Api, 2.0),
    ("dns", Kind::Api, 3.0),
    ("power_on", Kind::Api, 8.0),
    ("pxe_boot", Kind::Boot, 20.0),
    ("get_preseed", Kind::Fetch, 25.0),
    ("storage", Kind::Disk, 60.0),
    ("base_system", Kind::Fetch, 140.0),
    ("packages", Kind::Fetch, 220.0),
    ("bootloader", Kind::Disk, 20.0),
    ("post", Kind::Script, 30.0),
    ("config_agent", Kind::Script, 80.0),
    ("built", Kind::Api, 3.0),
    ("first_boot", Kind::Boot, 40.0),
];
