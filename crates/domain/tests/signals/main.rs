//! What signals say, and what they must not say: stories as data, and generated builds by the thousand.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod boots;
mod clock;
mod generated;
mod healthy;
mod known;
mod outcome;
mod reports;
mod silence;
mod story;
