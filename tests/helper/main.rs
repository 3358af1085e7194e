//! The shell helper, `integrations/shell/milepost.sh`, in every shell and with every program that it sends with.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod callers;
mod follow;
mod machine;
mod networks;
mod reports;
mod runs;
mod senders;
mod served;
mod shells;
mod spool;
mod unwelcome;
