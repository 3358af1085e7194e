//! Lists in order, page by page.

use std::{cmp::Ordering, sync::LazyLock};

use milepost_domain::{
    Build, Host,
    search::{Order, Value},
};
use milepost_store::list::value;
use milepost_store::{
    Store,
    list::{self, FIELDS, Query, SORTABLE},
};

use crate::{
    rows::{Seeded, now, seeded},
    support::everything,
};

static SEEDED: LazyLock<Seeded> = LazyLock::new(seeded);

type Row = (Host, Option<Build>);
type List = fn(&Store, &Query) -> (i64, Vec<Row>);

fn builds(store: &Store, query: &Query) -> (i64, Vec<Row>) {
    let page = store.read(|connection| list::builds(connection, query, None)).unwrap();
    (page.total, page.results.into_iter().map(|it| (it.host, Some(it.build))).collect())
}

fn hosts(store: &Store, query: &Query) -> (i64, Vec<Row>) {
    let page = store.read(|connection| list::hosts(connection, query)).unwrap();
    (page.total, page.results.into_iter().map(|it| (it.host, it.build)).collect())
}

type Key = fn(&Row) -> String;

/// The lists, and what makes a row of each unique.
const LISTS: &[(List, Key)] =
    &[(builds, |row| row.1.as_ref().unwrap().id.to_string()), (hosts, |row| row.0.id.to_string())];

fn orders() -> impl Iterator<Item = Option<Order>> {
    let both = |field| [false, true].map(|descending| Some(Order { field, descending }));
    SORTABLE.iter().copied().flat_map(both).chain([None])
}

#[test]
fn pages_put_together_are_the_whole_list_in_every_order() {
    let store = &SEEDED.store;
    for (list, id) in LISTS {
        for order in orders() {
            let query = Query { order, ..everything(now()) };
            let (total, whole) = list(store, &query);
            assert_eq!(usize::try_from(total).unwrap(), whole.len());
            let mut pages = Vec::new();
            for offset in (0..total).step_by(7) {
                let (_, page) = list(store, &Query { offset, limit: 7, ..query.clone() });
                assert!(page.len() <= 7);
                pages.extend(page);
            }
            let ids = |rows: &[Row]| rows.iter().map(id).collect::<Vec<_>>();
            assert_eq!(ids(&pages), ids(&whole), "{order:?}");
            let mut unique = ids(&whole);
            unique.sort();
            unique.dedup();
            assert_eq!(unique.len(), whole.len(), "{order:?}");
        }
    }
}

/// The smaller value first; what has none comes last in either direction.
fn compare(a: Option<&Value>, b: Option<&Value>, descending: bool) -> Ordering {
    let ordered = match (a, b) {
        (Some(Value::Text(a)), Some(Value::Text(b))) => a.cmp(b),
        (Some(Value::Integer(a)), Some(Value::Integer(b))) => a.cmp(b),
        (Some(Value::Time(a)), Some(Value::Time(b))) => a.cmp(b),
        (a, b) => return b.is_some().cmp(&a.is_some()),
    };
    if descending { ordered.reverse() } else { ordered }
}

#[test]
fn every_order_sorts_by_its_field_then_by_the_id() {
    for (list, id) in LISTS {
        for order in orders().flatten() {
            let field = FIELDS.iter().find(|field| field.name == order.field).unwrap();
            let (_, rows) = list(&SEEDED.store, &Query { order: Some(order), ..everything(now()) });
            for pair in rows.windows(2) {
                let [a, b] = pair else { unreachable!() };
                let (left, right) = (value(field, &a.0, a.1.as_ref()), value(field, &b.0, b.1.as_ref()));
                let by_id = if order.descending { id(b).cmp(&id(a)) } else { id(a).cmp(&id(b)) };
                let ordering = compare(left.as_ref(), right.as_ref(), order.descending).then(by_id);
                assert_eq!(ordering, Ordering::Less, "{order:?}: {left:?} before {right:?}");
            }
        }
    }
}

#[test]
fn without_an_order_builds_are_listed_newest_first_and_hosts_by_name() {
    let (_, rows) = builds(&SEEDED.store, &everything(now()));
    assert!(rows.is_sorted_by(|a, b| a.1.as_ref().unwrap().id > b.1.as_ref().unwrap().id));
    let (_, rows) = hosts(&SEEDED.store, &everything(now()));
    assert!(rows.is_sorted_by(|a, b| a.0.facts.name < b.0.facts.name));
}

#[test]
fn the_builds_of_one_host_are_its_own() {
    let store = &SEEDED.store;
    let (_, all) = builds(store, &everything(now()));
    let host = &all[5].0;
    let page = store.read(|connection| list::builds(connection, &everything(now()), Some(host.id))).unwrap();
    let expected: Vec<Build> =
        all.iter().filter(|row| row.0.id == host.id).filter_map(|row| row.1.clone()).collect();
    let got: Vec<Build> = page.results.into_iter().map(|it| it.build).collect();
    assert_eq!((page.total, &got), (i64::try_from(expected.len()).unwrap(), &expected));
}
