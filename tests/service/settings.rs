//! Where settings come from, and that none of them gives a secret away.

use crate::place::{Place, Said};

const SECRET: &str = "marked-secret-of-thirty-two-bytes-and-more";

/// The line of one setting, as its value and where it came from.
#[track_caller]
fn setting(printed: &str, name: &str) -> (String, String) {
    let wanted = |line: &&str| line.starts_with(&format!("{name} = "));
    let line = printed.lines().find(wanted).unwrap_or_else(|| panic!("no {name} in:\n{printed}"));
    let (value, origin) = line.split_once('#').unwrap();
    let value = value.split_once('=').unwrap().1.trim();
    (value.to_owned(), origin.trim().to_owned())
}

#[test]
fn each_setting_is_printed_with_where_it_came_from() {
    let place = Place::new();
    place.configure("[server]\nlisten = \"127.0.0.1:1\"\nlog = \"warn\"\n[tokens]\nbuild_minutes = 5\n[retention]\nreports_days = 7\n");
    let mut command = place.milepost(["serve", "--print-config", "--listen", "127.0.0.1:3"]);
    command.env("MILEPOST_LISTEN", "127.0.0.1:2").env("MILEPOST_LOG", "error");
    command.env("MILEPOST_RETENTION_BUILDS_DAYS", "0");
    let printed = Said::by(&mut command).success();

    let given = "command line or environment";
    let file = place.file("config.toml").to_str().unwrap().to_owned();
    for (name, value, origin) in [
        ("listen", "\"127.0.0.1:3\"", given),
        ("log", "\"error\"", given),
        ("data_dir", &format!("{:?}", place.data_text()), given),
        ("build_minutes", "5", &file),
        ("registry", "\"strict\"", "default"),
        ("reports_days", "7", &file),
        ("builds_days", "0", given),
        ("connections", "10", "default"),
    ] {
        assert_eq!(setting(&printed, name), (value.to_owned(), origin.to_owned()), "{name}");
    }
    assert!(printed.contains("# public_url is not set"), "{printed}");
    assert!(!place.file("secret").exists() && !place.file("postgres").exists(), "it does nothing else");
}

#[test]
fn what_is_printed_is_a_settings_file() {
    let place = Place::new();
    let printed = Said::by(&mut place.milepost(["serve", "--print-config"])).success();
    // The data directory is where the file is, and so none of its settings.
    let text = printed.lines().filter(|line| !line.starts_with("data_dir")).collect::<Vec<_>>().join("\n");
    place.configure(&text);
    let again = Said::by(&mut place.milepost(["serve", "--print-config"])).success();
    let listen = setting(&again, "listen");
    assert_eq!(listen, ("\"127.0.0.1:8420\"".to_owned(), place.file("config.toml").display().to_string()));
}

#[test]
fn a_setting_that_does_not_exist_is_an_error_that_names_it() {
    for (text, key) in [("[server]\nlisen = \"127.0.0.1:1\"\n", "lisen"), ("[servr]\n", "servr")] {
        let place = Place::new();
        place.configure(text);
        for arguments in [["serve", "--print-config"], ["token", "create"]] {
            let refusal = Said::by(&mut place.milepost(arguments)).refusal();
            assert!(refusal.contains(key), "{refusal}");
            assert!(refusal.contains(place.file("config.toml").to_str().unwrap()), "{refusal}");
        }
        let refusal = Said::by(&mut place.serve()).refusal();
        assert!(refusal.contains(key), "{refusal}");
        assert_eq!(place.postmaster(), None);
    }
}

#[test]
fn a_settings_file_that_is_named_has_to_be_there() {
    let place = Place::new();
    let refusal = Said::by(&mut place.milepost(["serve", "--config", "/nowhere/milepost.toml"])).refusal();
    assert!(refusal.contains("/nowhere/milepost.toml"), "{refusal}");
}

#[test]
fn no_password_and_no_secret_is_printed() {
    for url in [
        "postgresql://milepost:marked-secret@db.example.com/milepost",
        "postgresql://milepost@db.example.com/milepost?password=marked-secret",
        "host=db.example.com password=marked-secret",
    ] {
        let place = Place::new();
        place.configure(&format!("[database]\nurl = {url:?}\n"));
        for mut command in [
            place.milepost(["serve", "--print-config"]),
            place.milepost(["serve", "--print-config", "--database-url", url]),
            place.milepost(["serve", "--help"]),
            place.milepost(["migrate", "--help"]),
        ] {
            command.env("DATABASE_URL", url).env("MILEPOST_SECRET", SECRET).env("MILEPOST_TOKEN", SECRET);
            let printed = Said::by(&mut command).success();
            assert!(!printed.contains("marked-secret"), "{printed}");
        }
    }
}

#[test]
fn a_database_that_cannot_be_reached_is_said_without_its_password() {
    let place = Place::new();
    let url = "postgresql://milepost:marked-secret@127.0.0.1:1/milepost";
    for mut command in [place.serve(), place.milepost(["migrate"])] {
        let refusal = Said::by(command.env("DATABASE_URL", url)).refusal();
        assert!(refusal.contains("127.0.0.1") && !refusal.contains("marked-secret"), "{refusal}");
    }
}
