//! `milepost status`: the builds that are under way, most urgent first.
//!
//! The rule it protects: one look says whether a person is needed, and so does the exit code; what
//! the service sent is shown in order, and all of it.

mod rows;
pub(crate) mod search;
mod signals;

use std::{cmp::Reverse, collections::HashSet, ffi::OsString, num::NonZeroU64, process::ExitCode};

use chrono::{DateTime, Utc};
use clap::{Args, builder::NonEmptyStringValueParser};
use milepost_client::{
    Client, ClientInfo as _, explain,
    types::{Build, ServiceStatus},
};

use crate::{
    failure::Failure,
    output::{Console, OutputArgs, Screen, duration},
};

/// Of so many builds that failed the log is asked for.
const LOGS_MAX: usize = 5;

/// Which builds to show, and how.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  milepost status                              what is under way, or ended in the last 24 hours
  milepost status --location brno praha        of two locations; -l and -dc are the same
  milepost status -m web1 web2.praha.example.com 'db*'
  milepost status --all                        everything of the last 30 days
  milepost status --json | jq -r '.[] | select(.state == \"failed\") | .host.name'

The exit code is 0, or 1 when a build that is shown has failed, or 2 when there is no answer.")]
pub(crate) struct StatusArgs {
    /// Only hosts of these locations (Foreman's; exactly as they are written there)
    #[arg(short, long = "location", value_name = "LOCATION", num_args = 1.., value_parser = NonEmptyStringValueParser::new())]
    locations: Vec<String>,
    /// Only these hosts; a name without a dot is also found as the first part of a longer one, * stands for anything
    #[arg(short, long = "machine", value_name = "HOST", num_args = 1.., value_parser = NonEmptyStringValueParser::new())]
    machines: Vec<String>,
    /// Also what ended in the last 30 days
    #[arg(long)]
    all: bool,
    /// Print the builds as JSON, as the API gives them
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Turns spellings that people know from older tools into ours, before the arguments are read:
/// `-dc` has two letters after one dash, which is no option in itself.
pub(crate) fn accept_old_spellings(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut options = true;
    arguments
        .map(|argument| {
            options &= argument != "--";
            match argument.to_str() {
                Some("-dc") if options => "--location".into(),
                Some(text) if options => text
                    .strip_prefix("-dc=")
                    .map_or_else(|| argument.clone(), |value| format!("--location={value}").into()),
                _ => argument,
            }
        })
        .collect()
}

/// Shows the builds. The exit code is 1 when one of them has failed.
///
/// # Errors
/// When the service gives no answer, or what is shown cannot be written.
pub(crate) async fn run(
    args: &StatusArgs,
    client: &Client,
    now: DateTime<Utc>,
    console: &mut Console<'_>,
) -> Result<ExitCode, Failure> {
    let (mut builds, now) = fetch(args, client, now).await?;
    builds = sorted(builds);
    if !args.json {
        add_logs(client, &mut builds).await;
    }
    let failed = show(args, &builds, now, client.baseurl(), console)?;
    if let Ok(service) = client.get_status().send().await {
        for line in needs_a_person(&service, now) {
            // Nobody reads it: then nobody misses it.
            let _ = writeln!(console.talk, "milepost: {line}");
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads the end of the log of those that failed: a list leaves it out.
async fn add_logs(client: &Client, builds: &mut [Build]) {
    let failed =
        |build: &&mut Build| signals::urgent(build).any(|signal| signal.kind.as_str() == "failed_step");
    for build in builds.iter_mut().filter(failed).take(LOGS_MAX) {
        // Without it the signal says enough to go on.
        if let Ok(whole) = client.get_build().id(build.id).send().await {
            *build = whole.into_inner();
        }
    }
}

/// What of the service itself somebody has to look after.
fn needs_a_person(service: &ServiceStatus, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = Vec::new();
    // An older service does not say.
    if let Some((storage, tomorrow)) = service.storage.as_ref().zip(now.date_naive().succ_opt())
        && storage.newest_day.is_none_or(|newest| newest < tomorrow)
    {
        lines.push(
            "reports have no partition for tomorrow; is the housekeeping of the service failing? see its log"
                .to_owned(),
        );
    }
    if let Some(spool) = service.spool.as_ref().filter(|spool| spool.reports > 0) {
        let since = spool.oldest_at.map_or_else(String::new, |oldest| {
            format!(", the oldest for {}", duration((now - oldest).num_seconds()))
        });
        let wait = match spool.reports {
            1 => "1 report waits".to_owned(),
            more => format!("{more} reports wait"),
        };
        lines.push(format!("{wait} on disk to be brought into the database{since}"));
    }
    lines
}

/// Most urgent first.
pub(crate) fn sorted(mut builds: Vec<Build>) -> Vec<Build> {
    builds.sort_by_cached_key(urgency);
    builds
}

/// The table of the builds, or that there are none.
pub(crate) fn table(
    args: &StatusArgs,
    builds: &[Build],
    now: DateTime<Utc>,
    client: &Client,
    screen: &Screen,
) -> String {
    if builds.is_empty() {
        nothing(args, client.baseurl())
    } else {
        rows::table(builds, now, screen).render(screen)
    }
}

/// What needs a person, a line a build, as [`table`] has no room for it.
pub(crate) fn brief(builds: &[Build], screen: &Screen) -> Vec<String> {
    signals::brief(builds, screen)
}

/// What a build needs a person for most; `None` while it needs none.
pub(crate) fn most_urgent(build: &Build) -> Option<&milepost_client::types::Signal> {
    signals::urgent(build).next()
}

impl StatusArgs {
    /// The one query that finds what is asked for.
    ///
    /// # Errors
    /// When so many hosts are named that it takes several.
    pub(crate) fn query(&self) -> Result<String, Failure> {
        let mut queries = search::queries(self.all, &self.locations, &self.machines);
        match (queries.pop(), queries.is_empty()) {
            (Some(query), true) => Ok(query),
            _ => Err(Failure::usage(
                "too many hosts are named to be watched at once; name fewer, or a location",
            )),
        }
    }
}

/// All builds that were asked for, and the time of the service, which their times are relative to.
pub(crate) async fn fetch(
    args: &StatusArgs,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<(Vec<Build>, DateTime<Utc>), Failure> {
    let mut now = now;
    let mut seen = HashSet::new();
    let mut builds = Vec::new();
    for search in search::queries(args.all, &args.locations, &args.machines) {
        let mut page = NonZeroU64::MIN;
        loop {
            let request = client.list_builds().search(&search).order("started_at DESC").per_page("all");
            let answer = request.page(page).send().await;
            let answer = answer.map_err(|error| Failure::usage(explain(client, error)))?;
            now = server_time(answer.headers().get("date")).unwrap_or(now);
            let list = answer.into_inner();
            let last = list.results.is_empty() || list.per_page.saturating_mul(list.page) >= list.subtotal;
            // A build that opens meanwhile moves others to the next page, where they come again.
            builds.extend(list.results.into_iter().filter(|build| seen.insert(build.id)));
            page = match page.checked_add(1) {
                Some(next) if !last => next,
                _ => break,
            };
        }
    }
    Ok((builds, now))
}

/// This machine's clock may be wrong, and then every age would be.
fn server_time(date: Option<&impl AsRef<[u8]>>) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(date?.as_ref()).ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}

/// Failed, what else needs a person, running, pending, installed, then what has ended; among these the latest first.
/// What is muted comes after all others.
fn urgency(build: &Build) -> (bool, u8, Reverse<DateTime<Utc>>) {
    let rank = match build.state.as_str() {
        // Failed, and then replaced by a newer build: nobody has to run any more.
        _ if build.ended_at.is_some() => 6,
        "failed" => 0,
        _ if most_urgent(build).is_some() => 1,
        "running" => 2,
        "pending" => 3,
        "installed" => 4,
        // A state that is newer than this program.
        _ => 5,
    };
    let latest = build.ended_at.or(build.last_report_at).unwrap_or(build.started_at);
    (build.muted.is_some(), rank, Reverse(latest))
}

/// Whether a build that was shown has failed.
fn show(
    args: &StatusArgs,
    builds: &[Build],
    now: DateTime<Utc>,
    url: &str,
    console: &mut Console<'_>,
) -> Result<bool, Failure> {
    if args.json {
        console.print_json(&builds)?;
    } else if builds.is_empty() {
        console.say_empty(&nothing(args, url))?;
    } else {
        let table = rows::table(builds, now, &console.screen);
        let told = signals::tell(builds, &console.screen);
        console.print(&(table.render(&console.screen) + &told))?;
    }
    Ok(builds.iter().any(|build| build.state.as_str() == "failed"))
}

fn nothing(args: &StatusArgs, url: &str) -> String {
    let filtered = !args.locations.is_empty() || !args.machines.is_empty();
    let (which, span) =
        (if filtered { " of these hosts" } else { "" }, if args.all { "30 days" } else { "24 hours" });
    let more = if args.all { "" } else { " For the last 30 days: milepost status --all." };
    format!(
        "No build{which} is under way, and none has ended in the last {span}. Foreman opens one when a host enters \
         build mode; anybody else does with POST {url}/api/v2/builds.{more}"
    )
}

#[cfg(test)]
mod tests;
