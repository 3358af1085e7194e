//! The laws of what programs send by themselves, over any course of a build.

#![expect(clippy::unwrap_used, reason = "what a test calls is a test too")]

use std::sync::Arc;

use chrono::{Duration, TimeZone, Utc};
use milepost_domain::{
    Build, BuildId, HostId, Id, Label, Plan, Progress, Report, ReportId, RunState, State, Status, Time,
    event::{EventRule, Place},
    plan::PlannedStep,
    registry::{Mode, Registry},
};
use proptest::{collection::vec, prelude::*, sample::select};

const STEPS: &[&str] = &["get_autoinstall", "pre", "storage", "image_write", "built", "first_boot"];
const INIT: Option<Status> = Some(Status::Init);
const DONE: Option<Status> = Some(Status::Done);
const FAILED: Option<Status> = Some(Status::Failed);

fn at(seconds: i64) -> Time {
    Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).unwrap() + Duration::seconds(seconds)
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn plan() -> Plan {
    let step = |(order, name): (i32, &&str)| PlannedStep {
        label: label(name),
        name: name.parse().unwrap(),
        priority: order * 10,
        weight_seconds: 30,
        timeout_seconds: 600,
        optional: false,
        entry: order < 2,
    };
    let rule = |name: &str, step: &str, on: &[Status]| EventRule {
        origin: "curtin".parse().unwrap(),
        name: name.parse().unwrap(),
        step: label(step),
        on: on.to_vec(),
    };
    Plan::new((0..).zip(STEPS).map(step)).with_events(vec![
        rule("early", "pre", &[]),
        rule("partitioning", "storage", &[]),
        rule("extract", "image_write", &[]),
        rule("install", "built", &[Status::Failed]),
    ])
}

fn open() -> Build {
    let (id, host): (BuildId, HostId) = (Id::at(at(0), [1; 10]), Id::at(at(0), [2; 10]));
    Build::open(id, host, label("autoinstall"), Arc::new(plan()), at(0), at(21_600))
}

/// As the registry lets it pass.
fn admitted(report: Report) -> Report {
    Registry::default().admit(report, &plan(), Mode::Strict).unwrap()
}

fn report(step: &str, status: Option<Status>, seconds: i64) -> Report {
    let id = ReportId::from_word(&format!("{step}{status:?}{seconds}"));
    admitted(Report { status, ..Report::simple(id, label(step), at(seconds)) })
}

fn event(name: &str, status: Option<Status>, seconds: i64) -> Report {
    let id = ReportId::from_word(&format!("event {name}{status:?}{seconds}"));
    admitted(Report {
        status,
        name: Some(name.parse().unwrap()),
        message: Some(format!("{name} goes on").parse().unwrap()),
        event: Some(Place::Of("curtin".parse().unwrap())),
        ..Report::simple(id, Label::from_words(name).unwrap(), at(seconds))
    })
}

fn after(reports: &[Report]) -> Build {
    let mut build = open();
    for report in reports {
        build.apply(report);
    }
    build
}

/// What activities must leave alone.
fn essence(build: &Build) -> (State, u32, Option<Label>, Vec<String>) {
    let course = &build.course;
    let runs = course.runs.iter().map(|run| format!("{run:?}")).collect();
    (course.state, course.attempt, course.current.clone(), runs)
}

fn statuses() -> impl Strategy<Value = Option<Status>> {
    select(vec![None, INIT, DONE, FAILED])
}

/// Reports, events of steps and activities, of which each says how long it waited.
fn anything() -> impl Strategy<Value = Vec<Report>> {
    let events = vec!["early", "partitioning", "extract", "install", "elsewhere", "partitioning/builtin"];
    let one = (any::<bool>(), select(STEPS), select(events), statuses(), 0_i64..100);
    vec(one, 1..30).prop_map(|drafts| {
        let mut now = 0;
        let made = |(is_event, step, name, status, wait): (bool, &str, &str, Option<Status>, i64)| {
            now += wait + 1;
            if is_event { event(name, status, now) } else { report(step, status, now) }
        };
        drafts.into_iter().map(made).collect()
    })
}

proptest! {
    #[test]
    fn an_activity_moves_nothing_but_the_clock(all in anything()) {
        // The first shows that the machine is there, which a report does too.
        prop_assume!(!all[0].is_activity());
        let steps: Vec<Report> = all.iter().filter(|report| !report.is_activity()).cloned().collect();
        let (with, without) = (after(&all), after(&steps));
        prop_assert_eq!(essence(&with), essence(&without));
        prop_assert_eq!(u32::try_from(all.len()).unwrap(), with.course.reports);
        prop_assert_eq!(with.course.last_report_at, Some(all.last().unwrap().received_at));
    }

    #[test]
    fn events_fold_as_reports_do_whatever_comes_between(all in anything()) {
        let mut replayed = open();
        replayed.replay(all.clone());
        let applied = after(&all);
        prop_assert_eq!(essence(&applied), essence(&replayed));
        prop_assert_eq!(&applied.course, &replayed.course);
    }

    #[test]
    fn no_event_begins_another_attempt_or_a_second_pass_through_a_step(all in anything()) {
        let events: Vec<Report> = all.into_iter().filter(|report| report.event.is_some()).collect();
        let build = after(&events);
        prop_assert_eq!(build.course.attempt, 1);
        let failures = events.iter().filter(|event| event.status == FAILED && !event.is_activity()).count();
        for run in build.course.runs_now() {
            // Only what has failed can be tried again.
            prop_assert!(usize::try_from(run.attempts).unwrap() <= 1 + failures, "{:?}", run);
        }
    }

    #[test]
    fn the_bar_never_falls_by_an_event(all in anything()) {
        let mut build = open();
        for report in &all {
            let before = Progress::of(&build, report.received_at).percent;
            build.apply(report);
            let percent = Progress::of(&build, report.received_at).percent;
            prop_assert!(report.event.is_none() || percent >= before, "{:?} after {:?}", percent, before);
        }
    }
}

#[test]
fn a_step_that_is_entered_thirteen_times_is_one_step() {
    let mut all = vec![event("partitioning", INIT, 1)];
    for time in 1..=13 {
        all.push(event("partitioning", INIT, 10 * time));
        all.push(event("partitioning", DONE, 10 * time + 5));
    }
    let build = after(&all);
    let run = build.course.runs_now().next().unwrap();
    assert_eq!((run.state, run.attempts, run.started_at), (RunState::Done, 1, at(1)));
    assert_eq!((build.course.attempt, build.course.state), (1, State::Running));
}

#[test]
fn what_ends_without_having_started_is_done() {
    let build = after(&[event("partitioning", DONE, 5)]);
    assert_eq!(build.course.runs_now().next().unwrap().state, RunState::Done);
}

#[test]
fn a_failed_event_fails_its_step_with_its_words_and_an_activity_fails_nothing() {
    let build = after(&[event("partitioning", INIT, 1), event("elsewhere", FAILED, 2)]);
    assert_eq!(build.course.state, State::Running);
    let build = after(&[event("partitioning", INIT, 1), event("partitioning", FAILED, 2)]);
    let run = build.course.runs_now().next().unwrap();
    assert_eq!((build.course.state, run.state), (State::Failed, RunState::Failed));
    assert_eq!(run.message.as_ref().unwrap().as_str(), "partitioning goes on");
}

#[test]
fn what_ends_after_a_failure_is_neither_progress_nor_the_last_word() {
    let build = after(&[event("extract", FAILED, 1), event("elsewhere", DONE, 2)]);
    assert_eq!(build.course.state, State::Failed);
    assert_eq!(build.course.last_message.unwrap().as_str(), "extract goes on");
}

#[test]
fn a_failure_of_the_whole_is_that_of_the_step_at_work() {
    let build = after(&[event("extract", INIT, 1), event("install", DONE, 2), event("install", FAILED, 3)]);
    let states: Vec<RunState> = build.course.runs_now().map(|run| run.state).collect();
    assert_eq!((build.course.state, states), (State::Failed, vec![RunState::Failed; 2]));
}

#[test]
fn a_machine_that_is_heard_of_by_an_activity_alone_is_under_way() {
    let build = after(&[event("elsewhere", INIT, 1)]);
    assert_eq!((build.course.state, build.course.current), (State::Running, None));
    assert_eq!(build.course.last_message.unwrap().as_str(), "elsewhere goes on");
}

#[test]
fn what_a_completed_system_tells_at_its_later_boots_changes_nothing() {
    let done = |step: &&str| report(step, DONE, 10);
    let all: Vec<Report> = STEPS.iter().map(done).collect();
    let before = after(&all);
    assert_eq!(before.course.state, State::Completed);
    let mut build = before.clone();
    for status in [INIT, FAILED, DONE] {
        build.apply(&event("partitioning", status, 5_000));
    }
    assert_eq!(essence(&build), essence(&before));
}

#[test]
fn a_plan_without_events_has_the_digest_that_it_had_before_there_were_any() {
    let without = plan().with_events(Vec::new());
    assert_eq!(without.digest()[..6], [0x72, 0x6b, 0x25, 0x9c, 0xc3, 0x79]);
    assert_ne!(without.digest(), plan().digest());
    let mut other = plan().events().to_vec();
    other[0].on.push(Status::Init);
    assert_ne!(plan().with_events(other).digest(), plan().digest());
}
