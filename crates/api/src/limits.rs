//! How much anybody may ask for.
//!
//! The rule it protects: whoever asks for too much is told so at once, with 429, and nobody else
//! notices; what a machine says beyond its limit is counted on its build.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::{NonZeroU32, NonZeroUsize},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use actix_web::HttpRequest;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use lru::LruCache;
use milepost_domain::{BuildId, Report};
use prometheus_client::{metrics::counter::Counter, registry::Registry};

use crate::{
    App,
    auth::client_address,
    problem::{Code, Problem},
};

/// The limits, each 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// Reports of one build in a second, on average. A burst may be [`BURST`] times that.
    pub build_reports_per_second: u32,
    /// Reports of one build in all, since this process was started.
    pub build_reports: u32,
    /// MiB of logs of one build in all, since this process was started.
    pub build_log_megabytes: u32,
    /// Requests of one address in a second, on average.
    pub address_requests_per_second: u32,
    /// Requests of everybody in a second, on average.
    pub requests_per_second: u32,
    /// Wrong credentials of one address in a minute, before it is not listened to for a minute.
    pub guesses_per_minute: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            // cloud-init and curtin send some 300 events in a few minutes.
            build_reports_per_second: 50,
            build_reports: 100_000,
            build_log_megabytes: 256,
            // A thousand hosts behind one Smart Proxy.
            address_requests_per_second: 2_000,
            requests_per_second: 0,
            // A host in a boot loop whose build is long forgotten says as much, and is no guesser.
            guesses_per_minute: 120,
        }
    }
}

/// How many seconds' worth may come at once: a batch of what was kept while the network was down.
pub const BURST: u32 = 40;
/// Of how many builds what they have spent is known.
const BUILDS: NonZeroUsize = match NonZeroUsize::new(65_536) {
    Some(builds) => builds,
    None => NonZeroUsize::MIN,
};
/// How many addresses are known that guess.
const GUESSERS: NonZeroUsize = match NonZeroUsize::new(4_096) {
    Some(addresses) => addresses,
    None => NonZeroUsize::MIN,
};
/// How long an address that guesses is not listened to.
const DEAF: Duration = Duration::from_secs(60);

/// What a build has spent of its budget.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    reports: u32,
    log_bytes: u64,
}

/// The limits at work.
pub(crate) struct Limits {
    settings: LimitSettings,
    builds: Option<DefaultKeyedRateLimiter<BuildId>>,
    spent: Mutex<LruCache<BuildId, Spent>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    everybody: Option<DefaultDirectRateLimiter>,
    guesses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    deaf_until: Mutex<LruCache<IpAddr, Instant>>,
    /// Reports beyond the limit of their build, that are still to be counted on it.
    beyond: Mutex<HashMap<BuildId, u32>>,
    limited: Counter,
    refused: Counter,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn quota(per_second: u32, burst: u32) -> Option<Quota> {
    let per_second = NonZeroU32::new(per_second)?;
    Some(Quota::per_second(per_second).allow_burst(per_second.saturating_mul(NonZeroU32::new(burst)?)))
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let guesses = NonZeroU32::new(settings.guesses_per_minute).map(Quota::per_minute);
        Self {
            settings,
            builds: quota(settings.build_reports_per_second, BURST).map(RateLimiter::keyed),
            spent: Mutex::new(LruCache::new(BUILDS)),
            addresses: quota(settings.address_requests_per_second, 5).map(RateLimiter::keyed),
            everybody: quota(settings.requests_per_second, 2).map(RateLimiter::direct),
            guesses: guesses.map(RateLimiter::keyed),
            deaf_until: Mutex::new(LruCache::new(GUESSERS)),
            beyond: Mutex::default(),
            limited: Counter::default(),
            refused: Counter::default(),
        }
    }

    /// That the sender of a request may ask at all now.
    pub(crate) fn admit(&self, request: &HttpRequest, app: &App) -> Result<(), Problem> {
        let too_many = |what: &str| {
            self.limited.inc();
            Problem::later(
                format!("{what} sends more requests than this service takes; try again in a second"),
                1,
            )
        };
        if self.everybody.as_ref().is_some_and(|all| all.check().is_err()) {
            return Err(too_many("everybody together"));
        }
        let Some(addresses) = &self.addresses else { return Ok(()) };
        match client_address(request, &app.settings.trusted_proxies).map(neighbourhood) {
            Some(address) if addresses.check_key(&address).is_err() => Err(too_many("this address")),
            _ => Ok(()),
        }
    }

    /// That so many reports of a build are within its limits. Those beyond are counted on it.
    pub(crate) fn spend(&self, build: BuildId, reports: &[Report]) -> Result<(), Problem> {
        let count = u32::try_from(reports.len()).unwrap_or(u32::MAX);
        let Some(cells) = NonZeroU32::new(count) else { return Ok(()) };
        let refuse = |detail: String, after: u32| {
            self.limited.inc_by(count.into());
            let mut beyond = lock(&self.beyond);
            let so_far = beyond.entry(build).or_default();
            *so_far = so_far.saturating_add(count);
            Problem::later(detail, after)
        };
        if let Some(builds) = &self.builds
            // A batch that is larger than any burst takes all of one.
            && !matches!(builds.check_key_n(&build, cells.min(self.burst())), Ok(Ok(())))
        {
            let detail = format!(
                "this build reports faster than {} times a second; report less, or later",
                self.settings.build_reports_per_second
            );
            return Err(refuse(detail, 1));
        }
        let log_bytes: usize =
            reports.iter().filter_map(|report| report.log.as_ref()).map(|log| log.text().len()).sum();
        let log_bytes = u64::try_from(log_bytes).unwrap_or(u64::MAX);
        let mut all = lock(&self.spent);
        let spent = all.get_or_insert_mut(build, Spent::default);
        let (reports, bytes) =
            (spent.reports.saturating_add(count), spent.log_bytes.saturating_add(log_bytes));
        let settings = &self.settings;
        let megabytes = u64::from(settings.build_log_megabytes);
        if settings.build_reports > 0 && reports > settings.build_reports {
            let detail = format!("this build has used up its {} reports", settings.build_reports);
            return Err(refuse(detail, 3600));
        }
        if megabytes > 0 && log_bytes > 0 && bytes > megabytes * 1024 * 1024 {
            let detail = format!("this build has used up its {megabytes} MiB of logs; report without");
            return Err(refuse(detail, 3600));
        }
        *spent = Spent { reports, log_bytes: bytes };
        Ok(())
    }

    fn burst(&self) -> NonZeroU32 {
        let cells = self.settings.build_reports_per_second.saturating_mul(BURST);
        NonZeroU32::new(cells).unwrap_or(NonZeroU32::MIN)
    }

    /// That the sender of a request has not guessed too often of late.
    pub(crate) fn may_guess(&self, request: &HttpRequest, app: &App) -> Result<(), Problem> {
        let Some(address) = client_address(request, &app.settings.trusted_proxies).map(neighbourhood) else {
            return Ok(());
        };
        let until = lock(&self.deaf_until).get(&address).copied();
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(left) if !left.is_zero() => Err(deaf(left)),
            _ => Ok(()),
        }
    }

    /// Notes a wrong credential, and says so, or that there were too many.
    pub(crate) fn guessed(&self, request: &HttpRequest, app: &App, problem: Problem) -> Problem {
        if problem.code != Code::Unauthenticated {
            return problem;
        }
        let Some(address) = client_address(request, &app.settings.trusted_proxies) else { return problem };
        if let Err(problem) = self.may_guess(request, app) {
            return problem;
        }
        self.refused.inc();
        // fail2ban reads this line (docs/security.md); nothing of it comes from the request.
        log::warn!(target: "milepost::auth", "refused a credential from {address}");
        let address = neighbourhood(address);
        if self.guesses.as_ref().is_some_and(|guesses| guesses.check_key(&address).is_err()) {
            log::warn!(target: "milepost::auth", "not listening to credentials from {address} for {} s", DEAF.as_secs());
            lock(&self.deaf_until).put(address, Instant::now() + DEAF);
        }
        problem
    }

    /// What is to be counted on builds since this was asked last.
    pub(crate) fn take_beyond(&self) -> HashMap<BuildId, u32> {
        std::mem::take(&mut lock(&self.beyond))
    }

    /// Forgets whoever has not been heard of for a while.
    pub(crate) fn tidy(&self) {
        if let Some(builds) = &self.builds {
            builds.retain_recent();
        }
        for addresses in [&self.addresses, &self.guesses].into_iter().flatten() {
            addresses.retain_recent();
        }
    }

    /// Names what is counted, for whoever prints it.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("requests_limited", "Requests and reports beyond a limit", self.limited.clone());
        registry.register("credentials_refused", "Wrong credentials", self.refused.clone());
    }
}

fn deaf(left: Duration) -> Problem {
    let seconds = u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Problem::later(
        format!("too many wrong credentials came from this address; try again in {seconds} s"),
        seconds,
    )
}

/// An address with those that belong to the same holder: a host has a whole /64 of IPv6.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
