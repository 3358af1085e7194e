//! A search in SQL selects exactly what the domain says that it means.

use std::sync::{Arc, LazyLock};

use milepost_domain::{
    Build, Host,
    search::{self, Expr, Field, Kind},
    signal::SignalKind,
};
use milepost_store::list::{Worked, value, worked_value};
use milepost_store::{
    list::{self, FIELDS, Query, REPORT_FIELDS, ReportsOf},
    report::StoredReport,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use crate::{
    rows::{LABELS, Seeded, TEXTS, now, seeded, value_of_report},
    support::everything,
};

static SEEDED: LazyLock<Seeded> = LazyLock::new(seeded);

/// Signals and mutes of some of the builds, whether or not they could have any.
static WORKED: LazyLock<Arc<Worked>> = LazyLock::new(|| {
    let mut worked = Worked::default();
    for (number, (_, build)) in ALL_BUILDS.iter().enumerate() {
        let id = build.as_ref().unwrap().id;
        let kinds = SignalKind::ALL.iter().cycle().skip(number).take(number % 4).copied().collect::<Vec<_>>();
        if !kinds.is_empty() {
            worked.signals.insert(id, kinds);
        }
        if number % 3 == 0 {
            worked.muted.insert(id);
        }
    }
    Arc::new(worked)
});

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Words that some values are, contain, or only look like. Letters beyond ASCII in one case only:
/// how those fold is up to the database's locale.
fn word() -> impl Strategy<Value = String> {
    const PATTERNS: &[&str] = &[
        "w*",
        "*B",
        "w_b",
        "W%B",
        "*",
        "%",
        "",
        "\\",
        "_",
        "*.example.COM",
        "we",
        "10.1.*",
        "52:54:*:0?",
        "?",
        "ž",
        "'",
        "zzz",
        "x",
        "Example.com",
        "w\\*b",
    ];
    let any = TEXTS.iter().chain(LABELS).chain(PATTERNS).copied().collect::<Vec<_>>();
    prop_oneof![8 => select(any).prop_map(ToOwned::to_owned), 1 => "[a-zA-Z0-9_%*\\\\'\" .-]{0,5}"]
}

fn times() -> impl Strategy<Value = String> {
    const WRITTEN: &[&str] = &[
        "today",
        "yesterday",
        "tomorrow",
        "now",
        "2026-11-22",
        "\"2026-11-22 12:30\"",
        "2026-11-22T13:00:00+01:00",
        "\"10 hours ago\"",
        "\"45 minutes ago\"",
        "\"1 day ago\"",
        "\"2 hours from now\"",
        "1900-01-01",
        "2999-12-31",
    ];
    let exact = (0_i64..50, select(&[1800_i64, 1801, 1803, 3600, 1700][..]))
        .prop_map(|(number, step)| crate::support::at(number * step).to_rfc3339());
    prop_oneof![select(WRITTEN).prop_map(ToOwned::to_owned), exact]
}

/// A condition on that field.
fn condition(field: &'static Field) -> BoxedStrategy<String> {
    let called: Vec<&str> = field.names().collect();
    let compare = |operators: &'static [&'static str], values: BoxedStrategy<String>| {
        (select(called.clone()), select(operators), values)
            .prop_map(|(name, operator, value)| format!("{name} {operator} {value}"))
            .boxed()
    };
    let list = |values: BoxedStrategy<String>| {
        let values = vec(values, 1..4).prop_map(|values| format!("({})", values.join(", "))).boxed();
        compare(&["^", "!^"], values)
    };
    let word = || word().prop_map(|word| quoted(&word)).boxed();
    let number = || (-10_i64..50).prop_map(|number| number.to_string()).boxed();
    let compared = match field.kind {
        Kind::Text => {
            prop_oneof![compare(&["=", "!="], word()), compare(&["~", "!~"], word()), list(word())].boxed()
        }
        Kind::Choice(words) => {
            let choice = || select(words).prop_map(str::to_uppercase).boxed();
            prop_oneof![compare(&["=", "!="], choice()), compare(&["~", "!~"], word()), list(choice())]
                .boxed()
        }
        Kind::Integer => {
            prop_oneof![compare(&["=", "!=", "<", "<=", ">", ">="], number()), list(number())].boxed()
        }
        Kind::Time => compare(&["=", "!=", "<", "<=", ">", ">="], times().boxed()),
        Kind::Boolean => compare(&["=", "!="], select(&["true", "No"][..]).prop_map(str::to_owned).boxed()),
        Kind::Uuid => panic!("no such field yet: {}", field.name),
    };
    let has = (select(&["has", "null?"][..]), select(called.clone()));
    prop_oneof![6 => compared, 1 => has.prop_map(|(word, name)| format!("{word} {name}"))].boxed()
}

fn query(fields: &'static [Field]) -> impl Strategy<Value = String> {
    let conditions: Vec<_> = fields.iter().map(condition).collect();
    let one = any::<Index>().prop_flat_map(move |index| index.get(&conditions).clone());
    let free = word().prop_map(|word| quoted(&word));
    prop_oneof![9 => one, 1 => free].prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn read(query: &str, fields: &'static [Field]) -> (Query, Expr) {
    let search = search::parse(query, fields, now()).unwrap_or_else(|error| panic!("{query}: {error}"));
    (Query { search: search.clone(), worked: Arc::clone(&WORKED), ..everything(now()) }, search.unwrap())
}

type Row = (Host, Option<Build>);

static ALL_BUILDS: LazyLock<Vec<Row>> = LazyLock::new(|| builds(&everything(now())));
static ALL_HOSTS: LazyLock<Vec<Row>> = LazyLock::new(|| hosts(&everything(now())));
static ALL_REPORTS: LazyLock<Vec<StoredReport>> = LazyLock::new(|| reports(&everything(now())));

fn builds(query: &Query) -> Vec<Row> {
    let page = SEEDED.store.read(|connection| list::builds(connection, query, None)).unwrap();
    assert_eq!(usize::try_from(page.subtotal).unwrap(), page.results.len());
    page.results.into_iter().map(|it| (it.host, Some(it.build))).collect()
}

fn hosts(query: &Query) -> Vec<Row> {
    let page = SEEDED.store.read(|connection| list::hosts(connection, query)).unwrap();
    assert_eq!(usize::try_from(page.subtotal).unwrap(), page.results.len());
    page.results.into_iter().map(|it| (it.host, it.build)).collect()
}

fn reports(query: &Query) -> Vec<StoredReport> {
    let of = ReportsOf::Host(SEEDED.reporter.id);
    let page = SEEDED.store.read(|connection| list::reports(connection, query, of, None)).unwrap();
    assert_eq!(usize::try_from(page.subtotal).unwrap(), page.results.len());
    page.results
}

fn build_ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|(_, build)| build.as_ref().unwrap().id.to_string()).collect()
}

fn host_ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|(host, _)| host.id.to_string()).collect()
}

/// Of all rows, those of which the query is true.
fn meant<T: Clone>(all: &[T], expr: &Expr, value: impl Fn(&Field, &T) -> Option<search::Value>) -> Vec<T> {
    all.iter().filter(|row| expr.matches(&|field| value(field, row))).cloned().collect()
}

fn value_of_row(field: &Field, (host, build): &Row) -> Option<search::Value> {
    let id = build.as_ref().map(|build| build.id);
    let kinds = id.and_then(|id| WORKED.signals.get(&id)).map_or(&[][..], Vec::as_slice);
    let is_muted = id.is_some_and(|id| WORKED.muted.contains(&id));
    worked_value(field, kinds, is_muted).or_else(|| value(field, host, build.as_ref()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn builds_are_selected_as_the_search_means(text in query(FIELDS)) {
        let (query, expr) = read(&text, FIELDS);
        let expected = meant(&ALL_BUILDS, &expr, value_of_row);
        prop_assert_eq!(build_ids(&builds(&query)), build_ids(&expected), "{}", text);
    }

    #[test]
    fn hosts_are_selected_as_the_search_means(text in query(FIELDS)) {
        let (query, expr) = read(&text, FIELDS);
        let expected = meant(&ALL_HOSTS, &expr, value_of_row);
        prop_assert_eq!(host_ids(&hosts(&query)), host_ids(&expected), "{}", text);
    }

    #[test]
    fn reports_are_selected_as_the_search_means(text in query(REPORT_FIELDS)) {
        let (query, expr) = read(&text, REPORT_FIELDS);
        let positions = |reports: &[StoredReport]| reports.iter().map(|it| it.position).collect::<Vec<_>>();
        let expected = meant(&ALL_REPORTS, &expr, value_of_report);
        prop_assert_eq!(positions(&reports(&query)), positions(&expected), "{}", text);
    }
}

#[test]
fn the_rows_that_are_searched_have_and_lack_values_of_every_field() {
    let states: std::collections::BTreeSet<_> =
        ALL_BUILDS.iter().map(|(_, build)| build.as_ref().unwrap().course.state).collect();
    assert_eq!(states.len(), milepost_domain::State::ALL.len());
    assert!(ALL_HOSTS.iter().any(|(_, build)| build.is_none()));
    for field in FIELDS {
        let has = |row: &Row| value_of_row(field, row).is_some();
        assert!(ALL_HOSTS.iter().any(has), "{}", field.name);
        assert!(["name", "muted"].contains(&field.name) || !ALL_HOSTS.iter().all(has), "{}", field.name);
    }
    for field in REPORT_FIELDS {
        assert!(ALL_REPORTS.iter().any(|report| value_of_report(field, report).is_some()), "{}", field.name);
    }
}
