//! Who may report and who may read: the sections of the settings that say so, and the keys.
//!
//! The rule it protects: whatever widens what is believed is off until it is named; a secret that is
//! made here is readable by its owner only.

use std::{
    env,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use chrono::Duration;
use clap::Args;
use ipnet::IpNet;
use milepost_api::{Key, Keys, LimitSettings, Proxy, Scope, Settings, TrustedHost};
use serde::Deserialize;

use super::{File, Picker, data_dir, networks, quoted, read_file};
use crate::{args::Place, failure::Failure};

/// What can be typed of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct AccessArgs {
    /// How long a build's token is valid, in minutes [default: 360]
    #[arg(long, env = "MILEPOST_TOKEN_MINUTES", value_name = "MINUTES")]
    token_minutes: Option<u32>,
    /// Whether it goes on to be valid while reports come, for a week at most [default: true]
    #[arg(long, env = "MILEPOST_TOKEN_EXTENDS", value_name = "BOOL")]
    token_extends: Option<bool>,
    /// How long it is valid after the installer is done, for the first boot, in hours [default: 24]
    #[arg(long, env = "MILEPOST_REPORT_GRACE_HOURS", value_name = "HOURS")]
    report_grace_hours: Option<u32>,
    /// How long a browser stays signed in, in hours [default: 12]
    #[arg(long, env = "MILEPOST_SESSION_HOURS", value_name = "HOURS")]
    session_hours: Option<u32>,
    /// Whether a machine that sends no token is known by its MAC [default: false]
    #[arg(long, env = "MILEPOST_UNATTENDED_BY_MAC", value_name = "BOOL")]
    unattended_by_mac: Option<bool>,
    /// Whether a machine that sends neither is known by its address [default: false]
    #[arg(long, env = "MILEPOST_UNATTENDED_BY_ADDRESS", value_name = "BOOL")]
    unattended_by_address: Option<bool>,
    /// Networks of reverse proxies whose X-Forwarded-For is believed [default: none]
    #[arg(long, env = "MILEPOST_TRUST_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    trust_proxies: Option<Vec<IpNet>>,
    /// Header in which such a proxy names the user that it has authenticated [default: none is believed]
    #[arg(long, env = "MILEPOST_TRUST_USER_HEADER", value_name = "HEADER")]
    trust_user_header: Option<String>,
    /// What such a user may do: read, manage or admin [default: read]
    #[arg(long, env = "MILEPOST_TRUST_USER_SCOPE", value_name = "SCOPE")]
    trust_user_scope: Option<Scope>,
    #[command(flatten)]
    limits: LimitArgs,
}

/// The limits, as they can be typed.
#[expect(clippy::struct_field_names, reason = "clap makes the options of them")]
#[derive(Debug, Clone, Copy, Args)]
struct LimitArgs {
    /// Reports of one build in a second, on average; 0: no limit [default: 50]
    #[arg(long, env = "MILEPOST_LIMITS_BUILD_REPORTS_PER_SECOND", value_name = "N")]
    limits_build_reports_per_second: Option<u32>,
    /// Reports of one build in all; 0: no limit [default: 100000]
    #[arg(long, env = "MILEPOST_LIMITS_BUILD_REPORTS", value_name = "N")]
    limits_build_reports: Option<u32>,
    /// MiB of logs of one build in all; 0: no limit [default: 256]
    #[arg(long, env = "MILEPOST_LIMITS_BUILD_LOG_MEGABYTES", value_name = "MIB")]
    limits_build_log_megabytes: Option<u32>,
    /// Requests of one address in a second, on average; 0: no limit [default: 2000]
    #[arg(long, env = "MILEPOST_LIMITS_ADDRESS_REQUESTS_PER_SECOND", value_name = "N")]
    limits_address_requests_per_second: Option<u32>,
    /// Requests of everybody in a second, on average; 0: no limit [default: 0]
    #[arg(long, env = "MILEPOST_LIMITS_REQUESTS_PER_SECOND", value_name = "N")]
    limits_requests_per_second: Option<u32>,
    /// Wrong credentials of one address in a minute, before it is not listened to for one; 0: no limit [default: 120]
    #[arg(long, env = "MILEPOST_LIMITS_GUESSES_PER_MINUTE", value_name = "N")]
    limits_guesses_per_minute: Option<u32>,
}

/// `[tokens]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TokensSection {
    secret_file: Option<PathBuf>,
    build_minutes: Option<u32>,
    extends: Option<bool>,
    report_grace_hours: Option<u32>,
    session_hours: Option<u32>,
    keys: Vec<KeyEntry>,
}

/// One of `[[tokens.keys]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: Option<String>,
    file: PathBuf,
    #[serde(default = "least")]
    grants: Scope,
    #[serde(default)]
    signs: bool,
}

/// What a further key may grant, unless it is said otherwise: Foreman needs no more.
const fn least() -> Scope {
    Scope::Report
}

/// `[unattended]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UnattendedSection {
    by_mac: Option<bool>,
    by_address: Option<bool>,
}

/// `[trust]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrustSection {
    proxies: Option<Vec<IpNet>>,
    user_header: Option<String>,
    user_scope: Option<Scope>,
    hosts: Vec<HostEntry>,
}

/// One of `[[trust.hosts]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostEntry {
    name: String,
    scope: Scope,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsSection {
    pub(super) connections_per_address: Option<usize>,
    pub(super) body_seconds: Option<NonZeroU32>,
    build_reports_per_second: Option<u32>,
    build_reports: Option<u32>,
    build_log_megabytes: Option<u32>,
    address_requests_per_second: Option<u32>,
    requests_per_second: Option<u32>,
    guesses_per_minute: Option<u32>,
}

/// What was picked.
pub(super) struct Access {
    pub(super) secret_file: PathBuf,
    /// With what is of no concern here as it is by default.
    pub(super) settings: Settings,
}

impl Picker {
    /// Picks who may report and who may read.
    pub(super) fn access(
        &mut self,
        args: AccessArgs,
        place: &Place,
        file: &File,
        data_dir: &Path,
    ) -> Result<Access, Failure> {
        let (tokens, unattended, trust) = (&file.tokens, &file.unattended, &file.trust);
        let secret_file = self.or(
            "tokens.secret_file",
            place.secret_file.clone(),
            tokens.secret_file.clone(),
            data_dir.join("secret"),
            |file| quoted(&file.display()),
        );
        let mut number =
            |key, argument, file, default| self.or(key, argument, file, default, ToString::to_string);
        let minutes = number("tokens.build_minutes", args.token_minutes, tokens.build_minutes, 360);
        let grace =
            number("tokens.report_grace_hours", args.report_grace_hours, tokens.report_grace_hours, 24);
        let session = number("tokens.session_hours", args.session_hours, tokens.session_hours, 12);
        if minutes == 0 || session == 0 {
            return Err(Failure::usage("tokens.build_minutes and tokens.session_hours must be at least 1"));
        }
        let truth = ToString::to_string;
        let extends = self.or("tokens.extends", args.token_extends, tokens.extends, true, truth);
        let keys = |keys: &Vec<KeyEntry>| list(keys.iter().map(KeyEntry::print));
        self.or("tokens.keys", None, given(&tokens.keys), Vec::new(), keys);
        let by_mac = self.or("unattended.by_mac", args.unattended_by_mac, unattended.by_mac, false, truth);
        let by_address =
            self.or("unattended.by_address", args.unattended_by_address, unattended.by_address, false, truth);
        let trusted_proxies =
            self.or("trust.proxies", args.trust_proxies, trust.proxies.clone(), Vec::new(), |list| {
                networks(list)
            });
        let header =
            self.pick("trust.user_header", args.trust_user_header, trust.user_header.clone(), quoted);
        let scope = self.or("trust.user_scope", args.trust_user_scope, trust.user_scope, Scope::Read, quoted);
        let hosts = self.or("trust.hosts", None, given(&trust.hosts), Vec::new(), |hosts| {
            list(hosts.iter().map(HostEntry::print))
        });
        if scope == Scope::Report || hosts.iter().any(|host| host.scope == Scope::Report) {
            return Err(Failure::usage(
                "the scope of users and hosts in [trust] must be read, manage or admin",
            ));
        }
        let trusted_hosts = hosts
            .into_iter()
            .map(|host| TrustedHost { name: host.name.to_lowercase(), scope: host.scope })
            .collect();
        let settings = Settings {
            token_duration: Duration::minutes(minutes.into()),
            token_extends: extends,
            report_grace: Duration::hours(grace.into()),
            session_duration: Duration::hours(session.into()),
            by_mac,
            by_address,
            trusted_proxies,
            trusted_hosts,
            proxy_user: header.map(|header| Proxy { header: header.to_lowercase(), scope }),
            limits: self.limits(args.limits, &file.limits),
            ..Settings::default()
        };
        Ok(Access { secret_file, settings })
    }

    fn limits(&mut self, args: LimitArgs, file: &LimitsSection) -> LimitSettings {
        let usual = LimitSettings::default();
        let mut number =
            |key, argument, file, default| self.or(key, argument, file, default, ToString::to_string);
        LimitSettings {
            build_reports_per_second: number(
                "limits.build_reports_per_second",
                args.limits_build_reports_per_second,
                file.build_reports_per_second,
                usual.build_reports_per_second,
            ),
            build_reports: number(
                "limits.build_reports",
                args.limits_build_reports,
                file.build_reports,
                usual.build_reports,
            ),
            build_log_megabytes: number(
                "limits.build_log_megabytes",
                args.limits_build_log_megabytes,
                file.build_log_megabytes,
                usual.build_log_megabytes,
            ),
            address_requests_per_second: number(
                "limits.address_requests_per_second",
                args.limits_address_requests_per_second,
                file.address_requests_per_second,
                usual.address_requests_per_second,
            ),
            requests_per_second: number(
                "limits.requests_per_second",
                args.limits_requests_per_second,
                file.requests_per_second,
                usual.requests_per_second,
            ),
            guesses_per_minute: number(
                "limits.guesses_per_minute",
                args.limits_guesses_per_minute,
                file.guesses_per_minute,
                usual.guesses_per_minute,
            ),
        }
    }
}

/// What a file lists, if it lists any.
fn given<T: Clone>(entries: &[T]) -> Option<Vec<T>> {
    (!entries.is_empty()).then(|| entries.to_vec())
}

fn list(entries: impl Iterator<Item = String>) -> String {
    format!("[{}]", entries.collect::<Vec<_>>().join(", "))
}

impl KeyEntry {
    fn print(&self) -> String {
        let id = self.id.as_ref().map_or_else(String::new, |id| format!("id = {id:?}, "));
        let (file, grants) = (quoted(&self.file.display()), self.grants);
        format!("{{ {id}file = {file}, grants = \"{grants}\", signs = {} }}", self.signs)
    }

    fn read(&self) -> Result<Key, Failure> {
        let place = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Failure::usage(format!("cannot read the key {place}: {error}")))?;
        Key::read(&text, self.id.as_deref(), self.grants)
            .map_err(|error| Failure::usage(format!("the key {place}: {error}")))
    }
}

impl HostEntry {
    fn print(&self) -> String {
        format!("{{ name = {:?}, scope = \"{}\" }}", self.name, self.scope)
    }
}

/// Where the keys of the service lie.
#[derive(Debug, Clone)]
pub(crate) struct KeyFiles {
    secret_file: PathBuf,
    entries: Vec<KeyEntry>,
}

impl TokensSection {
    /// The keys, beside the secret in that file.
    pub(super) fn into_key_files(self, secret_file: PathBuf) -> KeyFiles {
        KeyFiles { secret_file, entries: self.keys }
    }
}

impl KeyFiles {
    /// Those of the service that keeps its things in `place`.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub(crate) fn of(place: &Place) -> Result<Self, Failure> {
        let data_dir = data_dir(place)?;
        let (_, file) = read_file(place, &data_dir)?;
        let own = || data_dir.join("secret");
        let secret_file = place.secret_file.clone().or(file.tokens.secret_file.clone()).unwrap_or_else(own);
        Ok(file.tokens.into_key_files(secret_file))
    }

    /// Whether the secret is there: making one where no service is would only make tokens that none
    /// knows.
    pub(crate) fn are_there(&self) -> bool {
        env::var_os("MILEPOST_SECRET").is_some() || self.secret_file.exists()
    }

    /// Whether there are keys beside the secret.
    pub(crate) fn are_several(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Where the secret lies, or would.
    pub(crate) fn secret_file(&self) -> &Path {
        &self.secret_file
    }

    /// The keys: the secret, from the environment or from its file, which is made on first use, and
    /// those that the settings name. The first one signs.
    ///
    /// # Errors
    /// When a file cannot be read or made, or holds no key.
    pub(crate) fn read(&self) -> Result<Vec<Key>, Failure> {
        let (place, text) = match env::var_os("MILEPOST_SECRET") {
            Some(text) => ("MILEPOST_SECRET".to_owned(), text.to_string_lossy().into_owned()),
            None => (self.secret_file.display().to_string(), secret(&self.secret_file)?),
        };
        let own = Key::read(&text, None, Scope::Admin)
            .map_err(|error| Failure::usage(format!("{place}: {error}")))?;
        let mut keys = vec![own];
        for entry in &self.entries {
            let at = if entry.signs { 0 } else { keys.len() };
            keys.insert(at, entry.read()?);
        }
        Ok(keys)
    }

    /// As [`KeyFiles::read`], ready for use.
    ///
    /// # Errors
    /// As there, and when two keys have the same id.
    pub(crate) fn keys(&self) -> Result<Keys, Failure> {
        Keys::new(self.read()?).map_err(|error| Failure::usage(format!("tokens.keys: {error}")))
    }
}

fn secret(file: &Path) -> Result<String, Failure> {
    let unusable = |error: std::io::Error| {
        Failure::usage(format!(
            "cannot use the secret in {}: {error}; run this as the user of the service, or set MILEPOST_TOKEN",
            file.display()
        ))
    };
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_secret(file).map_err(unusable),
        Err(error) => Err(unusable(error)),
    }
}

/// Writes a new secret, readable by its owner only; whoever comes second takes the first one's.
fn make_secret(file: &Path) -> std::io::Result<String> {
    use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _};
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let secret = Keys::generate();
    let draft = file.with_extension(format!("new.{}", std::process::id()));
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(out, "{secret}")?;
    out.sync_all()?;
    let linked = std::fs::hard_link(&draft, file);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::read_to_string(file),
    }
}
