//! Several listeners, what each serves, and what a client may take of them.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use milepost_testkit::Api;
use socket2::{Domain, Socket, Type};

use crate::place::{Place, Said, Service, open, report};

/// One for installers, then one for everybody else.
const APART: &str = "
[[listener]]
address = \"127.0.0.1:0\"
serves = [\"unattended\"]
[[listener]]
address = \"127.0.0.1:0\"
serves = [\"api\"]
";

/// The address of a URL.
fn address(url: &str) -> SocketAddr {
    url.rsplit_once('/').unwrap().1.parse().unwrap()
}

/// Asks without an idea of what the answer is like.
fn get(url: &str, path: &str) -> u16 {
    Api::new(url, None).send_undocumented("GET", path, &[], None).status
}

#[test]
fn a_listener_for_installers_takes_reports_and_knows_nothing_of_the_api() {
    let place = Place::new();
    place.configure(APART);
    // Nobody asks for the default one.
    let mut service = Service::start(&mut place.milepost(["serve"]));
    assert!(service.said().iter().any(|line| line.contains("public_url")), "{:?}", service.said());
    let installers = service.url.clone();
    let everybody = service.read_until(|line| line.starts_with("listening on "));
    let everybody = everybody.trim_start_matches("listening on ").to_owned();
    assert_eq!(fs::read_to_string(place.file("url")).unwrap(), everybody, "clients find the API");

    let manage = Api::new(&everybody, Some(place.token("manage")));
    let build = open(&manage, "web1.example.com");
    let _ = report(&service, &build, "get_ks/done").expect(200);

    let nowhere = service.anyone().send_undocumented("GET", "/nowhere", &[], None).expect(404);
    for path in ["/api/v2/status", "/%61pi/v2/status", "/metrics", "/openapi.json", "/docs/", "/"] {
        let answer = service.anyone().send_undocumented("GET", path, &[], None).expect(404);
        assert_eq!(answer.json()["code"], "not_found", "{path}");
        assert_eq!(answer.json()["detail"], nowhere.json()["detail"], "as a path that is nowhere: {path}");
    }
    assert_eq!(get(&installers, "/api/update"), 405, "it is there, for POST");

    for path in ["/unattended/step", "/%75nattended/step", "/api/update"] {
        assert_eq!(get(&everybody, path), 404, "{path}");
    }
    assert_eq!(get(&everybody, "/api/v2/status"), 401);
    for path in ["/healthz", "/readyz"] {
        assert_eq!((get(&installers, path), get(&everybody, path)), (200, 200), "{path}");
    }
    service.stop();
}

#[test]
fn a_listener_that_serves_nothing_is_refused() {
    let place = Place::new();
    for (serves, word) in [("[]", "serves"), ("[\"web\"]", "web")] {
        place.configure(&format!("[[listener]]\naddress = \"127.0.0.1:0\"\nserves = {serves}\n"));
        let refusal = Said::by(&mut place.milepost(["serve"])).refusal();
        assert!(refusal.contains(word) && refusal.contains("config.toml"), "{refusal}");
    }
}

#[test]
fn listeners_are_printed_as_they_are_read() {
    let place = Place::new();
    place.configure(APART);
    let print = || Said::by(&mut place.milepost(["serve", "--print-config"])).success();
    let first = print();
    place.configure(
        &first.lines().filter(|line| !line.starts_with("data_dir")).collect::<Vec<_>>().join("\n"),
    );
    let listeners = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("listener = ")).unwrap();
        line.split_once('#').unwrap().0.to_owned()
    };
    assert_eq!(listeners(&first), listeners(&print()));
}

/// A connection from another address of this machine.
fn from_elsewhere(to: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.2:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&address(to).into()).unwrap();
    socket.into()
}

/// The first line of the answer to a request; nothing, when the connection is closed instead.
fn ask(stream: &mut TcpStream) -> String {
    // A connection that is closed may refuse even that.
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: milepost\r\n\r\n");
    let mut answer = [0; 1024];
    let read = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn an_address_with_too_many_connections_gets_no_more_and_others_are_served() {
    let place = Place::new();
    place.configure("[limits]\nconnections_per_address = 2\n");
    let mut service = place.start();
    let url = service.url.clone();
    let mut held = [from_elsewhere(&url), from_elsewhere(&url)];
    for stream in &mut held {
        assert_eq!(ask(stream), "HTTP/1.1 200 OK");
    }
    for _ in 0..3 {
        assert_eq!(ask(&mut from_elsewhere(&url)), "", "one too many");
    }
    service.read_until(|line| line.contains("127.0.0.2") && line.contains("connections_per_address"));
    let metrics = service.anyone().get("/metrics").expect(200).text;
    assert!(metrics.contains("milepost_connections_refused_total 3"), "{metrics}");
    for stream in &mut held {
        assert_eq!(ask(stream), "HTTP/1.1 200 OK", "who was there stays");
    }
    service.stop();
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let place = Place::new();
    place.configure("[limits]\nbody_seconds = 1\n");
    let service = place.start();
    for (path, head, wanted) in [
        ("/unattended/step", "", "the body did not arrive within 1s"),
        (
            "/api/v2/builds",
            &*format!(
                "Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
                place.token("manage")
            ),
            "\"code\":\"request_timeout\"",
        ),
    ] {
        let mut stream = TcpStream::connect(address(&service.url)).unwrap();
        let half = "token=abcdefgh&label=packages";
        write!(stream, "POST {path} HTTP/1.1\r\nHost: milepost\r\n{head}Content-Length: 100\r\n\r\n{half}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains(wanted), "{answer}");
    }
    service.stop();
}
