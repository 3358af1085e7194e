//! Who a connection is, when nothing that was sent says so: by its certificate, or by the word of a
//! proxy that is trusted; and from which address it comes.
//!
//! The rule it protects: what anybody can write into a header is believed only from an address that
//! the settings trust.

use std::net::IpAddr;

use actix_web::HttpRequest;
use ipnet::IpNet;
use milepost_domain::{Bounds, Scope};

use super::{Identity, Who};
use crate::{App, listen::ClientCertificate};

/// A host whose certificate acts with a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedHost {
    /// The certificate's CN or one of its DNS names, in lower case.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
}

/// A reverse proxy that has authenticated whoever calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The header in which it names them.
    pub header: String,
    /// What they may do.
    pub scope: Scope,
}

/// The address that a request comes from: the peer's, or what trusted proxies say theirs is. The last
/// word of `X-Forwarded-For` that no trusted proxy wrote of another one counts.
#[must_use]
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let mut words: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut client = peer;
    while let Some(word) = words.pop() {
        // Whoever wrote what is no address cannot be believed about what stands before it.
        let Ok(address) = word.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    Some(client)
}

/// Who the connection is: by its certificate, else by what its proxy says.
pub(super) fn of_connection(app: &App, request: &HttpRequest) -> Option<Who> {
    let who = |name: String, scope, is_ambient| Who {
        identity: Identity::Named(name),
        scope,
        bounds: Bounds::default(),
        is_ambient,
    };
    if let Some(certificate) = request.conn_data::<ClientCertificate>() {
        let trusted = &app.settings.trusted_hosts;
        let host = trusted.iter().find(|host| certificate.names.contains(&host.name));
        if let Some(host) = host {
            // A browser may hold one, too.
            return Some(who(format!("certificate {}", host.name), host.scope, true));
        }
    }
    let proxy = app.settings.proxy_user.as_ref()?;
    let peer = request.peer_addr()?.ip().to_canonical();
    if !app.settings.trusted_proxies.iter().any(|network| network.contains(&peer)) {
        return None;
    }
    let user = request.headers().get(proxy.header.as_str())?.to_str().ok()?.trim();
    (!user.is_empty() && user.len() <= 255).then(|| who(format!("user {user}"), proxy.scope, true))
}
