//! The binary as a user runs it: `target/debug/milepost`, its output, its exit codes and its database.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod access;
mod authority;
mod database;
mod demo;
mod hooks;
mod insight;
mod keys;
mod lifecycle;
mod listeners;
mod place;
mod prune;
mod recovery;
mod refusals;
mod secrecy;
mod settings;
mod tls;
mod tokens;
mod welcome;
