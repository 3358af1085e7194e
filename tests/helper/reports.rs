//! What is reported arrives: in every shell, by every sender.

use std::{fs, net::TcpListener};

use milepost_testkit::Server;
use serde_json::{Value, json};

use crate::{
    machine::{Machine, log_of, open, reports, steps},
    networks::Lossy,
    senders::{SENDERS, Sender},
    shells::{DASH, SHELLS},
};

/// What a shell, a URL, a form and a sed have to be careful about, on two lines.
const HOSTILE: &str = "a 'b' \"c\" $(touch pwned) `touch pwned` \\ \\n %41 %zz + & = # ; | < > * ? [x] {y} ~ ! ^ @ 2×480 für\n\
    second\tline $HOME ${IFS} \u{1b}[31m \u{1f680} -n --help $((1/0))";
/// The same as it is kept: one line without control characters or colours.
const KEPT: &str = "a 'b' \"c\" $(touch pwned) `touch pwned` \\ \\n %41 %zz + & = # ; | < > * ? [x] {y} ~ ! ^ @ 2×480 für \
    second line $HOME ${IFS}  \u{1f680} -n --help $((1/0))";

const STORY: &str = r#"
set -eu
milepost step get_ks
milepost step pre init
milepost step pre done -p 100
milepost step storage init -m "$(cat hostile)" -p 12.5%
milepost step storage failed -m "$(cat broken)"
milepost step storage -m "$(cat huge)" init
milepost step no_such_label -m 'nobody knows this'
milepost step packages done -l short.log
milepost step post failed -l long.log -m 'no space left'
milepost step post -l no-such-file -l .
"#;

macro_rules! senders {
    ($($name:ident: $sender:expr;)+) => {$(
        #[test]
        fn $name() {
            everything_arrives_from_every_shell_by($sender);
        }
    )+};
}
senders! {
    everything_arrives_by_curl: Sender::Curl;
    everything_arrives_by_gnu_wget: Sender::Wget;
    everything_arrives_by_python: Sender::Python;
    everything_arrives_by_perl: Sender::Perl;
    everything_arrives_by_nothing_but_bash: Sender::Bash;
    everything_arrives_by_netcat: Sender::Netcat;
    everything_arrives_by_the_netcat_of_busybox: Sender::BusyboxNetcat;
    everything_arrives_by_the_wget_of_busybox: Sender::BusyboxWget;
    everything_arrives_by_a_wget_that_can_only_get: Sender::SmallWget;
}

fn everything_arrives_from_every_shell_by(sender: Sender) {
    let server = Server::start();
    for shell in SHELLS {
        let build = open(&server, &format!("web{}.example.com", shell.words.join("-").replace("--", "")));
        let machine = Machine::new(shell, sender, &server.url, &build.token);
        let name = machine.name();
        machine.write("hostile", HOSTILE.as_bytes());
        // Latin-1, lone continuation bytes, a surrogate, an overlong slash, a character that is cut off.
        machine.write("broken", b"gr\xfc\xdfe \x80\xbf \xed\xa0\x80 \xc0\xaf \xe2\x82\xac \xf0\x9f\x9a");
        machine.write("huge", "ü".repeat(500_000).as_bytes());
        let short = "[1/3] glibc=2.39 & more\n\ttoken \"x\", 100% für 'web1'\n{ not: json\n\nComplete!\n";
        machine.write("short.log", short.as_bytes());
        let mut long = b"nul \0 and latin-1 \xfc\n".repeat(50_000);
        long.extend_from_slice("error: no space left on device (für /boot & mehr: 100%)\n".as_bytes());
        machine.write("long.log", &long);

        machine.runs(STORY);
        assert!(!machine.file("pwned").exists(), "{name}: nothing is executed");
        assert_eq!(machine.waiting(), Vec::<String>::new(), "{name}: nothing waits");

        let reports = reports(&server, &build);
        let members = ["label", "status", "percentage"];
        let steps: Vec<Value> =
            reports.iter().map(|report| members.map(|member| report[member].clone()).into()).collect();
        let expected = json!([
            ["get_ks", null, null],
            ["pre", "init", null],
            ["pre", "done", 100.0],
            ["storage", "init", 12.5],
            ["storage", "failed", null],
            ["storage", "init", null],
            ["packages", "done", null],
            ["post", "failed", null],
            ["post", null, null],
        ]);
        assert_eq!(Value::from(steps), expected, "{name}");
        let message = |at: usize| reports[at]["message"].as_str().unwrap();
        assert_eq!(message(3), KEPT, "{name}");
        assert_eq!(message(4), "gr??e ?? ??? ?? € ???", "{name}");
        let (whole, most) = (message(5).chars().all(|c| c == 'ü'), message(5).len());
        assert!(whole && (1800..=4096).contains(&most), "{name}: {most} bytes of whole characters");
        assert_eq!(message(7), "no space left", "{name}");

        assert_eq!(log_of(&server, &build, &reports[6]), short, "{name}");
        let end = log_of(&server, &build, &reports[7]);
        assert!(end.ends_with("(für /boot & mehr: 100%)\n"), "{name}: the end of a log is kept");
        let least = if sender.posts() { 60_000 } else { 2000 };
        assert!(end.len() > least, "{name}: {} bytes of a log arrived", end.len());
        assert_eq!(reports[8]["log_bytes"], 0, "{name}: what is no file is no log");

        let seqs: Vec<i64> = reports.iter().map(|report| report["seq"].as_i64().unwrap()).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{name}: {seqs:?}");
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for report in &reports {
            assert_eq!(report["boot_id"], boot_id.trim(), "{name}");
            assert!(report["reported_at"].is_string(), "{name}");
        }
        let build = server.read().get(&format!("/api/v2/builds/{}", build.id)).expect(200).json();
        assert_eq!(build["rejected_reports"], 1, "{name}: of the label that nobody knows");
    }
}

#[test]
fn a_service_with_an_ipv6_address_is_found() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("not tested: this machine has no IPv6");
        return;
    };
    let server = Server::start();
    let way = Lossy::on(listener, &server.url, 0);
    let senders = SENDERS.into_iter().map(|sender| (DASH, sender));
    let shells = SHELLS.into_iter().map(|shell| (shell, Sender::Curl));
    for (at, (shell, sender)) in senders.chain(shells).enumerate() {
        let build = open(&server, &format!("web{at}.example.com"));
        // A slash at the end is one that people write.
        let machine = Machine::new(shell, sender, &format!("{}/", way.url), &build.token);
        machine.runs("milepost step get_ks done");
        assert_eq!(steps(&server, &build), ["get_ks/done"], "{}", machine.name());
    }
}
