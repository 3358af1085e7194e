//! What opens a build: a credential, kept as its hash.
//!
//! The rule it protects: the token itself is never stored; one token identifies one build.

use diesel::prelude::*;
use milepost_domain::{BuildId, Id, Time};
use uuid::Uuid;

use crate::{Result, schema::credentials};

/// SHA-256 of a token. The only form in which one is stored or looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// What a credential opens, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential {
    /// The build that it opens, and no other.
    pub build: BuildId,
    /// When it runs out.
    pub expires_at: Time,
}

/// What the credential of that hash opens; `None` when nobody registered it.
///
/// # Errors
/// When the database cannot be reached.
pub fn find(connection: &mut PgConnection, hash: TokenHash) -> Result<Option<Credential>> {
    let found: Option<(Uuid, Time)> = credentials::table
        .find(hash.0.as_slice())
        .select((credentials::build_id, credentials::expires_at))
        .first(connection)
        .optional()?;
    Ok(found.map(|(build, expires_at)| Credential { build: Id::from_uuid(build), expires_at }))
}

pub(crate) fn insert(
    connection: &mut PgConnection,
    hash: TokenHash,
    build: BuildId,
    expires_at: Time,
) -> Result<()> {
    diesel::insert_into(credentials::table)
        .values((
            credentials::hash.eq(hash.0.as_slice()),
            credentials::build_id.eq(build.uuid()),
            credentials::expires_at.eq(expires_at),
        ))
        .execute(connection)?;
    Ok(())
}
