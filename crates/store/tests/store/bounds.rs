//! What somebody sees who is bound to organizations and locations.

use milepost_domain::{Bounds, HostFacts, Name, registry::Mode};
use milepost_store::{list, statistics};
use milepost_testkit::Database;
use proptest::prelude::*;

use crate::support::{at, everything, name, node, open, opening};

const TITLES: [Option<&str>; 7] =
    [None, Some("acme"), Some("acme/web"), Some("acme2"), Some("Europe"), Some("Europe/Brno"), Some("%")];

fn title() -> impl Strategy<Value = Option<Name>> {
    proptest::sample::select(TITLES.to_vec()).prop_map(|title| title.map(name))
}

fn titles() -> impl Strategy<Value = std::collections::BTreeSet<Name>> {
    proptest::collection::btree_set(title().prop_filter_map("a title", |title| title), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn lists_and_counts_hold_what_the_bounds_allow_and_nothing_else(
        hosts in proptest::collection::vec((title(), title()), 1..12),
        organizations in titles(),
        locations in titles(),
    ) {
        let node = node(&Database::new(), Mode::Strict);
        let bounds = Bounds { organizations, locations };
        let mut allowed: Vec<String> = Vec::new();
        for (number, (organization, location)) in hosts.into_iter().enumerate() {
            let mut opening = opening(&node, &format!("web{number}.example.com"), 0);
            opening.host = HostFacts { organization, location, ..opening.host };
            if bounds.allow(&opening.host) {
                allowed.push(opening.host.name.to_string());
            }
            open(&node, &opening);
        }
        let query = list::Query { bounds: bounds.clone(), ..everything(at(9)) };
        let builds = node.read(|connection| list::builds(connection, &query, None)).unwrap();
        let hosts = node.read(|connection| list::hosts(connection, &query)).unwrap();
        let states = node.read(|connection| list::states(connection, at(0), at(9), &bounds)).unwrap();
        let mut found: Vec<String> = builds.results.iter().map(|found| found.host.facts.name.to_string()).collect();
        found.sort();
        allowed.sort();
        prop_assert_eq!(&found, &allowed);
        let mut found: Vec<String> = hosts.results.iter().map(|found| found.host.facts.name.to_string()).collect();
        found.sort();
        prop_assert_eq!(&found, &allowed);
        let count = i64::try_from(allowed.len()).unwrap();
        prop_assert_eq!((builds.total, builds.subtotal, hosts.total, hosts.subtotal), (count, count, count, count));
        let day = at(0).date_naive();
        let counted = statistics::Query { from: day, until: day.succ_opt().unwrap(), search: None, bounds, now: at(9) };
        let statistics = node.read(|connection| statistics::of(connection, &counted)).unwrap();
        prop_assert_eq!(statistics.days.iter().map(|outcome| outcome.builds).sum::<i64>(), count);
        prop_assert_eq!(statistics.workflows.iter().map(|workflow| workflow.builds).sum::<i64>(), count);
        prop_assert_eq!(states.iter().map(|(_, count)| count).sum::<i64>(), count);
    }
}
