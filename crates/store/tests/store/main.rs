//! The store on a real PostgreSQL, each test on a database of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod announced;
mod away;
mod bounds;
mod catalog;
mod deliveries;
mod events;
mod evidence;
mod expiry;
mod freshness;
mod hosts;
mod indexes;
mod ingest;
mod lanes;
mod migrations;
mod mutes;
mod opening;
mod paging;
mod partitions;
mod registry;
mod replay;
mod retention;
mod rows;
mod search;
mod sql;
mod statistics;
mod stream;
mod support;
mod sweep;
mod timing;
mod tokens;
