//! How far a build is: the document of one host page.

use chrono::TimeDelta;
use milepost_domain::{Status, registry::Mode};
use milepost_testkit::{Answer, Options, Server};
use serde_json::{Value, json};

use crate::support::{
    Opened, SENDS_TEXT, build_of, open, open_as, open_at, post_form, progress, report, report_at,
    server_time, step, text, time,
};

const HOST: &str = "web1.example.com";

#[track_caller]
fn conditional(server: &Server, etag: &str) -> Answer {
    server.read().send("GET", &format!("/api/v2/hosts/{HOST}/progress"), &[("if-none-match", etag)], None)
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start();
    let build = open(&server, HOST);
    // The clock of a failed build stands still.
    report(&server, &build, "packages/failed");
    let first = server.read().get(&format!("/api/v2/hosts/{HOST}/progress")).expect(200);
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    for sent in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
        let unchanged = conditional(&server, &sent).expect(304);
        assert_eq!(unchanged.header("etag"), Some(etag.as_str()), "{sent}");
        assert_eq!(unchanged.text, "");
    }
    let _ = conditional(&server, "\"other\"").expect(200);
    report(&server, &build, "post/failed");
    let changed = conditional(&server, &etag).expect(200);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
    assert_eq!(step(&changed.json(), "post")["state"], "failed");
}

#[test]
fn what_is_not_known_yet_is_absent() {
    let server = Server::start();
    let build = open(&server, HOST);
    let fresh = progress(&server, HOST);
    for member in ["current_step", "eta", "last_message", "last_report_at"] {
        assert!(fresh.get(member).is_none(), "{member}");
    }
    for member in ["installed_at", "ended_at", "token", "report_url", "report_urls"] {
        assert!(fresh["build"].get(member).is_none(), "{member}");
    }
    for member in ["foreman_id", "mac", "ip", "location", "model"] {
        assert!(fresh["host"].get(member).is_none(), "{member}");
    }
    assert_eq!((&fresh["percent"], &fresh["signals"]), (&json!(0), &json!([])));
    let waiting = step(&fresh, "get_ks");
    assert_eq!(
        *waiting,
        json!({"label": "get_ks", "name": "Kickstart download", "priority": 20, "state": "pending", "attempts": 0})
    );
    report(&server, &build, "get_ks/done");
    let shown = progress(&server, HOST);
    let done = step(&shown, "get_ks");
    assert_eq!((&done["state"], &done["attempts"]), (&json!("done"), &json!(1)));
    assert_eq!(done["duration_seconds"], 0);
    assert_eq!(shown["last_report_at"], done["finished_at"]);
    assert_eq!(shown["current_step"], *done);
}

#[test]
fn what_a_later_report_passed_over_is_skipped() {
    let server = Server::start();
    let build = open(&server, HOST);
    report(&server, &build, "get_ks/done");
    report(&server, &build, "packages/init");
    let shown = progress(&server, HOST);
    for (label, state) in [
        ("pxe_boot", "skipped"),
        ("get_ks", "done"),
        ("storage", "skipped"),
        ("packages", "running"),
        ("post", "pending"),
        ("first_boot", "pending"),
    ] {
        assert_eq!(step(&shown, label)["state"], state, "{label}");
    }
    assert!(step(&shown, "storage").get("started_at").is_none());
    report(&server, &build, "storage/done");
    assert_eq!(step(&progress(&server, HOST), "storage")["state"], "done", "heard of late");
}

#[test]
fn steps_stand_in_the_order_of_their_priority() {
    let server = Server::start();
    let _ = open(&server, HOST);
    let shown = progress(&server, HOST);
    let priorities: Vec<i64> =
        shown["steps"].as_array().unwrap().iter().map(|step| step["priority"].as_i64().unwrap()).collect();
    assert!(priorities.is_sorted() && priorities.len() > 10, "{priorities:?}");
}

#[test]
fn the_start_of_a_later_step_ends_the_one_before() {
    let server = Server::start();
    let build = open(&server, HOST);
    report(&server, &build, "storage/init");
    report(&server, &build, "packages/init");
    let shown = progress(&server, HOST);
    assert_eq!(step(&shown, "storage")["state"], "done");
    assert_eq!(step(&shown, "storage")["finished_at"], step(&shown, "packages")["started_at"]);
    assert_eq!(shown["current_step"]["label"], "packages");
}

#[test]
fn the_percentage_never_falls_and_is_full_only_when_completed() {
    let server = Server::start();
    let build = open(&server, HOST);
    let mut before = 0;
    for (form, state) in [
        ("label=get_ks&status=done", "running"),
        ("label=pre&status=init", "running"),
        ("label=storage&status=init", "running"),
        ("label=storage&status=done", "running"),
        ("label=packages&status=init", "running"),
        ("label=packages&status=init&percentage=80", "running"),
        ("label=packages&status=init&percentage=20", "running"),
        ("label=packages&status=failed", "failed"),
        ("label=packages&status=init", "running"),
        ("label=packages&status=done", "running"),
        ("label=post&status=init&percentage=100", "running"),
        ("label=storage&status=init", "running"),
        ("label=post&status=done", "running"),
        ("label=built&status=done", "installed"),
        ("label=config_report&status=done", "installed"),
        ("label=first_boot&status=init", "installed"),
        ("label=first_boot&status=done", "completed"),
    ] {
        let _ = post_form(&server, &build, form).expect(200);
        let shown = progress(&server, HOST);
        assert_eq!(shown["state"], state, "{form}");
        let percent = shown["percent"].as_i64().unwrap();
        assert!(percent >= before, "{form}: {percent} after {before}");
        assert_eq!(percent == 100, state == "completed", "{form}: {percent}");
        before = percent;
    }
}

#[test]
fn the_percentage_of_a_step_counts_for_its_share() {
    let server = Server::start();
    let build = open(&server, HOST);
    let at = |percentage: &str| {
        let form = format!("label=packages&status=init&percentage={percentage}");
        let _ = post_form(&server, &build, &form).expect(200);
        let shown = progress(&server, HOST);
        assert_eq!(shown["current_step"]["percentage"].as_i64().unwrap().to_string(), percentage);
        shown["percent"].as_i64().unwrap()
    };
    let (tenth, half, most) = (at("10"), at("50"), at("90"));
    assert!(tenth < half && half < most, "{tenth} {half} {most}");
}

#[test]
fn a_failed_build_that_goes_on_is_running_again() {
    let server = Server::start();
    let build = open(&server, HOST);
    let _ = post_form(&server, &build, "label=packages&status=failed&message=mirror+is+down").expect(200);
    let shown = progress(&server, HOST);
    assert_eq!((&shown["state"], &shown["current_step"]["label"]), (&json!("failed"), &json!("packages")));
    assert_eq!(shown["current_step"]["message"], "mirror is down");
    report(&server, &build, "packages/init");
    let shown = progress(&server, HOST);
    assert_eq!((&shown["state"], &step(&shown, "packages")["attempts"]), (&json!("running"), &json!(2)));
}

#[test]
fn a_machine_that_boots_its_installer_again_begins_another_attempt() {
    let server = Server::start();
    let build = open(&server, HOST);
    for (round, attempt) in [(1, 1), (2, 2), (3, 3)] {
        report(&server, &build, "get_ks/done");
        let shown = progress(&server, HOST);
        assert_eq!(shown["build"]["attempt"], attempt, "round {round}");
        assert_eq!(step(&shown, "packages")["state"], "pending", "only this attempt is shown");
        report(&server, &build, "get_ks/done");
        assert_eq!(build_of(&server, &build)["attempt"], attempt, "a repetition is no new attempt");
        report(&server, &build, "packages/init");
    }
    let found = server.read().get("/api/v2/builds?search=attempt%20%3E%202").expect(200).json();
    assert_eq!(found["subtotal"], 1);
    let attempts: Vec<Value> =
        crate::support::stream(&server, &build).iter().map(|report| report["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
}

#[test]
fn the_boot_id_proves_or_disproves_another_attempt() {
    let server = Server::start();
    let build = open(&server, HOST);
    for (form, attempt) in [
        ("label=get_ks&status=done&boot_id=b0", 1),
        ("label=packages&status=init&boot_id=b0", 1),
        ("label=get_ks&status=done&boot_id=b0", 1),
        ("label=packages&status=init&boot_id=b0", 1),
        ("label=get_ks&status=done&boot_id=b1", 2),
    ] {
        let _ = post_form(&server, &build, form).expect(200);
        assert_eq!(build_of(&server, &build)["attempt"], attempt, "{form}");
    }
}

#[test]
fn a_new_attempt_may_start_lower_and_leaves_an_installed_state() {
    let server = Server::start();
    let build = open(&server, HOST);
    report(&server, &build, "get_ks/done");
    report(&server, &build, "built/done");
    let installed = build_of(&server, &build);
    report(&server, &build, "get_ks/done");
    let again = build_of(&server, &build);
    assert_eq!((&again["state"], &again["attempt"]), (&json!("running"), &json!(2)));
    assert!(again["percent"].as_i64() < installed["percent"].as_i64());
    assert!(again.get("installed_at").is_none());
}

#[test]
fn without_a_known_workflow_the_percentage_is_shown_as_it_came() {
    let server = Server::with(Options { registry: Mode::Loose, ..Options::default() });
    let build = open_as(&server, &json!({"name": HOST}), "homegrown");
    assert!(progress(&server, HOST).get("percent").is_none());
    for (percentage, shown, state) in
        [("40", 40, "running"), ("99.9", 99, "running"), ("100", 100, "completed")]
    {
        let form = format!("label=site_step&status=init&percentage={percentage}");
        let _ = post_form(&server, &build, &form).expect(200);
        let document = progress(&server, HOST);
        assert_eq!((&document["percent"], &document["state"]), (&json!(shown), &json!(state)));
    }
}

fn signals(progress: &Value) -> Vec<String> {
    progress["signals"].as_array().unwrap().iter().map(|signal| text(&signal["kind"])).collect()
}

#[test]
fn a_silence_is_a_signal_and_the_next_report_clears_it() {
    let server = Server::start();
    let now = server_time(&server);
    let build = open(&server, HOST);
    let id = build.id.parse().unwrap();
    report_at(&server, id, "get_ks", Status::Done, now - TimeDelta::hours(3));
    let silent = progress(&server, HOST);
    assert_eq!((&silent["state"], signals(&silent)), (&json!("running"), vec!["stalled".to_owned()]));
    let signal = &silent["signals"][0];
    assert_eq!(time(&signal["since"]), now - TimeDelta::hours(3));
    let detail = text(&signal["detail"]);
    assert!(
        detail.ends_with(
            " after 'Kickstart download'; 'Partitioning' usually follows within 30 s, limit 30 min"
        ),
        "{detail}"
    );
    assert_eq!(signal["severity"], "warning");
    assert!(text(&signal["remedy"]).contains("console"), "{signal}");
    report(&server, &build, "storage/init");
    assert_eq!(signals(&progress(&server, HOST)), [""; 0]);
}

/// Fails a step with a log, as a template does.
#[track_caller]
fn fail(server: &Server, build: &Opened, step: &str, log: &str) {
    let path = format!("/unattended/step/{}/{step}/failed", build.token);
    let _ = server.anyone().send("POST", &path, &[], Some(log.as_bytes())).expect(200);
}

#[test]
fn the_page_of_what_failed_has_the_end_of_its_log() {
    let server = Server::start();
    let build = open(&server, HOST);
    let long: Vec<String> = (1..=500).map(|number| format!("line {number}")).collect();
    fail(&server, &build, "packages", &format!("{}\nError: no space left on device\n", long.join("\n")));
    let log = progress(&server, HOST)["signals"][0]["log"].clone();
    let tail = text(&log["text"]);
    assert!(tail.starts_with("line 482\n") && tail.ends_with("\nError: no space left on device"), "{tail}");
    assert_eq!((tail.lines().count(), &log["is_cut"]), (20, &json!(true)));
    let whole = format!("/api/v2/builds/{}/reports/{}/log", build.id, text(&log["report_id"]));
    assert!(server.read().get(&whole).expect(200).text.starts_with("line 1\n"));
    let one = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
    assert_eq!(one["signals"][0]["log"], log);
    let list = server.read().get("/api/v2/builds").expect(200).json();
    assert!(list["results"][0]["signals"][0].get("log").is_none(), "a list has none");
    report(&server, &build, "packages/init");
    assert_eq!(signals(&progress(&server, HOST)), [""; 0]);
    fail(&server, &build, "packages", "again\n");
    assert_eq!(progress(&server, HOST)["signals"][0]["log"]["text"], "again", "the last one counts");
}

#[test]
fn the_log_of_the_whole_installation_stands_in_for_that_of_the_step() {
    let server = Server::start();
    let build = open(&server, HOST);
    fail(&server, &build, "storage", "an earlier failure\n");
    report(&server, &build, "storage/init");
    report(&server, &build, "packages/init");
    let answer = server.anyone().send(
        "POST",
        &format!("/unattended/failed?token={}", build.token),
        &[SENDS_TEXT],
        Some(b"the installer's own log\n"),
    );
    assert_eq!(answer.status, 201);
    let shown = progress(&server, HOST);
    assert!(text(&shown["signals"][0]["detail"]).starts_with("'Package installation' failed"), "{shown}");
    assert_eq!(shown["signals"][0]["log"]["text"], "the installer's own log");
    let silent = open(&server, "web2.example.com");
    report(&server, &silent, "packages/failed");
    assert!(progress(&server, "web2.example.com")["signals"][0].get("log").is_none());
}

#[test]
fn an_installer_that_comes_back_is_told_with_what_usually_helps() {
    let server = Server::start();
    let build = open(&server, HOST);
    for step in ["get_ks/done", "packages/done", "built/done"] {
        report(&server, &build, step);
        assert_eq!(signals(&progress(&server, HOST)), [""; 0], "{step}");
    }
    report(&server, &build, "get_ks/init");
    let shown = progress(&server, HOST);
    assert_eq!(signals(&shown), ["boot_loop"]);
    let signal = &shown["signals"][0];
    assert_eq!(signal["severity"], "critical");
    assert!(text(&signal["detail"]).starts_with("expected the host to boot from disk"), "{signal}");
    assert!(text(&signal["remedy"]).starts_with("check the boot order"), "{signal}");
    let again = open(&server, HOST);
    report(&server, &again, "get_ks/done");
    assert_eq!(signals(&progress(&server, HOST)), [""; 0], "a person builds it anew");
}

#[test]
fn a_host_that_is_never_heard_of_is_stalled() {
    let server = Server::start();
    let now = server_time(&server);
    for (host, minutes, expected) in [("quick.example.com", 10, 0), ("slow.example.com", 60, 1)] {
        let _ = open_at(&server, host, now - TimeDelta::minutes(minutes));
        let shown = progress(&server, host);
        assert_eq!((&shown["state"], signals(&shown).len()), (&json!("pending"), expected), "{host}");
    }
}

#[test]
fn a_build_that_does_not_move_any_more_is_not_stalled() {
    let server = Server::start();
    let now = server_time(&server);
    for (label, status, state, expected) in [
        ("packages", Status::Failed, "failed", vec!["failed_step"]),
        ("built", Status::Done, "installed", vec![]),
    ] {
        let host = format!("{state}.example.com");
        let build = open(&server, &host);
        report_at(&server, build.id.parse().unwrap(), label, status, now - TimeDelta::hours(3));
        let shown = progress(&server, &host);
        assert_eq!(
            (&shown["state"], signals(&shown)),
            (&json!(state), expected.into_iter().map(String::from).collect())
        );
    }
}
