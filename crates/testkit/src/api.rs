//! A client that says requests plainly and holds every answer against the document.

use reqwest::{Method, blocking::Client, header};
use serde_json::Value;

use crate::Contract;

/// A client of one service with one credential.
#[derive(Debug, Clone)]
pub struct Api {
    url: String,
    token: Option<String>,
    client: Client,
}

/// What came back, checked against the document.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, by lower-case name.
    pub headers: header::HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("a JSON body")
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// This answer, if it has that status.
    ///
    /// # Panics
    /// When it has another one.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the answer was: {}", self.text);
        self
    }
}

/// How long a stream may be read: longer than any test.
const LONG: std::time::Duration = std::time::Duration::from_secs(600);
/// To make one takes longer than a request does.
fn client() -> Client {
    // Other crates of the build ask for TLS without a provider; an error says that one is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // What the answer is, not where it would lead.
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.build().expect("a client")
}

impl Api {
    /// A client of the service at `url`.
    #[must_use]
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self { url: url.to_owned(), token, client: client() }
    }

    /// The same with another credential, over the same connections.
    #[must_use]
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self { token, ..self.clone() }
    }

    /// Sends a request with headers and a body of one's own.
    ///
    /// # Panics
    /// When no answer comes, or one that the document does not describe.
    #[must_use]
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let answer = self.send_undocumented(method, path, headers, body);
        Contract::published().check(method, path, &answer);
        answer
    }

    /// Sends a request whose answer the document does not describe.
    ///
    /// # Panics
    /// When no answer comes.
    #[must_use]
    #[track_caller]
    pub fn send_undocumented(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_vec());
        }
        let response = request.send().expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // Such a one has no end.
        let is_stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if is_stream { String::new() } else { response.text().expect("a whole body") };
        Answer { status, headers, text }
    }

    /// Opens a stream, and answers its body, to be read as it comes.
    ///
    /// # Panics
    /// When no answer comes, or one that is none of success.
    #[must_use]
    #[track_caller]
    pub fn open_stream(&self, path: &str, headers: &[(&str, &str)]) -> Box<dyn std::io::Read> {
        let mut request = self.client.get(format!("{}{path}", self.url)).timeout(LONG);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        Box::new(response)
    }

    /// GET.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    /// DELETE.
    #[must_use]
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    /// POST of a JSON body.
    #[must_use]
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json("POST", path, body)
    }

    /// PUT of a JSON body.
    #[must_use]
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send_json("PUT", path, body)
    }

    /// PATCH with a JSON body.
    #[must_use]
    #[track_caller]
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send_json("PATCH", path, body)
    }

    #[track_caller]
    fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
    }
}
