//! The rules by which builds are made up.
//!
//! The rule it protects: [`tuned`] was looked at while the estimator was made, [`untouched`] was
//! written before it and looked at when it was finished. Who changes the estimator after reading the
//! results of the second has to write a third.

pub(crate) mod tuned;
pub(crate) mod untouched;

use milepost_domain::HostFacts;

/// What is known of a host of these rules.
pub(crate) fn facts(name: &str, hostgroup: &str, model: &str, location: &str) -> Option<HostFacts> {
    let mut facts = HostFacts::named(name.parse().ok()?);
    facts.hostgroup = hostgroup.parse().ok();
    facts.model = model.parse().ok();
    facts.location = location.parse().ok();
    Some(facts)
}
