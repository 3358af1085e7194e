//! What can be typed, and what `--help` says about it.

use std::path::PathBuf;

use clap::Parser;

/// Measures Milepost against what else one could run.
///
/// Starts a durable PostgreSQL of its own, the release binary of the service and the references on this
/// machine, on loopback, and puts load on them in turns. The machine's mood changes within minutes, so
/// every figure is a ratio of two runs that follow each other, and the median of several rounds is shown
/// with the least and the most. Everything is ended and removed in the end, also on Ctrl-C.
#[derive(Debug, Clone, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
#[command(
    name = "bench",
    after_help = "\
Examples:
  make bench                                   all lines, about 20 minutes; writes docs/benchmarks.md
  make bench-quick                             the most telling lines, under two minutes
  make bench ARGS='--only lone,progress-cached --rounds 5'
  target/release/bench --only growth --reports 1000000
  target/release/bench --list"
)]
pub(crate) struct Args {
    /// Only the most telling lines, and short: ingestion against the naive service, a lone report, a
    /// cached progress
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these lines; --list names them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// How often each pair of runs is repeated [default: 5; with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// How long each run puts load on a server, in seconds [default: 5; with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// How many reports are stored beforehand for the lines about growth and retiring
    #[arg(long, value_name = "N", default_value_t = 10_000_000,
        value_parser = clap::value_parser!(u64).range(100_000..=100_000_000))]
    pub(crate) reports: u64,
    /// Write docs/benchmarks.md although not all lines were measured
    #[arg(long)]
    pub(crate) write: bool,
    /// Where the directory of the run is made; it has to be on a disk
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub(crate) dir: PathBuf,
    /// Keep that directory, with the logs of all servers
    #[arg(long)]
    pub(crate) keep: bool,
    /// The binary of the service [default: milepost beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) service: Option<PathBuf>,
    /// The Python environment with Flask [default: ../venv-bench beside this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) flask: Option<PathBuf>,
    /// Name the lines and what each compares, and do nothing else
    #[arg(long)]
    pub(crate) list: bool,
}

impl Args {
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    /// Whether the result is worth a document.
    pub(crate) fn writes(&self) -> bool {
        self.write || !self.quick && self.only.is_empty()
    }
}
