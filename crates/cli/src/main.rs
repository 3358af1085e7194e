//! The one binary of Milepost.
//!
//! The rule it protects: this crate puts the others together and talks to people; what it decides
//! itself is only how things are typed, printed and ended.

mod args;
mod config;
mod database;
mod demo;
mod embedded;
mod failure;
mod hooks;
mod housekeeping;
mod mute;
mod output;
mod prune;
mod remote;
mod serve;
mod stats;
mod status;
mod steps;
mod timings;
mod token;
mod watch;
mod workflows;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use milepost_api::Scope;
use milepost_client::Client;
use milepost_store::migrate;
use tokio::runtime::Runtime;

use crate::{
    args::{Cli, Command, MigrateArgs},
    embedded::Embedded,
    failure::Failure,
    output::{Console, OutputArgs, Screen},
    remote::RemoteArgs,
};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(status::accept_old_spellings(std::env::args_os()));
    match run(cli.command) {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "milepost: {failure}");
            ExitCode::from(failure::EXIT_CODE)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(args) => serve::run(*args)?,
        Command::Status { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Read)?;
            let now = milepost_api::now();
            return on_screen(args.output, |console| {
                runtime.block_on(status::run(&args, &client, now, console))
            });
        }
        Command::Watch { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Read)?;
            return on_screen(args.output, |console| runtime.block_on(watch::run(&args, &client, console)));
        }
        Command::Mute { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Manage)?;
            on_screen(OutputArgs::default(), |console| {
                runtime.block_on(mute::mute(&args, &client, console))
            })?;
        }
        Command::Mutes { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Read)?;
            on_screen(args.output, |console| runtime.block_on(mute::list(&args, &client, console)))?;
        }
        Command::Unmute { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Manage)?;
            on_screen(OutputArgs::default(), |console| {
                runtime.block_on(mute::unmute(&args, &client, console))
            })?;
        }
        Command::Steps { remote, args } => {
            let scope = if args.command.only_reads() { Scope::Read } else { Scope::Manage };
            let (client, runtime) = reach(remote, scope)?;
            on_screen(args.command.output(), |console| {
                runtime.block_on(steps::run(&args.command, &client, console))
            })?;
        }
        Command::Workflows { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Read)?;
            on_screen(args.command.output(), |console| {
                runtime.block_on(workflows::run(&args.command, &client, console))
            })?;
        }
        Command::Timings { remote, args } => {
            on_screen(args.command.output(), |console| timings::run(&args.command, remote, console))?;
        }
        Command::Stats { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Read)?;
            on_screen(args.output, |console| runtime.block_on(stats::run(&args, &client, console)))?;
        }
        Command::Hooks { remote, args } => {
            on_screen(args.command.output(), |console| hooks::run(&args.command, remote, console))?;
        }
        Command::Token { remote, command } => {
            on_screen(command.output(), |console| token::run(&command, remote, console))?;
        }
        Command::Migrate(args) => run_migrate(&args)?,
        Command::Prune(args) => {
            let now = milepost_api::now();
            on_screen(args.output, |console| prune::run(&args, now, console))?;
        }
        Command::Demo { remote, args } => {
            let (client, runtime) = reach(remote, Scope::Manage)?;
            on_screen(OutputArgs::default(), |console| runtime.block_on(demo::run(args, &client, console)))?;
        }
        Command::Openapi => say(&milepost_api::document_text())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A client of the service, and what its requests run on.
fn reach(remote: RemoteArgs, scope: Scope) -> Result<(Client, Runtime), Failure> {
    let remote = remote.find(scope)?;
    let client = milepost_client::connect(&remote.url, Some(&remote.token), remote.ca.as_deref())
        .map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok((client, runtime))
}

/// Gives a command standard output to print on and standard error to talk to.
fn on_screen<T>(args: OutputArgs, work: impl FnOnce(&mut Console<'_>) -> T) -> T {
    let (mut out, mut talk) = (std::io::stdout().lock(), std::io::stderr().lock());
    work(&mut Console { out: &mut out, talk: &mut talk, screen: Screen::of_stdout(args) })
}

fn run_migrate(args: &MigrateArgs) -> Result<(), Failure> {
    let known = match &args.database_url {
        // Looking does not disturb a service that runs; changing would.
        None if args.dry_run => Embedded::url_of_running(&config::data_dir(&args.place)?)?,
        url => url.clone(),
    };
    let embedded = match known {
        Some(_) => None,
        None => Some(Embedded::start(&config::data_dir(&args.place)?)?),
    };
    let url = known.or_else(|| Some(embedded.as_ref()?.url.clone())).unwrap_or_default();
    let done = if args.dry_run { migrate::pending(&url) } else { migrate::run(&url) };
    if let Some(embedded) = embedded {
        embedded.stop()?;
    }
    let done = done?;
    let verb = if args.dry_run { "would apply" } else { "applied" };
    let lines = done.iter().fold(String::new(), |lines, migration| lines + verb + " " + migration + "\n");
    say(if lines.is_empty() { "the database is up to date\n" } else { &lines })
}

/// Writes to standard output; a reader that went away has seen enough.
fn say(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
