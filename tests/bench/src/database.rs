//! The PostgreSQL that everything is measured on: our own, durable, thrown away in the end.
//!
//! The rule it protects: service and references run on the same server with the same settings, each
//! on a fresh copy of its database, right after a checkpoint.

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, connection::SimpleConnection as _,
    sql_query, sql_types,
};
use milepost_cluster::{Cluster, Config, Durability};

use crate::{
    failure::{Context as _, Result},
    janitor,
    place::Place,
    stop,
};

/// What differs from the service's own settings, as in the goals.
const SETTINGS: [(&str, &str); 3] =
    [("shared_buffers", "1GB"), ("max_wal_size", "8GB"), ("wal_compression", "lz4")];
/// For the time that rows are made up in: nothing is measured then, and all is written out afterwards.
const WHILE_SEEDING: [(&str, &str); 7] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("autovacuum", "off"),
    ("maintenance_work_mem", "512MB"),
];

/// A running server.
pub(crate) struct Database {
    config: Config,
    /// Absent only between two of its lives.
    cluster: Option<Cluster>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Text {
    #[diesel(sql_type = sql_types::Text)]
    value: String,
}

impl Database {
    pub(crate) fn start(place: &Place) -> Result<Self> {
        let mut config = Config::new(place.join("postgres"), Durability::Durable);
        config.settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut database = Self { config, cluster: None };
        database.live(&[])?;
        Ok(database)
    }

    fn live(&mut self, more: &[(&str, &str)]) -> Result<()> {
        if let Some(cluster) = self.cluster.take() {
            let pid = cluster.pid();
            cluster.stop()?;
            janitor::forget(pid.unsigned_abs());
        }
        let mut config = self.config.clone();
        config.settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let cluster = Cluster::start(&config)?;
        janitor::watch(cluster.pid().unsigned_abs());
        self.cluster = Some(cluster);
        Ok(())
    }

    /// Runs `seed` on a server that is fast and would not survive a power cut, then writes everything
    /// out and goes on as before.
    pub(crate) fn seeding<T>(&mut self, seed: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.live(&WHILE_SEEDING)?;
        let seeded = seed(self)?;
        self.execute("postgres", "CHECKPOINT")?;
        self.live(&[])?;
        // What was written without fsync is in the caches of the kernel still.
        nix::unistd::sync();
        Ok(seeded)
    }

    fn cluster(&self) -> Result<&Cluster> {
        self.cluster.as_ref().context("PostgreSQL does not run")
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        Ok(self.cluster()?.pid().unsigned_abs())
    }

    pub(crate) fn url(&self, database: &str) -> Result<String> {
        Ok(self.cluster()?.url(database))
    }

    pub(crate) fn connect(&self, database: &str) -> Result<PgConnection> {
        stop::check()?;
        PgConnection::establish(&self.url(database)?).context(&format!("cannot connect to {database}"))
    }

    /// Runs statements, separated by semicolons.
    pub(crate) fn execute(&self, database: &str, sql: &str) -> Result<()> {
        let mut connection = self.connect(database)?;
        connection.batch_execute(sql).context(&format!("on {database}: {sql}"))
    }

    /// The one number that a query answers under the name `value`.
    pub(crate) fn number(&self, database: &str, sql: &str) -> Result<u64> {
        let number: Number = sql_query(sql).get_result(&mut self.connect(database)?).context(sql)?;
        Ok(number.value.unsigned_abs())
    }

    /// The texts that a query answers under the name `value`.
    pub(crate) fn texts(&self, database: &str, sql: &str) -> Result<Vec<String>> {
        let texts: Vec<Text> = sql_query(sql).load(&mut self.connect(database)?).context(sql)?;
        Ok(texts.into_iter().map(|text| text.value).collect())
    }

    pub(crate) fn create(&self, name: &str) -> Result<()> {
        self.execute("postgres", &format!("CREATE DATABASE {name}"))
    }

    /// A fresh copy of a template under that name, in place of an earlier one; then a checkpoint, so
    /// that every measurement begins at the same point of the write-ahead log's cycle.
    pub(crate) fn copy(&self, template: &str, name: &str) -> Result<()> {
        self.remove(name)?;
        self.execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))?;
        self.execute("postgres", "CHECKPOINT")
    }

    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.execute("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    }

    /// The version, and the settings that decide, for the document.
    pub(crate) fn described(&self) -> Result<(String, Vec<String>)> {
        let version = self.texts("postgres", "SELECT current_setting('server_version') AS value")?;
        let settings = self.texts(
            "postgres",
            "SELECT name || ' = ' || current_setting(name) AS value FROM pg_settings WHERE name IN ('fsync', \
             'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'wal_compression', \
             'wal_level', 'autovacuum', 'checkpoint_timeout', 'max_connections') ORDER BY name",
        )?;
        Ok((version.into_iter().next().unwrap_or_default(), settings))
    }
}

/// How many reports a database of the service or of the naive reference holds.
pub(crate) const COUNT: &str = "SELECT count(*) AS value FROM reports";

/// Bytes of tables with all their partitions, indexes and TOAST.
pub(crate) fn size_of(tables: &[&str]) -> String {
    let sums: Vec<String> = tables
        .iter()
        .map(|table| {
            format!(
                "coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('{table}') WHERE \
                 isleaf), pg_total_relation_size('{table}'))"
            )
        })
        .collect();
    format!("SELECT ({})::bigint AS value", sums.join(" + "))
}
