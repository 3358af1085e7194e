//! Holds what the machines know against what is stored.
//!
//! The rule it protects: what was acknowledged is there once, in its order; what was refused or
//! never sent is not; every build is the fold of its reports.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use milepost_domain::{Build, BuildId, ReportId, build::Course};
use milepost_store::{
    PgConnection, build,
    list::{self, Query, ReportsOf},
};

use crate::{
    ledger::{Ledger, Opened, Outcome, Sent},
    sql::{self, Row},
    world::World,
};

/// What the comparison came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) builds: usize,
    pub(crate) stored: usize,
    /// Reports behind which one stands that was acknowledged earlier, by the other service.
    pub(crate) crossed: usize,
}

pub(crate) fn compare(world: &World, ledgers: &[Ledger]) -> Found {
    let mut connection = sql::connect(&world.postgres.url());
    let rows = sql::reports(&mut connection);
    let builds = sql::builds(&mut connection);
    let mut by_message: HashMap<&str, Vec<&Row>> = HashMap::new();
    let mut by_build: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        by_message.entry(&row.message).or_default().push(row);
        by_build.entry(&row.build).or_default().push(row);
    }
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut found = Found { builds: builds.len(), stored: rows.len(), crossed: 0 };
    for ledger in ledgers {
        for sent in &ledger.reports {
            known.insert(&sent.message);
            let places = by_message.get(sent.message.as_str()).map_or(&[][..], Vec::as_slice);
            presence(world, &ledger.builds[sent.build], sent, places);
        }
        for at in 0..ledger.builds.len() {
            found.crossed += order(world, ledger, at, &by_message);
        }
    }
    for row in rows.iter().filter(|row| !known.contains(row.message.as_str())) {
        world.wrong(format!("nobody ever sent {row:?}"));
    }
    for row in &builds {
        let positions: Vec<i32> =
            by_build.get(row.id.as_str()).into_iter().flatten().map(|row| row.position).collect();
        if !positions.iter().copied().eq(1..=row.reports) {
            world.wrong(format!(
                "build {} counts {} reports, and stored are {positions:?}",
                row.id, row.reports
            ));
        }
        refusals(world, ledgers, row);
    }
    for opened in ledgers.iter().flat_map(|ledger| &ledger.builds) {
        fold(world, &mut connection, &opened.id);
    }
    found
}

/// Whether a report is stored as often as it should be, and as it was sent.
fn presence(world: &World, build: &Opened, sent: &Sent, places: &[&Row]) {
    let story = || {
        let attempts = sent.attempts.iter().map(|attempt| {
            let at = attempt.began.duration_since(world.began).as_secs_f64();
            let node = world.nodes[attempt.node].name;
            format!("{node} at {at:.2} s, {:.2} s: {:?}", attempt.took.as_secs_f64(), attempt.outcome)
        });
        format!("{} of build {} [{}]", sent.message, build.id, attempts.collect::<Vec<_>>().join("; "))
    };
    let is_acknowledged = sent.acknowledged().is_some();
    match places {
        [] if is_acknowledged => world.wrong(format!("acknowledged and lost: {}", story())),
        [] => {}
        [row] => {
            if sent.first_sent().is_none() || !is_acknowledged && !sent.is_doubtful() {
                world.wrong(format!("refused or never sent, and stored: {}", story()));
            }
            let id = sent.word.as_deref().map(|word| ReportId::from_word(word).to_string());
            let log_bytes = i64::try_from(sent.log_bytes).unwrap();
            let as_sent = row.build == build.id
                && row.label == sent.label
                && id.is_none_or(|id| id == row.id)
                && row.log_bytes == log_bytes;
            if !as_sent {
                world.wrong(format!("stored otherwise than sent: {row:?} is {}", story()));
            }
        }
        several => world.wrong(format!("stored {} times: {}", several.len(), story())),
    }
}

/// Whether what was acknowledged earlier stands earlier. That is promised among reports that went
/// through one service, and once both services have brought in what they had in their spools.
fn order(world: &World, ledger: &Ledger, build: usize, by_message: &HashMap<&str, Vec<&Row>>) -> usize {
    let place = |sent: &Sent| by_message.get(sent.message.as_str())?.first().map(|row| row.position);
    let sent: Vec<(&Sent, i32)> = ledger
        .reports
        .iter()
        .filter(|sent| sent.build == build)
        .filter_map(|sent| Some((sent, place(sent)?)))
        .collect();
    let drained = world.drained.lock().unwrap().clone();
    let mut crossed = 0;
    for (later, later_place) in &sent {
        let Some(began) = later.first_sent() else { continue };
        let mut is_crossed = false;
        for (earlier, earlier_place) in &sent {
            let Some((acknowledged, by)) = earlier.acknowledged() else { continue };
            if acknowledged >= began || earlier_place < later_place {
                continue;
            }
            let went_one_way = later.sent().all(|attempt| attempt.node == by);
            let was_brought_in = drained.iter().any(|at| acknowledged <= *at && *at <= began);
            if went_one_way || was_brought_in {
                world.wrong(format!(
                    "{} (place {earlier_place}) was acknowledged before {} (place {later_place}) was sent, in build {}",
                    earlier.message, later.message, ledger.builds[build].id
                ));
            }
            is_crossed = true;
        }
        crossed += usize::from(is_crossed);
    }
    crossed
}

/// Each refusal that was answered is counted on its build.
fn refusals(world: &World, ledgers: &[Ledger], row: &sql::BuildRow) {
    let Some((ledger, at)) = ledgers
        .iter()
        .find_map(|ledger| Some((ledger, ledger.builds.iter().position(|build| build.id == row.id)?)))
    else {
        return;
    };
    let attempts = ledger.reports.iter().filter(|sent| sent.build == at).flat_map(|sent| &sent.attempts);
    let answered = attempts.filter(|attempt| attempt.outcome == Outcome::Refused).count();
    if usize::try_from(row.rejected_reports).unwrap() < answered {
        let counted = row.rejected_reports;
        world.wrong(format!("build {} counts {counted} refusals, and {answered} were answered", row.id));
    }
}

/// Whether a build is the fold of its reports.
fn fold(world: &World, connection: &mut PgConnection, id: &str) {
    let id: BuildId = id.parse().unwrap();
    let now = milepost_api::now();
    let known = build::load(connection, id, now).unwrap();
    let all = Query {
        search: None,
        order: None,
        limit: 10_000,
        offset: 0,
        now,
        bounds: milepost_domain::Bounds::default(),
        worked: std::sync::Arc::default(),
    };
    let stored = list::reports(connection, &all, ReportsOf::Build(id), None).unwrap().results;
    let Build { host, workflow, plan, started_at, expires_at, marks, .. } = known.clone();
    let mut fresh = Build::open(id, host, workflow, plan, started_at, expires_at);
    fresh.marks = marks;
    fresh.replay(stored.into_iter().map(|stored| stored.report).collect());
    let (mut kept, folded) = (in_order(known.course), in_order(fresh.course));
    if kept.floor >= folded.floor {
        // What was shown stays reached, though a report that came late says less.
        kept.floor = folded.floor;
    }
    if kept != folded {
        world.wrong(format!("build {id} is not the fold of its reports: {}", differences(&kept, &folded)));
    }
}

/// The runs in one order: how they lie in the database is nobody's business.
fn in_order(mut course: Course) -> Course {
    course.runs.sort_by(|a, b| (a.attempt, &a.label).cmp(&(b.attempt, &b.label)));
    course
}

fn differences(kept: &Course, folded: &Course) -> String {
    let (kept, folded) = (format!("{kept:#?}"), format!("{folded:#?}"));
    let lines = kept.lines().zip(folded.lines()).filter(|(kept, folded)| kept != folded).take(8);
    lines
        .map(|(kept, folded)| format!("kept {} folded {}", kept.trim(), folded.trim()))
        .collect::<Vec<_>>()
        .join("; ")
}

/// What a spool leaves behind that a person would have to look at.
pub(crate) fn remains(world: &World) {
    for (node, spool) in world.nodes.iter().zip(&world.spools) {
        let names: Vec<String> = std::fs::read_dir(spool)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| {
                name.starts_with("set-aside") || name.contains(".damaged") || name.contains(".spool")
            })
            .collect();
        if !names.is_empty() {
            world.wrong(format!("the spool of service {} has {names:?} left", node.name));
        }
        let log = std::fs::read_to_string(&node.log).unwrap();
        for line in log.lines().filter(|line| line.contains("panicked")) {
            world.wrong(format!("service {} says: {line}", node.name));
        }
    }
}
