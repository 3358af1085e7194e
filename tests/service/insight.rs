//! What was learned of many builds, and what came of them, in a terminal.

use crate::place::{Place, Said, Service, open, report};

fn said(place: &Place, words: &str) -> Said {
    let (command, arguments) = words.split_once(' ').unwrap_or((words, ""));
    Said::by(place.milepost([command]).args(arguments.split_whitespace()))
}

/// Kickstart builds of so many hosts that go well, at once.
fn complete(place: &Place, service: &Service, hosts: u8) {
    let manage = place.api(service, "manage");
    for number in 0..hosts {
        let build = open(&manage, &format!("web{number}.example.com"));
        for step in ["get_ks/done", "packages/done", "built/done", "first_boot/done"] {
            let _ = report(service, &build, step).expect(200);
        }
    }
}

#[test]
fn what_was_learned_is_shown_and_learned_anew_beside_a_running_service() {
    let place = Place::new();
    let service = place.start();
    let nothing = said(&place, "timings list");
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), ""));
    assert!(nothing.err.starts_with("Nothing was learned yet"), "{}", nothing.err);

    complete(&place, &service, 5);
    assert_eq!(said(&place, "timings rebuild").success(), "Learned from 5 builds.\n");
    let list = said(&place, "timings list").success();
    let kickstart = list.lines().nth(1).unwrap();
    assert!(kickstart.starts_with("kickstart ") && kickstart.ends_with("yes"), "{list}");
    let steps = said(&place, "timings show kickstart").success();
    assert!(steps.starts_with("kickstart: from 5 builds\n\nStep "), "{steps}");
    assert!(steps.contains("\npackages ") && steps.contains(" 100 %"), "{steps}");
    let all: serde_json::Value =
        serde_json::from_str(&said(&place, "timings list --json").success()).unwrap();
    assert_eq!((&all[0]["key"], &all[0]["builds"]), (&"kickstart".into(), &5.into()));
    let refusal = said(&place, "timings show kickstart in space").refusal();
    assert!(
        refusal.contains("'kickstart in space'") && refusal.contains("milepost timings list"),
        "{refusal}"
    );

    // It knows them when it starts, at the latest; and learns from the database that rests.
    service.stop();
    assert_eq!(said(&place, "timings rebuild").success(), "Learned from 5 builds.\n");
    let service = place.start();
    let _ = open(&place.api(&service, "manage"), "late.example.com");
    let builds: serde_json::Value = serde_json::from_str(&said(&place, "status --json").success()).unwrap();
    assert_eq!(
        (&builds[0]["host"]["name"], &builds[0]["eta"]["basis"]),
        (&"late.example.com".into(), &"from 5 builds of kickstart".into())
    );
    service.stop();
}

#[test]
fn without_a_database_there_is_nothing_to_learn_from_and_none_is_made() {
    let place = Place::new();
    assert!(said(&place, "timings rebuild").success().starts_with("There is no database in "));
    assert!(!place.data().exists());
}

#[test]
fn what_failed_is_told_with_the_end_of_its_log_and_muted_for_a_time() {
    let place = Place::new();
    let service = place.start();
    let manage = place.api(&service, "manage");
    let build = open(&manage, "db1.example.com");
    let path = format!("/unattended/step/{}/storage/failed?message=no+disk", build.token);
    let _ =
        manage.with_token(None).send("POST", &path, &[], Some(b"sfdisk: cannot open /dev/sda\n")).expect(200);
    for name in ["web1.example.com", "web1.example.org"] {
        let _ = open(&manage, name);
    }
    let status = said(&place, "status");
    assert_eq!(status.code, Some(1), "a build has failed");
    let told = status.out.split_once("\n\n").unwrap().1;
    assert_eq!(
        told,
        "db1.example.com: 'Partitioning' failed: no disk\n  the end of its log says why; a retry that gets on clears \
         this\n  | sfdisk: cannot open /dev/sda\n"
    );

    let mut mute = place.milepost(["mute", "db1", "--for", "4h", "--reason", "a new disk comes"]);
    let muted = Said::by(&mut mute).success();
    assert!(muted.starts_with("db1.example.com is muted until "), "{muted}");
    let status = said(&place, "status").out;
    assert!(status.lines().nth(3).unwrap().starts_with("db1.example.com "), "it comes last: {status}");
    assert!(status.contains("Partitioning failed, muted") && !status.contains("sfdisk"), "{status}");
    assert!(
        status.ends_with("\n1 build with signals muted: milepost mutes says until when and why\n"),
        "{status}"
    );
    let mutes = said(&place, "mutes").success();
    assert!(mutes.lines().nth(1).unwrap().contains("db1.example.com  a new disk comes"), "{mutes}");
    let mut of_all =
        place.milepost(["mute", "--search", "name ~ web1*", "--for", "1h", "--reason", "hall 2"]);
    assert!(Said::by(&mut of_all).success().contains("That is 2 builds under way now.\n"));

    assert_eq!(said(&place, "unmute db1").success(), "db1.example.com is muted no longer\n");
    assert!(said(&place, "status").out.contains("sfdisk"));
    assert!(said(&place, "unmute db1").refusal().contains("milepost mutes"));
    let several = said(&place, "mute web1 --for 1h --reason test").refusal();
    assert!(several.contains("'web1' may be web1.example.com, web1.example.org; write which"), "{several}");
    assert!(
        said(&place, "mute db1 --for never --reason test").refusal().contains("nothing is muted for ever")
    );
    assert!(said(&place, "mute nobody --for 1h --reason test").refusal().contains("'nobody' is not known"));
    service.stop();
}

#[test]
fn what_installations_came_to_is_counted() {
    let place = Place::new();
    let service = place.start();
    complete(&place, &service, 2);
    let failed = open(&place.api(&service, "manage"), "db1.example.com");
    let _ = report(&service, &failed, "storage/failed").expect(200);
    let stats = said(&place, "stats").success();
    assert!(stats.starts_with("3 builds opened from "), "{stats}");
    for line in ["The slowest steps", "Where builds fail", "kickstart  Partitioning       1          1"] {
        assert!(stats.lines().any(|said| said == line), "{line} is not in\n{stats}");
    }
    assert!(stats.lines().all(|line| line.chars().count() <= 80), "{stats}");
    let of_one =
        Said::by(&mut place.milepost(["stats", "--search", "name = db1.example.com", "--json"])).success();
    let of_one: serde_json::Value = serde_json::from_str(&of_one).unwrap();
    assert_eq!((&of_one["builds"], &of_one["failing_steps"][0]["label"]), (&1.into(), &"storage".into()));
    assert!(
        said(&place, "stats --from 2020-01-01 --until 2020-01-31")
            .success()
            .starts_with("No build was opened")
    );
    assert!(
        said(&place, "stats --from 2026-01-02 --until 2026-01-01").refusal().contains("is not 1 to 400 days")
    );
    service.stop();
}
