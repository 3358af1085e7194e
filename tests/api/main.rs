//! The service over real HTTP, every answer held against the published document.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod answers;
mod away;
mod badge;
mod batch;
mod builds;
mod callbacks;
mod edges;
mod follow;
mod hanging;
mod hooks;
mod identity;
mod insight;
mod limits;
mod lists;
mod live;
mod main_job;
mod monitoring;
mod mutes;
mod progress;
mod registry;
mod reports;
mod search;
mod status;
mod support;
mod update;
mod validation;
mod workflows;
