//! What can be typed, and what `--help` says about it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use milepost_domain::registry::Mode;

use crate::{
    config::{AccessArgs, HookArgs, StoreArgs, TransportArgs},
    demo::DemoArgs,
    hooks::HooksArgs,
    mute::{MuteArgs, UnmuteArgs},
    output::OutputArgs,
    remote::RemoteArgs,
    stats::StatsArgs,
    status::StatusArgs,
    steps::{ListArgs, StepsArgs},
    timings::TimingsArgs,
    token::TokenCommand,
    workflows::WorkflowsArgs,
};

/// Shows how the installation of every host is going.
#[derive(Debug, Parser)]
#[command(
    name = "milepost",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service
    #[command(after_help = "\
Examples:
  milepost serve                                  on 127.0.0.1:8420, with an embedded PostgreSQL
  milepost serve --listen 0.0.0.0:8420            reachable by the machines being installed
  DATABASE_URL=postgresql://milepost@db/milepost milepost serve
  milepost serve --print-config                   each setting and where it came from")]
    Serve(Box<ServeArgs>),
    /// Show how the installations are going
    Status {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: StatusArgs,
    },
    /// Keep showing how the installations are going, as they go
    #[command(after_help = "\
Examples:
  milepost watch                               what is under way, and what has ended in the last 24 hours
  milepost watch --location brno               of one location
  milepost watch | tee install.log             not on a screen: a line for each change")]
    Watch {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: StatusArgs,
    },
    /// Say that nobody wants to hear of the signals of some hosts for a time, as for maintenance
    Mute {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: MuteArgs,
    },
    /// Show what is muted, until when and why
    Mutes {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: ListArgs,
    },
    /// End a mute before its time
    Unmute {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: UnmuteArgs,
    },
    /// See and change the steps that are known
    Steps {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: StepsArgs,
    },
    /// See the workflows that are known
    Workflows {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: WorkflowsArgs,
    },
    /// See how long the steps of each kind of build usually take
    Timings {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: TimingsArgs,
    },
    /// Count what the installations of some days came to
    Stats {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: StatsArgs,
    },
    /// See and change who is told what happens: webhooks, and channels of a chat
    Hooks {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: HooksArgs,
    },
    /// Make, list and revoke tokens of programs and people
    Token {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Bring the database to this version, and say what was done
    Migrate(MigrateArgs),
    /// Remove what is older than the settings say, now
    #[command(after_help = "\
Examples:
  milepost prune --dry-run                        what would go, and how large it is
  milepost prune --retention-reports-days 7       what is older than a week, this once

The service does this each hour by itself. It may go on meanwhile.")]
    Prune(PruneArgs),
    /// Play a fleet that installs itself, to see what the service shows
    #[command(after_help = "\
Example:
  milepost demo --hosts 100 --speed 60            and `milepost watch` in another shell")]
    Demo {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        args: DemoArgs,
    },
    /// Print the OpenAPI document
    Openapi,
}

/// Where the service keeps its things.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Where the service keeps its things [default: /var/lib/milepost as root, else milepost in your data home]
    #[arg(long, global = true, env = "MILEPOST_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A TOML file with settings [default: config.toml in the data directory, if it is there]
    #[arg(long, global = true, env = "MILEPOST_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// File with the secret that tokens are signed with [default: secret in the data directory]
    #[arg(long, global = true, env = "MILEPOST_SECRET_FILE", value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
    /// How others reach the service, for the URLs it hands out [default: as each request came]
    #[arg(long, env = "MILEPOST_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Threads that serve [default: one a core]
    #[arg(long, env = "MILEPOST_WORKERS", value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Whether unknown steps are refused (strict) or taken (loose) [default: strict]
    #[arg(long, env = "MILEPOST_REGISTRY", value_name = "MODE")]
    pub(crate) registry: Option<Mode>,
    /// PostgreSQL of the site's own [default: an embedded one in the data directory]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    /// Networks that may use /api/update, which carries no credential [default: none]
    #[arg(long, env = "MILEPOST_COMPAT_API_UPDATE", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) compat_api_update: Option<Vec<IpNet>>,
    #[command(flatten)]
    pub(crate) retention: RetentionArgs,
    /// What is logged: error, warn, info, debug, or a filter such as milepost=debug [default: info]
    #[arg(long, env = "MILEPOST_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Print each setting and where it came from, and do nothing else
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct RetentionArgs {
    /// Days that reports and logs are kept after their build was opened; 0: for ever [default: 31]
    #[arg(long, env = "MILEPOST_RETENTION_REPORTS_DAYS", value_name = "DAYS")]
    pub(crate) retention_reports_days: Option<u32>,
    /// Days that builds and their steps are kept after they ended; 0: for ever [default: 400]
    #[arg(long, env = "MILEPOST_RETENTION_BUILDS_DAYS", value_name = "DAYS")]
    pub(crate) retention_builds_days: Option<u32>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// PostgreSQL of the site's own
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// PostgreSQL of the site's own [default: the embedded one in the data directory]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    #[command(flatten)]
    pub(crate) retention: RetentionArgs,
    /// Only say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
