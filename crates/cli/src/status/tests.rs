//! What `milepost status` shows, at several widths.

use std::time::Duration;

use clap::Parser;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::output::Screen;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: StatusArgs,
}

fn args(line: &[&str]) -> StatusArgs {
    let line = std::iter::once("status").chain(line.iter().copied()).map(OsString::from);
    Line::try_parse_from(accept_old_spellings(line)).unwrap().args
}

fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A build that was heard of `heard` seconds ago.
fn build(
    name: &str,
    state: &str,
    step: Option<(&str, &str)>,
    percent: Option<u8>,
    heard: Option<u64>,
) -> Build {
    let ago = |seconds: u64| (now() - Duration::from_secs(seconds)).to_rfc3339();
    let mut build = serde_json::json!({
        "id": format!("0193b0a0-0000-7000-8000-{:012x}", name.bytes().fold(7_u64, |hash, b| hash.wrapping_mul(31) % 0xffff_ffff + u64::from(b))),
        "host": {"id": "0193b0a0-0000-7000-8000-000000000002", "name": name, "created_at": ago(9000)},
        "workflow": "kickstart", "state": state, "attempt": 1, "started_at": ago(1000), "expires_at": ago(0),
        "elapsed_seconds": 252, "reports": 3, "rejected_reports": 0, "a_later": "member",
    });
    if let Some((name, state)) = step {
        build["current_step"] =
            serde_json::json!({"label": "x", "name": name, "state": state, "attempts": 1});
    }
    if let Some(percent) = percent {
        build["percent"] = percent.into();
    }
    if let Some(heard) = heard {
        build["last_report_at"] = ago(heard).into();
    }
    serde_json::from_value(build).unwrap()
}

fn eta(eta: &serde_json::Value) -> Option<milepost_client::types::Eta> {
    serde_json::from_value(eta.clone()).unwrap()
}

fn fleet() -> Vec<Build> {
    let packages = Some(("Package installation", "running"));
    let mut running = build("web1.brno.example.com", "running", packages, Some(52), Some(12));
    running.last_message = Some("412 of 800 packages, now kernel-core-5.14.0-503.el9.x86_64".to_owned());
    running.eta =
        eta(&serde_json::json!({"seconds": 415, "low_seconds": 300, "high_seconds": 700, "basis": "x"}));
    let mut failed = build(
        "db-primary.praha.example.com",
        "failed",
        Some(("Partitioning", "failed")),
        Some(11),
        Some(7500),
    );
    failed.last_message = Some("no disk\u{1b}[2J found\r\nin sda,sdb".to_owned());
    let mut again =
        build("web2.brno.example.com", "running", Some(("Kickstart download", "done")), Some(3), Some(190));
    again.attempt = 2.try_into().unwrap();
    again.last_message = Some("正在安装软件包 kernel-core 和其他".to_owned());
    let pending = build("web3.brno.example.com", "pending", None, Some(0), None);
    let mut installed =
        build("web4.brno.example.com", "installed", Some(("First boot", "running")), Some(93), Some(65));
    installed.elapsed_seconds = 1_560;
    let overdue = serde_json::json!({"by_seconds": 240, "usually_seconds": 60});
    installed.eta = eta(
        &serde_json::json!({"seconds": 9, "low_seconds": 3, "high_seconds": 90, "basis": "x", "overdue": overdue}),
    );
    let mut completed = build("web5.brno.example.com", "completed", None, Some(100), Some(3_600));
    completed.ended_at = Some(now() - Duration::from_secs(3_600));
    let mut superseded = build("web6.brno.example.com", "superseded", packages, None, None);
    superseded.ended_at = Some(now() - Duration::from_secs(50_000));
    superseded.elapsed_seconds = 90_000;
    vec![superseded, completed, installed, pending, again, running, failed]
}

fn shown(builds: &[Build], line: &[&str], screen: Screen) -> (String, String, bool) {
    let (mut out, mut talk) = (Vec::new(), Vec::new());
    let mut builds = builds.to_vec();
    builds.sort_by_cached_key(urgency);
    let mut console = Console { out: &mut out, talk: &mut talk, screen };
    let failed = show(&args(line), &builds, now(), "http://127.0.0.1:8420", &mut console).unwrap();
    (String::from_utf8(out).unwrap(), String::from_utf8(talk).unwrap(), failed)
}

fn screen(width: usize, unicode: bool) -> Screen {
    Screen { terminal: true, width: Some(width), colour: false, unicode }
}

#[test]
fn it_reads_well_at_any_width() {
    for width in [60, 80, 120, 200] {
        let (out, talk, failed) = shown(&fleet(), &[], screen(width, true));
        expectorate::assert_contents(format!("src/status/golden/{width}.txt"), &out);
        assert!(talk.is_empty() && failed);
    }
    let (out, ..) = shown(&fleet(), &[], screen(80, false));
    expectorate::assert_contents("src/status/golden/80-ascii.txt", &out);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in 1..220 {
        for unicode in [true, false] {
            for line in shown(&fleet(), &[], screen(width, unicode)).0.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn a_file_gets_everything_without_colours() {
    let pipe = Screen { terminal: false, width: None, colour: false, unicode: true };
    let (out, ..) = shown(&fleet(), &[], pipe);
    assert!(out.contains("412 of 800 packages, now kernel-core-5.14.0-503.el9.x86_64"));
    assert!(!out.contains('\u{1b}') && !out.contains('…'));
    assert!(out.contains("no disk found in sda,sdb"));
}

#[test]
fn a_terminal_gets_colours_by_state_and_nothing_else_that_was_sent() {
    let (out, ..) = shown(&fleet(), &[], Screen { colour: true, ..screen(200, true) });
    assert!(out.contains("\u{1b}[31mPartitioning failed\u{1b}[0m"));
    assert!(out.contains("\u{1b}[36mPackage installation\u{1b}[0m"));
    assert!(!out.contains("\u{1b}[2J"));
}

#[test]
fn hosts_that_share_their_first_name_keep_the_rest() {
    let builds = ["web1.brno.example.com", "web1.praha.example.com"]
        .map(|name| build(name, "running", Some(("Package installation", "running")), Some(5), Some(5)));
    let (out, ..) = shown(&builds, &[], screen(80, true));
    assert!(out.contains("web1.b") && out.contains("web1.p"), "{out}");
}

#[test]
fn the_most_urgent_come_first() {
    let mut builds = fleet();
    // Failed, and replaced by a newer build since.
    let mut over = build("old.example.com", "failed", None, Some(4), Some(100_000));
    over.ended_at = Some(now() - Duration::from_secs(90_000));
    builds.insert(0, over);
    builds.sort_by_cached_key(urgency);
    let states: Vec<&str> = builds.iter().map(|build| build.state.as_str()).collect();
    let expected =
        ["failed", "running", "running", "pending", "installed", "completed", "superseded", "failed"];
    assert_eq!(states, expected);
    assert_eq!(builds.get(1).map(|build| build.host.name.as_str()), Some("web1.brno.example.com"));
}

#[test]
fn a_state_that_is_newer_than_this_program_is_shown_as_it_came() {
    let (out, _, failed) =
        shown(&[build("a.example.com", "resting\u{1b}[1m", None, None, None)], &[], screen(80, true));
    assert!(out.contains("resting") && !out.contains('\u{1b}') && !failed, "{out}");
}

#[test]
fn json_is_what_the_service_said() {
    let pipe = Screen { terminal: false, width: None, colour: false, unicode: true };
    let (out, _, failed) = shown(&fleet(), &["--json"], pipe);
    let builds: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(builds.len(), 7);
    let first = builds.first().unwrap();
    assert_eq!(first["host"]["name"], "db-primary.praha.example.com");
    assert_eq!(first["last_message"], "no disk\u{1b}[2J found\r\nin sda,sdb");
    assert!(first.get("ended_at").is_none(), "absent, not null");
    assert!(!out.contains('\u{1b}'), "JSON escapes control characters itself");
    assert!(failed);
    assert_eq!(shown(&[], &["--json"], pipe), ("[]\n".to_owned(), String::new(), false));
}

#[test]
fn nothing_is_said_to_people_and_not_to_programs() {
    let (out, talk, failed) = shown(&[], &[], screen(80, true));
    assert!(out.starts_with("No build is under way, and none has ended in the last 24 hours."), "{out}");
    assert!(
        out.contains("POST http://127.0.0.1:8420/api/v2/builds") && out.contains("status --all"),
        "{out}"
    );
    assert!(talk.is_empty() && !failed);
    let pipe = Screen { terminal: false, width: None, colour: false, unicode: true };
    let (out, talk, _) = shown(&[], &["--all", "-m", "x"], pipe);
    assert!(out.is_empty());
    assert!(
        talk.starts_with("No build of these hosts is under way, and none has ended in the last 30 days."),
        "{talk}"
    );
}

#[test]
fn several_values_follow_one_flag_and_old_spellings_are_known() {
    for line in [
        &["-dc", "brno", "praha", "-m", "web1", "web2"][..],
        &["-l", "brno", "praha", "--machine", "web1", "web2"],
        &["-dc=brno", "-dc", "praha", "-m", "web1", "-m", "web2"],
    ] {
        let args = args(line);
        assert_eq!(
            (args.locations, args.machines),
            (vec!["brno".into(), "praha".into()], vec!["web1".into(), "web2".into()])
        );
    }
    let untouched = accept_old_spellings(["x", "--", "-dc"].map(OsString::from).into_iter());
    assert_eq!(untouched, ["x", "--", "-dc"]);
    for line in [["status", "-m", ""], ["status", "-l", ""]] {
        assert!(Line::try_parse_from(line).is_err());
    }
}

#[test]
fn the_time_is_the_services() {
    assert_eq!(server_time(Some(&"Sun, 22 Nov 2026 12:00:00 GMT")), Some(now()));
    assert_eq!(server_time(Some(&"soon")), None);
    assert_eq!(server_time(None::<&&str>), None);
}

#[test]
fn a_service_without_partitions_for_tomorrow_is_said() {
    let service = |storage: serde_json::Value| -> ServiceStatus {
        let mut status =
            serde_json::json!({"version": "0.1.0", "started_at": now().to_rfc3339(), "builds": []});
        if !storage.is_null() {
            status["storage"] = storage;
        }
        serde_json::from_value(status).unwrap()
    };
    let newest = |day: &str| {
        service(serde_json::json!({
            "partitions": 2, "newest_day": day, "reports_bytes": 1, "database_bytes": 2, "default_rows_estimate": 0,
        }))
    };
    assert!(needs_a_person(&newest("2026-11-23"), now()).is_empty());
    assert!(needs_a_person(&newest("2026-11-22"), now())[0].contains("no partition for tomorrow"));
    let none = serde_json::json!({"partitions": 0, "reports_bytes": 1, "database_bytes": 2, "default_rows_estimate": 0});
    assert_eq!(needs_a_person(&service(none), now()).len(), 1);
    assert!(
        needs_a_person(&service(serde_json::Value::Null), now()).is_empty(),
        "an older service does not say"
    );
}

#[test]
fn reports_that_wait_on_disk_are_said() {
    let waiting = |reports: u32| -> Vec<String> {
        let oldest = now() - chrono::Duration::minutes(3);
        let status = serde_json::json!({
            "version": "0.1.0", "started_at": now().to_rfc3339(), "builds": [],
            "spool": {"reports": reports, "bytes": 9, "bytes_max": 99, "oldest_at": oldest.to_rfc3339()},
        });
        needs_a_person(&serde_json::from_value(status).unwrap(), now())
    };
    assert_eq!(
        waiting(17),
        ["17 reports wait on disk to be brought into the database, the oldest for 3 min"]
    );
    assert!(waiting(0).is_empty());
}
