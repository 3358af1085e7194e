//! Where the service listens, with which certificates, and what a client may take of it: sections of
//! the settings.

use std::{fmt, num::NonZeroU32, path::PathBuf, time::Duration};

use clap::Args;
use milepost_api::{Serves, Settings, TlsFiles};
use serde::Deserialize;

use super::{Picker, quoted};
use crate::failure::Failure;

const DEFAULT: &str = "127.0.0.1:8420";

/// What can be typed of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct TransportArgs {
    /// Address and port to serve on; port 0 takes a free one [default: 127.0.0.1:8420]
    #[arg(long, env = "MILEPOST_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Connections that an address may have at once; 0: any number [default: 512]
    #[arg(long, env = "MILEPOST_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    connections_per_address: Option<usize>,
    /// How long the body of a request may take, in seconds [default: 30]
    #[arg(long, env = "MILEPOST_BODY_SECONDS", value_name = "SECONDS")]
    body_seconds: Option<NonZeroU32>,
}

/// `[[listener]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerSection {
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) tls: bool,
    #[serde(default)]
    pub(crate) serves: Serves,
}

/// As a table of TOML on one line.
impl fmt::Display for ListenerSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, tls, serves } = self;
        write!(f, "{{ address = {address:?}, tls = {tls}, serves = {serves} }}")
    }
}

/// `[tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    crl: Option<PathBuf>,
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Transport {
    /// One at least. That of `[server] listen` is the first, where there is one.
    pub(crate) listeners: Vec<ListenerSection>,
    /// There, where a listener needs it.
    pub(crate) tls: Option<TlsFiles>,
    pub(super) connections_per_address: usize,
    pub(super) body_timeout: Duration,
}

/// The parts of the file.
pub(super) struct TransportSections {
    pub(super) listen: Option<String>,
    pub(super) listener: Option<Vec<ListenerSection>>,
    pub(super) tls: TlsSection,
    pub(super) connections_per_address: Option<usize>,
    pub(super) body_seconds: Option<NonZeroU32>,
}

impl Picker {
    /// Picks the settings of the transport. Those of `[server]` come last: more of them follow.
    ///
    /// # Errors
    /// When a listener speaks TLS and its files are not named, or the other way round.
    pub(super) fn transport(
        &mut self,
        args: TransportArgs,
        file: TransportSections,
    ) -> Result<Transport, Failure> {
        let more = self.pick("listener", None, file.listener, |listeners| {
            let listeners: Vec<String> = listeners.iter().map(ToString::to_string).collect();
            format!("[{}]", listeners.join(", "))
        });
        let more = more.unwrap_or_default();
        let tls = self.tls(file.tls, more.iter().find(|listener| listener.tls))?;
        let usual = Settings::default();
        let connections_per_address = self.or(
            "limits.connections_per_address",
            args.connections_per_address,
            file.connections_per_address,
            usual.connections_per_address,
            ToString::to_string,
        );
        let body = self.count("limits.body_seconds", args.body_seconds, file.body_seconds, 30);
        let own = if more.is_empty() {
            Some(self.or("server.listen", args.listen, file.listen, DEFAULT.to_owned(), quoted))
        } else {
            // Whoever lists some does not want the default one as well.
            self.pick("server.listen", args.listen, file.listen, quoted)
        };
        let own = own.map(|address| ListenerSection { address, tls: false, serves: Serves::default() });
        Ok(Transport {
            listeners: own.into_iter().chain(more).collect(),
            tls,
            connections_per_address,
            body_timeout: Duration::from_secs(body.into()),
        })
    }

    fn tls(
        &mut self,
        file: TlsSection,
        wanted_by: Option<&ListenerSection>,
    ) -> Result<Option<TlsFiles>, Failure> {
        let mut path =
            |key, file: Option<PathBuf>| self.pick(key, None, file, |file| quoted(&file.display()));
        let certificate = path("tls.certificate", file.certificate);
        let key = path("tls.key", file.key);
        let client_ca = path("tls.client_ca", file.client_ca);
        let crl = path("tls.crl", file.crl);
        let is_said = certificate.is_some() || key.is_some() || client_ca.is_some() || crl.is_some();
        match (certificate.zip(key), wanted_by) {
            (Some((certificate, key)), Some(_)) => Ok(Some(TlsFiles { certificate, key, client_ca, crl })),
            (None, Some(listener)) => Err(Failure::usage(format!(
                "the listener {} has tls = true: name its certificate and its key under [tls], as `certificate = FILE` \
                 and `key = FILE`",
                listener.address
            ))),
            (_, None) if is_said => Err(Failure::usage(
                "there are [tls] files and no listener that speaks TLS; write a [[listener]] with `address = \
                 \"0.0.0.0:8443\"` and `tls = true`, or leave [tls] out",
            )),
            (_, None) => Ok(None),
        }
    }
}
