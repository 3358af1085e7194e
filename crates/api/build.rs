//! Has the service built anew when the page was.
//!
//! The rule it protects: what is embedded is what `make web` made last. Cargo sees the files that were
//! there, and not those that are new.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../web/dist");
}
