//! The helper as the service hands it out: bound to its build.

use std::{fs, process::Command};

use milepost_testkit::Server;

use crate::{
    machine::{ended, helper, open, steps},
    shells::{SHELLS, find},
};

#[test]
fn a_downloaded_helper_needs_nothing_else_to_report() {
    let server = Server::start();
    for (at, shell) in SHELLS.into_iter().enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("milepost.sh");
        let mut curl = Command::new(find("curl", "curl"));
        curl.arg("-sSfo").arg(&file).arg(format!("{}/unattended/milepost.sh/{}", server.url, build.token));
        assert_eq!(ended(&mut curl).status, 0);

        let mut sourced = shell.command();
        sourced.args(["-c", ". ./milepost.sh; milepost step get_ks done"]);
        let mut run = shell.command();
        run.args(["milepost.sh", "step", "pre", "init"]);
        for mut command in [sourced, run] {
            let outcome =
                ended(command.current_dir(place.path()).env("MILEPOST_SPOOL", place.path().join("spool")));
            assert_eq!(
                (outcome.status, outcome.out.as_str(), outcome.err.as_str()),
                (0, "", ""),
                "{shell:?}"
            );
        }
        assert_eq!(steps(&server, &build), ["get_ks/done", "pre/init"], "{shell:?}");
    }
}

#[test]
fn the_token_may_come_in_query_path_or_header() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let anyone = server.anyone();
    let bearer = format!("Bearer {}", build.token);
    let answers = [
        anyone.get(&format!("/unattended/milepost.sh?token={}", build.token)),
        anyone.get(&format!("/unattended/milepost.sh/{}", build.token)),
        anyone.send("GET", "/unattended/milepost.sh", &[("authorization", &bearer)], None),
    ];
    let source = fs::read_to_string(helper()).unwrap();
    let expected = source
        .replace("\n_milepost_url=''\n", &format!("\n_milepost_url='{}'\n", server.url))
        .replace("\n_milepost_token=''\n", &format!("\n_milepost_token='{}'\n", build.token));
    for answer in answers {
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-type"), Some("text/x-shellscript; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.text, expected);
    }
}

#[test]
fn whoever_has_no_build_gets_no_helper() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let anyone = server.anyone();
    let _ = anyone.get("/unattended/milepost.sh").expect(401);
    let _ = anyone.get(&format!("/unattended/milepost.sh?token={}0", build.token)).expect(401);
    let _ = anyone.get(&format!("/unattended/milepost.sh/{}0", build.token)).expect(401);
}

#[test]
fn a_host_name_with_shell_in_it_is_only_a_word() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    let place = tempfile::tempdir().unwrap();
    let path = format!("/unattended/milepost.sh/{}", build.token);
    let anyone = server.anyone();
    let answer = anyone.send("GET", &path, &[("x-forwarded-host", "a';touch pwned;'$(touch pwned)")], None);
    fs::write(place.path().join("milepost.sh"), answer.text).unwrap();
    for shell in SHELLS {
        let mut command = shell.command();
        command.args(["-c", ". ./milepost.sh; milepost step get_ks"]).current_dir(place.path());
        command.env("MILEPOST_SPOOL", place.path().join("spool"));
        let outcome = ended(&mut command);
        assert_eq!((outcome.status, outcome.out.as_str(), outcome.err.as_str()), (0, "", ""), "{shell:?}");
    }
    assert!(!place.path().join("pwned").exists());
}
