//! Every query of a page or a list on a million reports: none reads a growing table from end to end.
//!
//! What PostgreSQL counts within the transaction is compared, so that it is the store's own
//! statements that are judged, with their binds, and not copies of them.

use std::sync::Arc;

use diesel::{Connection as _, PgConnection};
use milepost_domain::{Bounds, BuildId, HostId, ReportId, host::HostRef, signal::SignalKind};
use milepost_store::{
    build,
    credential::{self, TokenHash},
    delivery, host,
    list::{self, Cursor, Query, ReportsOf, Worked},
    report, statistics,
};
use milepost_testkit::Database;

use crate::{
    sql::{count, lines, run},
    support::{FAILED, at, everything, store},
};

/// Tables that grow with every installation. Hosts are as many as there are machines; a search by
/// their names looks at each.
const GROWING: &str = "'builds', 'step_runs', 'reports_default', 'report_logs_default', 'credentials', \
    'outbox', 'deliveries'";
const ROWS: i64 = 20_000;
const REPORTS: i64 = 1_000_000;

/// How often each growing table, and one as well, was read from end to end in this transaction.
fn scans(connection: &mut PgConnection, as_well: &str) -> Vec<String> {
    lines(
        connection,
        &format!(
            "SELECT relname || ' ' || seq_scan AS line FROM pg_stat_xact_user_tables
             WHERE relname IN ({GROWING}, '{as_well}') ORDER BY relname"
        ),
    )
}

fn id(row: i64) -> String {
    format!("0193b0a0-0000-7000-8000-{row:012x}")
}

fn seed(connection: &mut PgConnection) {
    let id = "('0193b0a0-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid";
    let id = |row: &str| id.replace("{}", row);
    let rows = format!("FROM generate_series(1, {ROWS}) n");
    let (own, host, build) = (id("n"), id("1 + n / 10"), id(&format!("1 + n % {ROWS} / 40 * 40")));
    let hook = id("1 + n % 10");
    let plan = "sha256('')";
    for statement in [
        format!("INSERT INTO hosts (id, name, foreman_id, created_at, updated_at)
            SELECT {own}, 'host' || n, n, now(), now() {rows}"),
        format!("INSERT INTO plans VALUES ({plan}, '[]')"),
        format!("INSERT INTO builds (id, host_id, workflow, plan, state, attempt, floor, reports, started_at, expires_at, closed_at)
            SELECT {own}, {host}, 'kickstart', {plan}, 'running', 1, 0, 0, now(), now(),
                CASE WHEN n % 10 <> 9 THEN now() END {rows}"),
        format!("INSERT INTO step_runs (build_id, attempt, label, state, inferred, started_at, attempts)
            SELECT {build}, 1, 'step' || n, 'done', false, now(), 1 {rows}"),
        format!("INSERT INTO reports (build_id, id, position, attempt, label, received_at)
            SELECT {build}, {own}, n / {ROWS}, 1, 'step' || n, now() FROM generate_series(1, {REPORTS}) n"),
        format!("INSERT INTO report_logs (build_id, report_id, cut, text) SELECT {build}, {own}, 0, 'log' {rows}"),
        format!("INSERT INTO outbox SELECT {own}, {own}, 'build.opened', now(), 'a body' {rows}"),
        format!("INSERT INTO hooks SELECT {own}, 'hook', 'http://127.0.0.1:9/', 'standard', '{{*}}', NULL, '{{}}', '{{}}',
            'whsec_', NULL, NULL, true, NULL, now(), '', NULL, 0, '2020-01-01' FROM generate_series(1, 10) n"),
        format!("INSERT INTO deliveries SELECT {hook}, {own}, CASE WHEN n % 100 < 10 THEN 'pending' ELSE 'delivered' END,
            '2020-01-01', 0 {rows}"),
        format!("INSERT INTO credentials SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), {own}, now() {rows}"),
        "ANALYZE".to_owned(),
    ] {
        run(connection, &statement);
    }
}

/// A question that machines and pages ask all the time; it answers whether it found something.
type Work<'a> = Box<dyn FnMut(&mut PgConnection) -> milepost_store::Result<bool> + 'a>;

#[test]
fn no_query_of_a_page_or_a_list_reads_a_growing_table_from_end_to_end() {
    let database = Database::new();
    seed(&mut database.connect());
    let node = store(&database);
    let now = at(0);
    // Row 41 is a build with reports, and of host 1 + 41 / 10.
    let (build_id, host_id): (BuildId, HostId) = (id(41).parse().unwrap(), id(5).parse().unwrap());
    let hook: uuid::Uuid = id(2).parse().unwrap();
    let report_id: ReportId = id(41).parse().unwrap();
    let after = Some(Cursor { received_at: crate::support::at(0), build: build_id, position: 3 });
    let mut hash = TokenHash([0; 32]);
    hash.0[31] = 41;
    let of = |of| everything_of(of, None);
    let works: Vec<(&str, Work<'_>)> = vec![
        ("host by id", Box::new(|c| host::find(c, &HostRef::Id(host_id)).map(|_| true))),
        ("host by Foreman's id", Box::new(|c| host::find(c, &HostRef::Foreman(41)).map(|_| true))),
        ("host by name", Box::new(|c| host::find(c, &HostRef::Name("host41".to_owned())).map(|_| true))),
        ("latest build", Box::new(|c| Ok(build::latest(c, host_id, now)?.is_some()))),
        ("build", Box::new(|c| Ok(!build::load_with_host(c, build_id, now)?.build.course.runs.is_empty()))),
        ("credential", Box::new(|c| Ok(credential::find(c, hash)?.is_some()))),
        ("reports of a build", of(ReportsOf::Build(build_id))),
        ("reports of a host", of(ReportsOf::Host(host_id))),
        ("reports from a cursor on", everything_of(ReportsOf::Build(build_id), after)),
        (
            "what is to be sent",
            Box::new(|c| Ok(delivery::claim(c, now, now)?.is_some_and(|(_, due)| !due.is_empty()))),
        ),
        (
            "what was sent",
            Box::new(|c| Ok(delivery::list(c, &Query { limit: 20, ..everything(now) }, hook)?.total > 0)),
        ),
        ("how much is to be sent", Box::new(|c| Ok(delivery::backlog(c)?.pending > 0))),
        ("log", Box::new(|c| Ok(!report::log(c, build_id, report_id)?.text().is_empty()))),
        (
            "log of what failed",
            Box::new(|c| {
                let mut build = build::load(c, build_id, now)?;
                build.apply(&crate::support::report("storage", FAILED, 0));
                report::failure_log(c, &build).map(|_| true)
            }),
        ),
        ("builds of a host", Box::new(|c| Ok(list::builds(c, &everything(now), Some(host_id))?.total == 10))),
    ];
    let searches = [
        ("state = running", "builds in a state"),
        ("name = host41", "builds of a name"),
        ("host4", "builds by free text"),
        ("started_at > \"1 day ago\"", "builds of a time"),
        ("", "builds"),
    ];
    let listed = searches.iter().flat_map(|(search, what)| {
        let query = Query { limit: 20, search: parsed(search), ..everything(now) };
        let hosts = query.clone();
        let builds: Work<'_> = Box::new(move |c| Ok(!list::builds(c, &query, None)?.results.is_empty()));
        let hosts: Work<'_> = Box::new(move |c| Ok(!list::hosts(c, &hosts)?.results.is_empty()));
        [(*what, builds), ("the same of hosts", hosts)]
    });
    let fleet: Work<'_> = Box::new(|c| {
        Ok(!list::states(c, now - chrono::Duration::days(1), now, &Bounds::default())?.is_empty())
    });
    let fleet = std::iter::once(("the fleet by state", fleet));
    // Their ids say which day they are of.
    let day = build_id.made_at().unwrap().date_naive();
    let counted = statistics::Query {
        from: day,
        until: day.succ_opt().unwrap(),
        search: parsed("state = running"),
        bounds: Bounds::default(),
        now,
    };
    let statistics: Work<'_> = Box::new(move |c| Ok(!statistics::of(c, &counted)?.days.is_empty()));
    let by_signal =
        Query { search: parsed("has signal or muted = true"), worked: worked(build_id), ..everything(now) };
    let signals: Work<'_> = Box::new(move |c| Ok(!list::builds(c, &by_signal, None)?.results.is_empty()));
    let fleet = fleet.chain([("statistics", statistics), ("builds by their signals", signals)]);
    let lookups = works.into_iter().map(|work| (work, "hosts"));
    let lists = listed.chain(fleet).map(|work| (work, ""));
    for ((what, mut work), as_well) in lookups.chain(lists) {
        node.read(|connection| {
            connection.transaction(|connection| {
                let before = scans(connection, as_well);
                assert!(work(connection)?, "{what}: nothing was found");
                assert_eq!(scans(connection, as_well), before, "{what} reads a table from end to end");
                Ok::<_, milepost_store::Error>(())
            })
        })
        .unwrap();
    }
}

fn worked(build: BuildId) -> Arc<Worked> {
    Arc::new(Worked { signals: [(build, vec![SignalKind::Stalled])].into(), muted: [build].into() })
}

fn parsed(search: &str) -> Option<milepost_domain::search::Expr> {
    milepost_domain::search::parse(search, list::FIELDS, at(0)).unwrap()
}

fn everything_of<'a>(of: ReportsOf, after: Option<Cursor>) -> Work<'a> {
    Box::new(move |connection| {
        Ok(!list::reports(connection, &everything(at(0)), of, after)?.results.is_empty())
    })
}

#[test]
fn reading_a_table_from_end_to_end_is_seen() {
    let mut connection = Database::new().connect();
    connection
        .transaction(|connection| {
            for table in ["builds", "step_runs", "reports", "credentials"] {
                let before = scans(connection, "");
                count(connection, table);
                assert_ne!(scans(connection, ""), before, "{table}");
            }
            Ok::<_, milepost_store::Error>(())
        })
        .unwrap();
}
