//! The Rust client of Milepost, for the command line and for tests.
//!
//! The rule it protects: what travels is generated from `openapi/milepost.json` when this crate is
//! built, so the client cannot say or expect anything that the document does not. Written by hand
//! are only the way in ([`connect`]) and what people read when it fails ([`explain`]).
//!
//! The words of a state, a status or a signal are plain texts: a word that a later service adds is
//! carried and shown as it is.

mod connect;
mod failure;
#[expect(
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "written by progenitor at build time; build.rs and its input are what is reviewed"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}

pub use progenitor_client::{ByteStream, ClientInfo, ResponseValue};

pub use connect::connect;
pub use failure::{Error, Failure, explain};
pub use generated::{Client, builder, types};
