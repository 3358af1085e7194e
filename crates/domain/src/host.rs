//! What is known of a host.
//!
//! The rule it protects: a host is found by Foreman's id where there is one, because names
//! change, and by its name otherwise; the rest describes it and is kept as last heard.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{HostId, Name, Time};

/// What a registration says of a host. Everything but the name may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The FQDN, in lower case.
    pub name: Name,
    /// Foreman's numeric id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreman_id: Option<i64>,
    /// MAC address of the provisioning interface, lower case with colons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Address of the provisioning interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// Foreman's organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Name>,
    /// Foreman's location, elsewhere called datacenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Name>,
    /// Foreman's host group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostgroup: Option<Name>,
    /// Operating system and version, as Foreman names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operatingsystem: Option<Name>,
    /// Hardware model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
}

impl HostFacts {
    /// A host of which only the name is known.
    #[must_use]
    pub const fn named(name: Name) -> Self {
        Self {
            name,
            foreman_id: None,
            mac: None,
            ip: None,
            organization: None,
            location: None,
            hostgroup: None,
            operatingsystem: None,
            model: None,
        }
    }
}

/// A host that Milepost knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Our id.
    pub id: HostId,
    /// What is known of it.
    pub facts: HostFacts,
    /// When it was first heard of.
    pub created_at: Time,
}

/// How somebody names a host in a request: `{host}` in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostRef {
    /// Our id.
    Id(HostId),
    /// Foreman's numeric id.
    Foreman(i64),
    /// The FQDN, compared without case.
    Name(String),
    /// The MAC address of its provisioning interface, as [`parse_mac`] spells it. Never read from a
    /// path: it is how a machine is known that sends no token.
    Mac(String),
    /// The address of its provisioning interface; as [`HostRef::Mac`].
    Ip(IpAddr),
}

impl HostRef {
    /// Reads an id of ours, a number (Foreman's id), or else a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Ok(id) = text.parse() {
            return Self::Id(id);
        }
        text.parse().map_or_else(|_| Self::Name(text.to_lowercase()), Self::Foreman)
    }

    /// Whether it is `host` that is meant.
    #[must_use]
    pub fn is(&self, host: &Host) -> bool {
        match self {
            Self::Id(id) => host.id == *id,
            Self::Foreman(id) => host.facts.foreman_id == Some(*id),
            Self::Name(name) => host.facts.name.as_str() == name,
            Self::Mac(mac) => host.facts.mac.as_ref() == Some(mac),
            Self::Ip(ip) => host.facts.ip == Some(*ip),
        }
    }
}

/// A host name that cannot be told from an id, or is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostName {
    /// Not a name at all.
    #[error("host {0}")]
    Text(#[from] crate::text::InvalidText),
    /// It would be read as an id where a host is named by either.
    #[error("host name '{0}' reads like an id; use the FQDN")]
    LooksLikeAnId(String),
    /// A character that no host name has.
    #[error("host name '{0}' may hold only letters, digits, '.', '-' and '_'")]
    Character(String),
}

/// Reads a host's name: lower case, no trailing dot, never a number or a UUID.
///
/// # Errors
/// When it is empty, too long, holds other characters than a host name, or reads like an id.
pub fn parse_host_name(text: &str) -> Result<Name, InvalidHostName> {
    let lower = text.trim().trim_end_matches('.').to_lowercase();
    let name: Name = lower.parse()?;
    if !lower.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err(InvalidHostName::Character(lower));
    }
    match HostRef::parse(&lower) {
        HostRef::Name(_) => Ok(name),
        _ => Err(InvalidHostName::LooksLikeAnId(lower)),
    }
}

/// Reads a MAC address (or the 20 octets of InfiniBand), with colons or dashes, any case.
///
/// # Errors
/// The sentence for the sender, when it is none.
pub fn parse_mac(text: &str) -> Result<String, String> {
    let mac = text.trim().to_lowercase().replace('-', ":");
    let octets: Vec<&str> = mac.split(':').collect();
    let is_octet = |octet: &&str| octet.len() == 2 && octet.chars().all(|c| c.is_ascii_hexdigit());
    if matches!(octets.len(), 6 | 20) && octets.iter().all(is_octet) {
        Ok(mac)
    } else {
        Err(format!(
            "mac must look like 52:54:00:12:34:56, not '{}'",
            text.chars().take(64).collect::<String>()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_by_our_id_by_foremans_or_by_its_name() {
        assert_eq!(HostRef::parse("42"), HostRef::Foreman(42));
        assert_eq!(HostRef::parse("WEB1.example.com"), HostRef::Name("web1.example.com".into()));
        assert!(matches!(HostRef::parse("0193b0a0-0000-7000-8000-000000000001"), HostRef::Id(_)));
    }

    #[test]
    fn a_name_that_reads_like_an_id_is_refused() {
        assert_eq!(parse_host_name("Web1.Example.com.").unwrap().as_str(), "web1.example.com");
        for name in ["42", "0193b0a0-0000-7000-8000-000000000001", "", "web 1", "a/b"] {
            assert!(parse_host_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn macs_are_kept_in_one_spelling() {
        assert_eq!(parse_mac("52-54-00-AB-CD-EF").unwrap(), "52:54:00:ab:cd:ef");
        assert!(parse_mac("52:54:00:12:34").is_err());
    }
}
