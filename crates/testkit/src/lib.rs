//! Servers, clients and databases for the tests of Milepost.
//!
//! The rule it protects: tests run against real parts (PostgreSQL, HTTP over TCP), each on a
//! database of its own, and every answer they get is held against the published document.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot be set up has failed, and says so here"
)]

mod api;
mod contract;
mod database;
mod receiver;
mod server;

pub use api::{Answer, Api};
pub use contract::Contract;
pub use database::{Database, empty_database};
pub use receiver::{Behaviour, Received, Receiver};
pub use server::{Options, Server};
