//! The smallest client that keeps a connection: HTTP/1.1, one request at a time.
//!
//! The rule it protects: what is measured is the server, so a request is prepared bytes and an answer
//! is read no further than its length.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::failure::{Context as _, Failure, Result};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that is made anew when the server closes it.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Host and port of a URL without a path.
pub(crate) fn authority(url: &str) -> &str {
    url.trim_start_matches("http://").trim_end_matches('/')
}

impl Client {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let address = authority(url).parse().context(&format!("{url} is no address of this machine"))?;
        Ok(Self { address, stream: None, buffer: Vec::with_capacity(8192) })
    }

    /// Connects beforehand, so that the first request does not pay for it.
    pub(crate) fn connect(&mut self) -> Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Sends a request and reads its answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.connect()?;
        let sent = self.exchange(request);
        if sent.is_err() {
            self.stream = None;
        }
        sent
    }

    fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        let stream = self.stream.as_mut().context("not connected")?;
        stream.write_all(request)?;
        self.buffer.clear();
        let mut chunk = [0; 8192];
        loop {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Err(Failure::new("the server closed the connection instead of answering"));
            }
            self.buffer.extend(chunk.iter().take(read));
            let Some(head) = parse(&self.buffer)? else { continue };
            let body = self.buffer.get(head.length..).unwrap_or_default();
            if body.len() >= head.body {
                let answer = Answer { status: head.status, body: body.to_vec() };
                if head.closes {
                    self.stream = None;
                }
                return Ok(answer);
            }
        }
    }
}

struct Head {
    status: u16,
    length: usize,
    body: usize,
    closes: bool,
}

/// The head of an answer, once it is whole.
fn parse(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default());
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut head = Head {
        status: status.context(&format!("this is no HTTP: {first}"))?,
        length: end + 4,
        body: 0,
        closes: false,
    };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.body = value.parse().context("a Content-Length that is none")?;
        } else if name.eq_ignore_ascii_case("connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Failure::new("the server answers in chunks, which nothing here does"));
        }
    }
    Ok(Some(head))
}

/// A GET with a token.
pub(crate) fn get(url: &str, path: &str, token: &str) -> Vec<u8> {
    let host = authority(url);
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A POST of JSON with a token.
pub(crate) fn post_json(url: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let (host, length) = (authority(url), body.len());
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: \
         application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A POST of a form, as an installer sends it.
pub(crate) fn post_form(url: &str, path: &str, body: &str) -> Vec<u8> {
    let (host, length) = (authority(url), body.len());
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_to_its_length() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nconnection: close\r\n\r\nrecorded\n";
        let head = parse(text).map_err(|why| why.to_string()).unwrap().unwrap();
        assert_eq!(
            (head.status, head.body, head.length + head.body, head.closes),
            (200, 9, text.len(), true)
        );
        assert!(parse(b"HTTP/1.1 200 OK\r\n").map_err(|why| why.to_string()).unwrap().is_none());
    }
}
