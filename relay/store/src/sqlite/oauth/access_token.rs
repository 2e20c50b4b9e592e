use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::grant;
use super::query::{execute, find_one};
use crate::StoreError;
use crate::oauth::Grant;

const INSERT: &str = "INSERT INTO oauth_access_token (token_hash, grant_no, expires_at) VALUES (?1, ?2, ?3)";

pub(in crate::sqlite) const FIND: &str =
    "SELECT id, principal, client_id, client_name, scope, resource, created_at, expires_at
    FROM oauth_access_token JOIN oauth_grant ON no = grant_no
    WHERE token_hash = ?1 AND expires_at > ?2 AND revoked = 0";

const REVOKE: &str = "DELETE FROM oauth_access_token
    WHERE token_hash = ?1 AND grant_no IN (SELECT no FROM oauth_grant WHERE client_id = ?2)";

pub(in crate::sqlite) const DELETE_EXPIRED: &str = "DELETE FROM oauth_access_token WHERE expires_at < ?1";

/// Inserts a token (its hash and expiry) of the grant with this row number.
pub(super) fn insert(connection: &Connection, grant_no: i64, token: (Hash, Timestamp)) -> Result<(), StoreError> {
    let (token_hash, expires_at) = token;
    let values = params![token_hash.as_bytes(), grant_no, expires_at.as_millis()];
    execute(connection, "insert an access token", INSERT, values)?;
    Ok(())
}

/// Returns the grant of a token that is valid at `now`, and the time at which the token expires.
pub(super) fn find(
    connection: &Connection,
    token_hash: Hash,
    now: Timestamp,
) -> Result<Option<(Grant, Timestamp)>, StoreError> {
    let values = params![token_hash.as_bytes(), now.as_millis()];
    find_one(connection, "find an access token", FIND, values, |row| {
        let grant = grant::read("oauth_grant", row)?;
        let expires_at = Row::new("oauth_access_token", &grant.id, row).get(7, "expires_at")?;
        Ok((grant, Timestamp::from_millis(expires_at)))
    })
}

/// Revokes a token of this client.
pub(super) fn revoke(connection: &Connection, token_hash: Hash, client_id: &str) -> Result<(), StoreError> {
    execute(connection, "revoke an access token", REVOKE, params![token_hash.as_bytes(), client_id])?;
    Ok(())
}

/// Deletes the tokens that expired before `now`.
pub(super) fn delete_expired(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "delete access tokens", DELETE_EXPIRED, [now.as_millis()])?;
    Ok(())
}
