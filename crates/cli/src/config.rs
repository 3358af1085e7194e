//! Settings from the command line, the environment, a file, or by default, in this order.
//!
//! The rule it protects: each setting is named once here, knows where it came from, and a key in
//! the file that is none is an error; secrets are never printed.

mod access;
mod hooks;
mod store;
mod transport;

use std::{
    env, fmt, mem,
    net::IpAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use milepost_api::Settings;
use milepost_domain::registry::Mode;
use milepost_store::retention::Policy;
use serde::Deserialize;

pub(crate) use self::{
    access::{AccessArgs, KeyFiles},
    hooks::HookArgs,
    store::StoreArgs,
    transport::{ListenerSection, Transport, TransportArgs},
};
use self::{
    access::{LimitsSection, TokensSection, TrustSection, UnattendedSection},
    hooks::HooksSection,
    store::{DatabaseSection, IngestSection, SpoolSection},
    transport::{TlsSection, TransportSections},
};
use crate::{
    args::{Place, PruneArgs, RetentionArgs, ServeArgs},
    failure::Failure,
};

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// The command line or the environment; clap names the variable in `--help`.
    Argument,
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => f.write_str("command line or environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The file, as it is written. Unknown keys are errors.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    server: ServerSection,
    listener: Option<Vec<ListenerSection>>,
    tls: TlsSection,
    database: DatabaseSection,
    ingest: IngestSection,
    spool: SpoolSection,
    tokens: TokensSection,
    unattended: UnattendedSection,
    trust: TrustSection,
    limits: LimitsSection,
    compat: CompatSection,
    retention: RetentionSection,
    hooks: HooksSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerSection {
    listen: Option<String>,
    public_url: Option<String>,
    workers: Option<usize>,
    registry: Option<Mode>,
    log: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CompatSection {
    api_update: Option<Vec<IpNet>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetentionSection {
    reports_days: Option<u32>,
    builds_days: Option<u32>,
}

/// Every setting of the service.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) transport: Transport,
    pub(crate) log: String,
    /// The site's own PostgreSQL; `None`: the embedded one.
    pub(crate) database_url: Option<String>,
    pub(crate) store: milepost_store::Settings,
    pub(crate) registry: Mode,
    pub(crate) keys: KeyFiles,
    pub(crate) settings: Settings,
    /// As they are printed: key, value, origin.
    printed: Vec<(&'static str, String, Origin)>,
}

/// Picks each setting and keeps where it came from.
struct Picker {
    file: Option<PathBuf>,
    printed: Vec<(&'static str, String, Origin)>,
}

impl Picker {
    fn pick<T>(
        &mut self,
        key: &'static str,
        argument: Option<T>,
        file: Option<T>,
        print: impl Fn(&T) -> String,
    ) -> Option<T> {
        let (value, origin) = match (argument, file) {
            (Some(value), _) => (Some(value), Origin::Argument),
            (None, Some(value)) => (Some(value), self.file.clone().map_or(Origin::Default, Origin::File)),
            (None, None) => (None, Origin::Default),
        };
        let printed = value.as_ref().map_or_else(String::new, print);
        self.printed.push((key, printed, origin));
        value
    }

    fn or<T>(
        &mut self,
        key: &'static str,
        argument: Option<T>,
        file: Option<T>,
        default: T,
        print: impl Fn(&T) -> String,
    ) -> T {
        if let Some(value) = self.pick(key, argument, file, &print) {
            return value;
        }
        if let Some(last) = self.printed.last_mut() {
            last.1 = print(&default);
        }
        default
    }
}

fn retention(from: &mut Picker, args: RetentionArgs, file: &RetentionSection) -> Result<Policy, Failure> {
    let mut days = |key, argument, file, default: Option<u32>| {
        let days = from.or(key, argument, file, default.unwrap_or(0), ToString::to_string);
        // 0 is for ever.
        Some(days).filter(|days| *days > 0)
    };
    let default = Policy::default();
    let (reports, builds) = (args.retention_reports_days, args.retention_builds_days);
    let reports_days = days("retention.reports_days", reports, file.reports_days, default.reports_days);
    let builds_days = days("retention.builds_days", builds, file.builds_days, default.builds_days);
    // Reports without their build could not be found any more.
    if builds_days.is_some_and(|builds| reports_days.is_none_or(|reports| reports > builds)) {
        return Err(Failure::usage(
            "retention.reports_days must not exceed retention.builds_days: reports are of no use without their \
             build (0 keeps for ever; then set both to 0)",
        ));
    }
    Ok(Policy { reports_days, builds_days })
}

fn quoted(value: &impl ToString) -> String {
    format!("{:?}", value.to_string())
}

fn networks(networks: &[IpNet]) -> String {
    let networks: Vec<String> = networks.iter().map(quoted).collect();
    format!("[{}]", networks.join(", "))
}

/// The data directory of whoever runs this.
pub(crate) fn data_dir(place: &Place) -> Result<PathBuf, Failure> {
    let nowhere = || Failure::usage("there is no HOME; name a place with --data-dir");
    place.data_dir.clone().or_else(default_data_dir).ok_or_else(nowhere)
}

fn default_data_dir() -> Option<PathBuf> {
    if is_root() {
        return Some(PathBuf::from("/var/lib/milepost"));
    }
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let share = env::var_os("XDG_DATA_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from).or_else(home);
    Some(share?.join("milepost"))
}

/// Whether we are root, who may write to `/var/lib`.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn read_file(place: &Place, data_dir: &Path) -> Result<(Option<PathBuf>, File), Failure> {
    let by_default = || Some(data_dir.join("config.toml")).filter(|path| path.exists());
    let Some(path) = place.config.clone().or_else(by_default) else {
        return Ok((None, File::default()));
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("cannot read the settings in {}: {error}", path.display()))
    })?;
    let file =
        toml::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok((Some(path), file))
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// When the file cannot be read, or a value is not what its place allows.
    pub(crate) fn read(args: ServeArgs) -> Result<Self, Failure> {
        let data_dir = data_dir(&args.place)?;
        let (path, mut file) = read_file(&args.place, &data_dir)?;
        let mut from = Picker { file: path, printed: Vec::new() };
        let default_data_dir = data_dir.clone();
        let data_dir = from.or("data_dir", args.place.data_dir.clone(), None, default_data_dir, |dir| {
            quoted(&dir.display())
        });
        let server = mem::take(&mut file.server);
        let sections = TransportSections {
            listen: server.listen,
            listener: file.listener.take(),
            tls: mem::take(&mut file.tls),
            connections_per_address: file.limits.connections_per_address,
            body_seconds: file.limits.body_seconds,
        };
        let transport = from.transport(args.transport, sections)?;
        let public_url = from.pick("server.public_url", args.public_url, server.public_url, quoted);
        let workers = from.pick("server.workers", args.workers, server.workers, ToString::to_string);
        let registry = from.or("server.registry", args.registry, server.registry, Mode::Strict, quoted);
        let log = from.or("server.log", args.log, server.log, "info".to_owned(), quoted);
        let database = mem::take(&mut file.database);
        let database_url = from.pick("database.url", args.database_url, database.url.clone(), |url| {
            quoted(&without_password(url))
        });
        let store = from.store(args.store, &database, &file.ingest, mem::take(&mut file.spool), &data_dir);
        let access = from.access(args.access, &args.place, &file, &data_dir)?;
        let api_update = from.or(
            "compat.api_update",
            args.compat_api_update,
            file.compat.api_update,
            Vec::new(),
            |list| networks(list),
        );
        let retention = retention(&mut from, args.retention, &file.retention)?;
        let hooks = from.hooks(args.hooks, &file.hooks)?;
        if workers == Some(0) {
            return Err(Failure::usage("server.workers must be at least 1"));
        }
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        if public_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            return Err(Failure::usage("server.public_url must start with http:// or https://"));
        }
        Ok(Self {
            data_dir,
            log,
            database_url,
            store,
            registry,
            keys: file.tokens.into_key_files(access.secret_file),
            settings: Settings {
                public_url,
                api_update,
                connections_per_address: transport.connections_per_address,
                body_timeout: transport.body_timeout,
                workers,
                retention,
                hooks,
                ..access.settings
            },
            transport,
            printed: from.printed,
        })
    }

    /// Whether clients of the same user find the data directory by themselves.
    pub(crate) fn is_default_place(&self) -> bool {
        Some(&self.data_dir) == default_data_dir().as_ref()
    }

    /// Each setting as a line of TOML, with where it came from.
    pub(crate) fn print(&self) -> String {
        use fmt::Write as _;
        let split = |key: &'static str| key.rsplit_once('.').unwrap_or(("", key));
        let mut sections: Vec<&str> = Vec::new();
        for (key, _, _) in &self.printed {
            let (section, _) = split(key);
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
        let mut text = String::new();
        // What belongs to no section stands before the first one.
        sections.sort_by_key(|section| !section.is_empty());
        for section in sections {
            if !section.is_empty() {
                let _ = writeln!(text, "\n[{section}]");
            }
            for (key, value, origin) in self.printed.iter().filter(|(key, _, _)| split(key).0 == section) {
                let (_, name) = split(key);
                let line = if value.is_empty() {
                    format!("# {name} is not set")
                } else {
                    format!("{name} = {value}")
                };
                let _ = writeln!(text, "{line:<50} # {origin}");
            }
        }
        text
    }
}

/// What [`prune`](crate::prune) goes by: the same settings as the service.
#[derive(Debug)]
pub(crate) struct PruneConfig {
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: Option<String>,
    pub(crate) retention: Policy,
}

impl PruneConfig {
    /// Reads them.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub(crate) fn read(args: &PruneArgs) -> Result<Self, Failure> {
        let data_dir = data_dir(&args.place)?;
        let (path, file) = read_file(&args.place, &data_dir)?;
        let mut from = Picker { file: path, printed: Vec::new() };
        let retention = retention(&mut from, args.retention, &file.retention)?;
        Ok(Self { data_dir, database_url: args.database_url.clone().or(file.database.url), retention })
    }
}

/// The data directory, and the database that `url` or the file names.
///
/// # Errors
/// As [`Config::read`].
pub(crate) fn database(place: &Place, url: Option<&String>) -> Result<(PathBuf, Option<String>), Failure> {
    let data_dir = data_dir(place)?;
    let (_, file) = read_file(place, &data_dir)?;
    Ok((data_dir, url.cloned().or(file.database.url)))
}

/// A database URL that may be shown.
fn without_password(url: &str) -> String {
    let hidden = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    });
    match hidden {
        Some(url) => url,
        None if url.contains("password") => "(hidden: it holds a password)".to_owned(),
        None => url.to_owned(),
    }
}

/// How a client on this machine reaches a service that listens on `address`.
pub(crate) fn local_url(address: std::net::SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("{scheme}://{ip}:{}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(without_password("postgresql://m:s3cret@db/m"), "postgresql://m:***@db/m");
        assert_eq!(without_password("postgresql://m@db/m"), "postgresql://m@db/m");
        assert!(!without_password("host=db password=s3cret").contains("s3cret"));
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = toml::from_str::<File>("[server]\nlisen = \"x\"\n").unwrap_err().to_string();
        assert!(error.contains("lisen") && error.contains("listen"), "{error}");
    }
}
