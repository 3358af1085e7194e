//! The service, in this process, on a free port and a database of its own.

use std::{
    net::{SocketAddr, TcpListener},
    sync::mpsc,
    thread,
};

use milepost_api::{App, Keys, NewToken, Scope, Settings};
use milepost_domain::registry::Mode;
use milepost_store::Store;
use tokio::sync::oneshot;

use crate::{Api, Database};

/// What a test wants otherwise than by default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The settings of the API.
    pub settings: Settings,
    /// Strict or loose for all.
    pub registry: Mode,
    /// How the database is used.
    pub store: milepost_store::Settings,
    /// What it signs and verifies with; `None`: a secret of its own.
    pub keys: Option<Keys>,
}

/// A running service; it ends with this value.
pub struct Server {
    /// Where it listens, for example `http://127.0.0.1:34567`.
    pub url: String,
    /// Its database.
    pub database: Database,
    /// The keys that it signs and verifies with.
    pub keys: Keys,
    /// What all clients of it are made from; its connections end before the service does.
    client: Option<Api>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// A service as it is by default.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// A service with settings of one's own.
    #[must_use]
    pub fn with(options: Options) -> Self {
        let own = || Keys::generate().parse().expect("a secret");
        let keys = options.keys.clone().unwrap_or_else(own);
        Self::on(Database::new(), keys, options)
    }

    /// Another node of the same service: on its database, with its keys.
    #[must_use]
    pub fn beside(&self, options: Options) -> Self {
        Self::on(self.database.clone(), self.keys.clone(), options)
    }

    fn on(database: Database, keys: Keys, options: Options) -> Self {
        let store = Store::connect(&database.url, &options.store, options.registry).expect("a store");
        let mut settings = options.settings;
        settings.workers = Some(1);
        let app = App::new(store, keys.clone(), settings);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn(move || {
            let tell = move |at: &[SocketAddr]| ready.send(at[0]).expect("the test waits");
            let stop = async move {
                // A dropped sender ends it as well.
                let _ = stopped.await;
            };
            milepost_api::run(app, vec![listener.into()], tell, stop).expect("a server");
        });
        let address = is_ready.recv().expect("the server is up");
        let url = format!("http://{address}");
        let client = Some(Api::new(&url, None));
        Self { url, database, keys, client, stop: Some(stop), thread: Some(thread) }
    }

    /// A token of that scope, valid for an hour.
    #[must_use]
    pub fn token(&self, scope: Scope) -> String {
        self.keys.mint(&NewToken::of(scope, chrono::Duration::try_hours(1))).expect("a token")
    }

    /// A token that ran out an hour ago.
    #[must_use]
    pub fn expired_token(&self, scope: Scope) -> String {
        self.keys.mint(&NewToken::of(scope, chrono::Duration::try_hours(-1))).expect("a token")
    }

    /// A client that may do everything, tokens included.
    #[must_use]
    pub fn admin(&self) -> Api {
        self.with_token(self.token(Scope::Admin))
    }

    /// A client that may do everything with builds and the registry.
    #[must_use]
    pub fn manage(&self) -> Api {
        self.with_token(self.token(Scope::Manage))
    }

    /// A client that may see everything.
    #[must_use]
    pub fn read(&self) -> Api {
        self.with_token(self.token(Scope::Read))
    }

    /// A client without a credential, as an installer is one.
    #[must_use]
    pub fn anyone(&self) -> Api {
        self.client().clone()
    }

    /// A client with that token.
    #[must_use]
    pub fn with_token(&self, token: String) -> Api {
        self.client().with_token(Some(token))
    }

    fn client(&self) -> &Api {
        self.client.as_ref().expect("the service runs")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.client.take());
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has failed its test already.
            let _ = thread.join();
        }
    }
}
