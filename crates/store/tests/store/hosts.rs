//! Who a host is: renamed, taken over, described bit by bit.

use milepost_domain::{Host, HostFacts, host::HostRef};
use milepost_store::{Error, Store, host};
use milepost_testkit::Database;

use crate::{
    sql::{count, lines},
    support::{at_once, name, open, opening, store},
};

/// Opens a build for a host of that name and Foreman's id.
#[track_caller]
fn register(store: &Store, host: &str, foreman_id: Option<i64>) -> Host {
    with(store, HostFacts { foreman_id, ..HostFacts::named(name(host)) })
}

#[track_caller]
fn with(store: &Store, facts: HostFacts) -> Host {
    let mut opening = opening(store, facts.name.as_str(), 0);
    opening.host = facts;
    open(store, &opening).host
}

fn find(store: &Store, host: &str) -> Result<Host, Error> {
    store.read(|connection| host::find(connection, &HostRef::parse(host)))
}

#[test]
fn a_host_is_found_by_our_id_by_foremans_and_by_its_name() {
    let database = Database::new();
    let store = store(&database);
    let host = register(&store, "web1", Some(42));
    for key in ["web1", "WEB1", "42", &host.id.to_string()] {
        assert_eq!(find(&store, key).unwrap(), host, "{key}");
    }
    for key in ["web2", "43", "0193b0a0-0000-7000-8000-000000000001"] {
        let error = find(&store, key).unwrap_err();
        assert_eq!(error, Error::NotFound { what: "host", key: key.to_owned() });
    }
}

#[test]
fn what_a_registration_leaves_out_stays() {
    let database = Database::new();
    let store = store(&database);
    let full = HostFacts {
        name: name("web1"),
        foreman_id: Some(42),
        mac: Some("52:54:00:12:34:56".to_owned()),
        ip: Some("2001:db8::1".parse().unwrap()),
        organization: Some(name("acme")),
        location: Some(name("brno")),
        hostgroup: Some(name("web")),
        operatingsystem: Some(name("RedHat 9.4")),
        model: Some(name("R650")),
    };
    let first = with(&store, full.clone());
    assert_eq!(first.facts, full);
    assert_eq!(register(&store, "web1", None), first);
    let moved = HostFacts { location: Some(name("praha")), ..HostFacts::named(name("web1")) };
    assert_eq!(with(&store, moved).facts, HostFacts { location: Some(name("praha")), ..full });
}

#[test]
fn a_host_that_was_known_by_name_gets_foremans_id() {
    let database = Database::new();
    let store = store(&database);
    let host = register(&store, "web1", None);
    let same = register(&store, "web1", Some(42));
    assert_eq!((same.id, same.facts.foreman_id), (host.id, Some(42)));
}

#[test]
fn a_renamed_host_keeps_its_history() {
    let database = Database::new();
    let store = store(&database);
    let host = register(&store, "web1", Some(42));
    let renamed = register(&store, "web9", Some(42));
    assert_eq!((renamed.id, renamed.created_at), (host.id, host.created_at));
    assert!(find(&store, "web1").is_err());
    let mut connection = database.connect();
    assert_eq!(count(&mut connection, "hosts"), 1);
    assert_eq!(count(&mut connection, "builds"), 2);
}

#[test]
fn a_host_made_anew_in_foreman_under_its_old_name_is_the_same_host() {
    let database = Database::new();
    let store = store(&database);
    let host = register(&store, "web1", Some(42));
    let again = register(&store, "web1", Some(43));
    assert_eq!((again.id, again.facts.foreman_id), (host.id, Some(43)));
    assert!(find(&store, "42").is_err());
}

#[test]
fn a_host_that_takes_anothers_name_retires_the_other_with_its_history() {
    let database = Database::new();
    let store = store(&database);
    let (old, new) = (register(&store, "web1", Some(1)), register(&store, "web2", Some(2)));
    let taker = register(&store, "web1", Some(2));
    assert_eq!(taker.id, new.id);
    assert_eq!(find(&store, "web1").unwrap().id, new.id);
    assert_eq!(find(&store, "1").unwrap().id, old.id, "the other is still known by its id");
    let mut connection = database.connect();
    let retired = lines(&mut connection, "SELECT id::text AS line FROM hosts WHERE retired_at IS NOT NULL");
    assert_eq!(retired, [old.id.to_string()]);
    assert_eq!(count(&mut connection, &format!("builds WHERE host_id = '{}'", old.id)), 1);

    // It was only renamed: under its new name it is back.
    let back = register(&store, "web3", Some(1));
    assert_eq!(back.id, old.id);
    assert_eq!(find(&store, "web3").unwrap().id, old.id);
    assert_eq!(count(&mut connection, "hosts WHERE retired_at IS NOT NULL"), 0);
}

#[test]
fn a_name_that_was_given_up_may_be_had_by_a_new_host() {
    let database = Database::new();
    let store = store(&database);
    let old = register(&store, "web1", Some(1));
    register(&store, "web9", Some(1));
    let new = register(&store, "web1", None);
    assert_ne!(new.id, old.id);
    assert_eq!(count(&mut database.connect(), "hosts"), 2);
}

#[test]
fn hosts_that_swap_their_names_at_once_all_get_through() {
    let database = Database::new();
    let before = store(&database);
    register(&before, "web0", Some(1));
    register(&before, "web1", Some(2));
    let ids = at_once(|number| {
        let node = store(&database);
        let odd = i64::from(number % 2);
        register(&node, &format!("web{}", 1 - odd), Some(odd + 1)).id
    });
    assert_eq!(ids.len(), 8);
    let mut connection = database.connect();
    assert_eq!(count(&mut connection, "hosts"), 2);
    assert_eq!(count(&mut connection, "builds"), 10);
    assert_eq!(count(&mut connection, "builds WHERE closed_at IS NULL"), 2);
    let taken = "(SELECT name FROM hosts WHERE retired_at IS NULL GROUP BY name HAVING count(*) > 1) twice";
    assert_eq!(count(&mut connection, taken), 0);
}
