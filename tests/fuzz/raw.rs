//! Bytes on a connection, and the status that comes back.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

use milepost_testkit::Server;

/// Sends bytes as they are on a connection of their own; the status of the answer, if one came.
pub(crate) fn send(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    // Whoever is refused early may find that nobody reads the rest.
    let _ = stream.write_all(bytes);
    let mut line = Vec::new();
    BufReader::new(stream).read_until(b'\n', &mut line).ok()?;
    String::from_utf8_lossy(&line).strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// A request whose head and body are as they come.
pub(crate) fn request(method: &str, target: &[u8], headers: &[(Vec<u8>, Vec<u8>)], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        [method.as_bytes(), b" ", target, b" HTTP/1.1\r\nHost: milepost\r\nConnection: close\r\n"].concat();
    for (name, value) in headers {
        bytes.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend(body);
    bytes
}

/// Every byte in its encoded form.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| ['%', hex(byte >> 4), hex(byte & 15)]).collect()
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or_default()
}
