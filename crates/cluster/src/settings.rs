//! What the server is told on its command line.
//!
//! The rule it protects: the whole configuration is in the arguments, so that one comparison tells
//! whether a server that outlived its service still runs as it should.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use crate::{Config, Durability, Error, layout::Layout};

/// Marks our servers, in `postmaster.opts` and in the list of processes.
pub(crate) const MARK: &str = "cluster_name=milepost";

/// The arguments of the server for this configuration.
pub(crate) fn arguments(config: &Config, layout: &Layout, lz4: bool) -> Vec<OsString> {
    let mut arguments = vec![OsString::from("-D"), layout.data.clone().into_os_string()];
    let mut set = |setting: String| arguments.extend([OsString::from("-c"), setting.into()]);
    for setting in defaults(config.durability, lz4) {
        set((*setting).to_owned());
    }
    for (name, value) in &config.settings {
        set(format!("{name}={value}"));
    }
    // Last, so that no setting of the configuration undoes them: who can connect, and where the log
    // goes (Fedora's packages turn the collector on).
    for setting in ["listen_addresses=", "port=5432", "unix_socket_permissions=0700", MARK] {
        set(setting.to_owned());
    }
    set("logging_collector=off".to_owned());
    set("log_destination=stderr".to_owned());
    // The value is a list; quoted, a path with blanks is one entry of it.
    let socket = layout.socket.to_string_lossy().replace('"', "\"\"");
    set(format!("unix_socket_directories=\"{socket}\""));
    arguments
}

fn defaults(durability: Durability, lz4: bool) -> &'static [&'static str] {
    match (durability, lz4) {
        (Durability::Durable, true) => &[
            "max_connections=100",
            "shared_buffers=128MB",
            "max_wal_size=2GB",
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
            "wal_compression=lz4",
        ],
        (Durability::Durable, false) => &[
            "max_connections=100",
            "shared_buffers=128MB",
            "max_wal_size=2GB",
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
            "wal_compression=on",
        ],
        (Durability::Throwaway, _) => &[
            "max_connections=100",
            "shared_buffers=128MB",
            "max_wal_size=2GB",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
        ],
    }
}

/// Refuses a setting that the command line could not carry.
pub(crate) fn check(settings: &[(String, String)]) -> Result<(), Error> {
    let named =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    match settings.iter().find(|(name, value)| !named(name) || value.contains(char::is_control)) {
        Some((name, _)) => Err(Error::BadSetting { name: name.clone() }),
        None => Ok(()),
    }
}

/// The arguments as PostgreSQL writes them to `postmaster.opts`, after the name of the program.
pub(crate) fn as_recorded(arguments: &[OsString]) -> Vec<u8> {
    let mut line = Vec::new();
    for argument in arguments {
        line.extend_from_slice(b" \"");
        line.extend_from_slice(argument.as_bytes());
        line.push(b'"');
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn config(settings: &[(&str, &str)]) -> Config {
        let mut config = Config::new(PathBuf::from("/tmp/never made/pg"), Durability::Durable);
        config.settings = settings.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        config
    }

    fn position(arguments: &[OsString], setting: &str) -> usize {
        arguments.iter().position(|each| each == setting).unwrap()
    }

    #[test]
    fn a_setting_overrides_the_defaults_but_never_who_can_connect() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(&parent.path().join("pg")).unwrap();
        let config = config(&[("max_connections", "7"), ("listen_addresses", "*")]);
        let arguments = arguments(&config, &layout, true);
        let at = |setting| position(&arguments, setting);
        assert!(at("max_connections=100") < at("max_connections=7"));
        assert!(at("listen_addresses=*") < at("listen_addresses="));
        assert!(arguments.contains(&OsString::from("wal_compression=lz4")));
    }

    #[test]
    fn a_setting_that_is_no_setting_is_refused() {
        assert!(check(&config(&[("work_mem", "8MB"), ("my.own", "a b")]).settings).is_ok());
        for bad in [("", "x"), ("a b", "x"), ("--x", "y"), ("a", "x\ny")] {
            assert!(check(&config(&[bad]).settings).is_err(), "{bad:?}");
        }
    }
}
