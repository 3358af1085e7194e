//! Services that are not what one hopes for.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// An address where nobody listens.
pub(crate) fn closed_port() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

/// A listener that takes connections and answers none; it says when somebody is there.
pub(crate) fn black_hole() -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.push(stream);
            if tell.send(()).is_err() {
                break;
            }
        }
    });
    (url, told)
}

/// A service that answers one letter after the other and comes to no end: no pause is long enough to give up.
pub(crate) fn dribbling() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 ");
                while stream.write_all(b"2").is_ok() {
                    thread::sleep(Duration::from_millis(500));
                }
            });
        }
    });
    url
}

/// A listener whose queue is full: the kernel drops what comes, as a firewall does.
pub(crate) struct Unreachable {
    pub(crate) url: String,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Unreachable {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300));
        let queue = std::iter::from_fn(|| connect().ok()).collect();
        Self { url: format!("http://{address}"), _listener: listener, _queue: queue }
    }
}

/// A service that answers every request with one status.
pub(crate) struct Answering {
    pub(crate) url: String,
    /// The first line of each request.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Answering {
    pub(crate) fn with(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, location) = (Arc::clone(&requests), format!("{url}/elsewhere"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (first, _) = request(stream.as_ref().unwrap());
                // Who follows there is told that all is well.
                let status = if first.contains("/elsewhere") { 200 } else { status };
                seen.lock().unwrap().push(first);
                let answer = format!(
                    "HTTP/1.1 {status} Word\r\nLocation: {location}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"
                );
                let _ = stream.unwrap().write_all(answer.as_bytes());
            }
        });
        Self { url, requests }
    }
}

/// A way to a service on which the first answers get lost: the service has recorded, and nobody knows.
pub(crate) struct Lossy {
    pub(crate) url: String,
    /// How many answers were lost.
    pub(crate) lost: Arc<AtomicUsize>,
}

impl Lossy {
    pub(crate) fn before(service: &str, losses: usize) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), service, losses)
    }

    /// The same where a test wants it to listen.
    pub(crate) fn on(listener: TcpListener, service: &str, losses: usize) -> Self {
        let to: SocketAddr = service.trim_start_matches("http://").parse().unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let lost = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&lost);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (first, rest) = request(&stream);
                let mut onward = TcpStream::connect(to).unwrap();
                onward.write_all(format!("{first}\r\nConnection: close\r\n").as_bytes()).unwrap();
                onward.write_all(&rest).unwrap();
                let mut answer = Vec::new();
                let _ = onward.read_to_end(&mut answer);
                if count.load(Ordering::SeqCst) < losses {
                    count.fetch_add(1, Ordering::SeqCst);
                } else {
                    let _ = stream.write_all(&answer);
                }
            }
        });
        Self { url, lost }
    }
}

/// The first line of a request, and the rest of it as it came.
fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    let _ = reader.read_line(&mut first);
    let (mut rest, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if !lower.starts_with("connection:") {
            rest.extend_from_slice(line.as_bytes());
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    rest.extend_from_slice(&body);
    (first.trim_end().to_owned(), rest)
}
