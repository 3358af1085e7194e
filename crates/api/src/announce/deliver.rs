//! Sending: what is due, to whom, over HTTP.
//!
//! The rule it protects: a receiver has ten seconds, is followed nowhere, and nothing of what it answers
//! is kept but the status; so a hook is no way to read what only this machine can reach.

use std::{
    error::Error as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use milepost_domain::Time;
use milepost_store::{
    audit::Entry,
    delivery::{self, Due, Outcome, Setback},
    hook::{Format, Hook},
};
use rand::RngExt as _;
use reqwest::{Client, StatusCode, Url, header, redirect};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{HookSettings, address, body, sign};
use crate::{App, clock, db};

/// How many hooks this node sends to at once: so many dead receivers hold up nobody else.
const AT_ONCE: usize = 16;
/// A hook that fails rests so long at most, and then one delivery is tried.
const REST_MAX: Duration = Duration::from_secs(300);
/// Beyond the time limit of a delivery, a node that holds a hook and says nothing has died.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is counted what there is to do.
const COUNT_EVERY: u32 = 15;
const USER_AGENT: &str = concat!("milepost/", env!("CARGO_PKG_VERSION"));

/// Sends to receivers.
#[derive(Debug)]
pub(crate) struct Courier {
    settings: HookSettings,
    /// Made when they are first needed: most services have no hook.
    outside: OnceLock<Result<Client, String>>,
    here: OnceLock<Result<Client, String>>,
}

impl Courier {
    pub(crate) fn new(settings: HookSettings) -> Self {
        Self { settings, outside: OnceLock::new(), here: OnceLock::new() }
    }

    fn client(&self, url: &Url) -> Result<&Client, String> {
        // A proxy of the environment cannot reach what listens on this machine only.
        let is_here = address::is_loopback(url);
        let client = if is_here { &self.here } else { &self.outside };
        client.get_or_init(|| self.make(is_here)).as_ref().map_err(Clone::clone)
    }

    fn make(&self, is_here: bool) -> Result<Client, String> {
        // An error only says that this process has a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let builder = Client::builder()
                .user_agent(USER_AGENT)
                .timeout(self.settings.timeout)
                .redirect(redirect::Policy::none())
                // Deliveries are rare, and a connection that a receiver has given up is no failure of its.
                .pool_max_idle_per_host(0);
            let builder = if is_here { builder.no_proxy() } else { builder };
            if self.settings.private_addresses {
                builder
            } else {
                builder.dns_resolver(Arc::new(address::PublicOnly))
            }
        };
        let without = |_| {
            log::warn!("this system has no CA certificates, so no https hook can be sent to");
            builder().tls_certs_only([]).build()
        };
        builder().build().or_else(without).map_err(|error| format!("cannot be sent from here: {error}"))
    }

    /// Sends an event, in the form that the hook wants, and says what became of it.
    pub(crate) async fn send(&self, hook: &Hook, id: Uuid, event: &str) -> Outcome {
        match self.try_send(hook, id, event).await {
            Ok(status) if status.is_success() => Outcome { status: Some(status.as_u16()), error: None },
            Ok(status) => Outcome { status: Some(status.as_u16()), error: Some(refusal(status)) },
            Err(error) => Outcome { status: None, error: Some(error) },
        }
    }

    async fn try_send(&self, hook: &Hook, id: Uuid, event: &str) -> Result<StatusCode, String> {
        let url = Url::parse(&hook.url).map_err(|error| format!("the URL cannot be read: {error}"))?;
        if !self.settings.private_addresses && address::names_a_private_one(&url) {
            return Err(
                "the URL names a private address, and those are not sent to ([hooks] private_addresses)"
                    .to_owned(),
            );
        }
        let body = body::formatted(hook.format, event)?;
        let client = self.client(&url)?;
        let mut request = client.post(url).header(header::CONTENT_TYPE, "application/json");
        if hook.format == Format::Standard {
            let (id, now) = (id.to_string(), clock::now());
            request = request
                .header("webhook-signature", sign::signatures(hook, &id, now, &body))
                .header("webhook-timestamp", now.timestamp())
                .header("webhook-id", id);
        }
        // The body of the answer is not read at all.
        request.body(body).send().await.map(|answer| answer.status()).map_err(|error| self.described(&error))
    }

    /// What happened, without the URL, which may hold a secret.
    fn described(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer within {} s", self.settings.timeout.as_secs_f64());
        }
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let what = if error.is_connect() { "no connection" } else { "no answer" };
        // The outermost error names the URL.
        if error.source().is_none() { what.to_owned() } else { format!("{what}: {innermost}") }
    }

    /// How it goes on after `failures` of the hook in a row, and `tries` of this delivery.
    fn setback(&self, failures: u32, tries: usize, is_gone: bool, now: Time) -> Setback {
        let first = self.settings.retries.first().copied().unwrap_or_default();
        let rest = first.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(REST_MAX);
        let later = |wait: Duration| now + chrono::TimeDelta::from_std(wait).unwrap_or_default();
        Setback {
            again_at: self.settings.retries.get(tries).map(|wait| later(wait.mul_f64(jitter()))),
            rests_until: later(rest.mul_f64(jitter())),
            give_up_after: self.settings.give_up_after,
            is_gone,
        }
    }
}

/// A tenth more or less, so that what failed together is not tried again together.
fn jitter() -> f64 {
    rand::rng().random_range(0.9..1.1)
}

fn refusal(status: StatusCode) -> String {
    match status {
        StatusCode::GONE => "answered 410 Gone".to_owned(),
        status if status.is_redirection() => {
            format!(
                "answered {}: redirects are not followed; give the hook the URL where this one leads",
                status.as_u16()
            )
        }
        status => format!("answered {status}"),
    }
}

/// Sends what is due for as long as the service runs.
pub(crate) async fn deliver(app: App) {
    let mut tick = actix_web::rt::time::interval(app.settings.hooks.send_every);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut ticks = 0_u32;
    loop {
        tick.tick().await;
        if app.store.condition().away.is_some() {
            continue;
        }
        if ticks.is_multiple_of(COUNT_EVERY) {
            let store = app.store.clone();
            match db::bounded(move || store.read(delivery::backlog)).await {
                Ok(backlog) => app.announced.keep(|seen| seen.1 = backlog),
                Err(error) => log::debug!("what is to be delivered is not counted: {error}"),
            }
        }
        ticks = ticks.wrapping_add(1);
        while let Ok(turn) = Arc::clone(&turns).try_acquire_owned() {
            let (store, now) = (app.store.clone(), clock::now());
            let until = held_until(&app, now);
            let claimed =
                db::bounded(move || store.write(|connection| delivery::claim(connection, now, until))).await;
            match claimed {
                Ok(Some((hook, due))) => {
                    let app = app.clone();
                    actix_web::rt::spawn(async move {
                        let _turn = turn;
                        if let Err(error) = send_all(&app, hook, due).await {
                            log::debug!(
                                "what became of a delivery could not be written down, so it is sent again: {error}"
                            );
                        }
                    });
                }
                Ok(None) => break,
                Err(error) => {
                    log::debug!("what is to be delivered cannot be read: {error}");
                    break;
                }
            }
        }
    }
}

fn held_until(app: &App, now: Time) -> Time {
    now + chrono::TimeDelta::from_std(app.settings.hooks.timeout + GRACE).unwrap_or_default()
}

/// Sends to one hook, one after the other, until something fails.
async fn send_all(app: &App, mut hook: Hook, due: Vec<Due>) -> milepost_store::Result<()> {
    for one in &due {
        let event = one.event_id;
        let outcome = app.courier.send(&hook, event, &one.body).await;
        let now = clock::now();
        if outcome.error.is_some() {
            let is_gone = outcome.status == Some(StatusCode::GONE.as_u16());
            let setback = app.courier.setback(hook.failures, one.attempts(), is_gone, now);
            return note_failure(app, &hook, event, outcome, setback, now).await;
        }
        app.announced.count("delivered");
        let (store, known, until) = (app.store.clone(), hook.clone(), held_until(app, now));
        db::bounded(move || {
            store.write(|connection| delivery::delivered(connection, &known, event, &outcome, now, until))
        })
        .await?;
        (hook.failing_since, hook.failures) = (None, 0);
    }
    let (store, now) = (app.store.clone(), clock::now());
    db::bounded(move || store.write(|connection| delivery::hold_until(connection, hook.id, now))).await
}

async fn note_failure(
    app: &App,
    hook: &Hook,
    event: Uuid,
    outcome: Outcome,
    setback: Setback,
    now: Time,
) -> milepost_store::Result<()> {
    app.announced.count(if setback.again_at.is_some() { "refused" } else { "given_up" });
    let (name, id) = (&hook.name, hook.id);
    let said = outcome.error.clone().unwrap_or_default();
    log::debug!("the hook {name} ({id}) did not take {event}: {said}");
    if setback.again_at.is_none() {
        log::warn!("the hook {name} ({id}) has not taken {event}, and it is given up: {said}");
    }
    let entry = by_the_service("disable_hook", now);
    let store = app.store.clone();
    let write =
        move || store.write(|connection| delivery::failed(connection, id, event, &outcome, &setback, &entry));
    if let Some(reason) = db::bounded(write).await? {
        log::warn!("the hook {name} ({id}) is disabled: {reason}; `milepost hooks enable` when it is mended");
    }
    Ok(())
}

/// An entry of the audit trail: what the service does by itself.
fn by_the_service(action: &str, now: Time) -> Entry {
    Entry {
        id: clock::new_id::<()>(now).uuid(),
        at: now,
        actor: "milepost".to_owned(),
        action: action.to_owned(),
        target: String::new(),
        detail: None,
        organization: None,
        location: None,
        address: None,
        request_id: String::new(),
    }
}
