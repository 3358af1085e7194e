//! The HTTP server: its state, its listeners, its end.
//!
//! The rule it protects: the caller binds the sockets and is told when the server answers, so a
//! port of 0 works and nobody has to guess when it is up; no client holds anything for ever.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{App as ActixApp, HttpRequest, HttpServer, dev::Server, middleware, web};
use ipnet::IpNet;
use milepost_domain::{Time, signal::Context};
use milepost_store::{Store, retention::Policy};
use utoipa_actix_web::AppExt as _;

use crate::{
    announce::{self, Courier, HookSettings},
    auth::{Keys, Proxy, TrustedHost},
    body::BODY_MAX,
    clock, db, envelope,
    limits::{LimitSettings, Limits},
    listen::{self, Connections, Listener},
    live::{self, Live},
    openapi,
    problem::{Code, Problem},
    routes,
    shown::Shown,
};

/// How long requests in flight may take when the service is stopped, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;

/// How long the head of a request may take, and the handshake of TLS.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be idle between two requests: longer than the usual proxy keeps one (60 s),
/// or it would send a request just when we close.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How many handshakes of TLS a thread does at once. While there are more, it takes no connection at
/// all, so somebody who connects and says nothing must not get there easily.
const HANDSHAKES: usize = 4096;

/// How often it is looked for builds to learn from. Nobody waits for it: what was learned a moment
/// later is as good.
const LEARN_EVERY: Duration = Duration::from_secs(5);
/// Each so many times the builds under way are counted for the metrics: as often as Prometheus asks by
/// default, which is four times a minute.
const COUNT_EVERY: u32 = 3;

/// How the API behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How others reach the service, for the URLs it hands out; absent: as the request came.
    pub public_url: Option<String>,
    /// How long a build's credential is valid unless its opener says otherwise.
    pub token_duration: chrono::Duration,
    /// Whether a build's credential goes on to be valid while its machine reports.
    pub token_extends: bool,
    /// How long it is still valid after the installer was done, for the first boot.
    pub report_grace: chrono::Duration,
    /// How long a browser stays signed in.
    pub session_duration: chrono::Duration,
    /// Whether a machine that sends no token is known by its MAC.
    pub by_mac: bool,
    /// Whether it is known by its address.
    pub by_address: bool,
    /// Networks of reverse proxies whose word about who calls is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whose certificates act with a scope.
    pub trusted_hosts: Vec<TrustedHost>,
    /// What users may do whom a trusted proxy has authenticated; `None`: nobody is believed.
    pub proxy_user: Option<Proxy>,
    /// How much anybody may ask for.
    pub limits: LimitSettings,
    /// Networks that may use `/api/update`, which carries no credential.
    pub api_update: Vec<IpNet>,
    /// How many connections an address may have at once; 0: any number.
    pub connections_per_address: usize,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How many threads serve; `None`: one a core.
    pub workers: Option<usize>,
    /// How others are told what happens.
    pub hooks: HookSettings,
    /// How long things are kept; it is shown here, and somebody else sees to it.
    pub retention: Policy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            // Foreman's own default for its token.
            token_duration: chrono::Duration::minutes(360),
            token_extends: true,
            report_grace: chrono::Duration::hours(24),
            session_duration: chrono::Duration::hours(12),
            by_mac: false,
            by_address: false,
            trusted_proxies: Vec::new(),
            trusted_hosts: Vec::new(),
            proxy_user: None,
            limits: LimitSettings::default(),
            api_update: Vec::new(),
            connections_per_address: 512,
            body_timeout: Duration::from_secs(30),
            workers: None,
            hooks: HookSettings::default(),
            retention: Policy::default(),
        }
    }
}

impl Settings {
    /// What signals have to know of the service.
    pub(crate) fn context(&self) -> Context<'static> {
        Context { extends: self.token_extends, ..Context::default() }
    }
}

/// What handlers work with.
#[derive(Clone)]
pub struct App {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) live: Arc<Live>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) shown: Shown,
    pub(crate) announced: announce::Meters,
    pub(crate) courier: Arc<Courier>,
    pub(crate) started_at: Time,
}

impl App {
    /// The state of a service on `store`.
    #[must_use]
    pub fn new(store: Store, keys: Keys, settings: Settings) -> Self {
        let connections =
            Connections::new(settings.connections_per_address, settings.trusted_proxies.clone());
        Self {
            store,
            keys,
            limits: Arc::new(Limits::new(settings.limits)),
            live: Arc::default(),
            connections: Arc::new(connections),
            courier: Arc::new(Courier::new(settings.hooks.clone())),
            settings: Arc::new(settings),
            shown: Shown::default(),
            announced: announce::Meters::default(),
            started_at: clock::now(),
        }
    }

    /// How the sender of `request` reaches us, without a slash at the end.
    pub(crate) fn base_url(&self, request: &HttpRequest) -> String {
        self.settings.public_url.clone().unwrap_or_else(|| {
            let connection = request.connection_info();
            format!("{}://{}", connection.scheme(), connection.host())
        })
    }
}

/// Serves on `listeners` until `stop` resolves, then answers what is in flight and returns.
/// `ready` is called with their addresses, in their order, once the service can be used. Blocks the
/// thread.
///
/// # Errors
/// When a listener cannot be used.
pub fn run(
    app: App,
    listeners: Vec<Listener>,
    ready: impl FnOnce(&[SocketAddr]),
    stop: impl Future<Output = ()> + 'static,
) -> std::io::Result<()> {
    let addresses: Vec<SocketAddr> =
        listeners.iter().map(|listener| listener.socket.local_addr()).collect::<Result<_, _>>()?;
    actix_web::rt::System::new().block_on(async move {
        actix_web::rt::spawn(count_what_is_beyond(app.clone()));
        actix_web::rt::spawn(live::tell(app.clone()));
        actix_web::rt::spawn(learn_from_what_ended(app.clone()));
        actix_web::rt::spawn(announce::deliver(app.clone()));
        // It ends before whoever stops the database is told that we have.
        let _watch = announce::watch(app.clone())?;
        let live = Arc::clone(&app.live);
        let server = server(app, listeners)?;
        let handle = server.handle();
        actix_web::rt::spawn(async move {
            stop.await;
            live.end();
            handle.stop(true).await;
        });
        ready(&addresses);
        server.await
    })
}

/// Counts on their builds, each second, the reports that were too many.
async fn count_what_is_beyond(app: App) {
    let mut tick = actix_web::rt::time::interval(Duration::from_secs(1));
    let mut ticks = 0_u32;
    loop {
        tick.tick().await;
        ticks = ticks.wrapping_add(1);
        if ticks.is_multiple_of(60) {
            app.limits.tidy();
        }
        for (build, count) in app.limits.take_beyond() {
            let (store, now) = (app.store.clone(), clock::now());
            if let Err(error) = db::bounded(move || store.note_over_limit(build, count, now)).await {
                log::debug!("{count} reports beyond the limit of {build:?} are not counted on it: {error}");
            }
        }
    }
}

/// Learns how long steps take from the builds that completed, takes over what other nodes learned, and
/// counts the builds that are under way.
async fn learn_from_what_ended(app: App) {
    let mut tick = actix_web::rt::time::interval(LEARN_EVERY);
    let mut ticks = 0_u32;
    loop {
        tick.tick().await;
        if app.store.condition().away.is_some() {
            continue;
        }
        let (store, now) = (app.store.clone(), clock::now());
        let (counts, context) = (ticks.is_multiple_of(COUNT_EVERY), app.settings.context());
        ticks = ticks.wrapping_add(1);
        let work = move || {
            if counts {
                store.count_open(now, &context)?;
            }
            store.learn()
        };
        match db::bounded(work).await {
            Ok(0) => {}
            Ok(builds) => log::debug!("learned from {builds} builds"),
            Err(error) => log::debug!("learning is left for the next time: {error}"),
        }
    }
}

fn server(app: App, listeners: Vec<Listener>) -> std::io::Result<Server> {
    let workers = app.settings.workers;
    let connections = Arc::clone(&app.connections);
    let data = web::Data::new(app);
    let server = HttpServer::new(move || {
        let (app, _) = ActixApp::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(BODY_MAX))
            .app_data(web::QueryConfig::default().error_handler(|error, _| {
                Problem::new(Code::MalformedRequest, format!("the query cannot be read: {error}")).into()
            }))
            .into_utoipa_app()
            .configure(routes::configure)
            .split_for_parts();
        app.configure(openapi::configure)
            .configure(routes::sign_in::configure)
            .configure(crate::web::configure)
            .default_service(web::to(routes::unknown))
            .wrap(middleware::Compress::default())
            .wrap(middleware::from_fn(envelope::envelope))
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .tls_handshake_timeout(HEAD_TIMEOUT)
    .max_connection_rate(HANDSHAKES)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    // The binary decides what a signal means: the database is to be stopped after us.
    .disable_signals();
    let mut server = match workers {
        Some(workers) => server.workers(workers),
        None => server,
    };
    for Listener { socket, serves, tls } in listeners {
        server = server.on_connect(listen::on_connect(serves, &connections));
        server = match tls {
            Some(tls) => server.listen_rustls_0_23(socket, tls.config()?)?,
            None => server.listen(socket)?,
        };
    }
    Ok(server.run())
}
