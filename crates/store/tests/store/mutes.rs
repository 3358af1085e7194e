//! Mutes: over by themselves, forgotten by the housekeeping, entered in the trail.

use milepost_domain::{Bounds, Time, registry::Mode};
use milepost_store::{
    mute::{self, Mute, Search, Subject},
    retention::{Policy, retire},
};
use milepost_testkit::Database;

use crate::{
    sql::lines,
    support::{at, entry, fresh_id, load, name, node, open, opening, start, store},
};

fn made(subject: Subject, until: Time) -> Mute {
    Mute {
        id: fresh_id::<()>(start()).uuid(),
        subject,
        until,
        reason: "new firmware".parse().unwrap(),
        created_at: start(),
        created_by: "somebody".to_owned(),
        bounds: Bounds::default(),
    }
}

fn search(text: &str) -> Subject {
    Subject::Search(Search::parse(text, start()).unwrap().unwrap())
}

#[test]
fn a_mute_is_over_when_its_time_is_and_the_longest_of_several_is_told() {
    let database = Database::new();
    let store = store(&database);
    let opened = open(&store, &opening(&store, "web1", 0));
    let (host, build) = (opened.host, load(&store, opened.build.id));
    for mute in [
        made(Subject::Host(host.id), at(60)),
        made(search("name ~ web and state = pending"), at(90)),
        made(search("name = db1"), at(900)),
    ] {
        store.mute(&mute, &entry()).unwrap();
    }
    let until = |now: Time| store.mutes().of(&host, Some(&build), now).map(|mute| mute.until);
    assert_eq!(until(at(0)), Some(at(90)));
    assert_eq!(until(at(89)), Some(at(90)));
    assert_eq!(until(at(90)), None);
    assert_eq!(store.mutes().of(&host, None, at(0)).map(|mute| mute.until), Some(at(60)), "it has no state");
    let listed = store.read(|connection| mute::list(connection, at(60))).unwrap();
    assert_eq!(listed.iter().map(|(mute, _)| mute.until).collect::<Vec<_>>(), [at(90), at(900)]);
    let later = node(&database, Mode::Strict);
    assert_eq!(later.mutes(), store.mutes(), "one that starts afterwards knows");
}

#[test]
fn a_search_finds_nothing_beyond_what_its_maker_was_bound_to() {
    let database = Database::new();
    let store = store(&database);
    let mut opening = opening(&store, "web1", 0);
    opening.host.location = Some(name("Europe/Brno"));
    let host = open(&store, &opening).host;
    let bound_to = |location: &str| Bounds { locations: [name(location)].into(), ..Bounds::default() };
    let beyond = Mute { bounds: bound_to("Asia"), ..made(search("name ~ *"), at(60)) };
    store.mute(&beyond, &entry()).unwrap();
    assert_eq!(store.mutes().of(&host, None, at(0)), None);
    let within = Mute { bounds: bound_to("Europe"), ..made(search("name ~ *"), at(60)) };
    store.mute(&within, &entry()).unwrap();
    assert_eq!(store.mutes().of(&host, None, at(0)), Some(&within));
}

#[test]
fn housekeeping_forgets_what_is_over_and_nothing_else() {
    let database = Database::new();
    let store = store(&database);
    let (over, in_force) = (made(search("web"), at(60)), made(search("db"), at(61)));
    for mute in [&over, &in_force] {
        store.mute(mute, &entry()).unwrap();
    }
    let _ = retire(&mut database.connect(), at(60), &Policy::default(), false).unwrap();
    let left = lines(&mut database.connect(), "SELECT id::text AS line FROM mutes");
    assert_eq!(left, [in_force.id.to_string()]);
}

#[test]
fn ending_what_is_not_there_changes_nothing_and_is_not_entered() {
    let database = Database::new();
    let store = store(&database);
    let mute = made(search("web"), at(60));
    store.mute(&mute, &entry()).unwrap();
    assert!(store.unmute(mute.id, &crate::support::entry()).unwrap());
    assert!(!store.unmute(mute.id, &crate::support::entry()).unwrap());
    assert_eq!(lines(&mut database.connect(), "SELECT count(*)::text AS line FROM audit"), ["2"]);
}
