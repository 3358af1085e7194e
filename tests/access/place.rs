//! Machines that send no token: known by MAC or address where the settings allow that, and only then.

use chrono::TimeDelta;
use milepost_api::Settings;
use milepost_testkit::Server;
use serde_json::json;

use crate::support::{
    ACCEPT_JSON, FOREMANS, build_id, claims, now, open_as, refused, report, report_with, reports_of, server,
    signed,
};

const HOST: &str = "web1.example.com";
const MAC: &str = "52:54:00:aa:00:01";

fn by(mac: bool, address: bool, proxies: &[&str]) -> Server {
    let trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
    server(Settings { by_mac: mac, by_address: address, trusted_proxies, ..Settings::default() })
}

fn host(server: &Server, ip: &str) {
    let _ = open_as(server, &json!({"name": HOST, "mac": MAC, "ip": ip}));
}

#[test]
fn nobody_is_known_by_where_they_are_unless_the_settings_say_so() {
    let server = by(false, false, &[]);
    host(&server, "127.0.0.1");
    refused(&report(&server, &[]), 401, "unauthenticated");
    let anaconda = ("x-rhn-provisioning-mac-0", "eth0 52:54:00:aa:00:01");
    refused(&report(&server, &[anaconda]), 401, "unauthenticated");
    assert_eq!(reports_of(&server, HOST), 0);
}

#[test]
fn a_mac_is_read_as_anaconda_the_smart_proxy_and_a_parameter_send_it() {
    let server = by(true, false, &[]);
    host(&server, "10.1.2.3");
    for header in [
        ("x-rhn-provisioning-mac-0", "eth0 52:54:00:AA:00:01"),
        ("X_RHN_PROVISIONING_MAC_0", "eth0 52:54:00:aa:00:01"),
        ("x-rhn-provisioning-mac-7", "ens3 52-54-00-aa-00-01"),
    ] {
        assert_eq!(report(&server, &[header]).status, 200, "{header:?}");
    }
    let by_parameter = |mac: &str| {
        let path = format!("/unattended/step?label=get_ks&mac={mac}");
        server.anyone().send("GET", &path, &[ACCEPT_JSON], None)
    };
    assert_eq!(by_parameter("52-54-00-AA-00-01").status, 200);
    let built = server.anyone().get(&format!("/unattended/built?mac={MAC}"));
    assert_eq!(built.status, 201, "{}", built.text);
    assert_eq!(reports_of(&server, HOST), 5);
    refused(&by_parameter("52-54-00-aa-00-02"), 401, "unauthenticated");
    refused(&report(&server, &[]), 401, "unauthenticated");
    let _ = server.anyone().get("/unattended/built?mac=52-54-00-aa-00-02").expect(404);
}

#[test]
fn an_address_is_the_peers_whatever_it_says_of_itself() {
    let server = by(false, true, &[]);
    host(&server, "10.1.2.3");
    for spoofed in [("x-forwarded-for", "10.1.2.3"), ("forwarded", "for=10.1.2.3"), ("x-real-ip", "10.1.2.3")]
    {
        refused(&report(&server, &[spoofed]), 401, "unauthenticated");
    }
    assert_eq!(reports_of(&server, HOST), 0);
    let _ = open_as(&server, &json!({"name": "here.example.com", "ip": "127.0.0.1"}));
    assert_eq!(report(&server, &[("x-forwarded-for", "10.1.2.3")]).status, 200);
    assert_eq!((reports_of(&server, HOST), reports_of(&server, "here.example.com")), (json!(0), json!(1)));
}

#[test]
fn a_trusted_proxy_says_for_whom_it_asks_and_its_client_cannot() {
    let server = by(false, true, &["127.0.0.0/8", "10.0.0.254/32"]);
    host(&server, "10.1.2.3");
    let status = |forwarded: &str| report(&server, &[("x-forwarded-for", forwarded)]).status;
    // Two proxies of ours, and what the client claimed before them.
    for truly in ["10.1.2.3", "10.1.2.3, 10.0.0.254", "192.0.2.1, 10.1.2.3", " 192.0.2.1 ,10.1.2.3"] {
        assert_eq!(status(truly), 200, "{truly}");
    }
    for otherwise in ["10.1.2.3, 192.0.2.1", "10.1.2.3, unknown", "10.1.2.3, 10.1.2.3:80", ""] {
        assert_eq!(status(otherwise), 401, "{otherwise}");
    }
    assert_eq!(reports_of(&server, HOST), 4);
}

#[test]
fn the_address_does_not_count_where_a_mac_was_sent() {
    let server = by(true, true, &[]);
    host(&server, "127.0.0.1");
    let stranger = ("x-rhn-provisioning-mac-0", "eth0 52:54:00:aa:00:02");
    refused(&report(&server, &[stranger]), 401, "unauthenticated");
    assert_eq!(report(&server, &[]).status, 200);
}

#[test]
fn a_token_that_is_wrong_or_old_never_falls_back() {
    let server = by(true, true, &[]);
    host(&server, "127.0.0.1");
    let past = now() - TimeDelta::minutes(1);
    let old = signed(FOREMANS, &claims(build_id(past), HOST, past));
    for token in ["0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55", "eyJh.eyJi.c", "short", &old] {
        let status = report_with(&server, token).status;
        assert_eq!(status, 401, "{token} as bearer");
        for path in [
            format!("/unattended/step?label=get_ks&token={token}&mac={MAC}"),
            format!("/unattended/step/{token}/get_ks/done?mac={MAC}"),
            format!("/unattended/progress/{token}"),
        ] {
            assert_eq!(server.anyone().get(&path).status, 401, "{path}");
        }
        let body = json!({"label": "get_ks", "token": token, "mac": MAC});
        assert_eq!(server.anyone().post("/unattended/step", &body).status, 401, "{token} as JSON");
    }
    let oauth =
        ("authorization", "OAuth oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"%26nobody\"");
    assert_eq!(report(&server, &[oauth]).status, 401);
    assert_eq!(reports_of(&server, HOST), 0);
    // Without one it would.
    assert_eq!(report(&server, &[]).status, 200);
    assert_eq!(server.anyone().get("/unattended/progress").status, 200);
}
