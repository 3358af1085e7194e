//! A database of its own for each test, on one throw-away cluster a process.
//!
//! The rule it protects: the schema is migrated once and cloned for each test, and the cluster
//! ends with the process, however that ends.

use std::{
    mem,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use diesel::{Connection as _, PgConnection, RunQueryDsl as _};
use milepost_cluster::{Cluster, Config, Durability};

const TEMPLATE: &str = "template_milepost";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    // Not below a home that the database's user could not reach; short, for the socket's sake.
    let directory = tempfile::Builder::new()
        .prefix("milepost-test-")
        .tempdir_in("/var/tmp")
        .expect("a directory for the test cluster")
        .keep();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&directory, everyone).expect("the database's user may pass");
    let mut config = Config::new(directory.join("postgres"), Durability::Throwaway);
    config.settings.push(("max_connections".to_owned(), "300".to_owned()));
    let cluster = Cluster::start(&config).expect("a test cluster");
    end_with_this_process(cluster.pid(), &directory);
    cluster.ensure_database(TEMPLATE).expect("a template database");
    milepost_store::migrate::run(&cluster.url(TEMPLATE)).expect("a migrated template");
    cluster
});

/// Statics are never dropped, and a killed test drops nothing: so a shell waits for the pipe from
/// this process to close, whatever the reason, and cleans up.
#[expect(clippy::zombie_processes, reason = "it is to outlive this process")]
fn end_with_this_process(postmaster: i32, directory: &std::path::Path) {
    let clean = "cat >/dev/null; kill -INT \"$1\" 2>/dev/null; \
        while kill -0 \"$1\" 2>/dev/null; do sleep 0.1; done; rm -rf \"$2\"";
    let mut command = Command::new("sh");
    command.args(["-c", clean, "sh", &postmaster.to_string()]).arg(directory);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell that cleans up");
    // The pipe stays open until the process ends.
    mem::forget(child.stdin.take());
}

/// A database of its own.
#[derive(Debug, Clone)]
pub struct Database {
    /// How to connect to it.
    pub url: String,
    name: String,
}

fn create(options: &str) -> Database {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::establish(&CLUSTER.url("postgres")).expect("the test cluster");
    diesel::sql_query(format!("CREATE DATABASE {name} {options}"))
        .execute(&mut connection)
        .expect("a test database");
    Database { url: CLUSTER.url(&name), name }
}

/// Runs SQL outside of any test's database.
fn outside(sql: &str) {
    let mut connection = PgConnection::establish(&CLUSTER.url("postgres")).expect("the test cluster");
    diesel::sql_query(sql).execute(&mut connection).expect("what a superuser may");
}

impl Database {
    /// A migrated database with what is shipped in its registry.
    #[must_use]
    pub fn new() -> Self {
        create(&format!("TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"))
    }

    /// Lets it be connected to, or not: then all connections end, as if it had gone away.
    pub fn set_open(&self, open: bool) {
        outside(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {open}", self.name));
        if !open {
            self.break_connections();
        }
    }

    /// Ends all connections to it.
    pub fn break_connections(&self) {
        let name = &self.name;
        outside(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"));
    }

    /// A connection to it.
    #[must_use]
    pub fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url).expect("the test database")
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

/// A database without a schema.
#[must_use]
pub fn empty_database() -> Database {
    create("")
}
