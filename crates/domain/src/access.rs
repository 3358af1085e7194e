//! What a credential allows: how much, and of which hosts.
//!
//! The rule it protects: a scope includes those below it and nothing else; whoever is bound to places
//! sees nothing that does not say where it belongs.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{HostFacts, Name};

/// What a credential allows; each includes those before it, but for [`Scope::Report`], which is of
/// one build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Report of one build.
    Report,
    /// See.
    Read,
    /// Open and judge builds, change the registry.
    Manage,
    /// Make and revoke tokens, see the audit trail.
    Admin,
}

impl Scope {
    /// The scopes of programs and people, as they are written.
    pub const WORDS: &'static [&'static str] = &["read", "manage", "admin"];

    /// The word that travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Read => "read",
            Self::Manage => "manage",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    /// Reads a scope of programs and people.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "manage" => Ok(Self::Manage),
            "admin" => Ok(Self::Admin),
            other => Err(format!("scope must be {}, not '{other}'", Self::WORDS.join(", "))),
        }
    }
}

/// The organizations and locations that somebody is bound to. In Foreman both form trees, and a
/// title names the way down (`Europe/Brno`): a bound to `Europe` covers `Europe/Brno` as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Only hosts of these organizations; empty: of any, and of none.
    pub organizations: BTreeSet<Name>,
    /// Only hosts of these locations; empty: of any, and of none.
    pub locations: BTreeSet<Name>,
}

impl Bounds {
    /// Whether there are any.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        !self.organizations.is_empty() || !self.locations.is_empty()
    }

    /// Whether a host lies within.
    #[must_use]
    pub fn allow(&self, host: &HostFacts) -> bool {
        covers(&self.organizations, host.organization.as_ref())
            && covers(&self.locations, host.location.as_ref())
    }

    /// Whether nothing lies within `other` that does not lie within these.
    #[must_use]
    pub fn contain(&self, other: &Self) -> bool {
        let contains = |ours: &BTreeSet<Name>, theirs: &BTreeSet<Name>| {
            ours.is_empty() || !theirs.is_empty() && theirs.iter().all(|title| covers(ours, Some(title)))
        };
        contains(&self.organizations, &other.organizations) && contains(&self.locations, &other.locations)
    }
}

fn covers(bound: &BTreeSet<Name>, title: Option<&Name>) -> bool {
    let Some(title) = title else { return bound.is_empty() };
    let below =
        |name: &Name| title.as_str().strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'));
    bound.is_empty() || bound.contains(title) || bound.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(organizations: &[&str], locations: &[&str]) -> Bounds {
        let names = |titles: &[&str]| titles.iter().map(|title| title.parse().unwrap()).collect();
        Bounds { organizations: names(organizations), locations: names(locations) }
    }

    fn host(organization: Option<&str>, location: Option<&str>) -> HostFacts {
        HostFacts {
            organization: organization.map(|title| title.parse().unwrap()),
            location: location.map(|title| title.parse().unwrap()),
            ..HostFacts::named("web1.example.com".parse().unwrap())
        }
    }

    #[test]
    fn a_bound_covers_what_lies_below_it_and_nothing_beside_it() {
        let bound = bounds(&["acme"], &["Europe"]);
        assert!(bound.allow(&host(Some("acme"), Some("Europe"))));
        assert!(bound.allow(&host(Some("acme/web"), Some("Europe/Brno/hall 1"))));
        for (organization, location) in [
            (Some("acme"), Some("Europe2")),
            (Some("acme"), Some("Asia/Europe")),
            (Some("other"), Some("Europe")),
            (None, Some("Europe")),
            (Some("acme"), None),
        ] {
            assert!(!bound.allow(&host(organization, location)), "{organization:?} {location:?}");
        }
        assert!(bounds(&[], &[]).allow(&host(None, None)), "whoever is not bound sees all");
    }

    #[test]
    fn narrower_bounds_are_contained_and_wider_ones_are_not() {
        let bound = bounds(&["acme"], &[]);
        assert!(bound.contain(&bounds(&["acme"], &["Brno"])));
        assert!(bound.contain(&bounds(&["acme/web"], &[])));
        assert!(!bound.contain(&bounds(&["acme", "other"], &[])));
        assert!(!bound.contain(&Bounds::default()), "no bound is the widest of all");
        assert!(Bounds::default().contain(&bound));
    }
}
