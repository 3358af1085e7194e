//! Somebody who is told what happens: an HTTP server that behaves as badly as it is asked to.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long it is waited for what is to come: longer than a busy machine takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// It is answered with that status.
    Answer(u16),
    /// It is sent elsewhere.
    Redirect(String),
    /// It is never answered.
    Hang,
    /// The connection ends instead of an answer, as when the receiver dies.
    HangUp,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// Its headers, by lower-case name.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    behaviours: VecDeque<Behaviour>,
    hanging: Vec<TcpStream>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    came: Condvar,
    is_over: AtomicBool,
}

/// Somebody who is told; it ends with this value.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Receiver {
    /// One on a free port that takes everything.
    #[must_use]
    pub fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0).into())
    }

    /// One at that address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_over.load(Ordering::Acquire) {
                    return;
                }
                // Who goes away in the middle has sent nothing.
                let _ = stream.and_then(|stream| serve(&serving, stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How the next requests are dealt with; those behind them are taken.
    pub fn then(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.lock().behaviours.extend(behaviours);
    }

    /// What came so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// What came, once that holds of it.
    ///
    /// # Panics
    /// When it never does.
    #[must_use]
    #[track_caller]
    pub fn wait(&self, what: &str, holds: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let (state, timeout) = self
            .shared
            .came
            .wait_timeout_while(self.lock(), PATIENCE, |state| !holds(&state.received))
            .expect("no thread of it panics");
        assert!(!timeout.timed_out(), "never: {what}; what came: {:#?}", state.received);
        state.received.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no thread of it panics")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // It waits for the next one to come.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if path.is_empty() {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let mut state = shared.state.lock().expect("no thread of it panics");
    state.received.push(Received { path, headers, body });
    let behaviour = state.behaviours.pop_front().unwrap_or(Behaviour::Answer(204));
    shared.came.notify_all();
    let head = match behaviour {
        Behaviour::Answer(status) => format!("HTTP/1.1 {status} As asked\r\n"),
        Behaviour::Redirect(to) => format!("HTTP/1.1 308 As asked\r\nlocation: {to}\r\n"),
        Behaviour::Hang => {
            state.hanging.push(stream);
            return Ok(());
        }
        Behaviour::HangUp => return Ok(()),
    };
    drop(state);
    stream.write_all(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes())
}
