//! Signatures of the Standard Webhooks scheme, and the secrets they are made with.
//!
//! The rule it protects: a secret is drawn with 192 bits, shown to whoever makes the hook, and never
//! again; what is signed is what is sent, byte for byte.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use milepost_domain::Time;
use milepost_store::hook::{Hook, Secret};
use ring::hmac;

use crate::clock;

/// What every secret starts with, so that scanners know a leaked one.
const SECRET_PREFIX: &str = "whsec_";
/// How many bytes a secret may have: the bounds of the specification.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that nobody can guess.
pub(crate) fn new_secret() -> Secret {
    Secret(format!("{SECRET_PREFIX}{}", STANDARD.encode(clock::secret_bits())))
}

/// A secret that somebody brings along.
pub(crate) fn read_secret(text: &str) -> Result<Secret, String> {
    // What came is not repeated: it may be a secret of something else.
    key(text).map(|_| Secret(text.to_owned())).ok_or_else(|| {
        format!(
            "a secret is '{SECRET_PREFIX}' and {} to {} bytes in base64; leave it out to have one made",
            BYTES.start(),
            BYTES.end()
        )
    })
}

fn key(secret: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    BYTES.contains(&bytes.len()).then_some(bytes)
}

/// The value of `webhook-signature`: by the hook's secret, and by the one before while that signs as well.
pub(super) fn signatures(hook: &Hook, id: &str, at: Time, body: &str) -> String {
    let old = hook.old_secret.iter().filter(|(_, until)| at < *until).map(|(secret, _)| secret);
    let signed = format!("{id}.{}.{body}", at.timestamp());
    let signatures: Vec<String> = [&hook.secret]
        .into_iter()
        .chain(old)
        .filter_map(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key(&secret.0)?);
            Some(format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes()))))
        })
        .collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_from_what_is_none_without_repeating_it() {
        assert!(read_secret(&new_secret().0).is_ok());
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_not base64 at all, but long enough for it",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let refusal = read_secret(text).unwrap_err();
            assert!(text.len() < 8 || !refusal.contains(text), "{refusal}");
        }
    }
}
