//! Tokens that are revoked, and the trail of who did it.

use milepost_domain::{Bounds, Scope, registry::Mode};
use milepost_store::{
    Store,
    token::{self, Kind, Token},
};
use milepost_testkit::Database;
use uuid::Uuid;

use crate::{
    sql::lines,
    support::{at, entry, fresh_id, node, start},
};

fn made(name: &str) -> Token {
    Token {
        id: fresh_id::<()>(start()).uuid(),
        name: name.to_owned(),
        scope: Some(Scope::Read),
        bounds: Bounds { locations: ["brno".parse().unwrap()].into(), ..Bounds::default() },
        created_at: start(),
        created_by: "somebody".to_owned(),
        expires_at: None,
        revoked_at: None,
        revoked_by: None,
    }
}

fn void(token: Token) -> Token {
    Token { revoked_at: Some(at(1)), revoked_by: Some("somebody else".to_owned()), ..token }
}

/// Waits until the node has heard, which it does by itself.
fn hears(node: &Store, id: Uuid) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !node.is_revoked(id) {
        assert!(std::time::Instant::now() < until, "it never hears of it");
        std::thread::yield_now();
    }
}

#[test]
fn a_token_is_void_here_at_once_and_elsewhere_as_soon_as_that_is_heard() {
    let database = Database::new();
    let (here, there) = (node(&database, Mode::Strict), node(&database, Mode::Strict));
    let token = made("deploy");
    here.write(|connection| token::insert(connection, &token, &entry())).unwrap();
    assert!(!here.is_revoked(token.id) && !there.is_revoked(token.id));
    assert!(here.revoke(Kind::Token, &void(token.clone()), &entry()).unwrap());
    assert!(here.is_revoked(token.id));
    hears(&there, token.id);
    let later = node(&database, Mode::Strict);
    assert!(later.is_revoked(token.id), "also one that starts afterwards knows");
    assert_eq!(here.read(token::list).unwrap(), [void(token)]);
}

#[test]
fn revoking_again_changes_nothing_and_is_not_entered_again() {
    let database = Database::new();
    let node = node(&database, Mode::Strict);
    let token = void(made("deploy"));
    assert!(node.revoke(Kind::Token, &token, &entry()).unwrap(), "one that was never listed");
    let again = Token { revoked_by: Some("a third one".to_owned()), ..token.clone() };
    assert!(!node.revoke(Kind::Token, &again, &entry()).unwrap());
    assert_eq!(node.read(token::list).unwrap(), [token]);
    assert_eq!(lines(&mut database.connect(), "SELECT count(*)::text AS line FROM audit"), ["1"]);
}

#[test]
fn a_link_is_used_up_by_the_first_of_many() {
    let database = Database::new();
    let link = void(made(""));
    let uses: Vec<_> = (0..8)
        .map(|_| {
            let (database, link) = (database.clone(), link.clone());
            std::thread::spawn(move || {
                node(&database, Mode::Strict).revoke(Kind::Link, &link, &entry()).unwrap()
            })
        })
        .collect();
    let first = uses.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|first| *first);
    assert_eq!(first.count(), 1);
    assert!(node(&database, Mode::Strict).read(token::list).unwrap().is_empty(), "it is no token to list");
}
