//! How the database is used and what happens while it is away: a section of the settings.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use milepost_store::{
    Settings,
    ingest::{self, SpoolSettings},
};
use serde::Deserialize;

use super::{Picker, quoted};

/// What can be typed of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// Connections to the database for reading, at most [default: 10]
    #[arg(long, env = "MILEPOST_DATABASE_CONNECTIONS", value_name = "N")]
    database_connections: Option<NonZeroU32>,
    /// How long the database may take over a batch of reports before they go to the spool, in seconds [default: 5]
    #[arg(long, env = "MILEPOST_DATABASE_PATIENCE_SECONDS", value_name = "SECONDS")]
    database_patience_seconds: Option<NonZeroU32>,
    /// Writers of reports, each with a connection of its own [default: 1]
    #[arg(long, env = "MILEPOST_INGEST_LANES", value_name = "N")]
    ingest_lanes: Option<NonZeroUsize>,
    /// Requests that may wait for a writer; more are refused at once [default: 4096]
    #[arg(long, env = "MILEPOST_INGEST_QUEUE", value_name = "N")]
    ingest_queue: Option<NonZeroUsize>,
    /// Reports that are written at once, at most [default: 512]
    #[arg(long, env = "MILEPOST_INGEST_BATCH", value_name = "N")]
    ingest_batch: Option<NonZeroUsize>,
    /// Where reports are kept while the database is away [default: spool in the data directory]
    #[arg(long, env = "MILEPOST_SPOOL_DIR", value_name = "DIR")]
    spool_dir: Option<PathBuf>,
    /// How much the spool may hold, in MiB; 0: there is none [default: 1024]
    #[arg(long, env = "MILEPOST_SPOOL_MEGABYTES", value_name = "MIB")]
    spool_megabytes: Option<u32>,
    /// How old the oldest report in the spool may grow before it takes no more, in hours [default: 168]
    #[arg(long, env = "MILEPOST_SPOOL_HOURS", value_name = "HOURS")]
    spool_hours: Option<NonZeroU32>,
}

/// `[database]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DatabaseSection {
    pub(super) url: Option<String>,
    connections: Option<NonZeroU32>,
    patience_seconds: Option<NonZeroU32>,
}

/// `[ingest]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IngestSection {
    lanes: Option<NonZeroUsize>,
    queue: Option<NonZeroUsize>,
    batch: Option<NonZeroUsize>,
}

/// `[spool]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SpoolSection {
    dir: Option<PathBuf>,
    megabytes: Option<u32>,
    hours: Option<NonZeroU32>,
}

impl Picker {
    /// Picks the settings of the store.
    pub(super) fn store(
        &mut self,
        args: StoreArgs,
        database: &DatabaseSection,
        ingest: &IngestSection,
        spool: SpoolSection,
        data_dir: &Path,
    ) -> Settings {
        let usual = Settings::default();
        let connections = self.count(
            "database.connections",
            args.database_connections,
            database.connections,
            usual.connections,
        );
        let patience = self.count(
            "database.patience_seconds",
            args.database_patience_seconds,
            database.patience_seconds,
            5,
        );
        let usual_ingest = usual.ingest;
        let lanes = self.size("ingest.lanes", args.ingest_lanes, ingest.lanes, usual_ingest.lanes);
        let queue = self.size("ingest.queue", args.ingest_queue, ingest.queue, usual_ingest.queue);
        let batch = self.size("ingest.batch", args.ingest_batch, ingest.batch, usual_ingest.batch);
        let place = data_dir.join("spool");
        let directory = self.or("spool.dir", args.spool_dir, spool.dir, place, |dir| quoted(&dir.display()));
        let megabytes =
            self.or("spool.megabytes", args.spool_megabytes, spool.megabytes, 1024, ToString::to_string);
        let age = self.count("spool.hours", args.spool_hours, spool.hours, 168);
        let spool = SpoolSettings {
            directory,
            bytes: u64::from(megabytes) * 1024 * 1024,
            age: Duration::from_secs(u64::from(age) * 3600),
        };
        let patience = Duration::from_secs(patience.into());
        let spool = (megabytes > 0).then_some(spool);
        Settings { connections, ingest: ingest::Settings { lanes, queue, batch, patience, spool }, ..usual }
    }

    pub(super) fn count(
        &mut self,
        key: &'static str,
        argument: Option<NonZeroU32>,
        file: Option<NonZeroU32>,
        default: u32,
    ) -> u32 {
        self.or(key, argument.map(Into::into), file.map(Into::into), default, ToString::to_string)
    }

    fn size(
        &mut self,
        key: &'static str,
        argument: Option<NonZeroUsize>,
        file: Option<NonZeroUsize>,
        default: usize,
    ) -> usize {
        self.or(key, argument.map(Into::into), file.map(Into::into), default, ToString::to_string)
    }
}
