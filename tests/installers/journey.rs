//! From the first report to a machine that runs its own system, with everything that it said on the way.

use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::machine::{
    ASH, BASH, BUSYBOX, CURL, DASH, FIRST_ATTEMPT, FIRST_BOOT, LAST_WORDS, Machine, Opened, PACKAGES_LOG,
    POST_MESSAGE, SECOND_ATTEMPT, SMALL_BUSYBOX, STORAGE_MESSAGE_KEPT, Sender, Shell, WGET, open, text,
};

const HOST: &str = "web1.example.com";

macro_rules! journeys {
    ($($name:ident: $sender:expr, $shell:expr;)+) => {$(
        #[test]
        fn $name() {
            goes_from_the_first_report_to_completed($sender, $shell);
        }
    )+};
}
journeys! {
    curl_run_by_dash_drives_a_build_to_completed: CURL, DASH;
    curl_run_by_bash_drives_a_build_to_completed: CURL, BASH;
    curl_run_by_busybox_sh_drives_a_build_to_completed: CURL, ASH;
    gnu_wget_run_by_dash_drives_a_build_to_completed: WGET, DASH;
    gnu_wget_run_by_bash_drives_a_build_to_completed: WGET, BASH;
    gnu_wget_run_by_busybox_sh_drives_a_build_to_completed: WGET, ASH;
    busybox_wget_run_by_dash_drives_a_build_to_completed: BUSYBOX, DASH;
    busybox_wget_run_by_bash_drives_a_build_to_completed: BUSYBOX, BASH;
    busybox_wget_run_by_busybox_sh_drives_a_build_to_completed: BUSYBOX, ASH;
    a_wget_that_can_only_get_run_by_dash_drives_a_build_to_completed: SMALL_BUSYBOX, DASH;
    a_wget_that_can_only_get_run_by_bash_drives_a_build_to_completed: SMALL_BUSYBOX, BASH;
    a_wget_that_can_only_get_run_by_busybox_sh_drives_a_build_to_completed: SMALL_BUSYBOX, ASH;
}

fn goes_from_the_first_report_to_completed(sender: Sender, shell: Shell) {
    let server = Server::start();
    let build = open(&server, HOST);
    let machine = Machine::new(sender, shell, &server.url, &build.token);

    machine.runs(FIRST_ATTEMPT);
    let failed = progress(&server);
    assert_eq!((&failed["state"], &failed["build"]["attempt"]), (&json!("failed"), &json!(1)));
    assert_eq!(failed["current_step"]["label"], "post", "the step at work is the one that failed");
    assert_eq!(failed["last_message"], POST_MESSAGE);

    machine.runs(SECOND_ATTEMPT);
    let installed = progress(&server);
    assert_eq!((&installed["state"], &installed["build"]["attempt"]), (&json!("installed"), &json!(2)));
    assert!(installed["percent"].as_u64().unwrap() < 100, "it has not booted its own system yet");

    machine.runs(FIRST_BOOT);
    let completed = progress(&server);
    assert_eq!((&completed["state"], &completed["percent"]), (&json!("completed"), &json!(100)));
    for label in ["get_ks", "storage", "packages", "post", "built", "first_boot"] {
        let steps = completed["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["label"] == label).unwrap();
        assert_eq!(step["state"], "done", "{label}");
    }
    everything_arrived_as_it_was_sent(&server, &build, sender);
}

fn progress(server: &Server) -> Value {
    server.read().get(&format!("/api/v2/hosts/{HOST}/progress")).expect(200).json()
}

/// Label, status, name, message and attempt of each report that the three scripts send; a step that they give
/// no name has the one of the registry.
fn sent() -> Value {
    json!([
        ["get_ks", "done", "Kickstart download", null, 1],
        ["pre", "init", "Installer start", null, 1],
        ["pre", "done", "Installer start", null, 1],
        ["storage", "init", "Partitioning \"/\", /boot & swap", STORAGE_MESSAGE_KEPT, 1],
        ["storage", "done", "Partitioning", null, 1],
        ["packages", "done", "Package installation", null, 1],
        ["post", "init", "Post: Skript „%post“", POST_MESSAGE, 1],
        ["built", "failed", "Installed", null, 1],
        ["get_ks", "done", "Kickstart download", null, 2],
        ["storage", null, "Partitioning", null, 2],
        ["packages", "done", "Package installation", null, 2],
        ["post", "done", "Script für „web1“", "Fertig ✓", 2],
        ["built", "done", "Installed", null, 2],
        ["first_boot", "done", "First boot", null, 2],
    ])
}

fn everything_arrived_as_it_was_sent(server: &Server, build: &Opened, sender: Sender) {
    let path = format!("/api/v2/builds/{}/reports?per_page=all", build.id);
    let list = server.read().get(&path).expect(200).json();
    let reports = list["results"].as_array().unwrap();
    let members = ["label", "status", "name", "message", "attempt"];
    let arrived: Vec<Value> =
        reports.iter().map(|report| members.iter().map(|member| report[*member].clone()).collect()).collect();
    assert_eq!(Value::from(arrived), sent());

    for report in reports {
        let (id, label, status) = (text(&report["id"]), &report["label"], &report["status"]);
        let calls_home = label == "built" && sender.calls_home_with_log;
        let has_log = calls_home || label == "packages" && report["attempt"] == 1 && sender.sends_logs;
        assert_eq!(report["log_bytes"] != 0, has_log, "{label} {status}");
        if has_log {
            let answer =
                server.read().get(&format!("/api/v2/builds/{}/reports/{id}/log", build.id)).expect(200);
            if calls_home {
                assert!(answer.text.trim_end().ends_with(LAST_WORDS), "the end of a long log is kept");
                assert!(answer.text.starts_with("[... "), "and it says that its beginning is not");
            } else {
                assert_eq!(answer.text, PACKAGES_LOG);
            }
        }
    }
}
