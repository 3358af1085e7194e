//! Who may report and who may read, over real HTTP.
//!
//! The rule it protects: every operation has a line in the table of [`table`] that says what becomes
//! of every kind of caller; a new operation without one fails the test.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod announced;
mod audit;
mod bounds;
mod browser;
mod callers;
mod expiry;
mod guesses;
mod headers;
mod limits;
mod oauth;
mod place;
mod proxy;
mod ruby;
mod support;
mod table;
mod tokens;
