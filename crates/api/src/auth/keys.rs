//! The keys that tokens are signed and verified with.
//!
//! The rule it protects: a key verifies with its own algorithm only and no further than it is
//! trusted; keys are exchanged without a moment in which a good token is refused.

use std::{
    fmt,
    num::NonZeroUsize,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use lru::LruCache;
use milepost_domain::{Scope, Time};
use sha2::{Digest as _, Sha256};

use super::claims::{Claims, Holder};
use crate::{
    clock,
    problem::{Code, Problem},
};

/// The shortest secret that is taken, in bytes (RFC 7518, 3.2: at least the hash's size).
pub const SECRET_MIN: usize = 32;
/// How many verified tokens are remembered: all builds that a large site has under way, some
/// 1 KiB each, with those of programs and people.
const VERIFIED: NonZeroUsize = match NonZeroUsize::new(16_384) {
    Some(tokens) => tokens,
    None => NonZeroUsize::MIN,
};
/// The longest token that is looked at, in bytes.
const TOKEN_MAX: usize = 4_096;

/// A key that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Too short to be a secret.
    #[error(
        "the secret has {0} bytes; it needs at least {SECRET_MIN}: use for example the output of `openssl rand -hex 32`"
    )]
    Weak(usize),
    /// Not a public key of a kind that is known.
    #[error(
        "this is no public key of Ed25519 or P-256 in PEM; make one with `openssl pkey -in PRIVATE -pubout`"
    )]
    Pem,
    /// Tokens name the key that verifies them.
    #[error("the key needs an id: its tokens name it as `kid`")]
    Nameless,
    /// Two keys cannot be told apart.
    #[error("two keys have the id '{0}'")]
    Twice(String),
}

/// A key: a secret, which signs and verifies (HS256), or a public key, which verifies (`EdDSA`, ES256).
#[derive(Clone)]
pub struct Key {
    id: String,
    algorithm: Algorithm,
    verifies: DecodingKey,
    signs: Option<EncodingKey>,
    /// The most that its tokens may do.
    grants: Scope,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {:?}, {})", self.id, self.algorithm, self.grants)
    }
}

impl Key {
    /// Reads a key from the text of its file. A secret that is given no id is named by its hash.
    ///
    /// # Errors
    /// When the secret is too short, or the PEM is none of a public key that is known.
    pub fn read(text: &str, id: Option<&str>, grants: Scope) -> Result<Self, InvalidKey> {
        let text = text.trim();
        if text.contains("-----BEGIN") {
            let id = id.ok_or(InvalidKey::Nameless)?.to_owned();
            let ed = DecodingKey::from_ed_pem(text.as_bytes()).map(|key| (Algorithm::EdDSA, key));
            let ec = || DecodingKey::from_ec_pem(text.as_bytes()).map(|key| (Algorithm::ES256, key));
            let (algorithm, verifies) = ed.or_else(|_| ec()).map_err(|_| InvalidKey::Pem)?;
            return Ok(Self { id, algorithm, verifies, signs: None, grants });
        }
        if text.len() < SECRET_MIN {
            return Err(InvalidKey::Weak(text.len()));
        }
        let id = id.map_or_else(
            || super::hex(Sha256::digest(text.as_bytes()).get(..2).unwrap_or_default()),
            ToOwned::to_owned,
        );
        Ok(Self {
            id,
            algorithm: Algorithm::HS256,
            verifies: DecodingKey::from_secret(text.as_bytes()),
            signs: Some(EncodingKey::from_secret(text.as_bytes())),
            grants,
        })
    }
}

/// Several keys that are valid, of which one signs.
#[derive(Debug)]
struct Ring {
    /// The first one signs.
    keys: Vec<Key>,
}

impl Ring {
    fn new(keys: Vec<Key>) -> Result<Self, InvalidKey> {
        for (at, key) in keys.iter().enumerate() {
            if keys.iter().skip(at + 1).any(|other| other.id == key.id) {
                return Err(InvalidKey::Twice(key.id.clone()));
            }
        }
        Ok(Self { keys })
    }
}

/// What a token with a right signature says, and until when.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) holder: Holder,
    /// When it runs out; `None`: never.
    pub(super) expires_at: Option<Time>,
}

struct Inner {
    ring: RwLock<Arc<Ring>>,
    /// Tokens whose signature was found right: a machine sends the same with each report.
    verified: Mutex<LruCache<String, Verified>>,
}

/// The keys of the service.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ring().fmt(f)
    }
}

impl FromStr for Keys {
    type Err = InvalidKey;

    /// One secret that signs and verifies everything.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(vec![Key::read(text, None, Scope::Admin)?])
    }
}

impl Keys {
    /// Those keys; the first one signs.
    ///
    /// # Errors
    /// When two have the same id.
    pub fn new(keys: Vec<Key>) -> Result<Self, InvalidKey> {
        let verified = Mutex::new(LruCache::new(VERIFIED));
        Ok(Self(Arc::new(Inner { ring: RwLock::new(Arc::new(Ring::new(keys)?)), verified })))
    }

    /// From now on those keys, in the place of those that were.
    ///
    /// # Errors
    /// When two have the same id; nothing has changed then.
    pub fn replace(&self, keys: Vec<Key>) -> Result<(), InvalidKey> {
        let ring = Arc::new(Ring::new(keys)?);
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        self.verified().clear();
        Ok(())
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn verified(&self) -> MutexGuard<'_, LruCache<String, Verified>> {
        self.0.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new secret that nobody can guess, as text for a file.
    #[must_use]
    pub fn generate() -> String {
        super::hex(&clock::secret_bits()) + &super::hex(&clock::secret_bits())
    }

    /// Signs a token.
    ///
    /// # Errors
    /// When the first key is none that signs.
    pub(super) fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let ring = self.ring();
        let cannot = || jsonwebtoken::errors::ErrorKind::InvalidKeyFormat;
        let key = ring.keys.first().ok_or_else(cannot)?;
        let mut header = Header::new(key.algorithm);
        // Nobody needs to be told that it is a JWT, and a kernel's command line is short.
        header.typ = None;
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, claims, key.signs.as_ref().ok_or_else(cannot)?)
    }

    /// What a token allows now, whether or not it was revoked: for whoever measures what that costs.
    #[must_use]
    pub fn scope_of(&self, token: &str) -> Option<Scope> {
        match self.verify(token, clock::now()).ok()? {
            Holder::Program(program) => Some(program.scope),
            Holder::Machine(_) => Some(Scope::Report),
        }
    }

    /// What a token says, if its signature is right and its time has not run out.
    pub(super) fn verify(&self, token: &str, now: Time) -> Result<Holder, Problem> {
        let strange = "the token is not one of this service; make one with `milepost token create`";
        let verified = self.verify_at_any_time(token, strange)?;
        if verified.expires_at.is_some_and(|at| at <= now) {
            let detail = "the token has run out; make a new one with `milepost token create`";
            return Err(Problem::new(Code::CredentialExpired, detail));
        }
        Ok(verified.holder)
    }

    /// What a token says, if its signature is right, whether or not its time has run out; `strange` is what
    /// is said of one that no key verifies.
    pub(super) fn verify_at_any_time(&self, token: &str, strange: &str) -> Result<Verified, Problem> {
        if let Some(known) = self.verified().get(token) {
            return Ok(known.clone());
        }
        let (claims, grants) =
            self.decode(token).ok_or_else(|| Problem::new(Code::Unauthenticated, strange))?;
        let expires_at = claims.expires_at();
        let holder = claims.into_holder(grants)?;
        let verified = Verified { holder, expires_at };
        self.verified().put(token.to_owned(), verified.clone());
        Ok(verified)
    }

    /// The claims of a token, and the most that the key behind it grants.
    fn decode(&self, token: &str) -> Option<(Claims, Scope)> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let ring = self.ring();
        // A token that names no key may be of any; there are few.
        let named = |key: &&Key| header.kid.as_ref().is_none_or(|kid| *kid == key.id);
        ring.keys.iter().filter(named).filter(|key| key.algorithm == header.alg).find_map(|key| {
            let mut validation = Validation::new(key.algorithm);
            // Judged by us, who say more about it.
            validation.validate_exp = false;
            validation.validate_aud = false;
            validation.required_spec_claims.clear();
            let data = jsonwebtoken::decode::<Claims>(token, &key.verifies, &validation).ok()?;
            Some((data.claims, key.grants))
        })
    }
}

/// Whether a text looks like a signed token: three parts with dots between them.
pub(super) fn looks_signed(token: &str) -> bool {
    token.starts_with("eyJ") && token.bytes().filter(|byte| *byte == b'.').count() == 2
}
