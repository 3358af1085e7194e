//! The Rust client of Milepost.
#![expect(missing_docs)]
pub mod generated {
    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}
