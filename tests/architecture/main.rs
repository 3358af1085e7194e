//! What holds for the repository as a whole: its crates, its files, and documents that follow the code.
#![expect(
    clippy::unwrap_used,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod crates;
mod documents;
mod errors;
mod files;
mod paths;
mod search;
mod states;
mod threats;
mod tree;
mod workflows;
