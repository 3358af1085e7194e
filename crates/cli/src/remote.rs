//! Where a client command finds its service, and with which token.
//!
//! The rule it protects: on the machine of the service nothing needs to be said; elsewhere
//! `MILEPOST_URL` and `MILEPOST_TOKEN` say it, and `MILEPOST_CA` whom to trust.

use std::path::PathBuf;

use clap::Args;
use milepost_api::{NewToken, Scope};

use crate::{
    args::Place,
    config::{self, KeyFiles},
    failure::Failure,
};

/// How long a token that is made for one command is valid, in minutes.
const TOKEN_MINUTES: i64 = 10;
const DEFAULT_URL: &str = "http://127.0.0.1:8420";

/// Which service.
#[derive(Debug, Clone, Args)]
pub(crate) struct RemoteArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The service [default: the one on this machine]
    #[arg(long, global = true, env = "MILEPOST_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A token of `milepost token create` [default: made from the secret in the data directory]
    #[arg(long, global = true, env = "MILEPOST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The CA that signed the certificate of an https service, as a PEM file [default: those of the system]
    #[arg(long, global = true, env = "MILEPOST_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// A service that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) url: String,
    pub(crate) token: String,
    /// The CA to trust, in PEM form.
    pub(crate) ca: Option<Vec<u8>>,
}

impl RemoteArgs {
    /// Finds the service, with a token of that scope.
    ///
    /// # Errors
    /// When there is no token and none can be made here, or the CA cannot be read.
    pub(crate) fn find(self, scope: Scope) -> Result<Remote, Failure> {
        let url = self.service_url()?;
        let token = match self.token {
            Some(token) => token,
            None => mint(&KeyFiles::of(&self.place)?, scope)?,
        };
        let read = |file: PathBuf| {
            let failed = |error| Failure::usage(format!("cannot read the CA in {}: {error}", file.display()));
            std::fs::read(&file).map_err(failed)
        };
        let ca = self.ca.filter(|file| !file.as_os_str().is_empty()).map(read).transpose()?;
        Ok(Remote { url, token, ca })
    }

    /// Where the service is, without a slash at the end.
    ///
    /// # Errors
    /// When there is no place where one of this user could be.
    pub(crate) fn service_url(&self) -> Result<String, Failure> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => std::fs::read_to_string(self.url_file()?).unwrap_or_else(|_| DEFAULT_URL.to_owned()),
        };
        Ok(url.trim().trim_end_matches('/').to_owned())
    }

    /// Whether a service of this place says that it runs.
    ///
    /// # Errors
    /// As [`RemoteArgs::service_url`].
    pub(crate) fn is_running_here(&self) -> Result<bool, Failure> {
        Ok(self.url_file()?.exists())
    }

    /// The service writes it while it runs.
    fn url_file(&self) -> Result<PathBuf, Failure> {
        Ok(config::data_dir(&self.place)?.join("url"))
    }
}

/// A token for this one command, where the service's secret can be read.
fn mint(keys: &KeyFiles, scope: Scope) -> Result<String, Failure> {
    // Making a secret here would only make tokens that no service knows.
    if !keys.are_there() {
        return Err(Failure::usage(format!(
            "no token: set MILEPOST_TOKEN to one made with `milepost token create --scope {scope}` on the machine of \
             the service (here is no secret {} to make one from)",
            keys.secret_file().display()
        )));
    }
    let new = NewToken::of(scope, chrono::Duration::try_minutes(TOKEN_MINUTES));
    keys.keys()?.mint(&new).map_err(Failure::usage)
}
