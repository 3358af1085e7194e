//! The lanes as a state machine: whatever happens to the database, to other nodes and to the
//! process while reports come, each is answered once, what is answered as recorded is stored once,
//! and every build is the fold of what is stored.

use std::{path::Path, time::Duration};

use milepost_domain::{BuildId, Report, ReportId, Status, registry::Mode};
use milepost_store::{
    Settings, Store,
    ingest::{self, Receipt, SpoolSettings, Ticket},
};
use milepost_testkit::Database;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::support::{
    DONE, INIT, at, folded, fresh_id, in_order, load, open_kickstart, report, store, stored,
};

const BUILDS: usize = 3;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    /// A report comes; perhaps one that came before.
    Report { build: usize, step: &'static str, status: Option<Status>, again: Option<prop::sample::Index> },
    /// Another node records one of the same build.
    Elsewhere { build: usize, step: &'static str },
    /// All connections break.
    Break,
    /// The database takes no connections any more.
    Leave,
    /// It takes them again.
    Return,
    /// The service ends, having answered everybody, and is started again.
    Restart,
    /// Everything that was submitted is waited for.
    Wait,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let steps = || select(vec!["get_ks", "storage", "packages", "post", "built", "nonsense"]);
    let status = select(vec![None, INIT, DONE]);
    let again = option::weighted(0.2, any::<prop::sample::Index>());
    let come = (0..BUILDS, steps(), status, again).prop_map(|(build, step, status, again)| Event::Report {
        build,
        step,
        status,
        again,
    });
    let elsewhere = (0..BUILDS, steps()).prop_map(|(build, step)| Event::Elsewhere { build, step });
    let event = prop_oneof![
        12 => come,
        2 => elsewhere,
        1 => Just(Event::Break),
        1 => Just(Event::Leave),
        1 => Just(Event::Return),
        1 => Just(Event::Restart),
        1 => Just(Event::Wait),
    ];
    vec(event, 1..60)
}

fn settings(spool: &Path) -> Settings {
    let ingest = ingest::Settings {
        lanes: 2,
        batch: 4,
        patience: LONG,
        spool: Some(SpoolSettings {
            directory: spool.to_owned(),
            bytes: 64 * 1024 * 1024,
            age: Duration::from_secs(3600),
        }),
        ..ingest::Settings::default()
    };
    Settings { connections: 2, ingest, ..Settings::default() }
}

/// A report that was submitted, and what its sender was told.
struct Sent {
    build: BuildId,
    report: Report,
    ticket: Option<Ticket>,
    receipt: Option<milepost_store::Result<Receipt>>,
}

impl Sent {
    fn wait(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.receipt = Some(ticket.wait().map(|mut receipts| {
                assert_eq!(receipts.len(), 1, "one receipt a report");
                receipts.remove(0)
            }));
        }
    }
}

struct World<'a> {
    database: &'a Database,
    spool: &'a Path,
    node: Option<Store>,
    is_open: bool,
    builds: Vec<BuildId>,
    sent: Vec<Sent>,
}

impl World<'_> {
    fn set_open(&mut self, open: bool) {
        self.database.set_open(open);
        self.is_open = open;
    }

    fn start(&mut self) {
        self.node = Some(Store::connect(&self.database.url, &settings(self.spool), Mode::Strict).unwrap());
    }

    fn happen(&mut self, number: usize, event: &Event) {
        let second = i64::try_from(number).unwrap() + 1;
        match event {
            Event::Report { build, step, status, again } => {
                let Some(node) = &self.node else { return };
                let (build, report) = match again.as_ref().filter(|_| !self.sent.is_empty()) {
                    Some(again) => {
                        let known = &self.sent[again.index(self.sent.len())];
                        (known.build, known.report.clone())
                    }
                    None => (self.builds[*build], report(step, *status, second)),
                };
                let ticket = node.submit(build, vec![report.clone()], None, None).unwrap();
                self.sent.push(Sent { build, report, ticket: Some(ticket), receipt: None });
            }
            Event::Elsewhere { build, step } if self.is_open => {
                let _ = store(self.database).record(self.builds[*build], &[report(step, DONE, second)], None);
            }
            Event::Break => self.database.break_connections(),
            Event::Leave if self.is_open => self.set_open(false),
            Event::Return if !self.is_open => self.set_open(true),
            Event::Restart => {
                drop(self.node.take());
                if self.is_open {
                    self.start();
                }
            }
            Event::Wait => self.sent.iter_mut().for_each(Sent::wait),
            Event::Elsewhere { .. } | Event::Leave | Event::Return => {}
        }
    }

    /// The database is there again, and all that waits is brought in.
    fn end(&mut self) {
        if !self.is_open {
            self.set_open(true);
        }
        if self.node.is_none() {
            self.start();
        }
        self.sent.iter_mut().for_each(Sent::wait);
        assert!(self.node.as_ref().unwrap().wait_until_back(LONG), "everything is brought in");
        drop(self.node.take());
    }

    fn check(&self) {
        let node = store(self.database);
        for build in &self.builds {
            let ids: Vec<ReportId> = stored(&node, *build).iter().map(|stored| stored.report.id).collect();
            let mut last = None;
            let mut seen: Vec<ReportId> = Vec::new();
            for sent in self.sent.iter().filter(|sent| sent.build == *build) {
                let id = sent.report.id;
                let places: Vec<usize> = (0..ids.len()).filter(|at| ids[*at] == id).collect();
                assert!(places.len() <= 1, "stored more than once: {id:?}");
                match sent.receipt.as_ref().unwrap() {
                    Ok(Receipt::Recorded | Receipt::Repeated) => {
                        assert_eq!(places.len(), 1, "answered as recorded and not stored: {id:?}");
                    }
                    Ok(Receipt::Refused(refusal)) => assert_eq!(refusal.label.as_str(), "nonsense"),
                    Ok(Receipt::Failed(why)) => panic!("no report here is one to be refused: {why}"),
                    Err(error) => panic!("the spool has room: {error}"),
                }
                // One that was refused may be taken later, when it comes again.
                if matches!(sent.receipt, Some(Ok(Receipt::Recorded))) && !seen.contains(&id) {
                    assert!(last < Some(places[0]), "out of order: {id:?}");
                    last = Some(places[0]);
                    seen.push(id);
                }
            }
            assert_eq!(usize::try_from(load(&node, *build).course.reports).unwrap(), ids.len());
            assert_eq!(in_order(load(&node, *build).course), folded(&node, *build));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn whatever_happens_each_report_is_answered_once_and_stored_once(events in events()) {
        let database = Database::new();
        let spool = tempfile::tempdir().unwrap();
        let first = store(&database);
        let hosts = (0..BUILDS).map(|_| format!("host{}", fresh_id::<()>(at(0))));
        let builds = hosts.map(|host| open_kickstart(&first, &host)).collect();
        drop(first);
        let mut world = World {
            database: &database,
            spool: &spool.path().join("spool"),
            node: None,
            is_open: true,
            builds,
            sent: Vec::new(),
        };
        world.start();
        for (number, event) in events.iter().enumerate() {
            world.happen(number, event);
        }
        world.end();
        world.check();
    }
}
