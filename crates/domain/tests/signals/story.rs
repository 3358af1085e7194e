//! Stories: what a machine reported and when, and what must and must not be signalled at which moment.
//!
//! A story is a text. Times are counted from when the build was opened, `h:mm:ss`. A line is one of
//!
//! ```text
//! 0:01:00  packages init pct=40 boot=A seq=3 clock=-2d late=10m 'a message'    a report, as it arrives
//! 0:01:00  packages init x20/60s                                               and 19 more, one a minute
//! 0:01:00  (cancel)  (close)  (refuse packagez)  (limit 30)                    what befalls the build
//! 0:20:00  => stalled 'part of what it says' clock_skew                        all that is signalled then
//! 0:20:00  => nothing
//! known 20 builds x1   extends   muted 2:00:00 new firmware   log no space left     what is known beside it
//! ```

use chrono::{Duration, TimeDelta};
use milepost_domain::{
    Build, Log, Percent, Plan, Report, ReportId, Status, Time, Timings,
    build::MarkedEvent,
    evidence::Evidence,
    signal::{Context, LogTail, Muted, Signal, signals},
};

use crate::known;

macro_rules! stories {
    ($($name:ident: $workflow:literal $told:literal)+) => {
        $(
            #[test]
            fn $name() {
                $crate::story::tell($workflow, $told);
            }
        )+
    };
}
pub(crate) use stories;

struct Story {
    build: Build,
    arrived: Vec<Report>,
    timings: Option<Timings>,
    extends: bool,
    muted: Option<Muted>,
    failure_log: Option<LogTail>,
}

/// Plays a story of a build of that workflow.
#[track_caller]
pub(crate) fn tell(workflow: &str, told: &str) {
    let plan = if workflow == "none" { Plan::default() } else { known::plan(workflow) };
    let build = known::open(workflow, plan);
    let mut story =
        Story { build, arrived: Vec::new(), timings: None, extends: false, muted: None, failure_log: None };
    for line in told.lines().map(str::trim).filter(|line| !line.is_empty()) {
        story.read(line);
    }
    story.check_laws();
}

impl Story {
    fn read(&mut self, line: &str) {
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match first {
            "known" => {
                let words: Vec<&str> = rest.split(' ').collect();
                let factor = words[2].trim_start_matches('x').parse().unwrap();
                let workflow = self.build.workflow.as_str();
                self.timings = Some(known::timings(workflow, words[0].parse().unwrap(), factor));
            }
            "extends" => self.extends = true,
            "muted" => {
                let (until, reason) = rest.split_once(' ').unwrap();
                self.muted = Some(Muted {
                    id: ReportId::from_word("mute").uuid(),
                    until: time(until),
                    reason: reason.to_owned(),
                    by: "somebody".to_owned(),
                });
            }
            "log" => {
                let log = Log::from_bytes(rest.as_bytes()).unwrap();
                self.failure_log = Some(LogTail::of(ReportId::from_word("log"), &log));
            }
            _ if rest.starts_with("=>") => self.look(time(first), rest.trim_start_matches("=>")),
            _ if rest.starts_with('(') => self.befall(time(first), rest.trim_matches(['(', ')'])),
            _ => self.report(time(first), rest),
        }
    }

    fn befall(&mut self, at: Time, what: &str) {
        let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
        match first {
            "cancel" => self.build.mark(MarkedEvent::Cancel, at),
            "close" => self.build.mark(MarkedEvent::Supersede, at),
            "refuse" => self.build.reject(known::label(rest), at),
            "limit" => {
                let over_limit = &mut self.build.rejections.over_limit;
                over_limit.count += rest.parse::<u32>().unwrap();
                over_limit.last_at = Some(at);
            }
            _ => panic!("what befalls a build is not known: {what}"),
        }
    }

    fn report(&mut self, at: Time, text: &str) {
        let words = words(text);
        let id = ReportId::from_word(&self.arrived.len().to_string());
        let mut report = Report::simple(id, known::label(&words[0]), at);
        let (mut times, mut every) = (1_usize, Duration::zero());
        let mut clock = None;
        let mut statuses: Vec<Status> = Vec::new();
        for word in &words[1..] {
            match word.split_once('=') {
                Some(("pct", value)) => {
                    report.percentage = Percent::from_basis_points(value.parse::<u16>().unwrap() * 100);
                }
                Some(("boot", value)) => report.boot_id = Some(value.to_owned()),
                Some(("seq", value)) => report.seq = Some(value.parse().unwrap()),
                Some(("clock", value)) => clock = Some(clock.unwrap_or_else(Duration::zero) + span(value)),
                Some(("late", value)) => clock = Some(clock.unwrap_or_else(Duration::zero) - span(value)),
                _ if word.starts_with('\'') => {
                    report.message = Some(word.trim_matches('\'').parse().unwrap());
                }
                _ if word.starts_with('x') => {
                    let (count, interval) = word[1..].split_once('/').unwrap();
                    (times, every) = (count.parse().unwrap(), span(interval));
                }
                _ => statuses = word.split('|').map(|status| status.parse().unwrap()).collect(),
            }
        }
        for time in 0..times {
            let at = at + every * i32::try_from(time).unwrap();
            let status = statuses.get(time % statuses.len().max(1)).copied();
            let id = ReportId::from_word(&self.arrived.len().to_string());
            let reported_at = clock.map(|clock| at + clock);
            self.take(Report { id, status, received_at: at, reported_at, ..report.clone() });
        }
    }

    /// As the service does.
    fn take(&mut self, report: Report) {
        if self.build.is_late(&report) {
            self.arrived.push(report);
            self.build.replay(self.arrived.clone());
        } else {
            self.build.apply(&report);
            self.arrived.push(report);
        }
    }

    #[track_caller]
    fn look(&mut self, now: Time, expected: &str) {
        self.build.settle(now);
        let context = Context {
            timings: self.timings.as_ref(),
            extends: self.extends,
            failure_log: self.failure_log.as_ref(),
            muted: self.muted.as_ref(),
        };
        let found = signals(&self.build, now, &context);
        let mut expected = words(expected).into_iter().filter(|word| word != "nothing").peekable();
        let told = format!("at {}: {found:#?}", now - known::opened());
        for signal in &found {
            assert_eq!(Some(kind(signal)), expected.next(), "{told}");
            assert!(signal.since <= now, "{told}");
            while let Some(part) = expected.next_if(|word| word.starts_with('\'')) {
                let Signal { detail, remedy, severity, log, muted, .. } = signal;
                let says = format!("{detail} {remedy:?} {severity:?} log {log:?} {muted:?}");
                assert!(says.contains(part.trim_matches('\'')), "'{part}' is not said {told}");
            }
        }
        assert_eq!(expected.next(), None, "{told}");
    }

    fn check_laws(&self) {
        let stored = serde_json::to_string(&self.build.course.evidence).unwrap();
        let read: Evidence = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, self.build.course.evidence, "what is stored is what is read");
        let mut replayed = self.build.clone();
        replayed.replay(self.arrived.clone());
        assert_eq!(replayed.course, self.build.course, "a build is the fold of its reports");
    }
}

fn kind(signal: &Signal) -> String {
    let travels = serde_json::to_value(signal.kind).unwrap();
    assert_eq!(travels, signal.kind.as_str());
    signal.kind.as_str().to_owned()
}

/// The words of a line; what stands in quotes is one.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(format!("'{part}'"));
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// `h:mm:ss` after the build was opened.
fn time(text: &str) -> Time {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().unwrap()).collect();
    known::opened() + Duration::seconds(parts[0] * 3600 + parts[1] * 60 + parts[2])
}

/// `10m`, `-2d`.
fn span(text: &str) -> TimeDelta {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "y" => 31_557_600,
        _ => panic!("a span ends with its unit: {text}"),
    };
    TimeDelta::seconds(number.parse::<i64>().unwrap() * seconds)
}
