//! OAuth 1.0 PLAINTEXT (RFC 5849, 3.4.4), as cloud-init and curtin send it: for those who will not
//! put a token into a URL.
//!
//! The rule it protects: the token's secret is the build's token, whatever the consumer is called; a
//! clock that is wrong is told apart from a credential that is, because the clients mend the former.

use actix_web::{HttpRequest, http::header};
use chrono::Duration;
use milepost_domain::Time;

use crate::problem::{Code, Problem};

/// How far a client's clock may be off: the width that RFC 5849 leaves to the server, as MAAS has it.
const SKEW_MAX: Duration = Duration::minutes(5);

/// The token of an `Authorization: OAuth` header, if there is one.
pub(super) fn token(request: &HttpRequest, now: Time) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let Some((scheme, parameters)) = value.to_str().unwrap_or_default().split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case("oauth") {
        return Ok(None);
    }
    read(parameters, now).map(Some)
}

fn read(parameters: &str, now: Time) -> Result<String, Problem> {
    let parameter = |wanted: &str| {
        parameters.split(',').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == wanted).then(|| decoded(value.trim().trim_matches('"')))
        })
    };
    let refuse = |detail: &str| Problem::new(Code::Unauthenticated, detail);
    if parameter("oauth_signature_method").as_deref() != Some("PLAINTEXT") {
        return Err(refuse("only OAuth's signature method PLAINTEXT is read here"));
    }
    let signature = parameter("oauth_signature").ok_or_else(|| refuse("oauth_signature is missing"))?;
    let (_, secret) = signature.split_once('&').ok_or_else(|| {
        refuse(
            "oauth_signature must be CONSUMER_SECRET&TOKEN_SECRET; the token's secret is the build's token",
        )
    })?;
    let at = parameter("oauth_timestamp")
        .and_then(|text| Time::from_timestamp(text.parse().ok()?, 0))
        .ok_or_else(|| refuse("oauth_timestamp must be seconds since 1970"))?;
    if (now - at).abs() > SKEW_MAX {
        let ahead = if at > now { "ahead" } else { "behind" };
        let detail = format!(
            "the client's clock is {} s {ahead}; set it by this answer's Date header and try again",
            (now - at).abs().num_seconds()
        );
        return Err(Problem::new(Code::ClockSkew, detail));
    }
    Ok(decoded(secret))
}

/// Without percent-encoding.
fn decoded(text: &str) -> String {
    // A form of one pair, but that OAuth has no plus for a space.
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(&format!("v={}", text.replace('+', "%2B"))).unwrap_or_default();
    pairs.into_iter().next().map_or_else(|| text.to_owned(), |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(timestamp: i64, signature: &str) -> String {
        format!(
            "oauth_nonce=\"1\", oauth_timestamp=\"{timestamp}\", oauth_version=\"1.0\", \
             oauth_signature_method=\"PLAINTEXT\", oauth_consumer_key=\"ck\", oauth_token=\"tk\", \
             oauth_signature=\"{signature}\""
        )
    }

    #[test]
    fn the_secret_of_the_token_is_the_builds_token() {
        let now = Time::from_timestamp(1_790_000_000, 0).unwrap();
        for (signature, token) in [
            ("%26mpb_5f0c", "mpb_5f0c"),
            ("cs%26eyJ0.eyJ1.s-_~", "eyJ0.eyJ1.s-_~"),
            ("c%2526s%26a%252Bb", "a+b"),
        ] {
            assert_eq!(read(&header(1_790_000_000, signature), now).unwrap(), token);
        }
        for signature in ["", "mpb_5f0c"] {
            let problem = read(&header(1_790_000_000, signature), now).unwrap_err();
            assert_eq!(problem.code, Code::Unauthenticated, "{signature}");
        }
    }

    #[test]
    fn a_wrong_clock_is_told_apart_from_a_wrong_credential() {
        let now = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let problem = read(&header(1_790_000_000 - 3_600, "%26mpb_5f0c"), now).unwrap_err();
        assert_eq!((problem.code, problem.code.status().as_u16()), (Code::ClockSkew, 401));
        assert!(problem.detail.contains("3600 s behind"), "{problem}");
        assert!(read(&header(1_790_000_000 + 299, "%26mpb_5f0c"), now).is_ok());
    }
}
