//! TLS with the certificates that a site of Foreman has, asked by real clients.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use milepost_testkit::Contract;
use serde_json::{Value, json};

use crate::{
    authority::{Authority, Pair, serial},
    place::{Place, Said, Service, milepost, signal},
};

const NAME: &str = "milepost.example.com";

/// A place with certificates, as the settings name them.
struct Site {
    place: Place,
    puppet: Authority,
    katello: Authority,
}

impl Site {
    fn new() -> Self {
        let site = Self { place: Place::new(), puppet: Authority::puppet(), katello: Authority::katello() };
        let [certificate, key, client_ca, crl] =
            ["certificate.pem", "key.pem", "client_ca.pem", "crl.pem"].map(|name| site.file(name));
        site.place.configure(&format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\
             client_ca = {client_ca:?}\ncrl = {crl:?}\n[trust]\nhosts = [\
             {{ name = \"Foreman.example.com\", scope = \"manage\" }}, {{ name = \"proxy.example.com\", scope = \"read\" }}]\n"
        ));
        fs::write(client_ca, site.puppet.certificates() + &site.katello.certificates()).unwrap();
        fs::write(site.place.file("ca.pem"), site.puppet.certificates()).unwrap();
        site.install(&site.new_certificate());
        site.install_revocations();
        site
    }

    fn file(&self, name: &str) -> String {
        text(&self.place.file(name))
    }

    fn new_certificate(&self) -> Pair {
        self.puppet.issue(&format!("/CN={NAME}"), &format!("DNS:{NAME}, DNS:localhost"))
    }

    /// Puts the service's certificate where the settings say.
    fn install(&self, pair: &Pair) {
        fs::copy(&pair.certificate, self.place.file("certificate.pem")).unwrap();
        fs::copy(&pair.key, self.place.file("key.pem")).unwrap();
    }

    fn install_revocations(&self) {
        fs::write(self.place.file("crl.pem"), self.puppet.revocations()).unwrap();
    }

    fn start(&self) -> (Service, String) {
        let mut service = Service::start(self.place.serve().args(["--log", "debug"]));
        let line = service.read_until(|line| line.starts_with("listening on https://"));
        (service, line.rsplit_once(':').unwrap().1.to_owned())
    }

    /// curl, as whoever trusts Puppet's CA: how it ended, the version of HTTP and the status.
    fn curl(&self, port: &str, options: &[&str]) -> (Option<i32>, String) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]);
        curl.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1"), "--cacert"])
            .arg(self.place.file("ca.pem"));
        let output = curl.args(options).arg(format!("https://{NAME}:{port}/healthz")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// What the service answers to somebody with that certificate: the status and the body.
    fn ask_as(&self, port: &str, pair: &Pair, path: &str, options: &[&str]) -> (String, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "-w", "\n%{http_code}"]);
        curl.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1"), "--cacert"])
            .arg(self.place.file("ca.pem"));
        curl.arg("--cert").arg(&pair.certificate).arg("--key").arg(&pair.key);
        let output = curl.args(options).arg(format!("https://{NAME}:{port}{path}")).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.to_owned(), serde_json::from_str(body).unwrap())
    }

    /// Only the status.
    fn status_as(&self, port: &str, pair: &Pair, path: &str, options: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}"]);
        curl.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1"), "--cacert"])
            .arg(self.place.file("ca.pem"));
        curl.arg("--cert").arg(&pair.certificate).arg("--key").arg(&pair.key);
        let output = curl.args(options).arg(format!("https://{NAME}:{port}{path}")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn curl_as(&self, port: &str, pair: &Pair, options: &[&str]) -> (Option<i32>, String) {
        let [certificate, key] = [text(&pair.certificate), text(&pair.key)];
        self.curl(port, &[&["--cert", &certificate, "--key", &key], options].concat())
    }
}

/// What `openssl s_client` says of a new connection.
fn handshake(port: &str, options: &[&str]) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", NAME]).args(options);
    String::from_utf8(openssl.stdin(Stdio::null()).output().unwrap().stdout).unwrap()
}

/// The serial number of the certificate that a new connection gets.
fn served_serial(port: &str) -> String {
    serial(&handshake(port, &[]))
}

fn text(file: &Path) -> String {
    file.to_str().unwrap().to_owned()
}

fn served(version: &str) -> (Option<i32>, String) {
    (Some(0), format!("{version} 200"))
}

/// A connection that is kept, by `openssl s_client`.
struct Kept {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Kept {
    fn open(port: &str) -> Self {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}"), "-servername", NAME]);
        let mut child =
            openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    /// The first line of the answer, which has a body of one line.
    fn ask(&mut self) -> String {
        self.input.write_all(b"GET /healthz HTTP/1.1\r\nHost: milepost\r\n\r\n").unwrap();
        let mut first = String::new();
        self.output.read_line(&mut first).unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the connection was closed after {first:?}"
            );
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut self.output, &mut body).unwrap();
        first.trim_end().to_owned()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn both_versions_of_http_are_spoken_and_clients_with_certificates_are_known() {
    let site = Site::new();
    let (mut service, port) = site.start();
    assert_eq!(site.curl(&port, &["--http1.1"]), served("1.1"));
    assert_eq!(site.curl(&port, &["--http2"]), served("2"));
    assert_eq!(site.curl(&port, &["--tls-max", "1.2"]), served("2"));

    let agent =
        site.puppet.issue("/CN=foreman.example.com", "DNS:Puppet, DNS:foreman.example.com, IP:192.0.2.1");
    // Foreman's own to its proxies, from before there was a subjectAltName.
    let subject = "/C=US/ST=North Carolina/O=FOREMAN/OU=PUPPET/CN=Foreman.Example.com";
    let old = site.katello.issue(subject, "");
    for (pair, names) in [(&agent, "foreman.example.com, puppet"), (&old, "foreman.example.com")] {
        for options in [["--http1.1", "--tlsv1.3"], ["--http2", "--tlsv1.3"], ["--tls-max", "1.2"]] {
            let (code, said) = site.curl_as(&port, pair, &options);
            assert!(code == Some(0) && said.ends_with(" 200"), "{names} {options:?}: {code:?} {said}");
            service.read_until(|line| {
                line.contains(&format!("a client with the certificate of '{names}' connected"))
            });
        }
    }

    let stranger = Authority::katello();
    let forged = stranger.issue(subject, "");
    assert_ne!(site.curl_as(&port, &forged, &[]).0, Some(0));
    service.read_until(|line| line.contains("refused a client") && line.contains("foreman.example.com"));
    service.stop();
}

#[test]
fn a_certificate_of_a_trusted_host_acts_with_its_scope_and_another_one_with_none() {
    let site = Site::new();
    let (service, port) = site.start();
    let foreman = site.puppet.issue("/CN=foreman.example.com", "DNS:foreman.example.com");
    let proxy = site.katello.issue("/O=FOREMAN/CN=proxy.example.com", "");
    let other = site.puppet.issue("/CN=web1.example.com", "DNS:web1.example.com");

    for (pair, name, scope) in [
        (&foreman, "certificate foreman.example.com", "manage"),
        (&proxy, "certificate proxy.example.com", "read"),
    ] {
        let (status, session) = site.ask_as(&port, pair, "/api/v2/session", &[]);
        assert_eq!((&*status, &session["name"], &session["scope"]), ("200", &json!(name), &json!(scope)));
    }
    let opening = json!({"host": {"name": "web9.example.com"}, "workflow": "kickstart"}).to_string();
    let open = ["-H", "Content-Type: application/json", "-d", &opening];
    assert_eq!(site.ask_as(&port, &foreman, "/api/v2/builds", &open).0, "201");
    assert_eq!(site.ask_as(&port, &proxy, "/api/v2/builds", &open).0, "403");
    let (status, problem) = site.ask_as(&port, &other, "/api/v2/builds", &[]);
    assert_eq!((&*status, &problem["code"]), ("401", &json!("unauthenticated")));
    // A page of somebody else in the browser of whoever has it installed there.
    let elsewhere = [&open[..], &["-H", "Origin: https://elsewhere.example.com"]].concat();
    assert_eq!(site.ask_as(&port, &foreman, "/api/v2/builds", &elsewhere).0, "403");
    service.stop();
}

/// What a host that may manage is answered at every operation of the document, by its certificate alone:
/// the column of `tests/access/table.rs` that needs TLS.
#[test]
fn a_certificate_is_let_in_everywhere_where_its_scope_is_and_nowhere_else() {
    let site = Site::new();
    let (service, port) = site.start();
    let foreman = site.puppet.issue("/CN=foreman.example.com", "DNS:foreman.example.com");
    let mut seen = 0;
    for (path, item) in Contract::published().document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let parts = path.split('/').map(|part| match part {
                "{id}" | "{report}" => "0193b0a0-0000-7000-8000-000000000001",
                part if part.starts_with('{') => "no_such",
                part => part,
            });
            let place = parts.collect::<Vec<_>>().join("/");
            let method = method.to_uppercase();
            let mut options = vec!["-X", &method];
            if operation.get("requestBody").is_some() {
                options.extend(["-H", "Content-Type: application/json", "-d", "{}"]);
            }
            if id == "stream_events" {
                // It has no end, so its head has to do.
                options = vec!["--head"];
            }
            let status = site.status_as(&port, &foreman, &place, &options);
            let expected: &[&str] = match operation["x-scope"].as_str() {
                Some("read" | "manage") => &["200", "404", "422"],
                Some(_) => &["403"],
                None if id == "update_host" => &["403", "422"],
                None if id.starts_with("report_built") || id.starts_with("report_failed") => &["404"],
                None if place.starts_with("/unattended") => &["401"],
                None => &["200"],
            };
            assert!(expected.contains(&&*status), "{id} answered {status}, not one of {expected:?}");
            seen += 1;
        }
    }
    assert!(seen > 40, "every operation is asked: {seen}");
    service.stop();
}

#[test]
fn certificates_are_read_anew_and_nobody_is_cut_off() {
    let site = Site::new();
    let (mut service, port) = site.start();
    let agent = site.puppet.issue("/CN=web1.example.com", "");
    assert_eq!(site.curl_as(&port, &agent, &[]), served("2"));
    let mut kept = Kept::open(&port);
    assert_eq!(kept.ask(), "HTTP/1.1 200 OK");
    let first = served_serial(&port);

    let next = site.new_certificate();
    site.install(&next);
    site.puppet.revoke(&agent);
    site.install_revocations();
    assert_eq!(served_serial(&port), first, "not before it is asked to");
    signal("HUP", service.pid());
    service.read_until(|line| line.contains("SIGHUP: read the certificates anew"));
    let second = serial(&fs::read_to_string(&next.certificate).unwrap());
    assert_ne!(first, second);
    assert_eq!(served_serial(&port), second);
    assert_ne!(site.curl_as(&port, &agent, &[]).0, Some(0), "it is revoked by now");
    service.read_until(|line| line.contains("refused a client") && line.contains("web1.example.com"));
    assert_eq!(kept.ask(), "HTTP/1.1 200 OK");
    let again = handshake(&port, &["-tls1_2", "-reconnect"]);
    assert!(again.contains("New, TLSv1.2") && !again.contains("Reused"), "a session was resumed: {again}");

    for name in ["certificate.pem", "key.pem", "client_ca.pem", "crl.pem"] {
        let file = site.file(name);
        let good = fs::read(&file).unwrap();
        for broken in ["", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"] {
            fs::write(&file, broken).unwrap();
            signal("HUP", service.pid());
            service.read_until(|line| line.contains("ERROR") && line.contains(&file));
            assert_eq!(served_serial(&port), second, "{name}");
        }
        fs::write(&file, good).unwrap();
    }
    assert_eq!(site.curl(&port, &[]), served("2"));
    assert_eq!(kept.ask(), "HTTP/1.1 200 OK");
    service.stop();
}

#[test]
fn a_start_with_files_that_cannot_be_used_says_which_and_why() {
    let site = Site::new();
    let [certificate, key, ca, crl] =
        ["certificate.pem", "key.pem", "ca.pem", "crl.pem"].map(|name| site.file(name));
    let other = text(&site.katello.issue("/CN=other.example.com", "").certificate);
    let missing = "/nowhere/file.pem";
    let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = true\n";
    let with = |certificate: &str, key: &str, more: &str| {
        format!("{listener}[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n{more}")
    };
    for (settings, parts) in [
        (with(missing, &key, ""), ["certificate: /nowhere/file.pem", "cannot be read"]),
        (with(&certificate, missing, ""), ["key: /nowhere/file.pem", "cannot be read"]),
        (with(&other, &key, ""), ["key.pem", "is not the key of the certificate in"]),
        (with(&key, &key, ""), ["key.pem", "does not have a certificate in PEM form"]),
        (with(&certificate, &ca, ""), ["ca.pem", "does not have a private key without a passphrase"]),
        (with(&certificate, &key, &format!("crl = {crl:?}\n")), ["crl.pem", "client_ca"]),
        (
            with(&certificate, &key, &format!("client_ca = {ca:?}\ncrl = {ca:?}\n")),
            ["crl: ", "does not have a revocation list in PEM form"],
        ),
        (listener.to_owned(), ["[tls]", "certificate"]),
        (format!("{listener}[tls]\ncertificate = {certificate:?}\n"), ["[tls]", "key"]),
        (with(&certificate, &key, "").replace("tls = true\n", ""), ["[[listener]]", "tls = true"]),
    ] {
        site.place.configure(&settings);
        let refusal = Said::by(&mut site.place.milepost(["serve"])).refusal();
        assert!(parts.iter().all(|part| refusal.contains(part)), "{settings}\n{refusal}");
        assert_eq!(site.place.postmaster(), None);
    }
}

#[test]
fn the_command_line_speaks_tls_with_a_ca_of_the_site() {
    let site = Site::new();
    let (service, port) = site.start();
    let ask = |ca: Option<&str>| {
        let mut status = milepost(["status"]);
        status
            .env("MILEPOST_URL", format!("https://localhost:{port}"))
            .env("MILEPOST_TOKEN", site.place.token("read"));
        if let Some(ca) = ca {
            status.env("MILEPOST_CA", ca);
        }
        Said::by(&mut status)
    };
    let seen = ask(Some(&site.file("ca.pem")));
    assert_eq!(seen.code, Some(0), "{}", seen.err);
    let refusal = ask(None).refusal();
    assert!(refusal.contains("MILEPOST_CA"), "{refusal}");
    let refusal = ask(Some("/nowhere/ca.pem")).refusal();
    assert!(refusal.contains("/nowhere/ca.pem"), "{refusal}");
    service.stop();
}
