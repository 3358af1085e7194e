//! Why a request came to nothing, for people.
//!
//! The rule it protects: each failure is a sentence that says what happened, where, and what to
//! do; what a service or something in its place sent is stripped of control characters first.

use progenitor_client::ClientInfo as _;

use crate::{Client, types::Problem};

/// How an operation of the [`Client`] fails.
pub type Error = progenitor_client::Error<Problem>;

/// The longest text of another program that is quoted, in characters.
const QUOTED_MAX: usize = 300;

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The URL is none of a service.
    #[error(
        "'{url}' is not the URL of a service: {reason}; write for example http://milepost.example.com:8420"
    )]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The token has characters that no token has.
    #[error(
        "the token has characters that no token has; make one with `milepost token create` and set MILEPOST_TOKEN"
    )]
    Token,
    /// What is to be trusted is no certificate.
    #[error("the CA cannot be used: {reason}; MILEPOST_CA names a file with its certificate in PEM form")]
    Ca {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there.
    #[error("cannot reach {url} ({reason}): {hint}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system says.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The answer did not come in time.
    #[error("{url} did not answer in time; its log says why, or try again")]
    Slow {
        /// Where.
        url: String,
    },
    /// The token is missing, wrong or expired.
    #[error("no access to {url}: {detail}{}", token_hint(.detail, "milepost token create"))]
    Unauthenticated {
        /// Where.
        url: String,
        /// As the service says it.
        detail: String,
    },
    /// The token is for something less.
    #[error("no access to {url}: {detail}{}", token_hint(.detail, "milepost token create --scope manage"))]
    Forbidden {
        /// Where.
        url: String,
        /// As the service says it.
        detail: String,
    },
    /// The service understood and refused, or failed.
    #[error("{detail}{}", request_id(*.status, .instance))]
    Problem {
        /// The HTTP status.
        status: u16,
        /// The stable word for the kind of problem.
        code: String,
        /// What happened, where, and what to do.
        detail: String,
        /// The request id.
        instance: String,
    },
    /// Something answers there that does not speak as Milepost does.
    #[error(
        "{url} does not answer as Milepost does ({reason}); is that the right URL, and the same version?"
    )]
    NotMilepost {
        /// Where.
        url: String,
        /// What came.
        reason: String,
    },
    /// The request could not be made.
    #[error("the request cannot be made: {reason}")]
    Request {
        /// What is wrong with it.
        reason: String,
    },
}

/// What to do about a token, unless the service has said how to make one.
fn token_hint(detail: &str, command: &str) -> String {
    let make = if detail.contains("milepost token create") {
        ", and".to_owned()
    } else {
        format!("; make a token there with `{command}` and")
    };
    format!("{make} set MILEPOST_TOKEN to it")
}

/// Which request it was matters to the one who reads the service's log, so only when it failed.
fn request_id(status: u16, instance: &str) -> String {
    if status < 500 || instance.is_empty() {
        return String::new();
    }
    format!(" (HTTP {status}, request {instance})")
}

/// Puts into words why `client` got no answer to what it asked.
#[must_use]
pub fn explain(client: &Client, error: Error) -> Failure {
    let url = client.baseurl().to_owned();
    let not_milepost = |reason: String| Failure::NotMilepost { url: url.clone(), reason };
    match error {
        Error::ErrorResponse(response) => {
            let status = response.status().as_u16();
            problem(url.clone(), status, &response)
        }
        Error::CommunicationError(error) | Error::ResponseBodyError(error) | Error::InvalidUpgrade(error) => {
            unreachable_at(url, &error)
        }
        Error::InvalidResponsePayload(_, error) => {
            not_milepost(format!("its answer cannot be read: {error}"))
        }
        Error::UnexpectedResponse(response) => {
            let to = response.headers().get(reqwest::header::LOCATION).and_then(|to| to.to_str().ok());
            let to = to.map(|to| format!(" to {}", one_line(to))).unwrap_or_default();
            not_milepost(format!("HTTP {}{to} for {}", response.status(), response.url().path()))
        }
        Error::InvalidRequest(reason) | Error::Custom(reason) => Failure::Request { reason },
    }
}

fn problem(url: String, status: u16, problem: &Problem) -> Failure {
    let detail = one_line(&problem.detail);
    match status {
        401 => Failure::Unauthenticated { url, detail },
        403 => Failure::Forbidden { url, detail },
        _ => Failure::Problem {
            status,
            code: one_line(&problem.code),
            detail,
            instance: one_line(&problem.instance),
        },
    }
}

fn unreachable_at(url: String, error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
        return Failure::Slow { url };
    }
    let hint = if is_about_tls(error) {
        "does it speak https there, with a certificate that this system trusts? MILEPOST_CA names a CA of your own"
    } else if error.is_connect() && error.is_timeout() {
        "is the address right, and does a firewall let it through?"
    } else if error.is_connect() {
        "is `milepost serve` running there? Another service is named with MILEPOST_URL"
    } else {
        "the connection broke; try again"
    };
    let hint = hint.to_owned();
    Failure::Unreachable { url, reason: innermost(error), hint }
}

fn is_about_tls(error: &reqwest::Error) -> bool {
    causes(error).any(<dyn std::error::Error>::is::<rustls::Error>)
}

/// What the system says at the bottom: the layers above only say that something below failed.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(|cause| one_line(&cause.to_string())).unwrap_or_default()
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |cause| {
        // An I/O error hides the error that it wraps from `source`.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|wrapped| -> &(dyn std::error::Error + 'static) { wrapped }).or_else(|| cause.source())
    })
}

/// A text of another program as one short line without anything that moves a cursor.
fn one_line(text: &str) -> String {
    let mut line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED_MAX).collect();
    if text.chars().nth(QUOTED_MAX).is_some() {
        line.push('…');
    }
    line.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
