//! The report of the first boot: what starts it, what it says, and that nothing of it stays.

use std::{
    fs,
    io::{self, Read as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    thread,
};

use milepost_testkit::Server;

use crate::machine::{
    DASH, Machine, Opened, SHELLS, Sender, combinations, last_log, open, reports, state, text,
};

const SCRIPT: &str = "usr/local/sbin/milepost-first-boot";
const CREDENTIAL: &str = "etc/milepost/credential";

/// The installer, run by itself for a machine that is being installed below its root.
fn install(machine: &Machine, url: &str, token: &str) {
    let installer = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let status = Command::new(machine.shell[0])
        .args(&machine.shell[1..])
        .arg(installer.join("integrations/first_boot/install.sh"))
        .arg(format!("{url}/unattended/step/{token}"))
        .arg(machine.root())
        .status()
        .unwrap();
    assert!(status.success());
    let mode = |path: &str| fs::metadata(machine.root().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(CREDENTIAL), mode(SCRIPT), mode("etc/milepost")), (0o600, 0o755, 0o700));
}

/// Something that the site wants done at the first boot.
fn part(machine: &Machine, name: &str, script: &str) {
    let path = machine.root().join("etc/milepost/first-boot.d").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn first_boots(server: &Server, build: &Opened) -> Vec<String> {
    let shown = |report: &serde_json::Value| {
        let status = report["status"].as_str().unwrap_or("-");
        let percentage = report["percentage"].as_f64().map_or_else(|| "-".to_owned(), |it| it.to_string());
        format!("{status} {percentage} {}", text(&report["message"]))
    };
    reports(server, build).iter().filter(|report| report["label"] == "first_boot").map(shown).collect()
}

/// Everything that lies below the root, in order.
fn files(root: &Path) -> Vec<String> {
    let found =
        Command::new("find").arg(root).args(["-not", "-type", "d", "-printf", "%P\n"]).output().unwrap();
    let mut found: Vec<String> = String::from_utf8(found.stdout).unwrap().lines().map(Into::into).collect();
    found.sort();
    found
}

#[test]
fn what_the_site_wants_done_runs_in_order_and_shows_on_the_step() {
    let server = Server::start();
    for (sender, shell) in combinations() {
        let host = format!("{}-{}.example.com", format!("{sender:?}").to_lowercase(), shell.join("-"));
        let build = open(&server, &host, "image");
        let machine = Machine::bare(sender, shell);
        install(&machine, &server.url, &build.token);
        part(&machine, "20-agent", "#!/bin/sh\necho agent >>\"$MILEPOST_ROOT/tmp/order\"\n");
        part(&machine, "10-motd", "#!/bin/sh\necho motd >>\"$MILEPOST_ROOT/tmp/order\"\n");
        fs::write(machine.root().join("etc/milepost/first-boot.d/README"), "no script").unwrap();

        assert!(machine.run(&machine.root().join(SCRIPT)).status.success());
        let said = [
            "init - waiting for the rest of the boot",
            "- 0 running 10-motd",
            "- 50 running 20-agent",
            "done - up and running",
        ];
        assert_eq!(first_boots(&server, &build), said, "{sender:?}, {shell:?}");
        assert_eq!(fs::read_to_string(machine.root().join("tmp/order")).unwrap(), "motd\nagent\n");

        let reports = reports(&server, &build);
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert!(reports.iter().all(|report| report["boot_id"] == boot_id.trim()), "{reports:?}");
        assert!(reports.iter().all(|report| report["reported_at"].is_string()), "{reports:?}");
        let seqs: Vec<i64> = reports.iter().map(|report| report["seq"].as_i64().unwrap()).collect();
        assert!(seqs.is_sorted() && seqs[0] > 0, "{seqs:?}");
    }
}

/// A way to a service on which the first answer gets lost: the report is recorded, and nobody says so.
fn lossy(service: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let to = service.trim_start_matches("http://").to_owned();
    thread::spawn(move || {
        for (at, near) in listener.incoming().enumerate() {
            let (mut near, mut far) = (near.unwrap(), TcpStream::connect(&to).unwrap());
            let (mut asks, mut asked) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut asks, &mut asked));
            thread::spawn(move || {
                if at == 0 {
                    let _ = far.read(&mut [0]);
                } else {
                    let _ = io::copy(&mut far, &mut near);
                }
                near.shutdown(Shutdown::Both)
            });
        }
    });
    url
}

#[test]
fn a_report_whose_answer_was_lost_is_sent_again_and_recorded_once() {
    let server = Server::start();
    for (sender, shell) in combinations() {
        let host = format!("{}-{}.example.com", format!("{sender:?}").to_lowercase(), shell.join("-"));
        let build = open(&server, &host, "image");
        let machine = Machine::bare(sender, shell);
        install(&machine, &lossy(&server.url), &build.token);
        // A busy machine may take longer for the first try than the tests are patient.
        let script = machine.root().join(SCRIPT);
        let text = fs::read_to_string(&script).unwrap();
        fs::write(&script, text.replace("${MILEPOST_PATIENCE:-120}", "120")).unwrap();
        assert!(machine.run(&script).status.success());
        let said = ["init - waiting for the rest of the boot", "done - up and running"];
        assert_eq!(first_boots(&server, &build), said, "{sender:?}, {shell:?}");
    }
}

#[test]
fn a_part_that_fails_is_reported_with_its_output_and_the_rest_still_runs() {
    let server = Server::start();
    for shell in SHELLS {
        let build = open(&server, &format!("{}.example.com", shell.join("-")), "image");
        let machine = Machine::bare(Sender::Curl, shell);
        install(&machine, &server.url, &build.token);
        part(&machine, "10-breaks", "#!/bin/sh\necho 'no route to \"puppet\" & co: 100 %'\nexit 3\n");
        part(&machine, "20-runs", "#!/bin/sh\ntouch \"$MILEPOST_ROOT/tmp/ran\"\n");

        assert_eq!(machine.run(&machine.root().join(SCRIPT)).status.code(), Some(1));
        assert_eq!(first_boots(&server, &build).last().unwrap(), "failed - failed: 10-breaks");
        assert_eq!(last_log(&server, &build), "no route to \"puppet\" & co: 100 %\n");
        assert!(machine.root().join("tmp/ran").exists());
        assert_eq!(state(&server, &build), "failed");
        assert!(!machine.root().join(CREDENTIAL).exists());
    }
}

#[test]
fn whatever_starts_it_is_there_before_and_gone_afterwards() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let rc_local = "#!/bin/sh -e\necho mine\nexit 0\n";
    let starters = [
        "etc/systemd/system/multi-user.target.wants/milepost-first-boot.service",
        "usr/local/etc/rc.d/milepost_first_boot",
        "etc/cron.d/milepost-first-boot",
        "etc/rc.local",
    ];
    for (starter, shell) in starters.into_iter().zip(SHELLS.into_iter().cycle()) {
        let machine = Machine::bare(Sender::Busybox, shell);
        let root = machine.root();
        if !starter.contains("systemd") {
            fs::remove_dir_all(root.join("usr/lib/systemd")).unwrap();
        }
        fs::create_dir_all(root.join("etc")).unwrap();
        if starter.contains("rc.d") {
            fs::create_dir_all(root.join("etc/rc.d")).unwrap();
            fs::create_dir_all(root.join("etc/defaults")).unwrap();
            fs::write(root.join("etc/defaults/rc.conf"), "").unwrap();
        } else if starter.contains("cron.d") {
            fs::create_dir_all(root.join("etc/cron.d")).unwrap();
        }
        fs::write(root.join("etc/rc.local"), rc_local).unwrap();
        let before = files(&root);

        install(&machine, &url, "mpb_0123456789");
        let started = fs::symlink_metadata(root.join(starter)).is_ok();
        assert!(started, "{starter} is not among {:?}", files(&root));
        if starter == "etc/rc.local" {
            let second = fs::read_to_string(root.join(starter)).unwrap();
            assert!(second.lines().nth(1).unwrap().contains("milepost-first-boot"), "{second}");
        }

        // The network never comes up, and that is no reason to keep a credential.
        assert!(machine.run(&root.join(SCRIPT)).status.success());
        let mut after = files(&root);
        // FreeBSD removes this one by itself.
        after.retain(|file| file != "firstboot");
        assert_eq!(after, before, "{starter}");
        assert_eq!(fs::read_to_string(root.join("etc/rc.local")).unwrap(), rc_local);
    }
}

#[test]
fn a_credential_that_has_run_out_ends_the_waiting_at_once() {
    let server = Server::start();
    let build = open(&server, "web1.example.com", "image");
    let machine = Machine::bare(Sender::Curl, DASH);
    install(&machine, &server.url, "mpb_nobodysNobodysNobodys");
    assert!(machine.run(&machine.root().join(SCRIPT)).status.success());
    assert!(!machine.root().join(CREDENTIAL).exists());
    assert_eq!(first_boots(&server, &build), [""; 0]);
}
