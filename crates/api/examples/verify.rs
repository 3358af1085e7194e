//! What it costs to verify a token, the first time and when it is remembered.
//!
//! `cargo run --release -p milepost-api --example verify`; `docs/security.md` has the figures.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "it measures, prints, and is nothing else")]

use std::time::Instant;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use milepost_api::{Key, Keys, Scope};
use serde_json::json;

const TOKENS: u32 = 5_000;
/// A pair of keys as `openssl genpkey -algorithm ed25519` makes them, for this alone.
const ED25519: (&str, &str) = (
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIOXjG3CHzG3grwutn2MOKoS8w8Z0jLJJxvqOzpBZPT/M\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA3Zil9E3jbIYrvA9CGTdeRMnvY9dyAguI0J+lplLfDvQ=\n-----END PUBLIC KEY-----\n",
);

fn main() {
    let secret = Keys::generate();
    let hs256 = (Algorithm::HS256, EncodingKey::from_secret(secret.as_bytes()), secret.as_str());
    let eddsa = (Algorithm::EdDSA, EncodingKey::from_ed_pem(ED25519.0.as_bytes()).unwrap(), ED25519.1);
    println!("algorithm  first time  remembered");
    for (algorithm, signs, verifies) in [hs256, eddsa] {
        let keys = Keys::new(vec![Key::read(verifies, Some("k"), Scope::Report).unwrap()]).unwrap();
        let tokens: Vec<String> = (0..TOKENS)
            .map(|number| {
                let claims = json!({
                    "scope": "report", "sub": "web1.brno.example.com", "wf": "kickstart", "exp": 4_000_000_000_i64,
                    "id": 42, "mac": "525400123456", "org": "acme", "loc": "Europe/Brno",
                    "jti": format!("0193b0a0-0000-7000-8000-{number:012x}"),
                });
                let header = Header { kid: Some("k".to_owned()), ..Header::new(algorithm) };
                jsonwebtoken::encode(&header, &claims, &signs).unwrap()
            })
            .collect();
        let verify_all = || {
            let began = Instant::now();
            for token in &tokens {
                assert_eq!(keys.scope_of(token), Some(Scope::Report));
            }
            began.elapsed().as_secs_f64() * 1e6 / f64::from(TOKENS)
        };
        let (first, again) = (verify_all(), verify_all());
        println!("{:<9} {first:>8.1} µs {again:>8.1} µs", format!("{algorithm:?}"));
    }
}
