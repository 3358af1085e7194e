//! The published document: that it is the code's, right, and kept.
#![expect(
    clippy::unwrap_used,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod breaking;
mod document;
mod examples;
mod operations;
mod release;
mod rules;
