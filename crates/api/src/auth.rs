//! Who may do what: scoped tokens of programs and people, and the credentials of builds.
//!
//! The rule it protects: what a caller may do is part of a handler's signature ([`Caller`]); a
//! build's credential opens that build and nothing else, and no credential is ever logged.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    num::NonZeroUsize,
    pin::Pin,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use chrono::Duration;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use lru::LruCache;
use milepost_domain::Time;
use milepost_store::credential::{Credential, TokenHash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    App, clock, db,
    problem::{Code, Problem},
};

/// What a program's or a person's token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See everything.
    Read,
    /// See everything, open and judge builds, change the registry.
    Manage,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Manage => "manage",
        })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "manage" => Ok(Self::Manage),
            other => Err(format!("scope must be read or manage, not '{other}'")),
        }
    }
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// Who this was made for: always us.
    aud: String,
    scope: Scope,
    /// Tells tokens apart.
    jti: String,
    /// When it was made, seconds since 1970.
    iat: i64,
    /// When it runs out; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

const AUDIENCE: &str = "milepost";
/// The shortest secret that is taken, in bytes (RFC 7518, 3.2: at least the hash's size).
pub const SECRET_MIN: usize = 32;

/// How many verified tokens are remembered.
const VERIFIED: NonZeroUsize = match NonZeroUsize::new(1_024) {
    Some(tokens) => tokens,
    None => NonZeroUsize::MIN,
};

/// The secret that tokens are signed with.
#[derive(Clone)]
pub struct Secret {
    text: String,
    /// Tokens whose signature was found right: a page that is looked at each second sends the same.
    verified: Arc<Mutex<LruCache<String, Verified>>>,
}

/// What a token with a right signature says.
#[derive(Debug, Clone, Copy)]
struct Verified {
    scope: Scope,
    /// When it runs out, seconds since 1970.
    exp: Option<i64>,
}

/// A secret that is too short to be one.
#[derive(Debug, thiserror::Error)]
#[error(
    "the secret has {0} bytes; it needs at least {SECRET_MIN}: use for example the output of `openssl rand -hex 32`"
)]
pub struct WeakSecret(usize);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl FromStr for Secret {
    type Err = WeakSecret;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() < SECRET_MIN {
            return Err(WeakSecret(text.len()));
        }
        Ok(Self { text: text.to_owned(), verified: Arc::new(Mutex::new(LruCache::new(VERIFIED))) })
    }
}

impl Secret {
    /// A new secret that nobody can guess, as text for a file.
    #[must_use]
    pub fn generate() -> String {
        hex(&clock::secret_bits()) + &hex(&clock::secret_bits())
    }

    /// Makes a token.
    ///
    /// # Errors
    /// When signing fails, which has no known reason.
    pub fn mint(
        &self,
        scope: Scope,
        lifetime: Option<Duration>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let now = clock::now();
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            scope,
            jti: clock::new_id::<()>(now).to_string(),
            iat: now.timestamp(),
            exp: lifetime.map(|lifetime| (now + lifetime).timestamp()),
        };
        jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(self.text.as_bytes()),
        )
    }

    fn verify(&self, token: &str) -> Result<Scope, Problem> {
        let verified = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verified().get(token).copied();
        let now = clock::now().timestamp();
        if let Some(known) = known.filter(|known| known.exp.is_none_or(|exp| now < exp)) {
            return Ok(known.scope);
        }
        let claims = self.decode(token)?;
        verified().put(token.to_owned(), Verified { scope: claims.scope, exp: claims.exp });
        Ok(claims.scope)
    }

    fn decode(&self, token: &str) -> Result<Claims, Problem> {
        use jsonwebtoken::errors::ErrorKind;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["aud"]);
        validation.leeway = 5;
        let key = DecodingKey::from_secret(self.text.as_bytes());
        jsonwebtoken::decode::<Claims>(token, &key, &validation).map(|data| data.claims).map_err(|error| {
            match error.kind() {
                ErrorKind::ExpiredSignature => Problem::new(
                    Code::CredentialExpired,
                    "the token has run out; make a new one with `milepost token create`",
                ),
                _ => Problem::new(
                    Code::Unauthenticated,
                    "the token is not one of this service; make one with `milepost token create`",
                ),
            }
        })
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A scope as a type, for [`Caller`].
pub trait Needs: 'static {
    /// The scope that is needed.
    const SCOPE: Scope;
}

/// Needs [`Scope::Read`].
#[derive(Debug)]
pub enum Read {}
/// Needs [`Scope::Manage`].
#[derive(Debug)]
pub enum Manage {}

impl Needs for Read {
    const SCOPE: Scope = Scope::Read;
}
impl Needs for Manage {
    const SCOPE: Scope = Scope::Manage;
}

/// A caller that may do what `S` stands for. A handler with this argument cannot be reached
/// without it.
#[derive(Debug)]
pub struct Caller<S>(PhantomData<S>);

impl<S: Needs> FromRequest for Caller<S> {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(authorize(request, S::SCOPE).map(|()| Self(PhantomData)))
    }
}

fn authorize(request: &HttpRequest, needed: Scope) -> Result<(), Problem> {
    let app = app(request)?;
    let token = bearer(request).ok_or_else(|| {
        Problem::new(
            Code::Unauthenticated,
            "send `Authorization: Bearer TOKEN`; make a token with `milepost token create`",
        )
    })?;
    let scope = app.secret.verify(token)?;
    if scope < needed {
        let detail = format!("the token has the scope '{scope}'; this needs '{needed}'");
        return Err(Problem::new(Code::Forbidden, detail));
    }
    Ok(())
}

fn app(request: &HttpRequest) -> Result<&web::Data<App>, Problem> {
    request.app_data::<web::Data<App>>().ok_or_else(|| Problem::internal("the application has no state"))
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// The credential of a build, as it travels. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct BuildToken(String);

impl fmt::Debug for BuildToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BuildToken(..)")
    }
}

impl FromStr for BuildToken {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (8..=512).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            // The text is not repeated: it may be a secret with a slip.
            Err("a token has 8 to 512 characters of A-Z, a-z, 0-9, '-', '.', '_' and '~'".to_owned())
        }
    }
}

impl BuildToken {
    /// A new one that nobody can guess, with a prefix that scanners for leaked secrets can find.
    pub(crate) fn generate() -> Self {
        Self(format!("mpb_{}", hex(&clock::secret_bits())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// How forgiving a callback is about a credential that has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It is refused.
    Holds,
    /// It is forgiven, as Foreman forgives it for `built`: the install took longer than planned.
    Forgiven,
}

/// Which build a credential opens.
pub(crate) async fn build_of(
    app: &web::Data<App>,
    token: Option<&str>,
    expiry: Expiry,
    now: Time,
) -> Result<Credential, Problem> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        let detail = "no token came; send it as token=..., in the path, or as `Authorization: Bearer`";
        return Err(Problem::new(Code::Unauthenticated, detail));
    };
    let unknown = || Problem::new(Code::Unauthenticated, "this token opens no build");
    let hash = BuildToken::from_str(token).map_err(|_| unknown())?.hash();
    let credential = if let Some(credential) = app.store.remembered_credential(hash) {
        credential
    } else {
        let store = app.store.clone();
        let found = db::bounded(move || store.credential(hash)).await?;
        found.ok_or_else(unknown)?
    };
    if credential.expires_at <= now && expiry == Expiry::Holds {
        let detail = format!(
            "this build's token ran out at {}; open a new build",
            credential.expires_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        );
        return Err(Problem::new(Code::CredentialExpired, detail));
    }
    Ok(credential)
}

/// Boxed, as extractors that read the body return it.
pub(crate) type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::generate().parse().unwrap()
    }

    #[test]
    fn a_token_is_taken_by_its_own_secret_only() {
        let (ours, theirs) = (secret(), secret());
        let token = ours.mint(Scope::Manage, None).unwrap();
        assert_eq!(ours.verify(&token).unwrap(), Scope::Manage);
        assert_eq!(theirs.verify(&token).unwrap_err().code, Code::Unauthenticated);
    }

    #[test]
    fn an_expired_token_reads_differently_from_a_wrong_one() {
        let secret = secret();
        let token = secret.mint(Scope::Read, Some(Duration::hours(-1))).unwrap();
        assert_eq!(secret.verify(&token).unwrap_err().code, Code::CredentialExpired);
        assert_eq!(secret.verify("x.y.z").unwrap_err().code, Code::Unauthenticated);
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJhdWQiOiJtaWxlcG9zdCIsInNjb3BlIjoibWFuYWdlIiwianRpIjoiMSIsImlhdCI6MX0.";
        assert_eq!(secret().verify(unsigned).unwrap_err().code, Code::Unauthenticated);
    }

    #[test]
    fn no_secret_is_printed() {
        let token: BuildToken = "mpb_0123456789".parse().unwrap();
        assert_eq!(format!("{token:?} {:?}", secret()), "BuildToken(..) Secret(..)");
    }
}
