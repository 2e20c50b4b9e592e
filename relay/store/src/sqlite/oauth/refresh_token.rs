use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::grant;
use super::query::{execute, find_one};
use crate::StoreError;
use crate::oauth::RefreshToken;

const INSERT: &str = "INSERT INTO oauth_refresh_token (token_hash, grant_no, expires_at, replaces, replaced_at)
    VALUES (?1, ?2, ?3, ?4, NULL)";

pub(in crate::sqlite) const FIND: &str =
    "SELECT id, principal, client_id, client_name, scope, resource, created_at, revoked, replaced_at, expires_at, no
    FROM oauth_refresh_token JOIN oauth_grant ON no = grant_no WHERE token_hash = ?1";

/// Keeps the time of the first replacement. If later ones counted, whoever has an old token could extend its grace
/// period for ever by using it again and again.
const MARK_REPLACED: &str =
    "UPDATE oauth_refresh_token SET replaced_at = ?2 WHERE token_hash = ?1 AND replaced_at IS NULL";

/// Finds a replacement of this token that was itself replaced. Its use proves that the client received it.
pub(in crate::sqlite) const FIND_USED_REPLACEMENT: &str = "SELECT 1 FROM oauth_refresh_token
    WHERE grant_no = ?2 AND replaces = ?1 AND replaced_at IS NOT NULL LIMIT 1";

/// Finds another replacement of the token that this token replaces, if that other one was itself replaced.
pub(in crate::sqlite) const FIND_USED_SIBLING: &str = "SELECT 1 FROM oauth_refresh_token AS token
    JOIN oauth_refresh_token AS sibling ON sibling.grant_no = token.grant_no AND sibling.replaces = token.replaces
    WHERE token.token_hash = ?1 AND sibling.token_hash <> ?1 AND sibling.replaced_at IS NOT NULL LIMIT 1";

pub(in crate::sqlite) const DELETE_EXPIRED: &str = "DELETE FROM oauth_refresh_token WHERE expires_at < ?1";

/// Inserts a token (its hash and expiry) of the grant with this row number, and the hash of the token that it replaces.
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

/// Returns a token by its hash.
pub(super) fn find(connection: &Connection, token_hash: Hash) -> Result<Option<RefreshToken>, StoreError> {
    Ok(find_with_grant_no(connection, token_hash)?.map(|(token, _)| token))
}

/// Returns a token by its hash, with the row number of its grant.
pub(super) fn find_with_grant_no(
    connection: &Connection,
    token_hash: Hash,
) -> Result<Option<(RefreshToken, i64)>, StoreError> {
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

/// Records the time of a token's replacement, unless it was replaced before.
pub(super) fn mark_replaced(connection: &Connection, token_hash: Hash, now: Timestamp) -> Result<(), StoreError> {
    let values = params![token_hash.as_bytes(), now.as_millis()];
    execute(connection, "replace a refresh token", MARK_REPLACED, values)?;
    Ok(())
}

/// Returns whether a replacement of this token has been used.
pub(super) fn has_used_replacement(
    connection: &Connection,
    token_hash: Hash,
    grant_no: i64,
) -> Result<bool, StoreError> {
    let values = params![token_hash.as_bytes(), grant_no];
    let found = find_one(connection, "find a used replacement", FIND_USED_REPLACEMENT, values, |_| Ok(()))?;
    Ok(found.is_some())
}

/// Returns whether another replacement of the token that this token replaces has been used.
pub(super) fn has_used_sibling(connection: &Connection, token_hash: Hash) -> Result<bool, StoreError> {
    let values = [token_hash.as_bytes()];
    Ok(find_one(connection, "find a used sibling", FIND_USED_SIBLING, values, |_| Ok(()))?.is_some())
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

/// Deletes the tokens that expired before `now`.
pub(super) fn delete_expired(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "delete refresh tokens", DELETE_EXPIRED, [now.as_millis()])?;
    Ok(())
}
