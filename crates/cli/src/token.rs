//! `milepost token`: tokens of programs and people, made, listed and revoked.
//!
//! The rule it protects: a token is printed alone, on standard output, and nowhere else; on the machine
//! of the service one can be made even while it does not run.

use std::io::Write as _;

use clap::{Args, Subcommand};
use milepost_api::{NewToken, Scope};
use milepost_client::{
    Client, explain,
    types::{Token, TokenInput},
};
use milepost_domain::{Bounds, Name};
use tokio::runtime::Runtime;

use crate::{
    config::KeyFiles,
    failure::Failure,
    output::{Cell, Column, Console, OutputArgs, Table, Tone, age, clean},
    remote::RemoteArgs,
    steps::ListArgs,
    workflows::pages,
};

/// How long a link to sign in with is valid, in minutes.
pub(crate) const LINK_MINUTES: i64 = 10;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, alone, on standard output
    #[command(after_help = "\
Examples:
  export MILEPOST_TOKEN=$(milepost token create --scope manage --name deploy)
  milepost token create --scope read --expires 30d --location brno")]
    Create(CreateArgs),
    /// Show the tokens that were made here
    List(ListArgs),
    /// Make a token void, at once and on every node, with the sessions that were opened with it
    #[command(after_help = "Example:\n  milepost token revoke 0193b0a0-0000-7000-8000-000000000001")]
    Revoke {
        /// Its id, as `milepost token list` shows it
        id: String,
    },
    /// Print a link that signs a browser in, once, within ten minutes
    Link {
        /// What the browser may do
        #[arg(long, default_value = "admin")]
        scope: Scope,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CreateArgs {
    /// read: see; manage: also open builds and change the registry; admin: also make tokens and hooks, and see the audit trail
    #[arg(long, default_value = "read")]
    scope: Scope,
    /// How long it is valid: 12h, 30d, 1y, or never
    #[arg(long, default_value = "30d", value_name = "DURATION")]
    expires: Lifetime,
    /// What it is for
    #[arg(long)]
    name: Option<Name>,
    /// Only hosts of this organization, with what is below it; may be given several times
    #[arg(long = "organization", value_name = "ORGANIZATION")]
    organizations: Vec<Name>,
    /// Only hosts of this location, with what is below it; may be given several times
    #[arg(long = "location", value_name = "LOCATION")]
    locations: Vec<Name>,
}

impl TokenCommand {
    /// How to print.
    pub(crate) fn output(&self) -> OutputArgs {
        match self {
            Self::List(list) => list.output,
            _ => OutputArgs::default(),
        }
    }
}

/// Does what was asked for.
///
/// # Errors
/// When the service gives no answer, or no token can be made here.
pub(crate) fn run(
    command: &TokenCommand,
    remote: RemoteArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => {
            let token = create(args, remote)?;
            console.print(&format!("{token}\n"))
        }
        TokenCommand::Link { scope } => {
            let url = remote.service_url()?;
            let new = NewToken::of(*scope, chrono::Duration::try_minutes(LINK_MINUTES));
            let keys = KeyFiles::of(&remote.place)?;
            if !keys.are_there() {
                return Err(Failure::usage(format!(
                    "a link is made on the machine of the service, as its user (here is no secret {})",
                    keys.secret_file().display()
                )));
            }
            let token = keys.keys()?.mint_link(&new).map_err(Failure::usage)?;
            console.print(&format!("{url}/sign-in?link={token}\n"))
        }
        TokenCommand::List(args) => {
            let (client, runtime) = crate::reach(remote, Scope::Admin)?;
            let tokens = runtime.block_on(all(&client))?;
            if args.json {
                return console.print_json(&tokens);
            }
            if tokens.is_empty() {
                return console
                    .say_empty("no token was made here yet; make one with `milepost token create`");
            }
            let table = table(&tokens, milepost_api::now()).render(&console.screen);
            console.print(&table)
        }
        TokenCommand::Revoke { id } => {
            let (client, runtime) = crate::reach(remote, Scope::Admin)?;
            let id: uuid::Uuid = id.parse().map_err(|_| {
                Failure::usage(format!("'{}' is no token's id; see `milepost token list`", clean(id)))
            })?;
            let answer = runtime.block_on(client.revoke_token().id(id).send());
            let token = answer.map_err(|error| Failure::usage(explain(&client, error)))?.into_inner();
            let name =
                if token.name.is_empty() { String::new() } else { format!(" ({})", clean(&token.name)) };
            console.print(&format!("token {}{name} is void\n", token.id))
        }
    }
}

/// Makes a token with the service, so that it is listed; where that does not run, by its secret.
fn create(args: &CreateArgs, remote: RemoteArgs) -> Result<String, Failure> {
    let is_elsewhere = remote.url.is_some() || remote.token.is_some();
    let place = remote.place.clone();
    if is_elsewhere || remote.is_running_here()? {
        let (client, runtime) = crate::reach(remote, Scope::Admin)?;
        match create_with(&client, &runtime, args) {
            Ok(token) => return Ok(token),
            Err(Refused::Unreachable) if !is_elsewhere => {}
            Err(Refused::Unreachable) => return Err(Failure::usage("the service cannot be reached")),
            Err(Refused::Said(failure)) => return Err(failure),
        }
    }
    let bounds = Bounds {
        organizations: args.organizations.iter().cloned().collect(),
        locations: args.locations.iter().cloned().collect(),
    };
    let new = NewToken {
        name: args.name.as_ref().map(ToString::to_string),
        scope: args.scope,
        bounds,
        lifetime: args.expires.0,
    };
    let token = KeyFiles::of(&place)?.keys()?.mint(&new).map_err(Failure::usage)?;
    let _ = writeln!(
        std::io::stderr(),
        "milepost: the service does not run here, so this token is not listed; it is good all the same"
    );
    Ok(token)
}

enum Refused {
    Unreachable,
    Said(Failure),
}

fn create_with(client: &Client, runtime: &Runtime, args: &CreateArgs) -> Result<String, Refused> {
    let titles = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let input = TokenInput {
        name: args.name.as_ref().map(ToString::to_string),
        scope: args.scope.to_string(),
        expires_in: args
            .expires
            .0
            .and_then(|lifetime| u64::try_from(lifetime.num_seconds()).ok()?.try_into().ok()),
        organizations: titles(&args.organizations),
        locations: titles(&args.locations),
    };
    let answer = runtime.block_on(client.create_token().body(input).send());
    let made = answer.map_err(|error| match error {
        milepost_client::Error::CommunicationError(_) => Refused::Unreachable,
        error => Refused::Said(Failure::usage(explain(client, error))),
    })?;
    let without = || Refused::Said(Failure::usage("the service answered without a token"));
    made.into_inner().token.ok_or_else(without)
}

async fn all(client: &Client) -> Result<Vec<Token>, Failure> {
    pages(async |page| {
        let answer = client.list_tokens().per_page("all").page(page).send().await;
        let list = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        Ok((list.results, list.subtotal))
    })
    .await
}

fn table(tokens: &[Token], now: milepost_domain::Time) -> Table {
    let columns = vec![
        Column::new("Id"),
        Column::new("Name").shrinks(1, 8),
        Column::new("Scope"),
        Column::new("Bound to").shrinks(0, 8).drops(1),
        Column::new("Made").drops(0),
        Column::new("State"),
    ];
    let row = |token: &Token| {
        let bounds: Vec<String> =
            token.organizations.iter().chain(&token.locations).map(|title| clean(title)).collect();
        let (state, tone) = match (token.revoked_at, token.expires_at) {
            (Some(_), _) => ("revoked".to_owned(), Tone::Quiet),
            (None, Some(at)) if at <= now => ("run out".to_owned(), Tone::Quiet),
            (None, Some(at)) => (format!("until {}", at.format("%Y-%m-%d")), Tone::Good),
            (None, None) => ("for ever".to_owned(), Tone::Good),
        };
        vec![
            Cell::new(token.id.to_string()),
            Cell::new(clean(&token.name)),
            Cell::new(token.scope.clone().unwrap_or_default()),
            Cell::new(bounds.join(", ")),
            Cell::new(age(token.created_at, now)),
            Cell::new(state).tone(tone),
        ]
    };
    Table::new(columns, tokens.iter().map(row).collect())
}

/// How long a token is valid; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime(pub(crate) Option<chrono::Duration>);

impl std::str::FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" {
            return Ok(Self(None));
        }
        let wrong = || format!("'{text}' is no duration; write for example 45m, 12h, 30d, 1y or never");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let number: i64 = text.strip_suffix(unit).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            'y' => 31_536_000,
            _ => return Err(wrong()),
        };
        let seconds = number.checked_mul(seconds).filter(|seconds| (1..=3_153_600_000).contains(seconds));
        Ok(Self(chrono::Duration::try_seconds(seconds.ok_or_else(wrong)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!("30d".parse::<Lifetime>().unwrap().0, chrono::Duration::try_days(30));
        assert_eq!("never".parse::<Lifetime>().unwrap().0, None);
        for text in ["", "30", "d", "-1d", "0d", "30 d", "1000y"] {
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
    }
}
