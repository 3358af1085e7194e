//! The laws of a build, over any reports that a machine could send.

#![expect(clippy::unwrap_used, reason = "what a test calls is a test too")]

use std::sync::Arc;

use chrono::{Duration, TimeZone, Utc};
use milepost_domain::{
    Build, BuildId, HostId, Id, Label, Percent, Plan, Progress, Report, ReportId, State, Status, StepState,
    Time, build::MarkedEvent, plan::PlannedStep,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

fn start() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap()
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn planned(name: &str, priority: i32, weight_seconds: u32) -> PlannedStep {
    PlannedStep {
        label: label(name),
        name: name.parse().unwrap(),
        priority,
        weight_seconds,
        timeout_seconds: 600,
        optional: matches!(name, "dhcp" | "config_report"),
        entry: matches!(name, "pxe_boot" | "get_ks"),
    }
}

fn plan() -> Plan {
    Plan::new([
        planned("dhcp", 3, 1),
        planned("pxe_boot", 10, 60),
        planned("get_ks", 20, 5),
        planned("packages", 50, 300),
        planned("post", 80, 30),
        planned("built", 90, 1),
        planned("first_boot", 100, 60),
        planned("config_report", 110, 120),
    ])
}

fn open(plan: Plan) -> Build {
    let id: BuildId = Id::at(start(), [1; 10]);
    let host: HostId = Id::at(start(), [2; 10]);
    Build::open(id, host, label("kickstart"), Arc::new(plan), start(), start() + Duration::hours(6))
}

/// A report of `step` after `seconds`, with the priority that the registry fills in.
fn report(step: &str, status: Option<Status>, seconds: i64) -> Report {
    let at = start() + Duration::seconds(seconds);
    let mut report =
        Report::simple(ReportId::from_word(&format!("{step}{status:?}{seconds}")), label(step), at);
    report.status = status;
    report.priority = plan().get(&report.label).map(|step| step.priority);
    report
}

fn after(reports: &[(&str, Option<Status>, i64)]) -> Build {
    let mut build = open(plan());
    for (step, status, seconds) in reports {
        build.apply(&report(step, *status, *seconds));
    }
    build
}

const INIT: Option<Status> = Some(Status::Init);
const DONE: Option<Status> = Some(Status::Done);
const FAILED: Option<Status> = Some(Status::Failed);

#[derive(Debug, Clone)]
struct Draft {
    step: &'static str,
    status: Option<Status>,
    percentage: Option<u16>,
    wait: i64,
    boot: Option<u8>,
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let steps = vec![
        "dhcp",
        "pxe_boot",
        "get_ks",
        "packages",
        "post",
        "built",
        "first_boot",
        "config_report",
        "unknown",
    ];
    let statuses = vec![None, INIT, DONE, FAILED];
    let draft = (
        select(steps),
        select(statuses),
        option::weighted(0.2, 0_u16..=10_000),
        0_i64..400,
        option::weighted(0.3, 0_u8..3),
    );
    vec(
        draft.prop_map(|(step, status, percentage, wait, boot)| Draft {
            step,
            status,
            percentage,
            wait,
            boot,
        }),
        0..25,
    )
}

fn reports(drafts: &[Draft], numbered: bool) -> Vec<Report> {
    let mut seconds = 0;
    let mut reports = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        seconds += draft.wait;
        let mut report = report(draft.step, draft.status, seconds);
        report.id = ReportId::from_word(&at.to_string());
        report.percentage = draft.percentage.and_then(Percent::from_basis_points);
        report.boot_id = draft.boot.filter(|_| !numbered).map(|boot| boot.to_string());
        report.seq = numbered.then(|| i64::try_from(at).unwrap());
        reports.push(report);
    }
    reports
}

/// Of a step run: its attempt, label, state, number of starts and percentage.
type RunEssence = (u32, Label, String, u32, Option<Percent>);

/// What order and repetition must not change: the state, the attempt and how each step stands.
fn essence(build: &Build) -> (State, u32, Vec<RunEssence>) {
    let mut runs: Vec<_> = build
        .course
        .runs
        .iter()
        .map(|run| {
            (
                run.attempt,
                run.label.clone(),
                format!("{} {}", run.state, run.inferred),
                run.attempts,
                run.percentage,
            )
        })
        .collect();
    runs.sort();
    (build.course.state, build.course.attempt, runs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn percent_never_falls_within_an_attempt(drafts in drafts(), looks in vec(0_i64..400, 25)) {
        let mut build = open(plan());
        let (mut attempt, mut highest) = (1, 0);
        for (report, look) in reports(&drafts, false).iter().zip(looks) {
            // Somebody looks between two reports, when only the clock has moved.
            let earlier = report.received_at - Duration::seconds(look.min(report.received_at.signed_duration_since(build.course.last_report_at.unwrap_or(start())).num_seconds()));
            for now in [earlier, report.received_at] {
                let percent = Progress::of(&build, now).percent.unwrap();
                prop_assert!(percent >= highest, "{percent} after {highest} before {report:?}");
                highest = percent;
            }
            build.apply(report);
            if build.course.attempt != attempt {
                prop_assert_eq!(build.course.attempt, attempt + 1);
                (attempt, highest) = (build.course.attempt, 0);
            }
            let percent = Progress::of(&build, report.received_at).percent.unwrap();
            // Completed and then failing is the one way down from 100: it is no longer completed.
            prop_assert!(percent >= highest.min(99), "{percent} after {highest} at {report:?}");
            highest = percent;
        }
    }

    #[test]
    fn percent_is_100_only_when_completed(drafts in drafts(), later in 0_i64..1_000_000) {
        let mut build = open(plan());
        for report in reports(&drafts, false) {
            build.apply(&report);
            let progress = Progress::of(&build, report.received_at + Duration::seconds(later));
            prop_assert_eq!(progress.percent == Some(100), progress.state == State::Completed);
        }
    }

    #[test]
    fn numbered_reports_end_alike_in_whatever_order_they_arrive(
        (drafts, order) in drafts().prop_flat_map(|drafts| { let order: Vec<usize> = (0..drafts.len()).collect(); (Just(drafts), Just(order).prop_shuffle()) })
    ) {
        let sent = reports(&drafts, true);
        let mut in_order = open(plan());
        for report in &sent {
            in_order.apply(report);
        }

        let mut shuffled = open(plan());
        let mut arrived: Vec<Report> = Vec::new();
        for at in order {
            arrived.push(sent[at].clone());
            if shuffled.is_late(&sent[at]) {
                shuffled.replay(arrived.clone());
            } else {
                shuffled.apply(&sent[at]);
            }
        }
        prop_assert_eq!(essence(&shuffled), essence(&in_order));
    }

    #[test]
    fn a_build_is_the_fold_of_its_reports(drafts in drafts(), cancel_at in option::of(0_usize..25)) {
        let sent = reports(&drafts, false);
        let mut build = open(plan());
        for (at, report) in sent.iter().enumerate() {
            build.apply(report);
            // What comes in the same moment counts as before it, and is for `replay`.
            let is_last_then = sent.get(at + 1).is_none_or(|next| next.received_at > report.received_at);
            if cancel_at == Some(at) && is_last_then {
                build.mark(MarkedEvent::Cancel, report.received_at + Duration::milliseconds(1));
            }
        }
        let mut replayed = build.clone();
        replayed.replay(sent);
        prop_assert_eq!(replayed.course, build.course);
    }

    #[test]
    fn reports_from_before_the_end_that_come_after_it_count_before_it(
        drafts in drafts(),
        event in select(vec![MarkedEvent::Cancel, MarkedEvent::Supersede, MarkedEvent::Finished]),
        kept in vec(any::<bool>(), 25),
        end in 0_usize..25,
    ) {
        let sent = reports(&drafts, false);
        let end = sent.get(end).or(sent.last()).map_or(start(), |report| report.received_at);
        // Some lay in a spool while the build was ended, and the end itself may have waited.
        let (late, first): (Vec<_>, Vec<_>) = sent.into_iter().zip(kept).partition(|(_, kept)| *kept);
        let mut build = open(plan());
        let mut arrived: Vec<Report> = Vec::new();
        let mut take = |build: &mut Build, report: Report| {
            arrived.push(report.clone());
            if build.is_late(&report) { build.replay(arrived.clone()) } else { build.apply(&report) }
        };
        for (report, _) in first {
            take(&mut build, report);
        }
        build.mark(event, end);
        for (report, _) in late {
            take(&mut build, report);
        }

        let mut replayed = build.clone();
        replayed.replay(arrived);
        prop_assert_eq!(replayed.course, build.course);
    }

    #[test]
    fn saying_a_report_twice_in_a_row_changes_nothing_of_substance(drafts in drafts()) {
        let mut once = open(plan());
        let mut twice = open(plan());
        for report in reports(&drafts, false) {
            once.apply(&report);
            twice.apply(&report);
            twice.apply(&report);
        }
        prop_assert_eq!(essence(&once), essence(&twice));
    }

    #[test]
    fn nothing_moves_a_build_that_was_closed(drafts in drafts(), before in 0_usize..25) {
        let mut build = open(plan());
        let sent = reports(&drafts, false);
        for report in sent.iter().take(before) {
            build.apply(report);
        }
        build.mark(MarkedEvent::Supersede, start() + Duration::days(1));
        let state = build.course.state;
        for report in sent.iter().skip(before) {
            build.apply(report);
            prop_assert_eq!(build.course.state, state);
        }
    }
}

#[test]
fn the_main_job_ends_completed() {
    let mut build =
        after(&[("get_ks", DONE, 60), ("packages", INIT, 65), ("packages", DONE, 365), ("post", INIT, 366)]);
    assert_eq!(build.course.state, State::Running);
    build.apply(&report("built", DONE, 400));
    assert_eq!(build.course.state, State::Installed);
    assert_eq!(build.course.installed_at, Some(start() + Duration::seconds(400)));
    build.apply(&report("first_boot", DONE, 500));
    assert_eq!(build.course.state, State::Completed);
    let progress = Progress::of(&build, start() + Duration::days(3));
    assert_eq!((progress.percent, progress.elapsed_seconds), (Some(100), 500));
    let states: Vec<StepState> = progress.steps.iter().map(|step| step.state).collect();
    let (done, skipped) = (StepState::Done, StepState::Skipped);
    assert_eq!(states, [skipped, skipped, done, done, done, done, done, skipped]);
}

#[test]
fn a_step_counts_by_its_clock_at_most_95_percent() {
    let build = after(&[("packages", INIT, 0)]);
    let percent = |seconds| Progress::of(&build, start() + Duration::seconds(seconds)).percent;
    // 66 s of 577 s are skipped before packages, which weighs 300 s.
    assert_eq!(percent(0), Some(11));
    assert_eq!(percent(150), Some(37));
    assert_eq!(percent(285), Some(60));
    assert_eq!(percent(100_000), Some(60));
}

#[test]
fn a_failed_step_stops_the_clock_and_a_retry_goes_on() {
    let mut build = after(&[("packages", INIT, 0), ("packages", FAILED, 30)]);
    let failed = Progress::of(&build, start() + Duration::days(1));
    assert_eq!((failed.state, failed.percent, failed.elapsed_seconds), (State::Failed, Some(16), 30));
    assert_eq!(failed.current_step.unwrap().label, label("packages"));
    build.apply(&report("packages", INIT, 90));
    let retried = Progress::of(&build, start() + Duration::seconds(90));
    assert_eq!((retried.state, retried.percent), (State::Running, Some(16)));
    assert_eq!(retried.current_step.unwrap().attempts, 2);
}

#[test]
fn the_failed_callback_fails_the_step_at_work() {
    let build = after(&[("get_ks", DONE, 1), ("packages", INIT, 2), ("built", FAILED, 50)]);
    let progress = Progress::of(&build, start() + Duration::seconds(60));
    let failed: Vec<&str> = progress
        .steps
        .iter()
        .filter(|step| step.state == StepState::Failed)
        .map(|step| step.label.as_str())
        .collect();
    assert_eq!(failed, ["packages", "built"]);
    assert_eq!(progress.current_step.unwrap().label, label("packages"));
    assert_eq!(progress.percent, Some(19), "what was not passed does not count");
}

#[test]
fn a_machine_that_boots_its_installer_again_starts_another_attempt() {
    let build =
        after(&[("pxe_boot", None, 1), ("pxe_boot", None, 4), ("get_ks", DONE, 60), ("packages", INIT, 61)]);
    assert_eq!(build.course.attempt, 1, "PXE boots often come in twos");
    let mut again = build;
    again.apply(&report("pxe_boot", None, 900));
    assert_eq!((again.course.attempt, again.course.state), (2, State::Running));
    let progress = Progress::of(&again, start() + Duration::seconds(900));
    assert_eq!(progress.percent, Some(10));
    assert_eq!(
        again.course.runs.iter().find(|run| run.label.as_str() == "packages").unwrap().state.as_str(),
        "failed"
    );
}

#[test]
fn a_boot_that_tells_of_something_else_first_is_another_attempt_all_the_same() {
    let of_boot = |mut report: Report, boot: &str| {
        report.boot_id = Some(boot.to_owned());
        report
    };
    let mut build = open(plan());
    build.apply(&of_boot(report("get_ks", DONE, 1), "A"));
    build.apply(&of_boot(report("packages", INIT, 60), "A"));
    build.apply(&of_boot(report("no_step_of_the_plan", None, 900), "B"));
    assert_eq!(build.course.attempt, 1);
    build.apply(&of_boot(report("get_ks", DONE, 960), "B"));
    assert_eq!((build.course.attempt, build.course.boot_id.as_deref()), (2, Some("B")));
    build.apply(&of_boot(report("packages", INIT, 970), "B"));
    build.apply(&of_boot(report("get_ks", DONE, 980), "B"));
    assert_eq!(build.course.attempt, 2, "a boot begins one attempt");
}

#[test]
fn a_repeated_step_within_the_install_is_not_another_attempt() {
    let mut build = after(&[("get_ks", DONE, 1)]);
    for times in 0..13 {
        build.apply(&report("packages", INIT, 10 + times * 10));
        build.apply(&report("packages", DONE, 15 + times * 10));
    }
    assert_eq!(build.course.attempt, 1);
}

#[test]
fn a_silence_is_seen_without_anything_running() {
    let build = after(&[("get_ks", DONE, 10)]);
    assert!(Progress::of(&build, start() + Duration::seconds(900)).signals.is_empty());
    let stalled = Progress::of(&build, start() + Duration::seconds(10 + 17 * 60));
    assert_eq!(
        stalled.signals[0].detail,
        "no report for 17 min after 'get_ks'; 'packages' usually follows within 5 min, limit 15 min"
    );
}

#[test]
fn without_a_workflow_the_reported_percentage_is_shown_as_it_came() {
    let mut build = open(Plan::default());
    assert_eq!(Progress::of(&build, start()).percent, None);
    let mut half = report("copying", None, 5);
    half.percentage = Some(Percent::from_basis_points(4_200).unwrap());
    build.apply(&half);
    let progress = Progress::of(&build, start() + Duration::hours(1));
    assert_eq!((progress.state, progress.percent), (State::Running, Some(42)));
    let mut whole = report("copying", DONE, 9);
    whole.percentage = Some(Percent::FULL);
    build.apply(&whole);
    assert_eq!(build.course.state, State::Completed);
}
