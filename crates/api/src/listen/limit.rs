//! How many connections an address may have at once.
//!
//! The rule it protects: one client that opens connections without end takes them from itself, not
//! from the machines that are being installed.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;
use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Connections {
    /// How many an address may have; `None`: any number.
    limit: Option<usize>,
    /// Who may have any number: each speaks for many.
    exempt: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, usize>>,
    refused: Counter,
    log: Seldom,
}

/// A connection that counts, as long as this value lives.
#[derive(Debug)]
pub(crate) struct Seat(Option<(Arc<Connections>, IpAddr)>);

impl Connections {
    /// None yet. `limit` is for each address, 0: there is none.
    pub(crate) fn new(limit: usize, exempt: Vec<IpNet>) -> Self {
        let limit = Some(limit).filter(|limit| *limit > 0);
        Self { limit, exempt, open: Mutex::default(), refused: Counter::default(), log: Seldom::default() }
    }

    /// A seat for a connection from `address`, unless it has its share already.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        // An IPv6 socket shows who came by IPv4 in another dress.
        let address = address.to_canonical();
        let Some(limit) = self.limit else { return Some(Seat(None)) };
        if self.exempt.iter().any(|network| network.contains(&address)) {
            return Some(Seat(None));
        }
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(address).or_default();
            if *count < limit {
                *count += 1;
                return Some(Seat(Some((Arc::clone(self), address))));
            }
        }
        let refused = self.refused.inc() + 1;
        if self.log.is_due() {
            log::warn!(
                "closed a connection from {address}, which has {limit} already ({refused} closed so far); if it speaks \
                 for many, name it in [trust] proxies, or raise [limits] connections_per_address"
            );
        }
        None
    }

    /// Adds what is counted to the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Connections closed because their address had too many";
        registry.register("connections_refused", help, self.refused.clone());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((connections, address)) = self.0.take() else { return };
        let mut open = connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(address) {
            *count.get_mut() -= 1;
            // Addresses that went are not kept.
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Tells when a line may be logged again whose cause a stranger can repeat at will: once a second.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    pub(super) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_due = last.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(1));
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_gets_its_share_again_when_its_connections_end() {
        let connections = Arc::new(Connections::new(2, Vec::new()));
        let here = address("192.0.2.1");
        let (first, second) = (connections.admit(here), connections.admit(address("::ffff:192.0.2.1")));
        assert!(first.is_some() && second.is_some());
        assert!(connections.admit(here).is_none(), "the same address in both dresses");
        assert!(connections.admit(address("192.0.2.2")).is_some(), "others are not concerned");
        drop(first);
        let third = connections.admit(here);
        assert!(third.is_some());
        assert_eq!(connections.refused.get(), 1);
        drop((second, third));
        assert!(connections.open.lock().unwrap().is_empty(), "nothing is kept of who went");
    }

    #[test]
    fn a_proxy_and_a_service_without_a_limit_admit_any_number() {
        let proxy = Connections::new(1, vec!["192.0.2.0/24".parse().unwrap()]);
        for connections in [Connections::new(0, Vec::new()), proxy] {
            let connections = Arc::new(connections);
            let seats: Vec<_> = (0..3).map(|_| connections.admit(address("192.0.2.1"))).collect();
            assert!(seats.iter().all(Option::is_some), "{connections:?}");
        }
    }

    #[test]
    fn what_can_be_repeated_at_will_is_said_seldom() {
        let seldom = Seldom::default();
        assert!(seldom.is_due());
        assert!(!(0..100).all(|_| seldom.is_due()));
    }
}
