//! The clients themselves: whole installations and boots, in their words and with their headers.

use std::io::Write as _;

use milepost_testkit::Server;
use serde_json::Value;

use crate::{Build, assert_states, run, states};

/// Has Ubuntu's installer say all it has to say; what came back.
#[track_caller]
fn replay(server: &Server, build: &Build, kind: &str) -> Value {
    let endpoint = format!("{}/unattended/events/{}", server.url, build.token);
    serde_json::from_str(&run("replay.py", &[&endpoint, kind])).unwrap()
}

#[test]
fn a_whole_ubuntu_install_is_five_steps_of_hundreds_of_events_and_raises_nothing() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    build.report(&server, "get_autoinstall/done");
    build.report(&server, "pre/init");
    let said = replay(&server, &build, "install");
    let sent = said["sent"].as_u64().unwrap();
    assert_eq!(
        (said["block_meta"].as_u64(), said["answers"]["200 recorded"].as_u64()),
        (Some(13), Some(sent))
    );
    assert!(sent > 200, "hundreds: {sent}");

    let progress = build.progress(&server);
    let steps = "get_autoinstall=done pre=done storage=done image_write=done bootloader=done packages=done updates=done";
    assert_states(&progress, steps);
    // What is played was recorded long ago, and so its clock says.
    let kinds: Vec<&Value> =
        progress["signals"].as_array().unwrap().iter().map(|signal| &signal["kind"]).collect();
    assert_eq!((&progress["state"], kinds), (&"running".into(), vec![&Value::from("clock_skew")]));
    assert_eq!(progress["build"]["attempt"], 1);
    let attempts = |step: &Value| step["attempts"].as_u64().unwrap();
    assert!(progress["steps"].as_array().unwrap().iter().map(attempts).all(|attempts| attempts <= 1));
    assert_eq!(progress["last_message"], "mode=REBOOT");

    // Start and end of four steps, and the start of each of three packages.
    let (activities, others) =
        (build.reports(&server, "activity = true"), build.reports(&server, "activity = no"));
    assert_eq!((u64::try_from(activities.len()).unwrap(), others.len()), (sent - 11, 2 + 11));
    assert!(activities.iter().all(|report| report["activity"] == true));
    assert!(others.iter().all(|report| report.get("activity").is_none()));

    // The rest comes as lines of templates, and from the new system.
    build.report(&server, "post/done");
    let built = server.anyone().send("POST", &format!("/unattended/built?token={}", build.token), &[], None);
    assert_eq!(built.expect(201).text, "recorded\n");
    let form = "pub_key_rsa=ssh-rsa+AAAAB3&instance_id=iid-1&hostname=web1&fqdn=web1.brno.example.com";
    let home = format!("/unattended/phone_home/{}", build.token);
    let sends_form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(
        server.anyone().send("POST", &home, &sends_form, Some(form.as_bytes())).expect(200).text,
        "recorded\n"
    );
    let progress = build.progress(&server);
    assert_eq!((&progress["state"], &progress["percent"]), (&"completed".into(), &100.into()));
    assert_states(&progress, &format!("{steps} post=done built=done first_boot=done"));
}

#[test]
fn an_install_that_fails_says_where_and_in_what_words() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    let said = replay(&server, &build, "failure");
    assert_eq!(said["answers"]["200 recorded"], said["sent"]);
    let progress = build.progress(&server);
    assert_eq!(progress["state"], "failed");
    // The failure of the whole is told with `built`, as Foreman does.
    assert_states(&progress, "storage=done image_write=failed built=failed");
    let step = &progress["current_step"];
    assert_eq!(
        (&step["label"], &step["message"]),
        (&"image_write".into(), &"writing install sources to disk".into())
    );
    // Below it the same failure is told three times, and fails nothing by itself.
    assert!(build.reports(&server, "activity = true and status = failed").len() >= 3);
}

#[test]
fn an_event_that_is_sent_again_because_its_answer_got_lost_is_stored_once() {
    let server = Server::start();
    let build = Build::open(&server, "autoinstall");
    let said = replay(&server, &build, "repeats");
    // Each three times: twice by cloud-init, and by curtin, which is somebody else.
    assert_eq!((&said["answers"]["200 recorded"], &said["answers"]["200 repeated"]), (&6.into(), &3.into()));
    assert_eq!(build.reports(&server, "activity = true").len(), 6);
}

/// Has cloud-init itself report a boot to that address.
#[track_caller]
fn boot(server: &Server, build: &Build, endpoint: &str) {
    let mut log = tempfile::NamedTempFile::new().unwrap();
    log.write_all("the final stage, line by line\n".repeat(4_000).as_bytes()).unwrap();
    let home = format!("{}/unattended/phone_home/{}", server.url, build.token);
    let endpoint = format!("{}{endpoint}", server.url);
    let warned = run("boot.sh", &[&endpoint, &home, &build.token, log.path().to_str().unwrap()]);
    assert_eq!(warned, "", "cloud-init is content");

    let progress = build.progress(server);
    assert_states(
        &progress,
        "cloud_init_network=done cloud_init_config=done packages=done post=done built=done cloud_init_final=done",
    );
    assert_eq!((&progress["state"], &progress["signals"]), (&"installed".into(), &Value::Array(Vec::new())));
    let last = build.reports(server, "step = cloud_init_final").pop().unwrap();
    let path = format!("/api/v2/builds/{}/reports/{}/log", build.id, last["id"].as_str().unwrap());
    let log = server.read().get(&path).expect(200).text;
    assert!(
        log.starts_with("[... ") && log.trim_end().ends_with("line by line"),
        "the end of the file that came along"
    );
    let phoned = build.reports(server, "step = built").pop().unwrap();
    assert_eq!(
        phoned["message"],
        "phoned home: instance_id iid-9f2c, hostname web1, fqdn web1.brno.example.com"
    );
}

#[test]
fn cloud_init_itself_reports_a_boot_and_phones_home() {
    let server = Server::start();
    let build = Build::open(&server, "image");
    boot(&server, &build, &format!("/unattended/events/{}", build.token));
    build.report(&server, "first_boot/done");
    let before = build.progress(&server);
    assert_eq!(before["state"], "completed");
    // It reports with every boot for as long as it is configured to.
    boot_again(&server, &build);
    assert_eq!(states(&build.progress(&server)), states(&before));
    assert_eq!(build.progress(&server)["state"], "completed");
}

#[track_caller]
fn boot_again(server: &Server, build: &Build) {
    for (kind, result) in [("start", None), ("finish", Some("FAIL"))] {
        build.send(
            server,
            &serde_json::json!({"name": "modules-config", "description": "running modules for config", "origin": "cloudinit",
                "event_type": kind, "result": result, "timestamp": 1_718_209_999.5}),
        );
    }
}

#[test]
fn cloud_init_itself_says_who_it_is_by_oauth() {
    let server = Server::start();
    let build = Build::open(&server, "image");
    boot(&server, &build, "/unattended/events");
}
