//! What is to be sent: to one hook by one node at a time, in order, and not for ever.

use chrono::Duration;
use milepost_domain::Time;
use milepost_store::{
    Error, Store, audit,
    audit::Entry,
    delivery::{self, Backlog, Due, Outcome, Setback, State},
    hook::{self, Hook},
};
use milepost_testkit::Database;
use uuid::Uuid;

use crate::{
    sql::run,
    support::{at, at_once, entry, everything, fresh_id, node, start, store},
    sweep::{hook, insert},
};

/// Events that are to be sent to a hook, in their order.
fn send(database: &Database, hook: &Hook, seconds: &[i64]) -> Vec<Uuid> {
    let mut connection = database.connect();
    let ids: Vec<Uuid> = seconds.iter().map(|second| fresh_id::<()>(at(*second)).uuid()).collect();
    for (id, second) in ids.iter().zip(seconds) {
        let at = at(*second);
        run(
            &mut connection,
            &format!("INSERT INTO outbox VALUES ('{id}', NULL, 'build.opened', '{at}', 'a body')"),
        );
        run(
            &mut connection,
            &format!("INSERT INTO deliveries VALUES ('{}', '{id}', 'pending', '{at}', 0)", hook.id),
        );
    }
    ids
}

fn claim(store: &Store, now: Time) -> Option<(Hook, Vec<Due>)> {
    store.write(|connection| delivery::claim(connection, now, now + Duration::seconds(15))).unwrap()
}

fn refused() -> Outcome {
    Outcome { status: Some(500), error: Some("answered 500".to_owned()) }
}

fn setback(now: Time, again: Option<i64>) -> Setback {
    Setback {
        again_at: again.map(|seconds| now + Duration::seconds(seconds)),
        rests_until: now + Duration::seconds(5),
        give_up_after: Duration::days(5),
        is_gone: false,
    }
}

fn fail(store: &Store, hook: &Hook, event: Uuid, setback: &Setback, now: Time) -> Option<String> {
    let entry = Entry { id: fresh_id::<()>(now).uuid(), at: now, ..entry() };
    store
        .write(|connection| delivery::failed(connection, hook.id, event, &refused(), setback, &entry))
        .unwrap()
}

fn deliver(store: &Store, hook: &Hook, event: Uuid, now: Time) {
    let outcome = Outcome { status: Some(204), error: None };
    store.write(|connection| delivery::delivered(connection, hook, event, &outcome, now, now)).unwrap();
}

fn states(store: &Store, hook: &Hook) -> Vec<(Uuid, State, u32)> {
    let mut all =
        store.read(|connection| delivery::list(connection, &everything(start()), hook.id)).unwrap().results;
    all.reverse();
    all.into_iter().map(|delivery| (delivery.event_id, delivery.state, delivery.attempts)).collect()
}

#[test]
fn one_node_at_a_time_has_a_hook_with_what_is_due_in_the_order_of_the_events() {
    let database = Database::new();
    let store = store(&database);
    let (one, two) = (hook("*", None, start()), hook("*", None, start()));
    insert(&store, &one);
    insert(&store, &two);
    assert!(claim(&store, at(0)).is_none());
    let events = send(&database, &one, &[3, 1, 2, 900]);
    send(&database, &two, &[1]);
    let claims = at_once(|_| claim(&node(&database, milepost_domain::registry::Mode::Strict), at(10)));
    let claimed: Vec<(Hook, Vec<Due>)> = claims.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 2, "each hook by one of them");
    let (_, due) = claimed.iter().find(|(hook, _)| hook.id == one.id).unwrap();
    let due: Vec<Uuid> = due.iter().map(|due| due.event_id).collect();
    assert_eq!(due, [events[1], events[2], events[0]], "the fourth is not due");
    // Whoever had them died: after a while somebody else has.
    assert!(claim(&store, at(24)).is_none());
    assert!(claim(&store, at(26)).is_some());
}

#[test]
fn one_that_fails_waits_for_its_next_try_and_those_behind_it_go_on_after_a_rest() {
    let database = Database::new();
    let store = store(&database);
    let hook = hook("*", None, start());
    insert(&store, &hook);
    let events = send(&database, &hook, &[1, 2]);
    assert_eq!(claim(&store, at(10)).unwrap().1.len(), 2);
    assert_eq!(fail(&store, &hook, events[0], &setback(at(10), Some(300)), at(10)), None);
    assert!(claim(&store, at(14)).is_none(), "the hook rests");
    let (claimed, due) = claim(&store, at(16)).unwrap();
    assert_eq!(due.iter().map(|due| due.event_id).collect::<Vec<_>>(), [events[1]]);
    assert_eq!((claimed.failing_since, claimed.failures), (Some(at(10)), 1));
    deliver(&store, &claimed, events[1], at(16));
    assert!(claim(&store, at(17)).is_none(), "the first is not due yet");
    let (claimed, due) = claim(&store, at(310)).unwrap();
    assert_eq!((due[0].attempts(), claimed.failing_since), (1, None));
    fail(&store, &hook, events[0], &setback(at(310), None), at(310));
    assert_eq!(states(&store, &hook), [(events[0], State::Failed, 2), (events[1], State::Delivered, 1)]);
}

#[test]
fn a_receiver_that_is_back_is_sent_all_that_waits_at_once() {
    let database = Database::new();
    let store = store(&database);
    let hook = hook("*", None, start());
    insert(&store, &hook);
    let events = send(&database, &hook, &[1, 2, 400]);
    for event in &events[..2] {
        claim(&store, at(10));
        fail(&store, &hook, *event, &setback(at(10), Some(36_000)), at(10));
    }
    let backlog = store.read(delivery::backlog).unwrap();
    assert_eq!(backlog, Backlog { pending: 3, oldest_at: Some(at(1)), failing: 1, disabled: 0 });
    let (claimed, _) = claim(&store, at(500)).unwrap();
    deliver(&store, &claimed, events[2], at(500));
    let (_, due) = claim(&store, at(501)).unwrap();
    assert_eq!(due.iter().map(|due| due.event_id).collect::<Vec<_>>(), events[..2]);
}

#[test]
fn after_days_of_nothing_but_failure_a_hook_is_disabled_with_a_notice_and_may_be_enabled_again() {
    let database = Database::new();
    let store = store(&database);
    let hook = hook("*", None, start());
    insert(&store, &hook);
    let events = send(&database, &hook, &[1, 2]);
    assert_eq!(fail(&store, &hook, events[0], &setback(at(10), Some(300)), at(10)), None);
    let late = at(10) + Duration::days(5);
    assert_eq!(fail(&store, &hook, events[0], &setback(late, Some(300)), late - Duration::seconds(1)), None);
    let reason = fail(&store, &hook, events[0], &setback(late, Some(300)), late).unwrap();
    assert_eq!(reason, "nothing was taken for 5 days, since 2026-11-22 12:00 UTC; at last: answered 500");
    assert_eq!(fail(&store, &hook, events[1], &setback(late, Some(300)), late), None, "it is said once");
    let known = store.read(|connection| hook::find(connection, hook.id)).unwrap();
    assert_eq!((known.is_enabled, known.disabled_reason.as_ref()), (false, Some(&reason)));
    let trail = store.read(|connection| audit::list(connection, &everything(start()))).unwrap().results;
    assert!(
        trail.iter().any(
            |entry| entry.detail.as_ref() == Some(&reason) && entry.target == format!("hook {}", hook.id)
        )
    );
    assert!(claim(&store, late + Duration::days(1)).is_none());
    let now = late + Duration::days(1);
    let enable = |hook: Hook| Ok::<_, Error>(Hook { is_enabled: true, disabled_reason: None, ..hook });
    let enabled = store
        .write(|connection| {
            hook::update(
                connection,
                hook.id,
                now,
                &Entry { id: fresh_id::<()>(now).uuid(), ..entry() },
                enable,
            )
        })
        .unwrap();
    assert_eq!((enabled.failing_since, enabled.failures), (None, 0));
    assert_eq!(claim(&store, now).unwrap().1.len(), 2, "what waited is sent");
}

#[test]
fn a_receiver_that_is_gone_is_left_alone_at_once() {
    let database = Database::new();
    let store = store(&database);
    let hook = hook("*", None, start());
    insert(&store, &hook);
    let events = send(&database, &hook, &[1]);
    let gone = Setback { is_gone: true, ..setback(at(10), None) };
    assert!(fail(&store, &hook, events[0], &gone, at(10)).unwrap().contains("gone for good"));
    assert_eq!(store.read(delivery::backlog).unwrap().disabled, 1);
}

#[test]
fn a_secret_is_in_no_debug_output() {
    let shown = format!("{:?}", hook("*", None, start()));
    assert!(!shown.contains("whsec"), "{shown}");
}
