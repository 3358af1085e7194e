//! The word between nodes: which builds, hosts, tokens and mutes one of them has changed.
//!
//! The rule it protects: what another node committed is seen here within a tenth of a second;
//! while that cannot be promised, because the connection that listens is gone, nothing that is
//! remembered is believed.

use std::{
    fmt,
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query, sql_types::Text};
use milepost_domain::HostId;
use uuid::Uuid;

use crate::{Error, Result, memory::Memory, token};

/// Where the word is spoken.
pub(crate) const CHANNEL: &str = "milepost";
/// How long a word may be; PostgreSQL's limit is 7999 bytes.
const WORD_MAX: usize = 7_900;
/// How often the connection is looked at: libpq can be asked, but Diesel has no way to wait on it.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How often the connection must prove that it lives.
const PROVE_EVERY: Duration = Duration::from_secs(2);
/// How long after a failure it is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A running process, as others tell it from themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(u64);

impl Node {
    /// A name that no other process has.
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        // The standard library seeds each of these at random.
        Self(RandomState::new().hash_one(std::process::id()))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The words that say that `node` has changed these builds.
pub(crate) fn words_of_builds(node: Node, builds: &[Uuid]) -> Vec<String> {
    words(node, 'b', builds)
}

/// Says that `node` has changed these builds, when the transaction commits.
///
/// # Errors
/// When the database refuses.
pub(crate) fn tell_of_builds(connection: &mut PgConnection, node: Node, builds: &[Uuid]) -> Result<()> {
    tell(connection, words_of_builds(node, builds))
}

/// Says that `node` has changed these hosts, or what they have under way, when the transaction
/// commits.
///
/// # Errors
/// When the database refuses.
pub(crate) fn tell_of_hosts(connection: &mut PgConnection, node: Node, hosts: &[HostId]) -> Result<()> {
    let ids: Vec<Uuid> = hosts.iter().map(|host| host.uuid()).collect();
    tell(connection, words(node, 'h', &ids))
}

/// Says that `node` has made tokens void, when the transaction commits.
///
/// # Errors
/// When the database refuses.
pub(crate) fn tell_of_tokens(connection: &mut PgConnection, node: Node) -> Result<()> {
    tell(connection, vec![format!("{node} t ")])
}

/// Says that `node` has changed the mutes, when the transaction commits.
///
/// # Errors
/// When the database refuses.
pub(crate) fn tell_of_mutes(connection: &mut PgConnection, node: Node) -> Result<()> {
    tell(connection, vec![format!("{node} m ")])
}

fn tell(connection: &mut PgConnection, words: Vec<String>) -> Result<()> {
    for word in words {
        sql_query("SELECT pg_notify($1, $2)")
            .bind::<Text, _>(CHANNEL)
            .bind::<Text, _>(word)
            .execute(connection)?;
    }
    Ok(())
}

/// `<node> <what> <id><id>...`, in as few words as they fit.
fn words(node: Node, what: char, ids: &[Uuid]) -> Vec<String> {
    let head = format!("{node} {what} ");
    ids.chunks((WORD_MAX - head.len()) / 32)
        .map(|ids| ids.iter().fold(head.clone(), |word, id| word + &id.simple().to_string()))
        .collect()
}

/// What a word says.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Builds(Vec<Uuid>),
    Hosts(Vec<Uuid>),
    /// Tokens were made void; which, the database knows.
    Tokens,
    /// Mutes were made or ended; which, the database knows.
    Mutes,
    /// Our own, which we know.
    Ours,
    /// Of a version that has more to say: then nothing that is remembered is sure.
    Unknown,
}

fn hear(word: &str, ours: Node) -> Heard {
    let mut parts = word.splitn(3, ' ');
    let (Some(node), Some(what), Some(ids)) = (parts.next(), parts.next(), parts.next()) else {
        return Heard::Unknown;
    };
    if node == ours.to_string() {
        return Heard::Ours;
    }
    let ids: Option<Vec<Uuid>> = ids
        .as_bytes()
        .chunks(32)
        .map(|id| std::str::from_utf8(id).ok().and_then(|id| Uuid::try_parse(id).ok()))
        .collect();
    match (what, ids) {
        ("b", Some(ids)) => Heard::Builds(ids),
        ("h", Some(ids)) => Heard::Hosts(ids),
        ("t", _) => Heard::Tokens,
        ("m", _) => Heard::Mutes,
        _ => Heard::Unknown,
    }
}

/// Listens until `stop` or the memory is gone.
pub(crate) fn listen(url: &str, ours: Node, memory: &Weak<Memory>, stop: &Receiver<()>) {
    loop {
        let lost = match attend(url, ours, memory, stop) {
            Ok(()) => return,
            Err(error) => error,
        };
        let Some(known) = memory.upgrade() else { return };
        known.stop_believing();
        drop(known);
        log::debug!("not hearing of other nodes, reading anew until that is mended: {lost}");
        if stop.recv_timeout(AGAIN_AFTER) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn attend(url: &str, ours: Node, memory: &Weak<Memory>, stop: &Receiver<()>) -> Result<()> {
    let mut connection =
        PgConnection::establish(url).map_err(|error| Error::Unavailable(error.to_string()))?;
    // Words wait in the server for whoever does not read them, and there is an end to its room: a
    // process that is frozen must not stop the others.
    sql_query("SET tcp_user_timeout = '60s'").execute(&mut connection)?;
    sql_query(format!("LISTEN {CHANNEL}")).execute(&mut connection)?;
    match memory.upgrade() {
        // What was missed is forgotten; from here on nothing is.
        Some(memory) => {
            memory.keep_revoked(token::revoked(&mut connection)?);
            memory.reread_mutes(&mut connection)?;
            memory.believe();
        }
        None => return Ok(()),
    }
    let mut proven = Instant::now();
    while stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let words: Vec<String> = connection
            .notifications_iter()
            .map(|word| word.map(|word| word.payload))
            .collect::<std::result::Result<_, _>>()?;
        let Some(memory) = memory.upgrade() else { return Ok(()) };
        for word in &words {
            match hear(word, ours) {
                Heard::Ours => {}
                Heard::Builds(ids) => memory.doubt_builds(&ids),
                Heard::Hosts(ids) => memory.doubt_hosts(&ids),
                Heard::Tokens => memory.keep_revoked(token::revoked(&mut connection)?),
                Heard::Mutes => memory.reread_mutes(&mut connection)?,
                Heard::Unknown => memory.doubt_all(),
            }
        }
        if proven.elapsed() >= PROVE_EVERY {
            sql_query("SELECT 1").execute(&mut connection)?;
            memory.prove();
            proven = Instant::now();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_said_is_heard_whole(ids in proptest::collection::vec(any::<u128>().prop_map(Uuid::from_u128), 0..600)) {
            let (node, other) = (Node(1), Node(2));
            let words = words_of_builds(node, &ids);
            prop_assert!(words.iter().all(|word| word.len() <= WORD_MAX));
            let mut heard = Vec::new();
            for word in &words {
                prop_assert_eq!(hear(word, node), Heard::Ours);
                match hear(word, other) {
                    Heard::Builds(ids) => heard.extend(ids),
                    else_heard => prop_assert!(false, "{:?}", else_heard),
                }
            }
            prop_assert_eq!(heard, ids);
        }
    }

    #[test]
    fn a_word_of_a_later_version_is_not_misread() {
        for word in ["", "x", "0000000000000002 w what", "0000000000000002 b 1234"] {
            assert_eq!(hear(word, Node(1)), Heard::Unknown, "{word}");
        }
    }
}
