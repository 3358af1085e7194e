//! The way in: from a URL and a token to a client.
//!
//! The rule it protects: no command waits for ever, and the token goes to no other host than the
//! one that was named, nor into a log.

use std::time::Duration;

use reqwest::{
    Certificate, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};

use crate::{Client, Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("milepost/", env!("CARGO_PKG_VERSION"));

/// A client of the service at `url`, which may have a path of its own (`https://example.com/milepost`).
/// It trusts the CAs in `ca`, in PEM form, and no other; `None`: those of the system.
///
/// Nothing is sent yet.
///
/// # Errors
/// When `url` is no `http` or `https` URL, when `token` has characters that no token has, when `ca` has
/// no certificate, or when the system has none to check an `https` service with.
pub fn connect(url: &str, token: Option<&str>, ca: Option<&[u8]>) -> Result<Client, Failure> {
    let base = read_url(url)?;
    let mut headers = HeaderMap::new();
    // A variable that is set to nothing is none.
    if let Some(token) = token.map(str::trim).filter(|token| !token.is_empty()) {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Failure::Token)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    // An error only says that this process has a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut http = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(headers)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        // The service never redirects. Who does is something else, and would get the token and
        // turn a PUT into a GET.
        .redirect(redirect::Policy::none());
    if base.scheme() == "http" {
        // Without TLS a system without certificates, such as a small container, will do.
        http = http.tls_certs_only([]);
    } else if let Some(ca) = ca {
        http = http.tls_certs_only(read_ca(ca)?);
    }
    if is_loopback(&base) {
        // A proxy of the environment cannot reach what listens on this machine only.
        http = http.no_proxy();
    }
    let http = http.build().map_err(|error| {
        let (url, reason) = (url.to_owned(), crate::failure::innermost(&error));
        // What is in the PEM is looked at only now.
        if ca.is_some() {
            return Failure::Ca { reason };
        }
        Failure::Unreachable { url, reason, hint: "check the CA certificates of this system".to_owned() }
    })?;
    Ok(Client::new_with_client(base.as_str().trim_end_matches('/'), http))
}

fn read_ca(pem: &[u8]) -> Result<Vec<Certificate>, Failure> {
    let certificates = Certificate::from_pem_bundle(pem)
        .map_err(|error| Failure::Ca { reason: crate::failure::innermost(&error) })?;
    if certificates.is_empty() {
        return Err(Failure::Ca { reason: "there is no certificate".to_owned() });
    }
    Ok(certificates)
}

fn read_url(url: &str) -> Result<Url, Failure> {
    let invalid = |reason: String| Failure::Url { url: url.to_owned(), reason };
    if !url.trim().starts_with("http://") && !url.trim().starts_with("https://") {
        return Err(invalid("it does not begin with http:// or https://".to_owned()));
    }
    let mut base = Url::parse(url.trim()).map_err(|error| invalid(error.to_string()))?;
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Failure::Url {
            // Not the URL as it came: it has a password in it.
            url: base.host_str().unwrap_or_default().to_owned(),
            reason: "it has a user name or password in it; Milepost takes a token".to_owned(),
        });
    }
    base.set_query(None);
    base.set_fragment(None);
    Ok(base)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use progenitor_client::ClientInfo as _;

    #[test]
    fn a_url_is_taken_as_people_write_it() {
        for (written, read) in [
            ("http://127.0.0.1:8420", "http://127.0.0.1:8420"),
            ("http://localhost:8420/", "http://localhost:8420"),
            (" https://example.com/milepost/\n", "https://example.com/milepost"),
        ] {
            let client = connect(written, Some("t"), None);
            if let Ok(client) = client {
                assert_eq!(client.baseurl(), read);
            } else {
                // A machine without CA certificates cannot speak TLS; that is not what is tested here.
                assert!(written.contains("https"), "{written}: {client:?}");
            }
        }
    }

    #[test]
    fn what_is_no_url_of_a_service_is_refused_without_echoing_a_password() {
        for url in ["", "milepost.example.com", "milepost.example.com:8420", "ftp://example.com", "http://"] {
            assert!(matches!(connect(url, None, None), Err(Failure::Url { .. })), "{url}");
        }
        let refusal = connect("https://admin:hunter2@example.com", None, None).unwrap_err().to_string();
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn a_token_with_a_line_feed_within_is_refused_without_echoing_it() {
        let refusal = connect("http://localhost:8420", Some("abc\ndef"), None).unwrap_err();
        assert!(matches!(refusal, Failure::Token));
        assert!(!refusal.to_string().contains("def"));
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let client = connect("http://localhost:8420", Some("s3cret"), None).unwrap();
        assert!(!format!("{client:?}").contains("s3cret"));
    }

    #[test]
    fn a_ca_without_a_certificate_is_refused() {
        for pem in ["", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"] {
            let refusal = connect("https://localhost:8420", None, Some(pem.as_bytes()));
            assert!(matches!(refusal, Err(Failure::Ca { .. })), "{pem}: {refusal:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let is = |url: &str| is_loopback(&Url::parse(url).unwrap());
        assert!(is("http://localhost:1") && is("http://127.0.0.1") && is("http://[::1]:8420"));
        assert!(!is("http://example.com") && !is("http://127.0.0.1.example.com") && !is("http://10.0.0.1"));
    }
}
