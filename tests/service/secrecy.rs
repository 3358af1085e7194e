//! No credential gets into a log or any other output, however it was sent and whatever became of it.

use std::{fs, path::Path, process::Command};

use milepost_testkit::{Api, Database};
use serde_json::json;

use crate::place::{Place, Said, Service, text};

const FOREMANS: &str = "marked-token-of-foreman-0001";
const WRONG: &str = "marked-token-that-is-wrong-0002";
/// Too short and of the wrong characters to be a token at all.
const NONE: &str = "mark!3";
/// The consumer's secret, which nobody asks for and somebody may send all the same.
const CONSUMER: &str = "marked-secret-of-the-consumer-0003";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends `token` in every way there is: what is right and what is wrong about it. What was said of it.
fn send_everywhere(installer: &Api, token: &str) -> Vec<String> {
    let mut said = Vec::new();
    let bearer = format!("Bearer {token}");
    let basic = format!("Basic {token}");
    let oauth = format!(
        "OAuth oauth_timestamp=\"1\", oauth_signature_method=\"PLAINTEXT\", oauth_signature=\"{CONSUMER}%26{token}\""
    );
    let cookie = format!("milepost_session={token}");
    for header in [
        ("authorization", bearer.as_str()),
        ("authorization", basic.as_str()),
        ("authorization", oauth.as_str()),
        ("cookie", cookie.as_str()),
    ] {
        for path in ["/unattended/built", "/api/v2/builds", "/api/v2/session", "/unattended/step?label=post"]
        {
            said.push(installer.send_undocumented("GET", path, &[header], None).text);
        }
    }
    for path in [
        format!("/unattended/step?token={token}&label=get_ks&status=done"),
        format!("/unattended/step?token={token}&label=Wrong+Label"),
        format!("/unattended/step?token={token}&label=%zz&status=%ff"),
        format!("/unattended/step/{token}/get_ks/done"),
        format!("/unattended/step/{token}/no_such_step"),
        format!("/unattended/step/{token}/get_ks/done/and/more"),
        format!("/unattended/no_such_path/{token}"),
        format!("/unattended/failed?token={token}"),
        format!("/api/v2/builds?token={token}&per_page=many"),
        format!("/api/v2/hosts/{token}/progress"),
        format!("/no/such/path?token={token}"),
    ] {
        for method in ["GET", "POST", "DELETE"] {
            said.push(installer.send_undocumented(method, &path, &[], None).text);
        }
    }
    for (path, header, body) in [
        ("/unattended/step", FORM, format!("token={token}&label=storage&status=init")),
        ("/unattended/step", FORM, format!("token={token}&label=no_such_step")),
        ("/unattended/step", JSON, format!("{{\"token\":\"{token}\",\"label\":\"storage\"}}")),
        ("/unattended/step", JSON, format!("{{\"token\":\"{token}\",\"label\":")),
        (
            "/unattended/batch",
            JSON,
            format!("{{\"token\":\"{token}\",\"reports\":[{{\"label\":\"post\"}}, 7]}}"),
        ),
        ("/unattended/batch", JSON, format!("{{\"token\":\"{token}\",\"reports\":7}}")),
        ("/unattended/step", FORM, format!("token={token}&label=post&logs={}", "x".repeat(2_000_000))),
        ("/api/v2/builds", JSON, format!("{{\"token\":\"{token}\",\"workflow\":")),
        ("/sign-in", FORM, format!("token={token}x")),
        ("/api/update", JSON, format!("{{\"name\":\"web9.example.com\",\"token\":\"{token}\"}}")),
    ] {
        said.push(installer.send_undocumented("POST", path, &[header], Some(body.as_bytes())).text);
    }
    said
}

#[test]
fn no_credential_gets_into_a_log() {
    let place = Place::new();
    let mut command = place.serve();
    let service = Service::start(command.args(["--log", "debug", "--compat-api-update", "127.0.0.0/8"]));
    let (manage, read) = (place.token("manage"), place.token("read"));
    let manager = Api::new(&service.url, Some(manage.clone()));
    let installer = service.anyone();

    // The main job, with Foreman's token and with one that is made.
    let host = json!({"name": "web1.example.com"});
    let input = json!({"host": host, "workflow": "kickstart", "token": FOREMANS});
    let _ = manager.post("/api/v2/builds", &input).expect(201);
    // Opened twice, and one that is refused: both hold the token in their body.
    let _ = manager.post("/api/v2/builds", &input);
    let refused = json!({"host": host, "workflow": "no such workflow", "token": FOREMANS});
    let _ = manager.post("/api/v2/builds", &refused).expect(422);
    let input = json!({"host": {"name": "web2.example.com"}, "workflow": "kickstart"});
    let generated = text(&manager.post("/api/v2/builds", &input).expect(201).json()["token"]);
    for (host, token) in [("web1.example.com", FOREMANS), ("web2.example.com", &generated)] {
        let _ = installer.get(&format!("/unattended/step/{token}/get_ks/done")).expect(200);
        let _ = send_everywhere(&installer, token);
        let _ = installer.send("POST", &format!("/unattended/built?token={token}"), &[], None).expect(201);
        let _ = installer.get(&format!("/unattended/step/{token}/first_boot/done")).expect(200);
        let reader = Api::new(&service.url, Some(read.clone()));
        let progress = reader.get(&format!("/api/v2/hosts/{host}/progress")).expect(200).json();
        assert_eq!(progress["state"], "completed");
    }
    for token in [WRONG, NONE, &manage, &read] {
        let _ = send_everywhere(&installer, token);
    }

    let said = service.stop();
    let requests = said.iter().filter(|line| line.contains("/unattended/step")).count();
    assert!(requests > 50, "a log without the requests proves nothing: {said:#?}");
    let database = fs::read_to_string(place.file("postgres.log")).unwrap();
    let secret = fs::read_to_string(place.file("secret")).unwrap();
    let marks = ["token=", "token%3D", FOREMANS, WRONG, NONE, &generated, &manage, &read, secret.trim()];
    for line in said.iter().map(String::as_str).chain(database.lines()) {
        let found = marks.iter().find(|mark| line.contains(**mark));
        assert!(found.is_none(), "{found:?} in the log: {line}");
    }
}

const SIGNING: &str = "marked-signing-secret-of-more-than-thirty-two-bytes";
const PASSWORD: &str = "marked-password-of-the-database";

/// The text of every file below a directory.
fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            found.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    found
}

#[test]
fn no_secret_gets_into_any_output_even_when_everything_is_logged() {
    let (place, database) = (Place::new(), Database::new());
    let url =
        format!("{}{}password={PASSWORD}", database.url, if database.url.contains('?') { '&' } else { '?' });
    let with_secrets = |mut command: Command| {
        command.env("MILEPOST_SECRET", SIGNING).env("DATABASE_URL", &url);
        command
    };
    let mut command = with_secrets(place.serve());
    let mut service = Service::start(command.args(["--log", "trace", "--limits-guesses-per-minute", "0"]));
    let token = |scope: &str| {
        let mut create = with_secrets(place.milepost(["token", "create", "--scope", scope]));
        Said::by(&mut create).success().trim_end().to_owned()
    };
    let (admin, manage, read) = (token("admin"), token("manage"), token("read"));
    let link = Said::by(&mut with_secrets(place.milepost(["token", "link"]))).success();
    let link = link.trim_end().split_once("?link=").unwrap().1.to_owned();
    let installer = service.anyone();
    let mut seen =
        vec![installer.send_undocumented("GET", &format!("/sign-in?link={link}x"), &[], None).text];
    // The page that a link leads to holds it: its form is how it gets back to us.
    assert!(seen.pop().unwrap().contains(&link));
    let form = format!("token={link}");
    let signed_in = installer.send_undocumented("POST", "/sign-in", &[FORM], Some(form.as_bytes()));
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = cookie.split_once('=').unwrap().1.to_owned();

    let manager = Api::new(&service.url, Some(manage.clone()));
    let open = |host: &str, token: Option<&str>| {
        let mut input = json!({"host": {"name": host}, "workflow": "kickstart"});
        if let Some(token) = token {
            input["token"] = json!(token);
        }
        text(&manager.post("/api/v2/builds", &input).expect(201).json()["token"])
    };
    let foremans = open("web1.example.com", Some(FOREMANS));
    let generated = open("web2.example.com", None);
    for token in [&foremans, &generated] {
        let _ = installer.get(&format!("/unattended/step/{token}/get_ks/done")).expect(200);
    }
    let secrets = [&foremans, &generated, &manage, &read, &admin, &link, &session].map(String::as_str);
    for token in secrets.iter().chain([&WRONG, &NONE]) {
        seen.extend(send_everywhere(&installer, token));
    }
    // The database goes away while things are under way, and comes back.
    database.set_open(false);
    for token in [&foremans, &generated] {
        seen.push(
            installer.send_undocumented("GET", &format!("/unattended/step/{token}/packages"), &[], None).text,
        );
        let away = [("authorization", &*format!("Bearer {admin}"))];
        seen.push(installer.send_undocumented("GET", "/api/v2/tokens", &away, None).text);
    }
    database.set_open(true);
    let _ = service.read_until(|line| line.contains("milepost::access"));
    let trail = Api::new(&service.url, Some(admin.clone()));
    for path in
        ["/api/v2/audit?per_page=all", "/api/v2/tokens", "/api/v2/hosts", "/api/v2/builds", "/api/v2/status"]
    {
        seen.push(trail.get(path).text);
    }
    seen.push(installer.get("/metrics").text);
    seen.extend(files(&place.data()));
    let printed = Said::by(&mut with_secrets(place.milepost(["serve", "--print-config"])));
    seen.extend([printed.out, printed.err]);
    let said = service.stop();
    assert!(said.iter().any(|line| line.contains("TRACE")), "everything is logged");
    seen.extend(said);

    let mut marks = vec![SIGNING, PASSWORD, CONSUMER, WRONG, NONE];
    for secret in secrets {
        // Its last part is what nobody else can make.
        marks.push(secret.rsplit('.').next().unwrap());
    }
    for text in &seen {
        let found = marks.iter().find(|mark| text.contains(**mark));
        assert!(found.is_none(), "{found:?} in: {}", text.chars().take(2_000).collect::<String>());
    }
}

#[test]
fn what_fail2ban_reads_is_what_is_logged() {
    let place = Place::new();
    let service = place.start();
    let _ = service.anyone().get(&format!("/unattended/step/{WRONG}/get_ks/done")).expect(401);
    let said = service.stop();
    let line = said.iter().find(|line| line.contains("refused a credential")).unwrap();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let document = fs::read_to_string(document).unwrap();
    let filter = document.lines().find_map(|line| line.strip_prefix("failregex = ")).unwrap();
    // As fail2ban does it: the time is cut out of the line, and <ADDR> is an address.
    let python = "import re, sys\n\
        line = re.sub(r'\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ', '', sys.argv[2], count=1)\n\
        print(re.search(sys.argv[1].replace('<ADDR>', r'(?P<address>[0-9a-f:.]+)'), line)['address'])";
    let found = Command::new("python3").args(["-c", python, filter, line]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "127.0.0.1\n", "{filter}\n{line}");
}
