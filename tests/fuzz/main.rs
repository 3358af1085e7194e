//! Whatever anybody may send, to a running service: no panic, no answer of 5xx.
//!
//! `make fuzz` sends many thousands; `make test` a few hundred of each. The rule it protects: each
//! request is answered, with less than 500, and the service answers afterwards as before.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod claims;
mod lists;
mod raw;
mod requests;

use std::{cell::RefCell, collections::BTreeMap};

use milepost_api::{Key, Keys, LimitSettings, Scope, Settings};
use milepost_testkit::{Options, Server};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::json;

/// Foreman's secret, which opens builds and nothing else.
pub(crate) const SECRET: &str = "a secret of Foreman's, for tests alone, of 32 bytes or more";

/// A service that takes as much as there is.
pub(crate) fn server() -> Server {
    let own = Key::read(&Keys::generate(), None, Scope::Admin).unwrap();
    let foremans = Key::read(SECRET, Some("foreman"), Scope::Report).unwrap();
    let limits = LimitSettings {
        build_reports_per_second: 0,
        build_reports: 0,
        build_log_megabytes: 0,
        address_requests_per_second: 0,
        requests_per_second: 0,
        guesses_per_minute: 0,
    };
    let settings = Settings {
        limits,
        by_mac: true,
        by_address: true,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        api_update: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    };
    let keys = Some(Keys::new(vec![own, foremans]).unwrap());
    Server::with(Options { settings, keys, ..Options::default() })
}

/// The token of a build that is under way.
pub(crate) fn open(server: &Server) -> String {
    let input = json!({"host": {"name": "web1.example.com", "foreman_id": 42}, "workflow": "kickstart"});
    let opened = server.manage().post("/api/v2/builds", &input).expect(201).json();
    opened["token"].as_str().unwrap().to_owned()
}

/// Sends what `strategy` comes up with, `MILEPOST_FUZZ_INPUTS` times; `send` says which status came back.
/// Prints how many there were and how they were answered, so that one sees whether anything got through.
pub(crate) fn all<S: Strategy>(what: &str, strategy: S, send: impl Fn(S::Value) -> Option<u16>) {
    let cases = std::env::var("MILEPOST_FUZZ_INPUTS").map_or(1_000, |text| text.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let answers = RefCell::new(BTreeMap::<u16, u64>::new());
    let outcome = TestRunner::new(config).run(&strategy, |value| match send(value) {
        Some(status @ 200..=499) => {
            *answers.borrow_mut().entry(status).or_default() += 1;
            Ok(())
        }
        Some(status) => Err(TestCaseError::fail(format!("it answered {status}"))),
        None => Err(TestCaseError::fail("no answer came")),
    });
    assert!(outcome.is_ok(), "{what}: {}", outcome.unwrap_err());
    let answers = answers.into_inner();
    println!("{what}: {} inputs, answered {answers:?}", answers.values().sum::<u64>());
}

/// That the service goes on as before.
#[track_caller]
pub(crate) fn goes_on(server: &Server) {
    let token = open(server);
    let _ = server.anyone().get(&format!("/unattended/step/{token}/get_ks/done")).expect(200);
    let _ = server.anyone().get("/readyz").expect(200);
}
