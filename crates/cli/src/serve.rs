//! `milepost serve`: the service, with the database it brings along or one of the site's own.
//!
//! The rule it protects: what was started is stopped in the reverse order; requests in flight are
//! answered before the database goes.

use std::{
    io::{IsTerminal as _, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
};

use milepost_api::{App, Keys, Listener, NewToken, Scope, Tls};
use milepost_store::{Store, migrate};

use crate::{
    args::ServeArgs,
    config::{self, Config, KeyFiles, ListenerSection},
    embedded::Embedded,
    failure::Failure,
    housekeeping::Housekeeping,
    token::LINK_MINUTES,
};

pub(crate) fn run(args: ServeArgs) -> Result<(), Failure> {
    let print_config = args.print_config;
    let config = Config::read(args)?;
    if print_config {
        std::io::stdout().write_all(config.print().as_bytes())?;
        return Ok(());
    }
    let filter = env_logger::Env::default().default_filter_or(&config.log);
    env_logger::Builder::from_env(filter).init();
    let only_api = |listener: &ListenerSection| listener.serves.api && !listener.serves.unattended;
    if config.settings.public_url.is_none() && config.transport.listeners.iter().any(only_api) {
        log::warn!(
            "a listener serves no installers, so the report URLs of builds that are opened there lead nowhere; say \
             with [server] public_url how installers reach the service"
        );
    }
    prepare(&config.data_dir)?;
    // Before the database is touched: a port that is taken is the most likely mistake.
    let tls = config.transport.tls.clone().map(Tls::load).transpose().map_err(Failure::usage)?;
    let listeners = bind(&config.transport.listeners, tls.as_ref())?;
    let keys = config.keys.keys()?;
    let embedded = match &config.database_url {
        Some(_) => None,
        None => Some(Embedded::start(&config.data_dir)?),
    };
    let served = serve(&config, listeners, tls, keys, embedded.as_ref());
    let stopped = embedded.map_or(Ok(()), Embedded::stop);
    served.and(stopped)
}

/// Makes the data directory; others may pass through it, its secrets are closed by themselves.
fn prepare(data_dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(data_dir).map_err(|error| {
        let place = data_dir.display();
        Failure::usage(format!(
            "cannot make the data directory {place}: {error}; choose another with --data-dir"
        ))
    })
}

fn bind(sections: &[ListenerSection], tls: Option<&Tls>) -> Result<Vec<Listener>, Failure> {
    let bind = |section: &ListenerSection| {
        let ListenerSection { address, tls: encrypted, serves } = section;
        let socket = TcpListener::bind(address).map_err(|error| {
            Failure::usage(format!(
                "cannot listen on {address}: {error}; choose another with --listen, or in its [[listener]]"
            ))
        })?;
        Ok(Listener { socket, serves: *serves, tls: tls.filter(|_| *encrypted).cloned() })
    };
    sections.iter().map(bind).collect()
}

fn serve(
    config: &Config,
    listeners: Vec<Listener>,
    tls: Option<Tls>,
    keys: Keys,
    embedded: Option<&Embedded>,
) -> Result<(), Failure> {
    let own = embedded.map(|embedded| &embedded.url);
    let url =
        config.database_url.as_ref().or(own).ok_or_else(|| Failure::usage("no database is configured"))?;
    for migration in migrate::run(url)? {
        log::info!("migrated the database: {migration}");
    }
    let housekeeping = Housekeeping::start(url, config.settings.retention)?;
    let store = Store::connect(url, &config.store, config.registry)?;
    let link = NewToken::of(Scope::Admin, chrono::Duration::try_minutes(LINK_MINUTES));
    let link = keys.mint_link(&link).map_err(Failure::usage)?;
    let reloads = Reloads { tls, keys: keys.clone(), files: config.keys.clone() };
    let app = App::new(store, keys, config.settings.clone());
    let first = embedded.is_some_and(|embedded| embedded.is_fresh);
    let address_file = config.data_dir.join("url");
    let ready = |addresses: &[SocketAddr]| {
        let places: Vec<(String, &ListenerSection)> = addresses
            .iter()
            .zip(&config.transport.listeners)
            .map(|(address, section)| (config::local_url(*address, section.tls), section))
            .collect();
        let url = url_for_clients(&places);
        if let Some(url) = url
            && let Err(error) = std::fs::write(&address_file, url)
        {
            log::warn!("cannot write {}: {error}; clients here need MILEPOST_URL", address_file.display());
        }
        let mut err = std::io::stderr().lock();
        // Nobody reads it: then nobody misses it.
        for (url, _) in &places {
            let _ = writeln!(err, "listening on {url}");
        }
        // For who sits before it; a journal would keep it.
        if let Some(url) = url.filter(|_| first || err.is_terminal()) {
            let _ = writeln!(err, "sign in, once, within {LINK_MINUTES} minutes: {url}/sign-in?link={link}");
        }
        // The lines to paste know no certificates.
        if first && let Some(url) = url.filter(|url| url.starts_with("http:")) {
            let _ = err.write_all(welcome(config, url).as_bytes());
        }
    };
    let served = milepost_api::run(app, listeners, ready, termination(reloads));
    let _ = std::fs::remove_file(&address_file);
    housekeeping.stop();
    Ok(served?)
}

/// Where clients on this machine find the API: without TLS, if they can.
fn url_for_clients<'a>(places: &'a [(String, &ListenerSection)]) -> Option<&'a str> {
    let api = || places.iter().filter(|(_, section)| section.serves.api);
    let (url, _) = api().find(|(_, section)| !section.tls).or_else(|| api().next())?;
    Some(url)
}

/// What SIGHUP reads anew.
struct Reloads {
    tls: Option<Tls>,
    keys: Keys,
    files: KeyFiles,
}

impl Reloads {
    /// Whether there is anything that changes in its files.
    fn are_any(&self) -> bool {
        self.tls.is_some() || self.files.are_several()
    }

    fn reload(&self) {
        match self.tls.as_ref().map(Tls::reload) {
            None => {}
            Some(Ok(())) => {
                log::info!("SIGHUP: read the certificates anew; who connects from now on gets them");
            }
            Some(Err(error)) => log::error!("SIGHUP: {error}; the certificates stay as they were"),
        }
        let replaced = self.files.read().and_then(|keys| {
            self.keys.replace(keys).map_err(|error| Failure::usage(format!("tokens.keys: {error}")))
        });
        match replaced {
            Ok(()) => log::info!("SIGHUP: read the keys of tokens anew"),
            Err(error) => log::error!("SIGHUP: {error}; the keys stay as they were"),
        }
    }
}

/// Resolves when somebody asks the process to end; until then SIGHUP reads certificates and keys anew.
async fn termination(reloads: Reloads) {
    use tokio::signal::unix::{SignalKind, signal};
    // Without any a terminal that is closed ends what runs in it, as ever.
    let hangup = reloads.are_any().then(|| signal(SignalKind::hangup())).transpose();
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), hangup);
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = signals else {
        log::error!("cannot listen to signals; end the service with SIGKILL, it recovers");
        return std::future::pending().await;
    };
    let read_anew = async {
        while let Some(hangup) = &mut hangup {
            hangup.recv().await;
            reloads.reload();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = terminate.recv() => log::info!("SIGTERM: answering what is in flight, then stopping"),
        _ = interrupt.recv() => log::info!("SIGINT: answering what is in flight, then stopping"),
        () = read_anew => {}
    }
}

/// What the first start says: where things are, and three lines to paste.
fn welcome(config: &Config, url: &str) -> String {
    let own = std::env::current_exe().ok();
    let own = own.as_deref().map_or_else(|| "milepost".into(), |own| own.to_string_lossy());
    let data = config.data_dir.display();
    // Whoever named a place once has to name it again.
    let at = if config.is_default_place() { String::new() } else { format!(" --data-dir {data}") };
    format!(
        "
Milepost is ready.
  web    {url}/ (the fleet), {url}/docs (the API)
  data   {data} (PostgreSQL in postgres/, the secret that signs tokens in secret)

Three lines to paste into another shell: open a build, report a step, see it.
  URL=$(curl -sS {url}/api/v2/builds -H \"Authorization: Bearer $({own} token create --scope manage{at})\" \\
    -H 'Content-Type: application/json' -d '{{\"host\":{{\"name\":\"web1.example.com\"}},\"workflow\":\"kickstart\"}}' | sed 's/.*\"report_url\":\"\\([^\"]*\\)\".*/\\1/')
  curl -sS $URL/get_ks/done; curl -sS -d status=init -d 'message=412 packages' $URL/packages
  {own} status{at}

"
    )
}
