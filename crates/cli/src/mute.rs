//! `milepost mute`, `mutes` and `unmute`: whose signals nobody wants to hear of for a time.
//!
//! The rule it protects: whoever mutes is told at once what that comes to, and nothing is muted for ever.

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use milepost_client::{
    Client, explain,
    types::{Mute, MuteInput},
};

use crate::{
    failure::Failure,
    output::{Cell, Column, Console, Table, Tone, clean, counted, duration},
    status::search::machine,
    steps::ListArgs,
    token::Lifetime,
    workflows::pages,
};

/// What to mute, for how long and why.
#[derive(Debug, Clone, Args)]
#[command(
    group = ArgGroup::new("subject").required(true).args(["host", "search"]),
    group = ArgGroup::new("end").required(true).args(["span", "until"]),
    after_help = "\
Examples:
  milepost mute web1.brno.example.com --for 4h --reason 'new firmware'
  milepost mute --search 'location = brno and hostgroup ~ db' --until 2026-11-22T18:00:00Z --reason 'move to hall 2'

Signals are still worked out and shown, marked as muted; they are counted apart, and nothing is announced of them."
)]
pub(crate) struct MuteArgs {
    /// The host: its name, Foreman's id or ours
    host: Option<String>,
    /// All hosts that this search finds, now or later, as in the list of builds
    #[arg(long, value_name = "QUERY")]
    search: Option<String>,
    /// For how long: 45m, 4h, 2d
    #[arg(long = "for", value_name = "DURATION")]
    span: Option<Lifetime>,
    /// Until when, for example 2026-11-22T18:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// Why; whoever looks at the host reads it
    #[arg(long)]
    reason: String,
}

/// Which mute to end.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  milepost unmute web1.brno.example.com                   the mutes of that host
  milepost unmute 0193b0a0-0000-7000-8000-000000000001    one mute, as `milepost mutes` shows it")]
pub(crate) struct UnmuteArgs {
    /// The mute's id, or the name of a host
    mute: String,
}

/// Mutes, and says how many builds that covers now.
///
/// # Errors
/// When the service refuses or gives no answer.
pub(crate) async fn mute(args: &MuteArgs, client: &Client, console: &mut Console<'_>) -> Result<(), Failure> {
    let for_seconds = match args.span {
        Some(Lifetime(Some(span))) => {
            u64::try_from(span.num_seconds()).ok().and_then(|span| span.try_into().ok())
        }
        Some(Lifetime(None)) => {
            return Err(Failure::usage("nothing is muted for ever; say for how long, at most 366d"));
        }
        None => None,
    };
    let host = match &args.host {
        Some(host) => Some(whole_name(client, host).await?),
        None => None,
    };
    let input = MuteInput {
        host,
        search: args.search.clone(),
        until: args.until,
        for_seconds,
        reason: args.reason.clone(),
    };
    let answer = client.create_mute().body(input).send().await;
    let made = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
    console.print(&format!("{} until {}\n", named(&made), made.until.format("%Y-%m-%d %H:%M UTC")))?;
    if let Some(search) = &made.search {
        let covers = client.list_builds().search(format!("null? ended_at and ({search})")).per_page("1");
        if let Ok(list) = covers.send().await {
            console.print(&format!("That is {} under way now.\n", counted(list.subtotal, "build")))?;
        }
    }
    console.print(&format!("End it before with: milepost unmute {}\n", made.id))
}

/// Shows the mutes that are in force.
///
/// # Errors
/// When the service gives no answer.
pub(crate) async fn list(args: &ListArgs, client: &Client, console: &mut Console<'_>) -> Result<(), Failure> {
    let mutes = all(client, None).await?;
    if args.json {
        return console.print_json(&mutes);
    }
    if mutes.is_empty() {
        return console
            .say_empty("Nothing is muted. For maintenance: milepost mute HOST --for 4h --reason WHY");
    }
    let table = table(&mutes, milepost_api::now()).render(&console.screen);
    console.print(&table)
}

/// Ends a mute, or those of a host.
///
/// # Errors
/// When there is none, or the service gives no answer.
pub(crate) async fn unmute(
    args: &UnmuteArgs,
    client: &Client,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let name = args.mute.to_lowercase();
    let ids: Vec<uuid::Uuid> = match args.mute.parse() {
        Ok(id) => vec![id],
        Err(_) => all(client, Some("has host"))
            .await?
            .iter()
            .filter(|mute| is_of(mute, &name))
            .map(|mute| mute.id)
            .collect(),
    };
    if ids.is_empty() {
        let name = clean(&args.mute);
        return Err(Failure::usage(format!(
            "there is no mute of a host '{name}'; what is muted: milepost mutes"
        )));
    }
    for id in ids {
        let answer = client.delete_mute().id(id).send().await;
        let ended = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        console.print(&format!("{} no longer\n", named(&ended)))?;
    }
    Ok(())
}

/// The name of the host that is meant by its first part; whatever else was typed as it is, for the service to judge.
async fn whole_name(client: &Client, typed: &str) -> Result<String, Failure> {
    let is_id = typed.parse::<u64>().is_ok() || typed.parse::<uuid::Uuid>().is_ok();
    if is_id || typed.contains(['.', '*', '%']) {
        return Ok(typed.to_owned());
    }
    let answer = client.list_hosts().search(machine(typed)).per_page("10").send().await;
    let found = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner().results;
    let names: Vec<&str> = found.iter().map(|found| found.host.name.as_str()).collect();
    match names.as_slice() {
        names if names.iter().any(|name| name.eq_ignore_ascii_case(typed)) => Ok(typed.to_lowercase()),
        [] => Ok(typed.to_owned()),
        [one] => Ok((*one).to_owned()),
        several => {
            let names: Vec<String> = several.iter().map(|name| clean(name)).collect();
            Err(Failure::usage(format!("'{}' may be {}; write which", clean(typed), names.join(", "))))
        }
    }
}

/// Whether it is of the host of that name; without a dot also of the first part of a longer one.
fn is_of(mute: &Mute, name: &str) -> bool {
    let Some(host) = mute.host.as_ref().map(|host| host.name.to_lowercase()) else { return false };
    host == name || host.split_once('.').is_some_and(|(first, _)| first == name)
}

async fn all(client: &Client, search: Option<&str>) -> Result<Vec<Mute>, Failure> {
    pages(async |page| {
        let request = client.list_mutes().per_page("all").page(page);
        let request = match search {
            Some(search) => request.search(search),
            None => request,
        };
        let answer = request.send().await;
        let list = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        Ok((list.results, list.subtotal))
    })
    .await
}

/// `web1.example.com is muted`.
fn named(mute: &Mute) -> String {
    match (&mute.host, &mute.search) {
        (Some(host), _) => format!("{} is muted", clean(&host.name)),
        (None, search) => format!("what '{}' finds is muted", clean(search.as_deref().unwrap_or_default())),
    }
}

fn table(mutes: &[Mute], now: milepost_domain::Time) -> Table {
    let columns = vec![
        Column::new("Id"),
        Column::new("Muted").shrinks(1, 12),
        Column::new("Reason").shrinks(0, 10),
        Column::new("By").shrinks(0, 6).drops(0),
        Column::new("Ends in").right(),
    ];
    let row = |mute: &Mute| {
        let of = mute.host.as_ref().map(|host| &host.name).or(mute.search.as_ref());
        vec![
            Cell::new(mute.id.to_string()).tone(Tone::Quiet),
            Cell::new(clean(of.map(String::as_str).unwrap_or_default())),
            Cell::new(clean(&mute.reason)),
            Cell::new(clean(mute.by.split(" (").next().unwrap_or_default())),
            Cell::new(duration((mute.until - now).num_seconds())),
        ]
    };
    Table::new(columns, mutes.iter().map(row).collect())
}
