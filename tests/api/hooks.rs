//! Hooks: told each change once, whatever becomes of the receiver, and nothing that they may not know.

use std::{fs, path::Path, process::Command, time::Duration};

use milepost_api::{HookSettings, Settings};
use milepost_testkit::{Api, Behaviour, Options, Received, Receiver, Server};
use serde_json::{Value, json};

use crate::support::{each, open, open_as, pointers, report, text};

/// A service that looks and tries again at once.
fn quick() -> HookSettings {
    HookSettings {
        sweep_every: Duration::from_millis(50),
        send_every: Duration::from_millis(20),
        timeout: Duration::from_millis(500),
        retries: vec![Duration::from_millis(20); 8],
        ..HookSettings::default()
    }
}

fn server(hooks: HookSettings) -> Server {
    let public_url = Some("https://milepost.example.com".to_owned());
    Server::with(Options {
        settings: Settings { hooks, public_url, ..Settings::default() },
        ..Options::default()
    })
}

#[track_caller]
fn make(server: &Server, input: &Value) -> Value {
    server.admin().post("/api/v2/hooks", input).expect(201).json()
}

fn complete(server: &Server, host: &str) {
    let build = open(server, host);
    for step in ["get_ks/done", "packages/done", "built/done", "first_boot/done"] {
        report(server, &build, step);
    }
}

/// What the events say they are, in the order in which they came, without what came again.
fn kinds(received: &[Received]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let fresh = received.iter().filter(|one| seen.insert(one.headers["webhook-id"].clone()));
    fresh.map(|one| text(&one.json()["type"])).collect()
}

fn has(kind: &'static str) -> impl Fn(&[Received]) -> bool {
    move |received| received.iter().any(|one| one.json()["type"] == kind)
}

/// The block of that language in docs/hooks.md, as a reader copies it.
fn documented(language: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hooks.md")).unwrap();
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Whether the documented check takes a request as signed with that secret.
fn is_verified(secret: &str, request: &Received, body: &str) -> bool {
    let code = format!(
        "{}\nimport sys, json\nverify(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3].encode())\n",
        documented("python")
    );
    let headers = serde_json::to_string(&request.headers).unwrap();
    let ran = Command::new("python3").args(["-c", &code, secret, &headers, body]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() || said.contains("ValueError"), "{said}");
    ran.status.success()
}

#[test]
fn each_change_is_sent_in_its_order_and_signed_as_documented() {
    let (server, receiver) = (server(quick()), Receiver::start());
    let hook = make(&server, &json!({"url": receiver.url("/all"), "events": ["build.*"]}));
    complete(&server, "web1.example.com");
    let received = receiver.wait("the build is completed", has("build.completed"));
    let kinds = kinds(&received);
    assert_eq!((kinds[0].as_str(), kinds.last().unwrap().as_str()), ("build.opened", "build.completed"));
    let last = received.last().unwrap();
    assert_eq!((last.path.as_str(), last.headers["content-type"].as_str()), ("/all", "application/json"));
    let secret = text(&hook["secret"]);
    for request in &received {
        assert!(is_verified(&secret, request, &request.body), "{request:?}");
    }
    assert!(!is_verified(&secret, last, &last.body.replace("web1", "web2")), "another body is not signed");
    assert!(
        !is_verified("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", last, &last.body),
        "nor by another secret"
    );

    let event = last.json();
    assert_eq!(event["data"]["build"]["state"], "completed");
    assert_eq!(event["data"]["build"]["host"]["name"], "web1.example.com");
    assert_eq!(event["data"]["url"], "https://milepost.example.com/#/hosts/web1.example.com");
    assert!(text(&event["data"]["summary"]).starts_with("web1.example.com: completed after "), "{event}");
    assert!(
        event["data"]["build"].get("token").is_none() && event["data"]["build"].get("report_url").is_none()
    );
}

#[test]
fn a_receiver_that_dies_fails_hangs_or_leads_elsewhere_gets_the_same_again_until_it_takes_it() {
    let (server, receiver, elsewhere) = (server(quick()), Receiver::start(), Receiver::start());
    let bad =
        [Behaviour::HangUp, Behaviour::Answer(500), Behaviour::Hang, Behaviour::Redirect(elsewhere.url("/"))];
    receiver.then(bad);
    let hook = make(&server, &json!({"url": receiver.url("/"), "events": ["build.opened"]}));
    open(&server, "web1.example.com");
    let received = receiver.wait("five tries", |received| received.len() == 5);
    for again in &received {
        assert_eq!(
            (&again.headers["webhook-id"], &again.body),
            (&received[0].headers["webhook-id"], &received[0].body)
        );
    }
    assert_eq!(elsewhere.received(), [], "nobody is followed");
    let path = format!("/api/v2/hooks/{}/deliveries", text(&hook["id"]));
    let list = until(&server.admin(), &path, |list| list["results"][0]["state"] == "delivered");
    let delivery = &list["results"][0];
    assert_eq!(
        (&list["total"], &delivery["attempts"], &delivery["status"]),
        (&json!(1), &json!(5), &json!(204))
    );
    assert_eq!((delivery.get("error"), delivery.get("due_at")), (None, None));
    assert_eq!(delivery["id"], received[0].headers["webhook-id"]);
}

/// What stands at a path, once that holds of it.
#[track_caller]
fn until(api: &Api, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let found = api.get(path).expect(200).json();
        if holds(&found) {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never: {found}");
        std::thread::yield_now();
    }
}

#[test]
fn one_that_nobody_answers_is_kept_and_sent_when_the_receiver_is_back() {
    let gone = Receiver::start();
    let address = gone.address;
    drop(gone);
    let hooks = HookSettings { retries: vec![Duration::from_millis(20); 2000], ..quick() };
    let server = server(hooks);
    let hook = make(&server, &json!({"url": format!("http://{address}/"), "events": ["build.opened"]}));
    for host in ["web1.example.com", "web2.example.com"] {
        open(&server, host);
    }
    let path = format!("/api/v2/hooks/{}", text(&hook["id"]));
    let failing = until(&server.admin(), &path, |hook| hook["failures"].as_u64() > Some(1));
    assert!(failing["failing_since"].is_string(), "{failing}");
    let deliveries =
        server.admin().get(&format!("{path}/deliveries?search=state%3Dpending")).expect(200).json();
    assert!(
        text(&deliveries["results"].as_array().unwrap().last().unwrap()["error"])
            .starts_with("no connection: "),
        "{deliveries}"
    );
    let receiver = Receiver::at(address);
    let received = receiver.wait("both", |received| kinds(received).len() == 2);
    assert!(received.len() >= 2);
    let well = until(&server.admin(), &path, |hook| hook.get("failing_since").is_none());
    assert_eq!(well["failures"], 0);
}

#[test]
fn a_receiver_that_is_gone_is_left_alone_at_once_and_that_is_said() {
    let (server, receiver) = (server(quick()), Receiver::start());
    receiver.then([Behaviour::Answer(410)]);
    let hook = make(&server, &json!({"name": "old", "url": receiver.url("/"), "events": ["build.opened"]}));
    let path = format!("/api/v2/hooks/{}", text(&hook["id"]));
    open(&server, "web1.example.com");
    let disabled = until(&server.admin(), &path, |hook| hook["enabled"] == false);
    assert!(text(&disabled["disabled_reason"]).contains("410 Gone"), "{disabled}");
    let trail = server.admin().get("/api/v2/audit?search=action%3Ddisable_hook").expect(200).json();
    assert_eq!(trail["results"][0]["actor"], "milepost");
    let status = server.read().get("/api/v2/status").expect(200).json();
    assert_eq!(status["announcing"]["disabled_hooks"], 1);
    assert!(status["announcing"]["last_sweep_at"].is_string(), "{status}");
    // Whoever enables it is told what waits, and what comes.
    let enabled = server.admin().patch(&path, &json!({"enabled": true})).expect(200).json();
    assert_eq!((&enabled["enabled"], enabled.get("disabled_reason")), (&json!(true), None));
    open(&server, "web2.example.com");
    let _ = receiver.wait("both", |received| kinds(received).len() == 2);
}

#[test]
fn days_of_nothing_but_failure_disable_a_hook() {
    let hooks = HookSettings { give_up_after: chrono::Duration::milliseconds(1), ..quick() };
    let (server, receiver) = (server(hooks), Receiver::start());
    receiver.then(vec![Behaviour::Answer(503); 100]);
    let hook = make(&server, &json!({"url": receiver.url("/"), "events": ["build.opened"]}));
    open(&server, "web1.example.com");
    let path = format!("/api/v2/hooks/{}", text(&hook["id"]));
    let disabled = until(&server.admin(), &path, |hook| hook["enabled"] == false);
    assert!(text(&disabled["disabled_reason"]).contains("answered 503"), "{disabled}");
    assert_eq!(receiver.received().len(), 2, "it failed twice, and that was too long");
}

#[test]
fn a_delivery_that_is_never_taken_is_given_up_and_those_behind_it_are_not() {
    let hooks = HookSettings { retries: vec![Duration::from_millis(5)], ..quick() };
    let (server, receiver) = (server(hooks), Receiver::start());
    receiver.then([Behaviour::Answer(500), Behaviour::Answer(500)]);
    let hook = make(&server, &json!({"url": receiver.url("/"), "events": ["build.opened"]}));
    open(&server, "web1.example.com");
    let path = format!("/api/v2/hooks/{}/deliveries", text(&hook["id"]));
    let list = until(&server.admin(), &path, |list| list["results"][0]["state"] == "failed");
    assert_eq!((&list["results"][0]["attempts"], &list["results"][0]["status"]), (&json!(2), &json!(500)));
    open(&server, "web2.example.com");
    let _ = until(&server.admin(), &path, |list| list["results"][0]["state"] == "delivered");
    let metrics = server.anyone().get("/metrics").expect(200).text;
    for line in [
        r#"milepost_hook_deliveries_total{outcome="refused"} 1"#,
        r#"milepost_hook_deliveries_total{outcome="given_up"} 1"#,
        r#"milepost_hook_deliveries_total{outcome="delivered"} 1"#,
    ] {
        assert!(metrics.lines().any(|said| said == line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn a_hook_gets_what_it_asks_for_and_a_channel_a_sentence() {
    let (server, receiver) = (server(quick()), Receiver::start());
    let brno = json!({"url": receiver.url("/brno"), "events": ["signal.*.began"], "search": "location = brno", "format": "slack"});
    make(&server, &brno);
    make(&server, &json!({"url": receiver.url("/done"), "events": ["build.completed"]}));
    let here = open_as(&server, &json!({"name": "web1.example.com", "location": "brno"}), "kickstart");
    let there = open_as(&server, &json!({"name": "web2.example.com", "location": "prague"}), "kickstart");
    for build in [&there, &here] {
        report(&server, build, "packages/failed");
    }
    complete(&server, "web3.example.com");
    let came = |path: &'static str| move |received: &[Received]| received.iter().any(|one| one.path == path);
    let _ = receiver.wait("a completed build", came("/done"));
    let received = receiver.wait("a failure in Brno", came("/brno"));
    let channel: Vec<&Received> = received.iter().filter(|one| one.path == "/brno").collect();
    assert_eq!(channel.len(), 1, "{channel:?}");
    let said = text(&channel[0].json()["text"]);
    assert!(
        said.starts_with("[critical] web1.example.com: ")
            && said.ends_with(" https://milepost.example.com/#/hosts/web1.example.com"),
        "{said}"
    );
    assert!(!channel[0].headers.contains_key("webhook-signature"));
}

#[test]
fn a_test_is_sent_at_once_and_says_what_became_of_it() {
    let (server, receiver) = (server(quick()), Receiver::start());
    let hook = make(&server, &json!({"name": "chat", "url": receiver.url("/"), "enabled": false}));
    let path = format!("/api/v2/hooks/{}", text(&hook["id"]));
    let test = || server.admin().post(&format!("{path}/test"), &json!({})).expect(200).json();
    let taken = test();
    assert_eq!((&taken["delivered"], &taken["status"]), (&json!(true), &json!(204)));
    let received = receiver.received();
    assert_eq!(
        (&received[0].json()["type"], &taken["id"]),
        (&json!("hook.test"), &json!(received[0].headers["webhook-id"]))
    );
    assert!(is_verified(&text(&hook["secret"]), &received[0], &received[0].body));
    receiver.then([Behaviour::Answer(404), Behaviour::Hang]);
    let refused = test();
    assert_eq!((&refused["delivered"], &refused["error"]), (&json!(false), &json!("answered 404 Not Found")));
    let slow = test();
    assert_eq!((slow.get("status"), &slow["error"]), (None, &json!("no answer within 0.5 s")));
    let list = server.admin().get(&format!("{path}/deliveries")).expect(200).json();
    let states: Vec<&str> =
        list["results"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(
        (states, each(&list, "event")),
        (vec!["failed", "failed", "delivered"], vec!["hook.test".to_owned(); 3])
    );
}

#[test]
fn a_secret_is_shown_once_and_the_one_before_signs_for_a_while() {
    let (server, receiver) = (server(quick()), Receiver::start());
    let hook = make(&server, &json!({"name": "chat", "url": receiver.url("/")}));
    let path = format!("/api/v2/hooks/{}", text(&hook["id"]));
    let first = text(&hook["secret"]);
    assert!(first.starts_with("whsec_"), "{first}");
    let changed =
        server.admin().patch(&path, &json!({"new_secret": true, "name": "other"})).expect(200).json();
    let second = text(&changed["secret"]);
    assert_ne!(first, second);
    let _ = server.admin().post(&format!("{path}/test"), &json!({})).expect(200);
    let request = &receiver.received()[0];
    for secret in [&first, &second] {
        assert!(is_verified(secret, request, &request.body));
    }
    let own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let given = server.admin().patch(&path, &json!({"secret": own})).expect(200).json();
    assert!(given.get("secret").is_none(), "whoever brings one knows it");
    for path in
        [path.as_str(), "/api/v2/hooks", "/api/v2/audit", &format!("{path}/deliveries"), "/api/v2/status"]
    {
        let shown = server.admin().get(path).expect(200).text;
        for secret in [&first, &second, own] {
            assert!(!shown.contains(secret.trim_start_matches("whsec_")), "{path}: {shown}");
        }
    }
    let _ = server.admin().delete(&path).expect(200);
    let _ = server.admin().get(&path).expect(404);
    let _ = server.admin().delete(&path).expect(404);
    let _ = server.admin().get("/api/v2/hooks/chat").expect(404);
}

#[test]
fn what_is_wrong_with_a_hook_is_said_field_by_field() {
    let server = server(quick());
    let wrong = json!({"url": "ftp://example.com", "events": ["build.finished"], "search": "nothing = 1",
        "format": "teams", "secret": "password1", "name": "x".repeat(300)});
    let problem = server.admin().post("/api/v2/hooks", &wrong).expect(422);
    assert_eq!(pointers(&problem.json()), ["/url", "/name", "/events/0", "/search", "/format", "/secret"]);
    assert!(!problem.text.contains("password1"), "{}", problem.text);
    for url in ["", "example.com", "https://user:secret@example.com/", "https://"] {
        let problem = server.admin().post("/api/v2/hooks", &json!({"url": url})).expect(422).json();
        assert_eq!(pointers(&problem), ["/url"], "{url}");
        assert!(!problem.to_string().contains("secret@"), "{problem}");
    }
    for patch in [json!({"events": []}), json!({"url": "x"}), json!({"secret": "whsec_", "new_secret": true})]
    {
        let hook = make(&server, &json!({"url": "http://127.0.0.1:9/"}));
        let _ = server.admin().patch(&format!("/api/v2/hooks/{}", text(&hook["id"])), &patch).expect(422);
    }
}

#[test]
fn where_private_addresses_are_denied_nothing_is_sent_to_them_whatever_they_are_called() {
    let (server, receiver) =
        (server(HookSettings { private_addresses: false, ..quick() }), Receiver::start());
    for url in
        [receiver.url("/"), "http://[::1]/".to_owned(), "http://169.254.169.254/latest/meta-data".to_owned()]
    {
        let problem = server.admin().post("/api/v2/hooks", &json!({"url": url})).expect(422).json();
        assert_eq!(pointers(&problem), ["/url"]);
    }
    let by_name = format!("http://localhost:{}/", receiver.address.port());
    let hook = make(&server, &json!({"url": by_name}));
    let path = format!("/api/v2/hooks/{}/test", text(&hook["id"]));
    let test = server.admin().post(&path, &json!({})).expect(200).json();
    assert!(text(&test["error"]).contains("no public address"), "{test}");
    assert_eq!(receiver.received(), []);
}
