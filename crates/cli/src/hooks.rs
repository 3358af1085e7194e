//! `milepost hooks`: who is told what happens, made, looked at, tried out and ended.
//!
//! The rule it protects: a secret is printed once, alone, on standard output; what a hook is told and
//! whether it takes it is seen in one look.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use milepost_api::Scope;
use milepost_client::{
    Client, explain,
    types::{Delivery, Hook, HookInput, HookPatch},
};
use milepost_domain::Time;
use uuid::Uuid;

use crate::{
    failure::Failure,
    output::{Cell, Column, Console, OutputArgs, Table, Tone, age, clean, duration},
    reach,
    remote::RemoteArgs,
    steps::ListArgs,
    workflows::pages,
};

/// How many of the latest deliveries are shown of a hook.
const SHOWN: usize = 20;

/// Hooks: what can be done with them.
#[derive(Debug, Clone, Args)]
pub(crate) struct HooksArgs {
    #[command(subcommand)]
    pub(crate) command: HooksCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HooksCommand {
    /// Show the hooks that there are
    List(ListArgs),
    /// Make a hook; its secret is printed once, alone, on standard output
    #[command(after_help = "\
Examples:
  milepost hooks create https://ops.example.com/milepost --event 'signal.*' --event build.failed
  milepost hooks create https://chat.example.com/hooks/4kx --format slack --search 'location = brno'

Events: build.opened, .running, .failed, .installed, .completed, .canceled, .superseded, .expired, and
signal.KIND.began and .cleared. A * stands for any part of a name, and at its end for all that follow.")]
    Create(CreateArgs),
    /// Show one hook with what was sent to it last, and what became of it
    Show {
        /// The hook: its name or its id
        hook: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Send a test now, and say what became of it; exit 2 if it was not taken
    Test {
        /// The hook: its name or its id
        hook: String,
    },
    /// Send again to a hook that was disabled, what waits first
    Enable {
        /// The hook: its name or its id
        hook: String,
    },
    /// Send nothing to a hook until it is enabled
    Disable {
        /// The hook: its name or its id
        hook: String,
    },
    /// Make a new secret and print it, alone; the one before signs as well for a day
    Secret {
        /// The hook: its name or its id
        hook: String,
    },
    /// Remove a hook, with what was still to be sent to it
    Delete {
        /// The hook: its name or its id
        hook: String,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CreateArgs {
    /// Where to, by POST
    #[arg(value_name = "URL")]
    to: String,
    /// What it is for [default: the host of its URL]
    #[arg(long)]
    name: Option<String>,
    /// Of which events; may be given several times [default: of all]
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// Of which builds, as in lists: 'location = brno'
    #[arg(long, value_name = "SEARCH")]
    search: Option<String>,
    /// standard: signed JSON; slack: a message for a channel of Slack or Mattermost
    #[arg(long, default_value = "standard", value_parser = ["standard", "slack"])]
    format: String,
}

impl HooksCommand {
    /// How to print.
    pub(crate) fn output(&self) -> OutputArgs {
        match self {
            Self::List(list) | Self::Show { list, .. } => list.output,
            _ => OutputArgs::default(),
        }
    }
}

/// Does what was asked for.
///
/// # Errors
/// When the service refuses or gives no answer, there is no such hook, a test was not taken, or what is
/// shown cannot be written.
pub(crate) fn run(
    command: &HooksCommand,
    remote: RemoteArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (client, runtime) = reach(remote, Scope::Admin)?;
    runtime.block_on(work(command, &client, milepost_api::now(), console))
}

async fn work(
    command: &HooksCommand,
    client: &Client,
    now: Time,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match command {
        HooksCommand::List(args) => {
            let hooks = all(client).await?;
            if args.json {
                return console.print_json(&hooks);
            }
            if hooks.is_empty() {
                return console
                    .say_empty("there are no hooks yet; make one with `milepost hooks create URL`");
            }
            let table = table(&hooks, now).render(&console.screen);
            console.print(&table)
        }
        HooksCommand::Create(args) => {
            let input = HookInput {
                name: args.name.clone(),
                url: args.to.clone(),
                events: args.events.clone(),
                search: args.search.clone(),
                format: Some(args.format.clone()),
                secret: None,
                enabled: None,
            };
            let answer = client.create_hook().body(input).send().await;
            let hook = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
            // Nobody reads it, or nobody can: the secret is what was asked for.
            let _ = writeln!(
                console.talk,
                "hook {} ({}) is made; its secret, which is shown this once:",
                clean(&hook.name),
                hook.id
            );
            console.print(&format!("{}\n", hook.secret.unwrap_or_default()))
        }
        HooksCommand::Show { hook, list } => {
            let hook = named(client, hook).await?;
            let request = client.list_hook_deliveries().id(hook.id).per_page(SHOWN.to_string());
            let answer = request.send().await.map_err(|error| Failure::usage(explain(client, error)))?;
            let deliveries = answer.into_inner();
            if list.json {
                let both = serde_json::json!({"hook": hook, "deliveries": deliveries.results});
                return console.print_json(&both);
            }
            let mut text = head(&hook, now);
            if deliveries.results.is_empty() {
                text.push_str("\nNothing was sent to it in the last week; try it out: milepost hooks test\n");
            } else {
                text.push('\n');
                text.push_str(&sent(&deliveries.results, now).render(&console.screen));
            }
            let more = deliveries.total - i64::try_from(deliveries.results.len()).unwrap_or(i64::MAX);
            if more > 0 {
                let _ = writeln!(text, "and {more} before");
            }
            console.print(&text)
        }
        HooksCommand::Test { hook } => {
            let hook = named(client, hook).await?;
            let answer = client.test_hook().id(hook.id).send().await;
            let test = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
            let name = clean(&hook.name);
            if !test.delivered {
                let why = test.error.as_deref().map(clean).unwrap_or_default();
                return Err(Failure::usage(format!("hook {name} did not take the test: {why}")));
            }
            let status = test.status.unwrap_or_default();
            console.print(&format!("hook {name} took the test: {status} in {} ms\n", test.milliseconds))
        }
        HooksCommand::Enable { hook } => {
            change(client, hook, HookPatch { enabled: Some(true), ..HookPatch::default() }, console).await
        }
        HooksCommand::Disable { hook } => {
            change(client, hook, HookPatch { enabled: Some(false), ..HookPatch::default() }, console).await
        }
        HooksCommand::Secret { hook } => {
            let patch = HookPatch { new_secret: Some(true), ..HookPatch::default() };
            let hook = patched(client, named(client, hook).await?.id, patch).await?;
            console.print(&format!("{}\n", hook.secret.unwrap_or_default()))
        }
        HooksCommand::Delete { hook } => {
            let hook = named(client, hook).await?;
            let answer = client.delete_hook().id(hook.id).send().await;
            let gone = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
            console.print(&format!("hook {}: deleted\n", clean(&gone.name)))
        }
    }
}

async fn change(
    client: &Client,
    hook: &str,
    patch: HookPatch,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let hook = patched(client, named(client, hook).await?.id, patch).await?;
    let state = if hook.enabled { "enabled" } else { "disabled" };
    console.print(&format!("hook {}: {state}\n", clean(&hook.name)))
}

async fn patched(client: &Client, id: Uuid, patch: HookPatch) -> Result<Hook, Failure> {
    let answer = client.update_hook().id(id).body(patch).send().await;
    Ok(answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner())
}

async fn all(client: &Client) -> Result<Vec<Hook>, Failure> {
    pages(async |page| {
        let answer = client.list_hooks().per_page("all").page(page).send().await;
        let list = answer.map_err(|error| Failure::usage(explain(client, error)))?.into_inner();
        Ok((list.results, list.subtotal))
    })
    .await
}

/// The hook of that name or id.
async fn named(client: &Client, name: &str) -> Result<Hook, Failure> {
    let hooks = all(client).await?;
    let id = name.parse::<Uuid>().ok();
    let mut found = hooks.into_iter().filter(|hook| hook.name == name || Some(hook.id) == id);
    let name = clean(name);
    match (found.next(), found.next()) {
        (Some(hook), None) => Ok(hook),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "several hooks are called '{name}'; name it by its id: milepost hooks list --json"
        ))),
        (None, _) => {
            Err(Failure::usage(format!("there is no hook '{name}'; those there are: milepost hooks list")))
        }
    }
}

/// How a hook is doing, in a word or two.
fn state(hook: &Hook, now: Time) -> (String, Tone) {
    match (hook.enabled, hook.failing_since) {
        (false, _) => ("disabled".to_owned(), Tone::Quiet),
        (true, Some(since)) => (format!("fails for {}", duration((now - since).num_seconds())), Tone::Bad),
        (true, None) => ("well".to_owned(), Tone::Good),
    }
}

fn table(hooks: &[Hook], now: Time) -> Table {
    let columns = vec![
        Column::new("Name").shrinks(2, 8),
        Column::new("URL").shrinks(0, 16),
        Column::new("Events").shrinks(1, 10),
        Column::new("Format").drops(0),
        Column::new("State"),
    ];
    let row = |hook: &Hook| {
        let events: Vec<String> = hook.events.iter().map(|pattern| clean(pattern)).collect();
        let (state, tone) = state(hook, now);
        vec![
            Cell::new(clean(&hook.name)),
            Cell::new(clean(&hook.url)),
            Cell::new(events.join(", ")),
            Cell::new(clean(&hook.format)),
            Cell::new(state).tone(tone),
        ]
    };
    Table::new(columns, hooks.iter().map(row).collect())
}

/// What stands above the deliveries.
fn head(hook: &Hook, now: Time) -> String {
    let events: Vec<String> = hook.events.iter().map(|pattern| clean(pattern)).collect();
    let mut text = format!("{} ({})\n  to      {}\n", clean(&hook.name), hook.id, clean(&hook.url));
    let mut line = |name: &str, said: &str| {
        let _ = writeln!(text, "  {name:<7} {said}");
    };
    line("format", &clean(&hook.format));
    line("events", &events.join(", "));
    if let Some(search) = &hook.search {
        line("search", &clean(search));
    }
    for (name, titles) in [("of", &hook.organizations), ("in", &hook.locations)] {
        if !titles.is_empty() {
            line(name, &titles.iter().map(|title| clean(title)).collect::<Vec<_>>().join(", "));
        }
    }
    let (state, _) = state(hook, now);
    let reason = hook.disabled_reason.as_deref().map_or_else(String::new, |why| format!(": {}", clean(why)));
    line("state", &format!("{state}{reason}"));
    line("made", &format!("{} by {}", age(hook.created_at, now), clean(&hook.created_by)));
    text
}

fn sent(deliveries: &[Delivery], now: Time) -> Table {
    let columns = vec![
        Column::new("When"),
        Column::new("Event").shrinks(1, 12),
        Column::new("State"),
        Column::new("Tries").right().drops(0),
        Column::new("Answer").shrinks(0, 12),
    ];
    let row = |delivery: &Delivery| {
        let tone = match delivery.state.as_str() {
            "delivered" => Tone::Good,
            "failed" => Tone::Bad,
            _ => Tone::Quiet,
        };
        let status = || delivery.status.map(|status| status.to_string()).unwrap_or_default();
        let answer = delivery.error.as_deref().map_or_else(status, clean);
        vec![
            Cell::new(age(delivery.at, now)),
            Cell::new(clean(&delivery.event)),
            Cell::new(clean(&delivery.state)).tone(tone),
            Cell::new(delivery.attempts.to_string()),
            Cell::new(answer),
        ]
    };
    Table::new(columns, deliveries.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Screen;

    fn hook(json: serde_json::Value) -> Hook {
        let mut hook = serde_json::json!({
            "id": "0193b0a0-0000-7000-8000-000000000001", "name": "operations",
            "url": "https://ops.example.com/milepost/receive/all/of/it", "format": "standard",
            "events": ["build.failed", "signal.*.began"], "organizations": [], "locations": [], "enabled": true,
            "created_at": "2026-11-28T10:00:00Z", "created_by": "deploy", "failures": 0,
        });
        let serde_json::Value::Object(more) = json else { panic!("members: {json}") };
        hook.as_object_mut().unwrap().extend(more);
        serde_json::from_value(hook).unwrap()
    }

    #[test]
    fn hooks_read_well_at_80_columns() {
        let screen = Screen { terminal: true, width: Some(80), colour: false, unicode: true };
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let chat = hook(serde_json::json!({"name": "chat", "format": "slack", "events": ["*"],
            "failing_since": "2026-11-28T11:00:00Z", "failures": 7}));
        let off = hook(
            serde_json::json!({"name": "old", "enabled": false, "disabled_reason": "the receiver is gone"}),
        );
        assert_eq!(
            table(&[hook(serde_json::json!({})), chat, off], now).render(&screen),
            "\
Name        URL               Events                     Format    State
operations  https://ops.exa…  build.failed, signal.*.b…  standard  well
chat        https://ops.exa…  *                          slack     fails for 1 h
old         https://ops.exa…  build.failed, signal.*.b…  standard  disabled
"
        );
    }

    #[test]
    fn a_hook_and_what_was_sent_to_it_reads_well_at_80_columns() {
        let screen = Screen { terminal: true, width: Some(80), colour: false, unicode: true };
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let one = hook(serde_json::json!({"search": "location = brno", "enabled": false,
            "disabled_reason": "the receiver says that it is gone for good (answered 410 Gone)"}));
        assert_eq!(
            head(&one, now),
            "\
operations (0193b0a0-0000-7000-8000-000000000001)
  to      https://ops.example.com/milepost/receive/all/of/it
  format  standard
  events  build.failed, signal.*.began
  search  location = brno
  state   disabled: the receiver says that it is gone for good (answered 410 Gone)
  made    2 h ago by deploy
"
        );
        let delivery = |json: serde_json::Value| -> Delivery { serde_json::from_value(json).unwrap() };
        let deliveries = [
            delivery(
                serde_json::json!({"id": "0193b0a0-0000-7000-8000-000000000002", "event": "signal.credential_expiring.began",
                "at": "2026-11-28T11:59:00Z", "state": "pending", "attempts": 3, "status": 503,
                "error": "answered 503 Service Unavailable"}),
            ),
            delivery(
                serde_json::json!({"id": "0193b0a0-0000-7000-8000-000000000003", "event": "build.failed",
                "at": "2026-11-28T11:00:00Z", "state": "delivered", "attempts": 1, "status": 204}),
            ),
        ];
        let shown = sent(&deliveries, now).render(&screen);
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(shown.contains("delivered      1  204\n"), "{shown}");
    }
}
