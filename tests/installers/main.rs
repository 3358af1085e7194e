//! What installers run, run for real: the shells and the senders of the installers, and the lines
//! that a template renders for them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod journey;
mod machine;
mod unwelcome;
