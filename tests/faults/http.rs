//! One HTTP/1.1 request on a connection of its own, as `curl` in an installer sends it.
//!
//! The rule it protects: a request takes a bounded time, and it is told apart whether it was never
//! sent, was answered whole, or nobody knows.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// How long any request may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// More than any answer here has.
const LONGEST: usize = 4 * 1024 * 1024;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), bearer: None, content_type: None, body: String::new() }
    }

    pub(crate) fn post(path: impl Into<String>, content_type: &'static str, body: String) -> Self {
        Self { method: "POST", content_type: Some(content_type), body, ..Self::get(path) }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self }
    }

    fn text(&self) -> String {
        let Self { method, path, body, .. } = self;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: milepost\r\nAccept: application/json\r\nConnection: close\r\n"
        );
        if let Some(token) = &self.bearer {
            text.extend(["Authorization: Bearer ", token, "\r\n"]);
        }
        if let Some(content_type) = self.content_type {
            text.extend(["Content-Type: ", content_type, "\r\n"]);
        }
        text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nobody listens: nothing was sent.
    Unreachable,
    /// The connection broke: nobody knows what became of the request.
    Broken,
    /// Nothing came in time: nobody knows either.
    TimedOut,
}

impl From<std::io::Error> for Silence {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Broken,
        }
    }
}

pub(crate) fn ask(address: SocketAddr, request: &Request) -> Result<Answer, Silence> {
    let deadline = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => Silence::Unreachable,
        _ => error.into(),
    })?;
    let left = || deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    stream.set_write_timeout(left()).map_err(Silence::from)?;
    stream.write_all(request.text().as_bytes())?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while bytes.len() < LONGEST {
        stream.set_read_timeout(Some(left().ok_or(Silence::TimedOut)?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
    whole(&bytes).ok_or(Silence::Broken)
}

/// The answer, if it came to its end.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    (body.len() == length).then(|| Answer { status, body: body.to_owned() })
}
