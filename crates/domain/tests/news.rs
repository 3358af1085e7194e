//! What is told of a build: each change once, whoever looks and however often.
#![expect(clippy::unwrap_used, reason = "what a test calls is a test too")]

use std::{collections::BTreeSet, sync::Arc};

use chrono::DateTime;
use milepost_domain::{
    Build, Id, Label, News, Plan, Signal, State, Time, Told, Topic, TopicPattern,
    news::news,
    signal::{Muted, Severity, SignalKind},
};
use proptest::{collection::vec, prelude::*, sample::select};

fn at(second: i64) -> Time {
    DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

/// A build as it stands at one moment, as far as it matters here.
#[derive(Debug, Clone)]
struct Look {
    state: State,
    attempt: u32,
    signals: Vec<(SignalKind, bool)>,
}

impl Look {
    fn of(state: State, attempt: u32, signals: &[SignalKind]) -> Self {
        Self { state, attempt, signals: signals.iter().map(|kind| (*kind, false)).collect() }
    }

    fn take(&self, told: Option<&Told>) -> (Vec<News>, Told) {
        let (id, host) = (Id::at(at(0), [1; 10]), Id::at(at(0), [2; 10]));
        let workflow: Label = "kickstart".parse().unwrap();
        let mut build = Build::open(id, host, workflow, Arc::new(Plan::default()), at(0), at(3600));
        (build.course.state, build.course.attempt) = (self.state, self.attempt);
        let mute = || Muted {
            id: Id::<()>::at(at(0), [3; 10]).uuid(),
            until: at(9_000),
            reason: "maintenance".to_owned(),
            by: "somebody".to_owned(),
        };
        let signal = |&(kind, is_muted): &(SignalKind, bool)| Signal {
            kind,
            severity: Severity::Warning,
            since: at(1),
            detail: "what was expected, and what came".to_owned(),
            remedy: None,
            log: None,
            muted: is_muted.then(mute),
        };
        let signals: Vec<Signal> = self.signals.iter().map(signal).collect();
        news(told, &build, &signals, at(1_800))
    }
}

/// What is told of a build that is looked at so, from its opening on.
fn told(looks: &[Look]) -> Vec<String> {
    let mut before = None;
    let mut all = Vec::new();
    for look in looks {
        let (news, told) = look.take(before.as_ref());
        all.extend(news.into_iter().map(|news| news.topic.to_string()));
        before = Some(told);
    }
    all
}

#[test]
fn a_build_that_came_and_went_between_two_looks_is_told_to_have_been_opened_and_what_it_came_to() {
    assert_eq!(told(&[Look::of(State::Completed, 1, &[])]), ["build.opened", "build.completed"]);
    assert_eq!(told(&[Look::of(State::Pending, 1, &[])]), ["build.opened"]);
}

#[test]
fn another_attempt_is_told_although_the_state_is_the_same() {
    let looks = [Look::of(State::Running, 1, &[]), Look::of(State::Running, 2, &[])];
    assert_eq!(told(&looks), ["build.opened", "build.running", "build.running"]);
}

#[test]
fn a_signal_is_told_when_it_begins_and_when_it_clears() {
    let looks = [
        Look::of(State::Running, 1, &[SignalKind::Stalled]),
        Look::of(State::Running, 1, &[SignalKind::Stalled, SignalKind::ClockSkew]),
        Look::of(State::Canceled, 1, &[]),
    ];
    let all = told(&looks);
    assert_eq!(
        all[2..],
        [
            "signal.stalled.began",
            "signal.clock_skew.began",
            "build.canceled",
            "signal.stalled.cleared",
            "signal.clock_skew.cleared"
        ]
    );
}

#[test]
fn a_muted_signal_is_not_told_and_is_told_when_it_is_muted_no_longer() {
    let stalled = |is_muted| Look {
        signals: vec![(SignalKind::Stalled, is_muted)],
        ..Look::of(State::Running, 1, &[])
    };
    let all = told(&[stalled(true), stalled(false), stalled(true), Look::of(State::Running, 1, &[])]);
    assert_eq!(all, ["build.opened", "build.running", "signal.stalled.began", "signal.stalled.cleared"]);
    let gone = told(&[stalled(true), Look::of(State::Running, 1, &[])]);
    assert_eq!(gone, ["build.opened", "build.running"], "it was never told");
}

#[test]
fn a_pattern_fits_by_parts_and_at_its_end_all_that_follow() {
    let fits = |pattern: &str, topic| pattern.parse::<TopicPattern>().unwrap().matches(topic);
    let (failed, stalled) = (Topic::Reached(State::Failed), Topic::Began(SignalKind::Stalled));
    for pattern in ["*", "signal.*", "signal.stalled.*", "signal.*.began", "signal.*.*", "*.stalled.began"] {
        assert!(fits(pattern, stalled), "{pattern}");
    }
    for pattern in ["build.*", "signal.*.cleared", "signal.boot_loop.*", "build.failed"] {
        assert!(!fits(pattern, stalled), "{pattern}");
    }
    assert!(fits("build.failed", failed) && fits("*.failed", failed) && !fits("build.opened", failed));
}

#[test]
fn a_pattern_that_fits_nothing_is_refused_with_what_there_is() {
    for text in [
        "",
        "build",
        "build.finished",
        "build.completed.more",
        "signal.stalled",
        "**",
        "Build.*",
        "build.pending",
    ] {
        let refusal = text.parse::<TopicPattern>().unwrap_err().to_string();
        assert!(refusal.contains("build.completed") && refusal.contains("boot_loop"), "{refusal}");
    }
}

fn looks() -> impl Strategy<Value = Vec<Look>> {
    let kinds = prop::collection::btree_map(select(SignalKind::ALL), any::<bool>(), 0..4);
    let look = (select(State::ALL), 1..4_u32, kinds).prop_map(|(state, attempt, signals)| Look {
        state,
        attempt,
        signals: signals.into_iter().collect(),
    });
    vec(look, 1..12)
}

proptest! {
    #[test]
    fn looking_again_tells_nothing_and_signals_begin_and_clear_in_turn(looks in looks()) {
        let mut before: Option<Told> = None;
        let mut standing = BTreeSet::new();
        let mut opened = 0;
        for look in looks {
            let (news, told) = look.take(before.as_ref());
            let (again, same) = look.take(Some(&told));
            prop_assert_eq!((again, &same), (Vec::new(), &told));
            for news in &news {
                match news.topic {
                    Topic::Opened => opened += 1,
                    Topic::Began(kind) => prop_assert!(standing.insert(kind), "{kind} began twice"),
                    Topic::Cleared(kind) => prop_assert!(standing.remove(&kind), "{kind} cleared and never began"),
                    Topic::Reached(state) => prop_assert!(state == look.state && state != State::Pending),
                }
                prop_assert!(news.at <= at(1_800) && !news.sentence.is_empty());
            }
            prop_assert_eq!(&standing, &told.signals);
            // All that stands and is not muted is told of by now.
            prop_assert!(look.signals.iter().all(|(kind, is_muted)| *is_muted || standing.contains(kind)));
            before = Some(told);
        }
        prop_assert_eq!(opened, 1);
    }
}
