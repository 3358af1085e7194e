//! Replays a history, report by report, and asks everybody on the way.
//!
//! The rule it protects: strictly forward in time. A build is estimated from what had ended, and what
//! others had reported, before the moment of the look; only the choice of that moment knows the end.

use std::{collections::BTreeMap, sync::Arc};

use milepost_domain::{
    Build, Durations, Estimate, HostFacts, Id, Label, Name, Peers, Plan, Report, State, Time, Timings,
    timing::{Key, first_with_enough},
};

use crate::{
    plans,
    references::{MeanOfLast, Told, equal_weight, fixed_weights},
    story::{Story, at},
};

/// The shares of a build's time at which everybody is asked.
pub(crate) const POINTS: [f64; 5] = [0.10, 0.25, 0.50, 0.75, 0.90];

/// What everybody said of one build at one moment, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Which of [`POINTS`].
    pub(crate) point: usize,
    /// What was really left, in seconds.
    pub(crate) left: f64,
    /// What Milepost said: its bar, its estimate.
    pub(crate) ours: Told,
    /// The ends of its range, in seconds.
    pub(crate) range: (f64, f64),
    /// What it says when nobody else installs.
    pub(crate) alone: f64,
    pub(crate) equal: Told,
    pub(crate) fixed: Told,
    pub(crate) mean: Told,
}

/// What came of a history.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) looks: Vec<Look>,
    /// How many builds were completed.
    pub(crate) completed: usize,
    /// How many of them could be estimated from their beginning.
    pub(crate) estimated: usize,
}

struct Site {
    timings: BTreeMap<Key, Timings>,
    peers: BTreeMap<Option<Name>, Peers>,
    mean: MeanOfLast,
}

/// A build under way.
struct Under {
    facts: HostFacts,
    /// As it is with what was learned when it was opened.
    build: Build,
    /// As it would be with the weights of the registry.
    fixed: Build,
    keys: Vec<Key>,
}

impl Site {
    fn usual(&self, keys: &[Key]) -> Option<&Timings> {
        first_with_enough(keys.iter().filter_map(|key| self.timings.get(key)))
    }

    fn report(&mut self, under: &mut Under, report: &Report) {
        under.build.apply(report);
        under.fixed.apply(report);
        let place = under.facts.location.clone();
        if let Some(usual) = first_with_enough(under.keys.iter().filter_map(|key| self.timings.get(key))) {
            self.peers.entry(place).or_default().note(&under.build, usual, report.received_at);
        }
        if under.build.course.ended_at != Some(report.received_at)
            || under.build.course.state != State::Completed
        {
            return;
        }
        let seconds = (report.received_at - under.build.started_at).as_seconds_f64();
        let durations = Durations::of(&under.build);
        for key in &under.keys {
            self.mean.learn(key, seconds);
            if let Some(durations) = &durations {
                let timings = self.timings.entry(key.clone()).or_insert_with(|| Timings::new(key.clone()));
                timings.learn(durations);
            }
        }
    }

    fn look(&self, under: &Under, point: usize, now: Time, end: Time) -> Option<Look> {
        let usual = self.usual(&under.keys)?;
        let nobody = Peers::default();
        let peers = self.peers.get(&under.facts.location).unwrap_or(&nobody);
        let estimate = Estimate::of(&under.build, now, usual, peers)?;
        let alone = Estimate::of(&under.build, now, usual, &nobody)?;
        let elapsed = (now - under.build.started_at).as_seconds_f64();
        let share = under.build.course.percent(&under.build.plan, now).unwrap_or_default();
        let ours =
            Told { share: f64::from(share.basis_points()) / 10_000.0, seconds: seconds(estimate.seconds) };
        Some(Look {
            point,
            left: (end - now).as_seconds_f64(),
            ours,
            range: (seconds(estimate.low_seconds), seconds(estimate.high_seconds)),
            alone: seconds(alone.seconds),
            equal: equal_weight(&under.fixed, elapsed),
            fixed: fixed_weights(&under.fixed, &under.fixed.plan, now, elapsed),
            mean: under.keys.iter().find_map(|key| self.mean.told(key, elapsed))?,
        })
    }
}

fn seconds(whole: u64) -> f64 {
    f64::from(u32::try_from(whole).unwrap_or(u32::MAX))
}

/// When a story ends well, if it does.
fn end_of(story: &Story, plan: &Arc<Plan>) -> Option<Time> {
    let mut build = open(story, Arc::clone(plan), 0)?;
    story.reports.iter().for_each(|report| build.apply(report));
    build.course.ended_at.filter(|_| build.course.state == State::Completed)
}

fn open(story: &Story, plan: Arc<Plan>, number: u64) -> Option<Build> {
    let opened = at(story.opened);
    let workflow: Label = story.workflow.parse().ok()?;
    let mut random = [0; 10];
    random.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    let expires = opened + chrono::TimeDelta::days(1);
    Some(Build::open(Id::at(opened, random), Id::at(opened, random), workflow, plan, opened, expires))
}

enum Event {
    Open,
    Report(usize),
    Look(usize),
}

/// Everything that happens in a history, in the order it does.
fn events(stories: &[Story], ends: &[Option<Time>]) -> Vec<(Time, usize, Event)> {
    let mut events = Vec::new();
    for (number, (story, end)) in stories.iter().zip(ends).enumerate() {
        let opened = at(story.opened);
        events.push((opened, number, Event::Open));
        events.extend(
            story
                .reports
                .iter()
                .enumerate()
                .map(|(nth, report)| (report.received_at, number, Event::Report(nth))),
        );
        let Some(end) = end else { continue };
        events.extend(POINTS.iter().enumerate().map(|(nth, point)| {
            (at(story.opened + (*end - opened).as_seconds_f64() * point), number, Event::Look(nth))
        }));
    }
    // Stable: what comes in the same moment keeps the order of a build's own events.
    events.sort_by_key(|(when, ..)| *when);
    events
}

/// Replays a history.
///
/// # Errors
/// When the shipped workflows cannot be read.
pub(crate) fn replay(stories: &[Story]) -> Result<Replayed, String> {
    let plans: BTreeMap<Label, Arc<Plan>> = plans::shipped()?
        .into_iter()
        .map(|(name, plan)| (name, Arc::new(plans::up_to_the_end(&plan))))
        .collect();
    let plan_of = |story: &Story| plans.iter().find(|(name, _)| name.as_str() == story.workflow);
    let ends: Vec<Option<Time>> = stories.iter().map(|story| end_of(story, plan_of(story)?.1)).collect();
    let mut site = Site { timings: BTreeMap::new(), peers: BTreeMap::new(), mean: MeanOfLast::default() };
    let mut open_builds: BTreeMap<usize, Under> = BTreeMap::new();
    let mut replayed = Replayed { completed: ends.iter().flatten().count(), ..Replayed::default() };
    for (when, number, event) in events(stories, &ends) {
        let Some(story) = stories.get(number) else { continue };
        match event {
            Event::Open => {
                let Some((workflow, plan)) = plan_of(story) else { continue };
                let keys = Key::of(workflow, &story.facts);
                let weighed =
                    site.usual(&keys).map_or_else(|| Arc::clone(plan), |usual| Arc::new(usual.weigh(plan)));
                let id = u64::try_from(number).unwrap_or(0);
                let builds = open(story, weighed, id).zip(open(story, Arc::clone(plan), id));
                let Some((build, fixed)) = builds else { continue };
                open_builds.insert(number, Under { facts: story.facts.clone(), build, fixed, keys });
            }
            Event::Report(nth) => {
                let under = open_builds.get_mut(&number).zip(story.reports.get(nth));
                if let Some((under, report)) = under {
                    site.report(under, report);
                }
            }
            Event::Look(point) => {
                let Some(under) = open_builds.get(&number) else { continue };
                let Some(end) = ends.get(number).copied().flatten() else { continue };
                let look = site.look(under, point, when, end);
                replayed.estimated += usize::from(point == 0 && look.is_some());
                replayed.looks.extend(look);
            }
        }
    }
    Ok(replayed)
}
