use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::grant;
use super::query::{execute, find_one};
use crate::StoreError;
use crate::oauth::{AuthorizationCode, NewAuthorizationCode};

const INSERT: &str = "INSERT INTO oauth_code (code_hash, grant_id, principal, client_id, client_name, scope, resource,
    created_at, redirect_uri, challenge, expires_at, redeemed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const FIND: &str = "SELECT grant_id, principal, client_id, client_name, scope, resource, created_at, redirect_uri,
    challenge, expires_at, redeemed FROM oauth_code WHERE code_hash = ?1";

const MARK_REDEEMED: &str = "UPDATE oauth_code SET redeemed = 1 WHERE code_hash = ?1";

pub(in crate::sqlite) const DELETE_EXPIRED: &str = "DELETE FROM oauth_code WHERE expires_at < ?1";

/// Inserts a code.
pub(super) fn insert(connection: &Connection, new: &NewAuthorizationCode) -> Result<(), StoreError> {
    let NewAuthorizationCode { code_hash, code } = new;
    let values = params![
        code_hash.as_bytes(),
        code.grant.id,
        code.grant.principal,
        code.grant.client_id,
        code.grant.client_name,
        code.grant.scope,
        code.grant.resource,
        code.grant.created_at.as_millis(),
        code.redirect_uri,
        code.code_challenge,
        code.expires_at.as_millis(),
        code.redeemed,
    ];
    execute(connection, "insert an authorization code", INSERT, values)?;
    Ok(())
}

/// Returns a code by its hash.
pub(super) fn find(connection: &Connection, code_hash: Hash) -> Result<Option<AuthorizationCode>, StoreError> {
    find_one(connection, "find an authorization code", FIND, [code_hash.as_bytes()], read)
}

/// Marks a code as redeemed. The row stays, so that a second redemption is recognized.
pub(super) fn mark_redeemed(connection: &Connection, code_hash: Hash) -> Result<(), StoreError> {
    execute(connection, "redeem an authorization code", MARK_REDEEMED, [code_hash.as_bytes()])?;
    Ok(())
}

/// Deletes the codes that expired before `now`.
pub(super) fn delete_expired(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "delete authorization codes", DELETE_EXPIRED, [now.as_millis()])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<AuthorizationCode, StoreError> {
    let grant = grant::read("oauth_code", row)?;
    let row = Row::new("oauth_code", &grant.id, row);
    Ok(AuthorizationCode {
        redirect_uri: row.get(7, "redirect_uri")?,
        code_challenge: row.get(8, "challenge")?,
        expires_at: Timestamp::from_millis(row.get(9, "expires_at")?),
        redeemed: row.get(10, "redeemed")?,
        grant: grant.clone(),
    })
}
