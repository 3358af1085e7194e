//! Every family of installer: its scripts, run in its order, report what its workflow expects.

use std::fs;

use milepost_testkit::Server;
use serde_json::json;

use crate::machine::{
    ASH, BASH, DASH, Machine, SHELLS, Script, Sender, Shell, combinations, heard, open, pairs, state,
};

/// Runs the documents in each of these ways, and the first boot of what they have installed.
fn installs(workflow: &str, ways: &[(Sender, Shell)], documents: &[&str], expected: &[&str]) {
    let server = Server::start();
    for (sender, shell) in ways {
        let host = format!("{sender:?}-{}.example.com", shell.join("-")).to_lowercase();
        let build = open(&server, &host, workflow);
        let machine = Machine::new(*sender, shell, &server.url, &build.token, &json!({}));
        for document in documents {
            machine.installs(document);
            run_hooks(&machine);
        }
        assert_eq!(heard(&server, &build), expected, "{sender:?}, {shell:?}");
        assert_eq!(state(&server, &build), "installed");
        for left in ["milepost.sh", "milepost.spool"] {
            assert!(!machine.root().join("run").join(left).exists(), "{left} has a credential and was left");
        }

        let boot = machine.root().join("usr/local/sbin/milepost-first-boot");
        assert!(machine.run(&boot).status.success());
        assert_eq!(state(&server, &build), "completed", "{sender:?}, {shell:?}");
    }
}

/// What the early command leaves for the Debian installer to run, in its order.
fn run_hooks(machine: &Machine) {
    let hooks = [
        "lib/partman/init.d",
        "usr/lib/base-installer.d",
        "usr/lib/post-base-installer.d",
        "usr/lib/pre-pkgsel.d",
        "usr/lib/finish-install.d",
    ];
    for hook in hooks {
        let place = machine.root().join(hook);
        for file in fs::read_dir(&place).into_iter().flatten() {
            let path = file.unwrap().path();
            machine.runs(&Script { hook: hook.to_owned(), path });
        }
        let _ = fs::remove_dir_all(place);
    }
}

#[test]
fn a_kickstart_reports_its_sections_and_the_first_boot() {
    // Anaconda has curl, always.
    let expected = [
        "get_ks done",
        "pre init",
        "pre done",
        "storage done",
        "packages init",
        "packages done",
        "post init",
        "post done",
        "built done",
    ];
    let ways = SHELLS.map(|shell| (Sender::Curl, shell));
    installs("kickstart", &ways, &["kickstart.ks"], &expected);
}

#[test]
fn a_preseed_file_reports_through_hooks_of_the_installer_and_its_finish_script() {
    let expected = [
        "get_preseed done",
        "pre init",
        "pre done",
        "storage init",
        "storage done",
        "base_system init",
        "base_system done",
        "packages init",
        "packages done",
        "bootloader done",
        "post init",
        "post done",
        "built done",
    ];
    let ways = [(Sender::Busybox, ASH), (Sender::Busybox, DASH), (Sender::Wget, DASH)];
    installs("preseed", &ways, &["preseed.cfg", "finish.sh"], &expected);
}

#[test]
fn an_autoinstall_file_reports_its_start_and_its_finish_script() {
    let expected = ["get_autoinstall done", "pre init", "post init", "post done", "built done"];
    let ways = [(Sender::Wget, DASH), (Sender::Wget, BASH)];
    installs("autoinstall", &ways, &["autoinstall.yaml", "finish.sh"], &expected);
}

#[test]
fn an_autoyast_profile_reports_from_each_list_of_scripts() {
    let expected = [
        "get_autoyast done",
        "pre init",
        "pre done",
        "storage done",
        "packages init",
        "packages done",
        "packages done",
        "post init",
        "post done",
        "built done",
        "second_stage done",
    ];
    installs("autoyast", &combinations(), &["autoyast.xml"], &expected);
}

#[test]
fn an_agama_profile_reports_from_each_group_of_scripts() {
    let expected = [
        "get_agama done",
        "pre init",
        "storage done",
        "packages init",
        "packages done",
        "bootloader done",
        "post init",
        "post done",
        "built done",
    ];
    let ways = [(Sender::Curl, BASH), (Sender::Wget, BASH)];
    installs("agama", &ways, &["agama.jsonnet"], &expected);
}

#[test]
fn a_cloud_config_reports_its_start_and_its_end() {
    let expected = ["pre init", "post init", "post done", "built done"];
    installs("image", &pairs(), &["cloud-config.yaml"], &expected);
}

#[test]
fn the_scripts_for_freebsd_report_where_there_is_another_sender_than_its_own() {
    let expected =
        ["get_script done", "base_system init", "base_system done", "post init", "post done", "built done"];
    installs("freebsd", &pairs(), &["freebsd.sh", "freebsd-finish.sh"], &expected);
}
