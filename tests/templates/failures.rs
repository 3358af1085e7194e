//! Installations that fail say so, with the end of their log, and fail exactly as they would have without us.

use std::fs;

use milepost_testkit::Server;
use serde_json::json;

use crate::machine::{ASH, BASH, DASH, Machine, SHELLS, Sender, heard, last_log, open, state};

#[test]
fn a_post_section_that_breaks_off_is_reported_with_its_log() {
    let server = Server::start();
    for shell in SHELLS {
        let build = open(&server, &format!("{}.example.com", shell.join("-")), "kickstart");
        let machine = Machine::new(Sender::Curl, shell, &server.url, &build.token, &json!({"breaks": "yes"}));
        machine.installs("kickstart.ks");
        assert_eq!(heard(&server, &build).last().unwrap(), "post failed", "{shell:?}");
        assert_eq!(last_log(&server, &build), "installing web1.example.com\n");
        assert_eq!(state(&server, &build), "failed");
    }
}

#[test]
fn a_finish_script_that_fails_is_reported_and_keeps_its_exit_status() {
    let server = Server::start();
    for (document, workflow, shell) in [
        ("finish.sh", "preseed", DASH),
        ("autoyast.xml", "autoyast", BASH),
        ("agama.jsonnet", "agama", BASH),
        ("cloud-config.yaml", "image", DASH),
        ("freebsd-finish.sh", "freebsd", ASH),
    ] {
        let build = open(&server, &format!("{workflow}.example.com"), workflow);
        let machine = Machine::new(Sender::Wget, shell, &server.url, &build.token, &json!({"breaks": "yes"}));
        let scripts = machine.scripts(document);
        let script = scripts.iter().rev().find(|script| script.hook != "init-scripts").unwrap();
        assert_eq!(machine.run(&script.path).status.code(), Some(7), "{document}");
        assert_eq!(heard(&server, &build).last().unwrap(), "post failed", "{document}");
    }
}

#[test]
fn a_failure_of_the_installer_itself_is_reported_with_its_log() {
    let server = Server::start();
    for (document, workflow, sender, hook, log) in [
        ("kickstart.ks", "kickstart", Sender::Curl, "onerror", "tmp/anaconda.log"),
        ("kickstart.ks", "kickstart", Sender::Curl, "onerror", "tmp/anaconda-tb-x1y2z3"),
        (
            "autoinstall.yaml",
            "autoinstall",
            Sender::Wget,
            "error-commands",
            "var/log/installer/curtin-install.log",
        ),
    ] {
        let build = open(&server, &format!("{}.example.com", log.replace('/', "-")), workflow);
        let machine = Machine::new(sender, DASH, &server.url, &build.token, &json!({}));
        let words = "the disk is full: 100 % of \"sda\" & 'sdb'\n";
        let long = format!("{}{words}", "a line before it\n".repeat(10_000));
        fs::write(machine.root().join(log), long).unwrap();
        let scripts = machine.scripts(document);
        let begun = scripts.iter().filter(|script| !script.is_for_errors()).take(2);
        begun.for_each(|script| machine.runs(script));
        let script = scripts.iter().find(|script| script.hook == hook).unwrap();
        machine.runs(script);
        assert_eq!(state(&server, &build), "failed", "{hook}");
        assert!(last_log(&server, &build).ends_with(words), "{hook}");
    }
}
