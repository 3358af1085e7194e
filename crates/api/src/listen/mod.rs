//! Where the service listens, and what is known of a connection from then on.
//!
//! The rule it protects: what a listener does not serve is no path of this service there; who is at
//! the other end is found out once, when the connection is made, and not asked again.

mod limit;
mod tls;

use std::{
    any::Any,
    fmt,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    dev::{Extensions, ServiceRequest},
    rt::net::TcpStream,
};
use serde::Deserialize;

pub(crate) use self::limit::Connections;
pub use self::tls::{Tls, TlsError, TlsFiles};
use crate::problem::Problem;

/// A part of the service that a listener may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Unattended,
    Api,
}

/// What a listener serves. `/healthz` and `/readyz` are served by each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Part>")]
pub struct Serves {
    /// What installers call: `/unattended` and `/api/update`.
    pub unattended: bool,
    /// Everything else.
    pub api: bool,
}

impl Default for Serves {
    fn default() -> Self {
        Self { unattended: true, api: true }
    }
}

impl TryFrom<Vec<Part>> for Serves {
    type Error = &'static str;

    fn try_from(parts: Vec<Part>) -> Result<Self, Self::Error> {
        if parts.is_empty() {
            return Err("`serves` names nothing; write \"unattended\", \"api\" or both, or leave it out");
        }
        let has = |part| parts.contains(&part);
        Ok(Self { unattended: has(Part::Unattended), api: has(Part::Api) })
    }
}

/// As it stands in the settings.
impl fmt::Display for Serves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.unattended, self.api) {
            (true, true) => r#"["unattended", "api"]"#,
            (true, false) => r#"["unattended"]"#,
            (false, true) => r#"["api"]"#,
            (false, false) => "[]",
        })
    }
}

impl Serves {
    /// Whether `path` is served, decoded as the router reads it.
    fn covers(self, path: &str) -> bool {
        match path {
            "/healthz" | "/readyz" => true,
            "/api/update" => self.unattended,
            _ if path.starts_with("/unattended") => self.unattended,
            _ => self.api,
        }
    }
}

/// A socket to serve on.
#[derive(Debug)]
pub struct Listener {
    /// Bound by the caller.
    pub socket: TcpListener,
    /// What is served on it.
    pub serves: Serves,
    /// With what TLS is spoken on it; `None`: it is not.
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Listener {
    /// Everything, without TLS.
    fn from(socket: TcpListener) -> Self {
        Self { socket, serves: Serves::default(), tls: None }
    }
}

/// A connection that was admitted: `request.conn_data::<Connection>()`. One that was not has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Who is at the other end, as the socket says; a proxy, where there is one.
    pub(crate) peer: Option<SocketAddr>,
    /// What is served on it.
    pub(crate) serves: Serves,
    /// Whether it is encrypted.
    pub(crate) tls: bool,
}

/// The certificate that a client has shown, signed by one of `[tls] client_ca`, in its time and not
/// revoked: `request.conn_data::<ClientCertificate>()`. Whoever shows another gets no connection, and
/// whoever shows none has none of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The subject's CN and the DNS names of the subjectAltName, in lower case, each once.
    pub(crate) names: Vec<String>,
}

/// What to do with a new connection of a listener that serves this. A listener keeps the callback that
/// is set when it is added to the server, so each has its own.
pub(crate) fn on_connect(
    serves: Serves,
    connections: &Arc<Connections>,
) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
    let connections = Arc::clone(connections);
    move |stream, data| connected(stream, data, serves, &connections)
}

/// Notes who is at the other end, or closes the connection.
fn connected(stream: &dyn Any, data: &mut Extensions, serves: Serves, connections: &Arc<Connections>) {
    let encrypted = stream.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref());
    let Some(socket) = encrypted.map(|(socket, _)| socket).or_else(|| stream.downcast_ref()) else {
        log::error!("a connection is of a type that nobody knows; it is not served");
        return;
    };
    let peer = socket.peer_addr().ok();
    if let Some(peer) = peer {
        let Some(seat) = connections.admit(peer.ip()) else {
            // What was sent already can still be read: without a `Connection` it is not served.
            let _ = socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Both);
            return;
        };
        // It ends with the connection.
        data.insert(seat);
    }
    data.insert(Connection { peer, serves, tls: encrypted.is_some() });
    let shown = encrypted.and_then(|(_, session)| session.peer_certificates()?.first());
    let Some(shown) = shown else { return };
    match tls::names(shown) {
        Ok(names) => {
            log::debug!("a client with the certificate of '{}' connected", names.join(", ").escape_debug());
            data.insert(ClientCertificate { names });
        }
        Err(error) => {
            log::warn!("a client's certificate is good and cannot be read: {error}; it counts as none");
        }
    }
}

/// Whether what is asked is served on the connection that it came by.
pub(crate) fn is_served(request: &ServiceRequest) -> bool {
    let connection = request.conn_data::<Connection>();
    connection.is_some_and(|connection| connection.serves.covers(request.match_info().as_str()))
}

/// What is answered for a path that is not here: the same for one that is on another listener and
/// for one that is nowhere.
pub(crate) fn not_here() -> Problem {
    Problem::not_found("there is nothing at this path; /docs lists what there is")
}

#[cfg(test)]
mod tests;
