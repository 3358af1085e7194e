//! The laws of what is learned and estimated, over any builds.

#![expect(clippy::unwrap_used, reason = "what a test calls is a test too")]

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, TimeZone, Utc};
use milepost_domain::{
    Build, BuildId, Durations, Estimate, HostFacts, HostId, Id, Label, Peers, Percent, Plan, PlannedStep,
    Progress, Report, ReportId, State, Status, StepTiming, Time, Timings,
    timing::{ENOUGH, Key, Kind, SILENCE, SILENCE_MAX, SILENCE_MIN, WINDOW, silence_limit},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

const STEPS: [(&str, u32); 6] =
    [("dhcp", 2), ("get_ks", 60), ("packages", 300), ("post", 30), ("built", 3), ("first_boot", 120)];

fn start() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap()
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn plan() -> Plan {
    Plan::new(STEPS.iter().zip(1..).map(|((name, weight), order)| PlannedStep {
        label: label(name),
        name: name.parse().unwrap(),
        priority: order * 100,
        weight_seconds: *weight,
        timeout_seconds: 600,
        optional: *name == "dhcp",
        entry: *name == "get_ks",
    }))
}

fn open(plan: Plan) -> Build {
    let (id, host): (BuildId, HostId) = (Id::at(start(), [1; 10]), Id::at(start(), [2; 10]));
    Build::open(id, host, label("kickstart"), Arc::new(plan), start(), start() + TimeDelta::hours(6))
}

fn report(step: &str, status: Option<Status>, millis: i64) -> Report {
    let id = ReportId::from_word(&format!("{step}{status:?}{millis}"));
    let mut report = Report::simple(id, label(step), start() + TimeDelta::milliseconds(millis));
    report.status = status;
    report
}

/// A build that took so many seconds a step; a step without any was not reported, and took its usual.
fn finished(seconds: &[Option<u32>; 6]) -> Build {
    let mut build = open(plan());
    let mut now = 0;
    for ((step, usual), spent) in STEPS.iter().zip(seconds) {
        now += i64::from(spent.unwrap_or(*usual)) * 1000;
        if spent.is_some() || *step == "first_boot" {
            build.apply(&report(step, Some(Status::Done), now));
        }
    }
    build
}

fn key() -> Key {
    Key { workflow: label("kickstart"), kind: Kind::Model("R650".parse().unwrap()) }
}

fn learned(builds: &[[Option<u32>; 6]]) -> Timings {
    let mut timings = Timings::new(key());
    for seconds in builds {
        timings.learn(&Durations::of(&finished(seconds)).unwrap());
    }
    timings
}

/// So many builds that all took what is usual.
fn usual(builds: usize) -> Timings {
    learned(&vec![STEPS.map(|(_, seconds)| Some(seconds)); builds])
}

fn median(timings: &Timings, step: &str) -> Duration {
    timings.get(&label(step)).and_then(StepTiming::median).unwrap()
}

fn after(plan: Plan, reports: &[(&str, Option<Status>, i64)]) -> Build {
    let mut build = open(plan);
    for (step, status, seconds) in reports {
        build.apply(&report(step, *status, seconds * 1000));
    }
    build
}

fn estimate(build: &Build, seconds: i64, timings: &Timings) -> Option<Estimate> {
    Estimate::of(build, start() + TimeDelta::seconds(seconds), timings, &Peers::default())
}

const DONE: Option<Status> = Some(Status::Done);
const INIT: Option<Status> = Some(Status::Init);

fn history() -> impl Strategy<Value = Vec<[Option<u32>; 6]>> {
    let step = || option::weighted(0.9, 0_u32..2000);
    vec([step(), step(), step(), step(), step(), step()], 0..WINDOW + 6)
}

/// Step, status, percentage, milliseconds since the report before it.
type Draft = (&'static str, Option<Status>, Option<u16>, i64);

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let steps = vec!["dhcp", "get_ks", "packages", "post", "built", "first_boot", "unknown"];
    let statuses = vec![None, INIT, DONE, Some(Status::Failed)];
    let percentage = option::weighted(0.2, 0_u16..=10_000);
    vec((select(steps), select(statuses), percentage, 0_i64..400_000), 0..20)
}

fn reports(drafts: &[Draft]) -> Vec<Report> {
    let mut now = 0;
    let one = |(at, (step, status, percentage, wait)): (usize, &Draft)| {
        now += wait;
        let mut report = report(step, *status, now);
        report.id = ReportId::from_word(&at.to_string());
        report.percentage = percentage.and_then(Percent::from_basis_points);
        report
    };
    drafts.iter().enumerate().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_bar_keeps_its_laws_whatever_was_learned(
        history in history(), drafts in drafts(), looks in vec(0.0..1.0, 20), later in 0_i64..10_000_000,
    ) {
        let mut build = open(learned(&history).weigh(&plan()));
        let (mut attempt, mut highest, mut before) = (1, 0, start());
        for (report, look) in reports(&drafts).iter().zip(looks) {
            // When nothing comes, more time is more progress.
            let wait = (report.received_at - before).as_seconds_f64() * look;
            let between = before + TimeDelta::from_std(Duration::from_secs_f64(wait)).unwrap();
            for now in [before, between, report.received_at] {
                let percent = Progress::of(&build, now).percent.unwrap();
                prop_assert!(percent >= highest, "{percent} after {highest} before {report:?}");
                highest = percent;
            }
            build.apply(report);
            before = report.received_at;
            if build.course.attempt != attempt {
                (attempt, highest) = (build.course.attempt, 0);
            }
            let percent = Progress::of(&build, before).percent.unwrap();
            prop_assert!(percent >= highest.min(99), "{percent} after {highest} at {report:?}");
            highest = percent;
            let at_last = Progress::of(&build, before + TimeDelta::milliseconds(later));
            prop_assert_eq!(at_last.percent == Some(100), at_last.state == State::Completed);
            prop_assert!(at_last.percent.unwrap() >= percent);
        }
    }

    #[test]
    fn an_unknown_step_moves_neither_the_bar_nor_the_estimate(
        history in history(), drafts in drafts(), status in select(vec![None, INIT, DONE]),
        wait in 0_i64..100_000, later in 0_i64..10_000_000,
    ) {
        let timings = learned(&history);
        let mut without = open(timings.weigh(&plan()));
        // What a step says of itself holds as long as it is the last to speak.
        let silent: Vec<Draft> =
            drafts.into_iter().map(|(step, status, _, wait)| (step, status, None, wait)).collect();
        for report in reports(&silent) {
            without.apply(&report);
        }
        let last = without.course.last_report_at.unwrap_or(start());
        let mut with = without.clone();
        with.apply(&report("unknown", status, (last - start()).num_milliseconds() + wait));
        // Any report makes a build that was not running so; that is no matter of its step.
        prop_assume!(with.course.state == without.course.state);
        let now = last + TimeDelta::milliseconds(wait + later);
        prop_assert_eq!(with.course.percent(&with.plan, now), without.course.percent(&without.plan, now));
        let estimate = |build: &Build| Estimate::of(build, now, &timings, &Peers::default());
        prop_assert_eq!(estimate(&with), estimate(&without));
    }

    #[test]
    fn an_estimate_has_an_ordered_range_and_a_basis(
        history in history(), drafts in drafts(), others in drafts(), later in 0_i64..100_000,
    ) {
        let timings = learned(&history);
        let (mut build, mut other, mut peers) = (open(plan()), open(plan()), Peers::default());
        for report in reports(&others) {
            other.apply(&report);
            peers.note(&other, &timings, report.received_at);
        }
        for report in reports(&drafts) {
            build.apply(&report);
            let now = report.received_at + TimeDelta::seconds(later);
            let goes_on = matches!(build.course.state, State::Running | State::Installed);
            if let Some(estimate) = Estimate::of(&build, now, &timings, &peers) {
                prop_assert!(goes_on && timings.builds() >= ENOUGH);
                prop_assert!(estimate.low_seconds <= estimate.seconds, "{estimate:?}");
                prop_assert!(estimate.seconds <= estimate.high_seconds, "{estimate:?}");
                prop_assert!(estimate.basis.contains("builds of kickstart on R650"), "{}", estimate.basis);
            }
        }
    }

    #[test]
    fn the_legs_of_a_build_add_up_to_its_time(story in history()) {
        let Some(story) = story.first() else { return Ok(()) };
        let build = finished(story);
        let durations = Durations::of(&build).unwrap();
        let sum: TimeDelta = durations.steps().iter().filter_map(|(_, spent)| *spent).sum();
        prop_assert_eq!(sum, build.course.ended_at.unwrap() - build.started_at);
    }

    #[test]
    fn what_is_learned_is_bounded_survives_being_stored_and_is_ordered(history in history()) {
        let timings = learned(&history);
        prop_assert_eq!(timings.builds(), history.len().min(WINDOW));
        for row in timings.rows() {
            let stored = serde_json::to_string(row).unwrap();
            prop_assert!(stored.len() < 1000, "{stored}");
            let read: StepTiming = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(&read, row);
            let quantiles = [0.1, 0.5, 0.9, 0.99].map(|share| row.quantile(share));
            prop_assert!(quantiles.is_sorted(), "{quantiles:?}");
            prop_assert!((0.0..=1.0).contains(&row.share()));
            let limit = silence_limit(None, Some(row));
            prop_assert!(limit == SILENCE || (SILENCE_MIN..=SILENCE_MAX).contains(&limit));
        }
        let stored = Timings::from_rows(timings.key().clone(), timings.rows().to_vec());
        prop_assert_eq!(stored, timings);
    }
}

#[test]
fn four_builds_are_too_few_and_five_are_enough() {
    let build = after(plan(), &[("dhcp", DONE, 2)]);
    assert_eq!(estimate(&build, 2, &usual(4)), None);
    assert_eq!(usual(4).weigh(&plan()), plan());
    let estimate = estimate(&build, 2, &usual(5)).unwrap();
    assert_eq!((estimate.seconds, estimate.basis.as_str()), (513, "from 5 builds of kickstart on R650"));
}

#[test]
fn a_build_that_goes_as_usual_is_foretold_to_the_second() {
    let timings = usual(20);
    let reports = [("dhcp", DONE, 2), ("get_ks", DONE, 62), ("packages", INIT, 62)];
    for seconds in [62, 100, 200, 300] {
        let estimate = estimate(&after(plan(), &reports), seconds, &timings).unwrap();
        let truth = u64::try_from(515 - seconds).unwrap();
        assert!(estimate.seconds.abs_diff(truth) <= 1, "{estimate:?} where {truth} are left");
        assert!(estimate.overdue.is_none());
    }
}

#[test]
fn nothing_is_estimated_where_nothing_moves() {
    let timings = usual(20);
    let failed = after(plan(), &[("get_ks", DONE, 60), ("packages", Some(Status::Failed), 100)]);
    assert_eq!(estimate(&failed, 100, &timings), None);
    assert_eq!(estimate(&finished(&[Some(60); 6]), 1000, &timings), None);
}

#[test]
fn a_step_that_takes_too_long_is_called_overdue() {
    let build = after(plan(), &[("dhcp", DONE, 2), ("get_ks", DONE, 62), ("packages", INIT, 62)]);
    let estimate = estimate(&build, 62 + 600, &usual(20)).unwrap();
    assert_eq!(estimate.overdue.unwrap().to_string(), "overdue by 5 min (usually 5)");
    assert!(estimate.high_seconds > estimate.seconds && estimate.seconds > 150, "{estimate:?}");
}

#[test]
fn a_host_that_is_slow_where_others_were_slow_throughout_is_expected_to_stay_slow() {
    let at_speed = |tenths: u32| STEPS.map(|(_, seconds)| Some(seconds * tenths / 10));
    let builds: Vec<_> = (0..40).map(|at| at_speed([8, 10, 12, 15, 9][at % 5])).collect();
    let timings = learned(&builds);
    let left = |spent: i64| {
        let build = after(plan(), &[("dhcp", DONE, 2), ("get_ks", DONE, 2 + spent)]);
        estimate(&build, 2 + spent, &timings).unwrap().seconds
    };
    assert!(left(90) > left(60) + 60, "{} and {}", left(90), left(60));
    assert!(left(48) + 30 < left(60), "{} and {}", left(48), left(60));
}

#[test]
fn what_others_experience_now_moves_the_estimate_and_is_forgotten() {
    let timings = usual(20);
    let mut peers = Peers::default();
    for _ in 0..10 {
        let slow = after(plan(), &[("dhcp", DONE, 2), ("get_ks", DONE, 62), ("packages", DONE, 962)]);
        peers.note(&slow, &timings, start() + TimeDelta::seconds(962));
    }
    let left = |peers: &Peers, hours: i64| {
        let now = 962 + hours * 3600;
        let build = after(plan(), &[("dhcp", DONE, now - 60), ("get_ks", DONE, now)]);
        Estimate::of(&build, start() + TimeDelta::seconds(now), &timings, peers).unwrap()
    };
    let (alone, with) = (left(&Peers::default(), 0), left(&peers, 0));
    assert!(with.seconds > alone.seconds + 60, "{with:?} and {alone:?}");
    assert_eq!(left(&peers, 24), left(&Peers::default(), 24));
}

#[test]
fn one_accident_among_many_builds_is_not_what_is_usual() {
    let mut builds = vec![STEPS.map(|(_, seconds)| Some(seconds)); 20];
    builds[19][2] = Some(7200);
    let timings = learned(&builds);
    assert_eq!(median(&timings, "packages"), Duration::from_secs(300));
    assert!(timings.get(&label("packages")).unwrap().quantile(0.99).unwrap() > Duration::from_secs(3600));
}

#[test]
fn a_report_that_was_lost_makes_no_step_longer_and_no_build_shorter() {
    let mut builds = vec![STEPS.map(|(_, seconds)| Some(seconds)); 26];
    for build in &mut builds[6..] {
        build[2] = None;
    }
    let timings = learned(&builds);
    assert_eq!(median(&timings, "packages"), Duration::from_secs(300));
    assert_eq!(median(&timings, "post"), Duration::from_secs(30));
}

#[test]
fn a_step_that_a_site_never_reports_weighs_nothing_and_its_time_is_in_the_next() {
    let mut builds = vec![STEPS.map(|(_, seconds)| Some(seconds)); 10];
    for build in &mut builds {
        build[1] = None;
    }
    let timings = learned(&builds);
    assert_eq!(timings.get(&label("get_ks")), None);
    assert_eq!(median(&timings, "packages"), Duration::from_secs(360));
    let weights: Vec<u32> = timings.weigh(&plan()).steps().iter().map(|step| step.weight_seconds).collect();
    assert_eq!(weights, [2, 0, 360, 30, 3, 120]);
}

#[test]
fn only_builds_that_went_well_the_first_time_teach() {
    assert_eq!(Durations::of(&after(plan(), &[("get_ks", DONE, 60), ("packages", INIT, 61)])), None);
    let mut twice = after(plan(), &[("get_ks", DONE, 60), ("packages", INIT, 61), ("get_ks", DONE, 300)]);
    for (step, seconds) in [("packages", 600), ("post", 630), ("built", 633), ("first_boot", 753)] {
        twice.apply(&report(step, DONE, seconds * 1000));
    }
    assert_eq!((twice.course.state, twice.course.attempt), (State::Completed, 2));
    assert_eq!(Durations::of(&twice), None);
}

#[test]
fn the_registry_then_history_then_a_quarter_of_an_hour_say_how_long_a_silence_may_be() {
    let timings = usual(20);
    let row = |step: &str| timings.get(&label(step));
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    assert_eq!(silence_limit(Some(minutes(40)), row("packages")), minutes(40));
    assert_eq!(silence_limit(None, row("packages")), minutes(10));
    assert_eq!(silence_limit(None, row("post")), SILENCE_MIN);
    assert_eq!(silence_limit(None, None), SILENCE);
    assert_eq!(silence_limit(None, usual(4).get(&label("packages"))), SILENCE);
}

#[test]
fn a_build_is_estimated_by_the_narrowest_kind_that_knows_enough() {
    let mut facts = HostFacts::named("web1.example.com".parse().unwrap());
    facts.hostgroup = Some("web".parse().unwrap());
    facts.model = Some("R650".parse().unwrap());
    let words: Vec<String> = Key::of(&label("kickstart"), &facts).iter().map(ToString::to_string).collect();
    assert_eq!(words, ["kickstart in web on R650", "kickstart in web", "kickstart on R650", "kickstart"]);
    facts.hostgroup = None;
    facts.model = None;
    assert_eq!(Key::of(&label("kickstart"), &facts).len(), 1);
}
