//! How long, with which seed, and which binary: from the environment.
//!
//! The rule it protects: the short form and the long one are the same code.

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How the run is to be.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How long faults go on; each kind comes at least once, however long that takes.
    pub(crate) duration: Duration,
    /// What the faults and the reports are drawn with.
    pub(crate) seed: u64,
    /// The binary under test.
    pub(crate) binary: PathBuf,
}

impl Settings {
    /// `MILEPOST_FAULTS_SECONDS`, `MILEPOST_FAULTS_SEED` (a number, or `time`) and `MILEPOST_BIN`.
    pub(crate) fn read() -> Self {
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let seed = match env::var("MILEPOST_FAULTS_SEED").as_deref() {
            Ok("time") => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
            _ => number("MILEPOST_FAULTS_SEED").unwrap_or(1),
        };
        let binary = env::var_os("MILEPOST_BIN").map_or_else(built, PathBuf::from);
        // Cargo starts tests in their package; whoever names a binary stands in the repository.
        let binary = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(binary);
        assert!(
            binary.is_file(),
            "{} is missing; build it first: cargo build -p milepost-cli",
            binary.display()
        );
        let seconds = number("MILEPOST_FAULTS_SECONDS").unwrap_or(0);
        Self { duration: Duration::from_secs(seconds), seed, binary }
    }
}

/// The one that cargo built beside this test.
fn built() -> PathBuf {
    env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().join("milepost")
}
