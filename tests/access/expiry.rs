//! Tokens of builds that ran out, and what keeps them alive all the same.
//!
//! Nothing waits here: what happened in the past is put there, with the store that the service has.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use milepost_api::Settings;
use milepost_domain::{HostFacts, Id, Label, Report, ReportId, registry::Mode};
use milepost_store::{Store, build::Opening, ingest::Receipt};
use milepost_testkit::Server;

use crate::support::{
    FOREMANS, announced, build_id, claims, now, progress, refused, report_with, server, signed,
};

const HOST: &str = "web1.example.com";

fn settings(extends: bool, grace: TimeDelta) -> Settings {
    Settings { token_extends: extends, report_grace: grace, ..Settings::default() }
}

/// The token, run out a minute ago, of a build that was opened at `opened` and heard at `heard`.
fn heard_at(server: &Server, opened: DateTime<Utc>, heard: DateTime<Utc>) -> String {
    let store = Store::connect(&server.database.url, &milepost_store::Settings::default(), Mode::Strict);
    let store = store.unwrap();
    let workflow: Label = "kickstart".parse().unwrap();
    let (build, expires_at) = (build_id(opened), now() - TimeDelta::minutes(1));
    let opening = Opening {
        is_announced: false,
        host: HostFacts::named(HOST.parse().unwrap()),
        plan: Arc::new(store.registry().plan(&workflow)),
        workflow,
        credential: None,
        now: opened,
        expires_at,
        build_id: build,
        host_id: Id::at(opened, [8; 10]),
    };
    let _ = store.open(&opening, None).unwrap();
    let report = Report::simple(ReportId::from_word("heard"), "get_ks".parse().unwrap(), heard);
    assert_eq!(store.record(build, &[report], None).unwrap(), [Receipt::Recorded]);
    signed(FOREMANS, &claims(build, HOST, expires_at))
}

#[test]
fn a_token_goes_on_while_its_machine_reports_if_the_settings_say_so() {
    let minutes = |minutes| now() - TimeDelta::minutes(minutes);
    for (extends, heard, status) in [
        (true, minutes(2), 200),
        // It lasts six hours from the last report, no longer.
        (true, minutes(359), 200),
        (true, minutes(361), 401),
        (false, minutes(2), 401),
    ] {
        let server = server(settings(extends, TimeDelta::zero()));
        let token = heard_at(&server, minutes(600), heard);
        let answer = report_with(&server, &token);
        assert_eq!(answer.status, status, "{extends} {heard}: {}", answer.text);
        if status == 401 {
            refused(&answer, 401, "credential_expired");
        }
    }
}

#[test]
fn reports_keep_a_token_alive_for_a_week_at_most() {
    for (days, status) in [(6, 200), (8, 401)] {
        let server = server(settings(true, TimeDelta::zero()));
        let token = heard_at(&server, now() - TimeDelta::days(days), now() - TimeDelta::minutes(2));
        assert_eq!(report_with(&server, &token).status, status, "{days} days");
    }
}

#[test]
fn a_callback_forgives_a_token_that_ran_out_and_the_first_boot_has_its_grace() {
    for (grace, status) in [(TimeDelta::hours(24), 200), (TimeDelta::zero(), 401)] {
        let server = server(settings(false, grace));
        let past = now() - TimeDelta::minutes(1);
        let token = signed(FOREMANS, &claims(build_id(past - TimeDelta::hours(6)), HOST, past));
        refused(&report_with(&server, &token), 401, "credential_expired");
        // Foreman forgives it here: the install took longer than planned.
        let built = server.anyone().send("POST", &format!("/unattended/built?token={token}"), &[], None);
        assert_eq!(built.status, 201, "{}", built.text);
        assert_eq!(progress(&server, HOST)["state"], "installed");
        let path = format!("/unattended/step/{token}/first_boot/done");
        let answer = server.anyone().get(&path);
        assert_eq!(answer.status, status, "{grace}: {}", answer.text);
    }
}

#[test]
fn a_callback_forgives_time_and_nothing_else() {
    let server = server(Settings::default());
    let (_, token) = announced(HOST);
    let spoilt = format!("{}x", token.trim_end_matches('x'));
    for path in ["/unattended/built", "/unattended/failed"] {
        let _ = server.anyone().get(&format!("{path}?token={spoilt}")).expect(404);
    }
    let unknown = server.read().get(&format!("/api/v2/hosts/{HOST}/progress"));
    refused(&unknown, 404, "not_found");
}
