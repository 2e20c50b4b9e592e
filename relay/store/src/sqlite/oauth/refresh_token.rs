use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::{execute, find_one, grant};
use crate::StoreError;
use crate::oauth::{NewTokens, RefreshToken, Rotated};

const INSERT: &str = "INSERT INTO oauth_refresh_token (token_hash, grant_no, expires_at, replaces, replaced_at)
    VALUES (?1, ?2, ?3, ?4, NULL)";

pub(in crate::sqlite) const FIND: &str =
    "SELECT id, principal, client_id, client_name, scope, resource, created_at, revoked, replaced_at, expires_at, no
    FROM oauth_refresh_token JOIN oauth_grant ON no = grant_no WHERE token_hash = ?1";

/// The grace counts from the first time: else whoever has an old token could prolong it for ever.
const REPLACE: &str = "UPDATE oauth_refresh_token SET replaced_at = ?2 WHERE token_hash = ?1 AND replaced_at IS NULL";

/// Whether one that replaces this one was itself replaced: the client has it, and has no more use for this one.
pub(in crate::sqlite) const OUTLIVED: &str = "SELECT 1 FROM oauth_refresh_token
    WHERE grant_no = ?2 AND replaces = ?1 AND replaced_at IS NOT NULL LIMIT 1";

pub(in crate::sqlite) const FORGET: &str = "DELETE FROM oauth_refresh_token WHERE expires_at < ?1";

/// Records a token of the grant with this number, its hash and when it ends, and the one that it replaces.
pub(super) fn insert(
    connection: &Connection,
    grant_no: i64,
    token: (Hash, Timestamp),
    replaces: Option<Hash>,
) -> Result<(), StoreError> {
    let (token_hash, expires_at) = token;
    let replaces = replaces.as_ref().map(Hash::as_bytes);
    let values = params![token_hash.as_bytes(), grant_no, expires_at.as_millis(), replaces];
    execute(connection, "insert a refresh token", INSERT, values)?;
    Ok(())
}

/// What a token stands for.
pub(super) fn find(connection: &Connection, token_hash: Hash) -> Result<Option<RefreshToken>, StoreError> {
    Ok(find_numbered(connection, token_hash)?.map(|(token, _)| token))
}

/// Replaces a token, unless it is one that must not be used any more.
pub(super) fn rotate(
    connection: &Connection,
    token_hash: Hash,
    grace_since: Timestamp,
    tokens: &NewTokens,
) -> Result<Rotated, StoreError> {
    let Some((token, grant_no)) = find_numbered(connection, token_hash)? else { return Ok(Rotated::Invalid) };
    if token.revoked {
        return Ok(Rotated::Invalid);
    }
    // Also of one that has ended: a thief who was quicker goes on for ever if the client's return tells nothing.
    if let Some(replaced_at) = token.replaced_at
        && (replaced_at < grace_since || is_outlived(connection, token_hash, grant_no)?)
    {
        grant::revoke(connection, &token.grant.id)?;
        return Ok(Rotated::Reused);
    }
    if token.expires_at <= tokens.issued_at {
        return Ok(Rotated::Invalid);
    }
    let values = params![token_hash.as_bytes(), tokens.issued_at.as_millis()];
    execute(connection, "replace a refresh token", REPLACE, values)?;
    grant::insert_tokens(connection, grant_no, tokens, Some(token_hash))?;
    Ok(Rotated::Done)
}

fn is_outlived(connection: &Connection, token_hash: Hash, grant_no: i64) -> Result<bool, StoreError> {
    let values = params![token_hash.as_bytes(), grant_no];
    Ok(find_one(connection, "look for a token's successors", OUTLIVED, values, |_| Ok(()))?.is_some())
}

/// Revokes the grant of a token of this client.
pub(super) fn revoke(connection: &Connection, token_hash: Hash, client_id: &str) -> Result<(), StoreError> {
    if let Some(token) = find(connection, token_hash)?
        && token.grant.client_id == client_id
    {
        grant::revoke(connection, &token.grant.id)?;
    }
    Ok(())
}

/// Forgets the tokens that have ended before `now`.
pub(super) fn forget(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "forget refresh tokens", FORGET, [now.as_millis()])?;
    Ok(())
}

/// A token, and the number of its grant.
fn find_numbered(connection: &Connection, token_hash: Hash) -> Result<Option<(RefreshToken, i64)>, StoreError> {
    find_one(connection, "find a refresh token", FIND, [token_hash.as_bytes()], |row| {
        let grant = grant::read("oauth_grant", row)?;
        let row = Row::new("oauth_refresh_token", &grant.id, row);
        let token = RefreshToken {
            revoked: row.get(7, "revoked")?,
            replaced_at: row.get::<Option<_>>(8, "replaced_at")?.map(Timestamp::from_millis),
            expires_at: Timestamp::from_millis(row.get(9, "expires_at")?),
            grant: grant.clone(),
        };
        Ok((token, row.get(10, "grant_no")?))
    })
}
