//! Bodies of all kinds: what is taken, and what is refused at once.

use milepost_testkit::Server;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::{Build, assert_states};

fn event(name: &str, kind: &str, more: &Value) -> Value {
    let mut event = json!({"name": name, "description": format!("{name} goes on"), "event_type": kind, "origin": "curtin",
        "timestamp": 1_718_200_000.5});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

#[test]
fn a_list_of_events_of_two_programs_is_taken_as_a_whole() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    let other = event("cmd-install/stage-curthooks", "start", &json!({"origin": "cloudinit"}));
    let list = json!([event("cmd-install/stage-extract", "start", &json!({})), other]);
    build.send(&server, &list);
    assert_states(&build.progress(&server), "image_write=running");
    assert_eq!(build.reports(&server, "activity = true").len(), 1);

    let wrong = json!([event("cmd-install/stage-curthooks", "start", &json!({})), {"name": "x"}]);
    let path = format!("/unattended/events/{}", build.token);
    let answer = server.anyone().send("POST", &path, &[], Some(wrong.to_string().as_bytes())).expect(422);
    assert!(answer.text.contains("event_type"), "{}", answer.text);
    assert_states(&build.progress(&server), "image_write=running");
}

#[test]
fn an_activity_is_shown_as_one_and_a_warning_is_no_failure() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    build.send(&server, &event("cmd-install/stage-extract", "finish", &json!({"result": "WARN"})));
    build.send(&server, &event("cmd-install/stage-extract/builtin", "finish", &json!({"result": "FAIL"})));
    build.send(&server, &event("subiquity/Install/install", "error", &json!({"level": "ERROR"})));
    let progress = build.progress(&server);
    assert_states(&progress, "image_write=done");
    assert_eq!(
        (&progress["state"], &progress["current_step"]["label"]),
        (&"running".into(), &"image_write".into())
    );
    let shown: Vec<Value> = build.reports(&server, "activity = true");
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["name"], "cmd-install/stage-extract/builtin");
    assert_eq!(
        (&shown[0]["status"], &shown[0]["message"]),
        (&"failed".into(), &"cmd-install/stage-extract/builtin goes on".into())
    );
    assert_eq!(shown[0]["reported_at"], "2024-06-12T13:46:40.500Z");
    assert!(shown[0].get("priority").is_none());
}

#[test]
fn what_cannot_be_an_event_is_refused_at_once() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    let send = |path: &str, body: &[u8]| server.anyone().send("POST", path, &[], Some(body));
    let path = format!("/unattended/events/{}", build.token);
    for (body, status) in [
        (&b""[..], 400),
        (b"{", 400),
        (b"[]", 400),
        (b"[7]", 400),
        (b"\xff\xfe", 400),
        (b"name=cmd-install&event_type=start&origin=curtin", 400),
        (b"{}", 422),
        (br#"{"name": "x", "event_type": "start", "origin": null}"#, 422),
    ] {
        let answer = send(&path, body).expect(status);
        assert!(answer.text.ends_with('\n') && answer.text.lines().count() == 1, "{}", answer.text);
    }
    assert_eq!(send(&path, "[".repeat(10_000).as_bytes()).status, 400);
    assert_eq!(send(&path, &vec![b' '; 2 << 20]).status, 413);
    let many = Value::Array(vec![event("x", "start", &json!({})); 1_001]);
    assert_eq!(send(&path, many.to_string().as_bytes()).status, 400);

    // A client that may set its clock by the answer finds the time in it; no answer sends it elsewhere.
    let stranger = send("/unattended/events/no-such-token", b"{}").expect(401);
    assert!(stranger.header("date").is_some() && stranger.header("location").is_none());
    assert_eq!(
        send("/unattended/events", event("x", "start", &json!({})).to_string().as_bytes()).status,
        401
    );
    assert_eq!(send("/unattended/phone_home/no-such-token", b"").status, 401);
    assert!(build.reports(&server, "").is_empty());
}

#[test]
fn whoever_phones_home_says_what_they_like() {
    let server = Server::start();
    let build = Build::open(&server, "kickstart");
    let path = format!("/unattended/phone_home/{}", build.token);
    for body in [&b""[..], b"hostname=%ff", b"\xff\xfe\0", br#"{"hostname": "web1"}"#, b"instance_id=N%2FA"] {
        assert_eq!(server.anyone().send("POST", &path, &[], Some(body)).expect(200).text, "recorded\n");
    }
    let messages: Vec<Value> =
        build.reports(&server, "").iter().map(|report| report["message"].clone()).collect();
    assert_eq!(messages[3], "phoned home: hostname web1");
    // A workflow that gives it no meaning keeps it, and no key.
    assert_eq!(
        build.progress(&server)["steps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|step| step["attempts"] != 0)
            .count(),
        0
    );
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
        proptest::sample::select(&["start", "finish", "curtin", "FAIL", "cmd-install"][..])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let members = prop_oneof![
            3 => proptest::sample::select(&["name", "event_type", "origin", "timestamp", "result", "description", "files",
                "content", "path", "token", "mac"][..]).prop_map(str::to_owned),
            1 => ".{0,8}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(members, inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn any_json_is_taken_or_refused_and_nothing_breaks() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    let path = format!("/unattended/events/{}", build.token);
    // Half of them are whole events with anything else in them.
    let bodies = (json(), any::<bool>(), ".{1,300}").prop_map(|(mut body, is_whole, text)| {
        if let (true, Some(object)) = (is_whole, body.as_object_mut()) {
            let whole = [("name", text.as_str()), ("event_type", "finish"), ("origin", text.as_str())];
            object.extend(whole.map(|(member, text)| (member.to_owned(), Value::from(text))));
        }
        body
    });
    let mut runner = TestRunner::new(ProptestConfig::with_cases(200));
    let taken = std::cell::Cell::new(0);
    let all = runner.run(&bodies, |body| {
        // The client holds each answer against the document.
        let answer = server.anyone().send("POST", &path, &[], Some(body.to_string().as_bytes()));
        prop_assert!(matches!(answer.status, 200 | 400 | 422), "{} {}", answer.status, answer.text);
        taken.set(taken.get() + u32::from(answer.status == 200));
        Ok(())
    });
    all.unwrap();
    assert!(taken.get() > 10, "{}", taken.get());
    assert_eq!(build.progress(&server)["signals"], json!([]));
}
