//! One provisioning run of a host, and how reports change it.
//!
//! The rule it protects: [`Build::apply`] is the one place where a report changes a build, and a
//! build is always the fold of its reports: [`Build::replay`] over all of them gives the same as
//! applying them one by one as they came, and puts those that carry a `seq` into their order.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    BuildId, HostId, Label, Message, Name, Percent, Plan, Report, RunState, State, Time, attempt, event,
    evidence::Evidence,
    report::Meaning,
    sequence::{boot_key, put_in_sequence},
    state::Event,
};

/// One step of one attempt, as reported so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRun {
    /// Of which attempt, from 1.
    pub attempt: u32,
    /// Which step.
    pub label: Label,
    /// What people call it.
    pub name: Option<Name>,
    /// Its order, where it is known.
    pub priority: Option<i32>,
    /// How it stands.
    pub state: RunState,
    /// Its end was not reported but follows from the start of a later step.
    pub inferred: bool,
    /// How far it is, as reported.
    pub percentage: Option<Percent>,
    /// When it was started; of a step that simply happened, when that was.
    pub started_at: Time,
    /// When it was done or failed.
    pub finished_at: Option<Time>,
    /// How often it was started within the attempt.
    pub attempts: u32,
    /// Its last message.
    pub message: Option<Message>,
}

/// Something that befell a build otherwise than by a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What.
    pub event: MarkedEvent,
    /// When.
    pub at: Time,
}

/// The events that do not come from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkedEvent {
    /// Somebody said that the host is completed.
    Finished,
    /// Somebody called the build off.
    Cancel,
    /// A newer build of the same host was opened.
    Supersede,
    /// The credential ran out.
    Expire,
}

impl From<MarkedEvent> for Event {
    fn from(event: MarkedEvent) -> Self {
        match event {
            MarkedEvent::Finished => Self::Finished,
            MarkedEvent::Cancel => Self::Cancel,
            MarkedEvent::Supersede => Self::Supersede,
            MarkedEvent::Expire => Self::Expire,
        }
    }
}

/// The reports that were refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rejections {
    /// How many, because their step is unknown.
    pub count: u32,
    /// The last one's label and when it came.
    pub last: Option<(Label, Time)>,
    /// Those that were too many.
    pub over_limit: OverLimit,
}

/// Reports beyond the limits of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OverLimit {
    /// How many.
    pub count: u32,
    /// When the last one came.
    pub last_at: Option<Time>,
}

/// What the reports and marks so far have come to: the part of a build that is folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// The state.
    pub state: State,
    /// Which pass through the installer this is, from 1.
    pub attempt: u32,
    /// The percentage that was reached within this attempt; what is shown never falls below.
    pub floor: Percent,
    /// The last percentage reported for the build as a whole, where no workflow is known.
    pub reported: Option<Percent>,
    /// How many reports were taken.
    pub reports: u32,
    /// When `built` came, in this attempt.
    pub installed_at: Option<Time>,
    /// When the build came to its end; a new attempt undoes that.
    pub ended_at: Option<Time>,
    /// When a newer build of the host closed this one; nothing undoes that.
    pub closed_at: Option<Time>,
    /// When the last report came.
    pub last_report_at: Option<Time>,
    /// The last message that came.
    pub last_message: Option<Message>,
    /// The step that was reported last.
    pub current: Option<Label>,
    /// The kernel's boot id of this attempt's reports.
    pub boot_id: Option<String>,
    /// The highest `seq` of each boot.
    pub seqs: BTreeMap<String, i64>,
    /// What the reports show beside the steps.
    pub evidence: Evidence,
    /// The steps of all attempts, those of earlier ones first. Shared, because a build is cloned with
    /// every batch of its reports, of which each changes one run or two.
    pub runs: Vec<Arc<StepRun>>,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            state: State::Pending,
            attempt: 1,
            floor: Percent::ZERO,
            reported: None,
            reports: 0,
            installed_at: None,
            ended_at: None,
            closed_at: None,
            last_report_at: None,
            last_message: None,
            current: None,
            boot_id: None,
            seqs: BTreeMap::new(),
            evidence: Evidence::default(),
            runs: Vec::new(),
        }
    }
}

/// One provisioning run of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Our id.
    pub id: BuildId,
    /// Whose run it is.
    pub host: HostId,
    /// How the host is installed.
    pub workflow: Label,
    /// What is expected.
    pub plan: Arc<Plan>,
    /// When it was opened.
    pub started_at: Time,
    /// When its credential runs out.
    pub expires_at: Time,
    /// What befell it otherwise than by reports, in the order it did.
    pub marks: Vec<Mark>,
    /// The reports that were refused.
    pub rejections: Rejections,
    /// What reports and marks have come to.
    pub course: Course,
}

impl Build {
    /// A build of which nothing has been heard.
    #[must_use]
    pub fn open(
        id: BuildId,
        host: HostId,
        workflow: Label,
        plan: Arc<Plan>,
        started_at: Time,
        expires_at: Time,
    ) -> Self {
        Self {
            id,
            host,
            workflow,
            plan,
            started_at,
            expires_at,
            marks: Vec::new(),
            rejections: Rejections::default(),
            course: Course::default(),
        }
    }

    /// Whether `report` belongs before something that was taken already: a report, by the sender's
    /// own count, or a mark, by the server's clock. Then [`Build::replay`] is due instead of
    /// [`Build::apply`].
    #[must_use]
    pub fn is_late(&self, report: &Report) -> bool {
        let highest = self.course.seqs.get(boot_key(report));
        report.seq.zip(highest).is_some_and(|(seq, highest)| seq <= *highest)
            || self.marks.iter().any(|mark| report.received_at <= mark.at)
    }

    /// Takes a report that comes after all before it.
    pub fn apply(&mut self, report: &Report) {
        self.course.apply(&self.plan, report);
    }

    /// Takes something that befell the build otherwise than by a report. It counts as of now: behind
    /// all that was taken before, although it may have waited while that came.
    pub fn mark(&mut self, event: MarkedEvent, at: Time) {
        let before = self.marks.last().map(|mark| mark.at).max(self.course.last_report_at);
        let mark = Mark { event, at: before.map_or(at, |before| before.max(at)) };
        self.marks.push(mark);
        self.course.mark(&self.plan, mark);
    }

    /// Lets the credential of a build that was never heard of run out when its time has come.
    /// Whoever loads a build does this first, so that nothing has to run for it to be true.
    pub fn settle(&mut self, now: Time) {
        if self.would_settle(now) {
            self.mark(MarkedEvent::Expire, self.expires_at);
        }
    }

    /// Whether [`Build::settle`] would change anything.
    #[must_use]
    pub fn would_settle(&self, now: Time) -> bool {
        self.course.state == State::Pending && self.expires_at <= now
    }

    /// Counts a report that was refused because its step is unknown.
    pub fn reject(&mut self, label: Label, at: Time) {
        self.rejections.count = self.rejections.count.saturating_add(1);
        self.rejections.last = Some((label, at));
    }

    /// Folds all reports anew, given in the server's order; those of one boot that carry a `seq`
    /// change places among themselves until they stand in its order. What was shown of this
    /// attempt's progress stays reached.
    pub fn replay(&mut self, mut reports: Vec<Report>) {
        put_in_sequence(&mut reports);
        let mut marks = self.marks.iter().peekable();
        let mut course = Course::default();
        for report in &reports {
            while let Some(mark) = marks.next_if(|mark| mark.at < report.received_at) {
                course.mark(&self.plan, *mark);
            }
            course.apply(&self.plan, report);
        }
        marks.for_each(|mark| course.mark(&self.plan, *mark));
        if course.attempt == self.course.attempt {
            course.floor = course.floor.max(self.course.floor);
        }
        self.course = course;
    }
}

impl Course {
    /// The runs of the current attempt. A machine that loops has hundreds of earlier ones, which
    /// are not looked at.
    pub fn runs_now(&self) -> impl Iterator<Item = &StepRun> {
        self.runs.get(self.first_now()..).unwrap_or_default().iter().map(Arc::as_ref)
    }

    /// Those of the current attempt that `are_meant`, to be changed.
    fn runs_now_mut(&mut self, are_meant: impl Fn(&StepRun) -> bool) -> impl Iterator<Item = &mut StepRun> {
        let first = self.first_now();
        let runs = self.runs.get_mut(first..).unwrap_or_default().iter_mut();
        runs.filter(move |run| are_meant(run)).map(Arc::make_mut)
    }

    fn first_now(&self) -> usize {
        self.runs.partition_point(|run| run.attempt < self.attempt)
    }

    fn run(&self, label: &Label) -> Option<&StepRun> {
        self.runs_now().find(|run| run.label == *label)
    }

    fn is_done(&self, label: &Label) -> bool {
        self.run(label).is_some_and(|run| run.state == RunState::Done)
    }

    fn apply(&mut self, plan: &Plan, report: &Report) {
        let at = report.received_at;
        if event::changes_no_step(self, report) {
            self.note_activity(report);
            return;
        }
        // Whoever looked a moment ago may have seen this much.
        self.floor = self.floor.max(self.percent(plan, at).unwrap_or_default());
        let again = attempt::begins_again(plan, self, report);
        Evidence::note(self, plan, report, again);
        if again {
            self.begin_again(at);
        }
        if report.boot_id.is_some() && !self.evidence.boots.is_past(report) {
            self.boot_id.clone_from(&report.boot_id);
        }
        self.note(report);
        self.fold_step(plan, report);
        if plan.is_empty() {
            self.reported = report.percentage.or(self.reported);
        }
        let event = self.event(plan, report);
        if event == Event::Built {
            self.installed_at.get_or_insert(at);
        }
        self.advance(event, at);
        self.floor = self.floor.max(self.percent(plan, at).unwrap_or_default());
    }

    fn mark(&mut self, plan: &Plan, mark: Mark) {
        self.floor = self.floor.max(self.percent(plan, mark.at).unwrap_or_default());
        self.advance(mark.event.into(), mark.at);
        if mark.event == MarkedEvent::Supersede {
            self.closed_at.get_or_insert(mark.at);
            self.ended_at.get_or_insert(mark.at);
        }
    }

    fn begin_again(&mut self, at: Time) {
        // What was under way was cut off by the boot; it did not end well.
        for run in self.runs_now_mut(|run| run.state == RunState::Running) {
            run.state = RunState::Failed;
            run.inferred = true;
            run.finished_at = Some(at.max(run.started_at));
        }
        self.attempt = self.attempt.saturating_add(1);
        self.floor = Percent::ZERO;
        self.installed_at = None;
        self.boot_id = None;
        self.advance(Event::NewAttempt, at);
    }

    /// Keeps an activity: it shows that the machine is at work, and moves nothing else. That the parts
    /// of what failed end too is neither progress nor the last word on the failure.
    fn note_activity(&mut self, report: &Report) {
        self.count(report);
        if self.state == State::Pending {
            self.advance(Event::Progress, report.received_at);
        }
        if matches!(self.state, State::Running | State::Installed) {
            self.say(report);
        }
    }

    /// Keeps what every report says, whatever its step.
    fn note(&mut self, report: &Report) {
        self.count(report);
        self.say(report);
        self.current = Some(report.label.clone());
    }

    fn say(&mut self, report: &Report) {
        if let Some(message) = &report.message {
            self.last_message = Some(message.clone());
        }
    }

    fn count(&mut self, report: &Report) {
        self.reports = self.reports.saturating_add(1);
        self.last_report_at = self.last_report_at.max(Some(report.received_at));
        if let Some(seq) = report.seq {
            let highest = self.seqs.entry(boot_key(report).to_owned()).or_insert(seq);
            *highest = seq.max(*highest);
        }
    }

    /// Brings the report's step, and those that it shows to be over, up to date.
    fn fold_step(&mut self, plan: &Plan, report: &Report) {
        let at = report.received_at;
        let meaning = report.meaning();
        let attempt = self.attempt;
        let before = self.run(&report.label).and_then(|run| run.percentage);
        let running_before = |run: &StepRun| run.state == RunState::Running && run.label != report.label;
        if meaning != Meaning::Failed {
            // The installer went on, so what came before is over although nobody said so.
            let ours = StepRun::begun_by(report, attempt).place(plan);
            let earlier =
                |run: &StepRun| run.place(plan).zip(ours).is_some_and(|(theirs, ours)| theirs < ours);
            for run in self.runs_now_mut(|run| running_before(run) && earlier(run)) {
                run.close(RunState::Done, at, true);
            }
        } else if report.label.is_built() {
            // "The install has failed": then the step at work is the one that did.
            for run in self.runs_now_mut(running_before) {
                run.close(RunState::Failed, at, true);
            }
        }
        if let Some(run) = self.runs_now_mut(|run| run.label == report.label).next() {
            run.fold(report);
        } else {
            self.runs.push(Arc::new(StepRun::begun_by(report, attempt)));
        }
        if report.percentage > before {
            self.evidence.risen_at = self.evidence.risen_at.max(Some(at));
        }
    }

    fn event(&self, plan: &Plan, report: &Report) -> Event {
        if report.meaning() == Meaning::Failed {
            return Event::Failure;
        }
        let last = plan.last_steps();
        let finished = if plan.is_empty() {
            self.reported == Some(Percent::FULL)
        } else {
            !last.is_empty() && last.iter().all(|step| self.is_done(&step.label))
        };
        if finished {
            Event::Finished
        } else if self.runs_now().any(|run| run.label.is_built() && run.state == RunState::Done) {
            Event::Built
        } else {
            Event::Progress
        }
    }

    fn advance(&mut self, event: Event, at: Time) {
        if self.closed_at.is_some() {
            return;
        }
        self.state = self.state.advance(event);
        if self.state.is_open() {
            self.ended_at = None;
        } else {
            self.ended_at.get_or_insert(at);
        }
    }
}

impl StepRun {
    fn begun_by(report: &Report, attempt: u32) -> Self {
        let mut run = Self {
            attempt,
            label: report.label.clone(),
            name: None,
            priority: None,
            state: RunState::Running,
            inferred: false,
            percentage: None,
            started_at: report.received_at,
            finished_at: None,
            attempts: 1,
            message: None,
        };
        run.fold(report);
        run
    }

    fn fold(&mut self, report: &Report) {
        let at = report.received_at;
        match (report.meaning(), self.state) {
            (Meaning::Started, RunState::Running) => {}
            (Meaning::Started, RunState::Done | RunState::Failed) => {
                self.state = RunState::Running;
                self.inferred = false;
                self.attempts = self.attempts.saturating_add(1);
                self.started_at = at;
                self.finished_at = None;
                self.percentage = None;
            }
            // Said once is said: a repeat does not make the step longer.
            (Meaning::Done, RunState::Done) if !self.inferred => {}
            (Meaning::Failed, RunState::Failed) if !self.inferred => {}
            (Meaning::Done, _) => self.close(RunState::Done, at, false),
            (Meaning::Failed, _) => self.close(RunState::Failed, at, false),
        }
        self.name = report.name.clone().or_else(|| self.name.take());
        self.priority = report.priority.or(self.priority);
        self.percentage = report.percentage.or(self.percentage);
        if let Some(message) = &report.message {
            self.message = Some(message.clone());
        }
    }

    fn close(&mut self, state: RunState, at: Time, inferred: bool) {
        self.state = state;
        self.inferred = inferred;
        self.finished_at = Some(at.max(self.started_at));
    }
}
