//! Naming and making databases inside the cluster.
//!
//! The rule it protects: a name reaches SQL or a URL only after it was checked or encoded.

use std::fmt::Write;

use crate::{
    Error, SUPERUSER, binaries::Binaries, error::tail, identity::ServerUser, layout::Layout,
    pidfile::Endpoint,
};

/// The URL by which libpq reaches a database over the socket.
pub(crate) fn url(listen: &Endpoint, database: &str) -> String {
    let host = encode(&listen.socket.to_string_lossy());
    let (database, port) = (encode(database), listen.port);
    format!("postgresql://{SUPERUSER}@/{database}?host={host}&port={port}")
}

/// Runs SQL as the superuser, and gives back what it printed.
pub(crate) struct Psql<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) user: &'a ServerUser,
    pub(crate) layout: &'a Layout,
    pub(crate) listen: Endpoint,
}

impl Psql<'_> {
    /// Makes a database unless it is there.
    pub(crate) fn ensure(&self, database: &str) -> Result<(), Error> {
        check_name(database)?;
        if self.exists(database)? {
            return Ok(());
        }
        // From template0, to which nobody can be connected, so that no session is in the way.
        let made = self.run(database, &format!("CREATE DATABASE \"{database}\" TEMPLATE template0"));
        match made {
            // Somebody else may have been quicker.
            Err(error) if !self.exists(database)? => Err(error),
            _ => Ok(()),
        }
    }

    fn exists(&self, database: &str) -> Result<bool, Error> {
        let sql = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
        Ok(self.run(database, &sql)?.trim() == "1")
    }

    fn run(&self, database: &str, sql: &str) -> Result<String, Error> {
        let program = self.binaries.program("psql");
        let mut command = self.user.command(&program, &self.layout.parent);
        command
            .args(["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(url(&self.listen, "postgres"))
            .env("PGCONNECT_TIMEOUT", "30");
        let result = command.output().map_err(Error::io("run", &program))?;
        if result.status.success() {
            return Ok(String::from_utf8_lossy(&result.stdout).into_owned());
        }
        Err(Error::DatabaseFailed {
            database: database.to_owned(),
            output: tail(&result.stderr),
            log: self.layout.log.clone(),
        })
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if starts && goes_on && name.len() <= 63 {
        return Ok(());
    }
    Err(Error::BadDatabaseName { name: name.to_owned() })
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_encodes_what_a_path_may_hold() {
        let listen = Endpoint { socket: "/a b/é&?".into(), port: 5432 };
        let expected = "postgresql://milepost@/my%2Fdb?host=%2Fa%20b%2F%C3%A9%26%3F&port=5432";
        assert_eq!(url(&listen, "my/db"), expected);
    }

    #[test]
    fn a_name_that_needs_escaping_is_refused() {
        for good in ["milepost", "_x", "test-1_b"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "x".repeat(64);
        for bad in ["", "1a", "-a", "a\"b", "a'b", "a b", "é", &long] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
