//! Everything of Milepost that knows HTTP.
//!
//! The rule it protects: installers are answered quickly and finally, programs precisely; the
//! routes, the document that describes them and the looks of an error each stand in one place.

mod announce;
pub mod auth;
mod badge;
mod body;
mod clock;
mod db;
mod envelope;
mod limits;
mod listen;
mod live;
mod openapi;
mod page;
pub mod problem;
mod routes;
mod serve;
mod shown;
mod view;
mod web;

pub use announce::HookSettings;
pub use auth::{Key, Keys, NewToken, Proxy, Scope, TrustedHost};
pub use clock::now;
pub use limits::{BURST, LimitSettings};
pub use listen::{Listener, Serves, Tls, TlsError, TlsFiles};
pub use openapi::{document, document_text};
pub use serve::{App, Settings, run};

/// The version of the API: the part of the document's version that clients rely on.
pub const API_VERSION: &str = "2.0.0";
