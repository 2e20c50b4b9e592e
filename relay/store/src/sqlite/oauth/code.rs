use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::{access_code, execute, find_one, grant};
use crate::StoreError;
use crate::oauth::{Code, NewCode, NewTokens};

const INSERT: &str = "INSERT INTO oauth_code (code_hash, grant_id, principal, client_id, client_name, scope, resource,
    created_at, redirect_uri, challenge, expires_at, redeemed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const FIND: &str = "SELECT grant_id, principal, client_id, client_name, scope, resource, created_at, redirect_uri,
    challenge, expires_at, redeemed FROM oauth_code WHERE code_hash = ?1";

const REDEEM: &str = "UPDATE oauth_code SET redeemed = 1 WHERE code_hash = ?1";

pub(in crate::sqlite) const FORGET: &str = "DELETE FROM oauth_code WHERE expires_at < ?1";

/// Records a code.
pub(super) fn insert(connection: &Connection, NewCode { code_hash, code }: &NewCode) -> Result<(), StoreError> {
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
        code.challenge,
        code.expires_at.as_millis(),
        code.redeemed,
    ];
    execute(connection, "insert a code", INSERT, values)?;
    Ok(())
}

/// What a code stands for.
pub(super) fn find(connection: &Connection, code_hash: Hash) -> Result<Option<Code>, StoreError> {
    find_one(connection, "find a code", FIND, [code_hash.as_bytes()], read)
}

/// Makes the grant of a code, with its first tokens; `false` when there is nothing to be had for it.
pub(super) fn redeem(connection: &Connection, code_hash: Hash, tokens: &NewTokens) -> Result<bool, StoreError> {
    let Some(code) = find(connection, code_hash)? else { return Ok(false) };
    if code.redeemed {
        // Two have it, and nobody knows which of them is the client (RFC 6749, 4.1.2).
        grant::revoke(connection, &code.grant.id)?;
        return Ok(false);
    }
    let ended = code.expires_at <= tokens.issued_at;
    if ended || access_code::is_revoked(connection, &code.grant.principal)? {
        return Ok(false);
    }
    execute(connection, "redeem a code", REDEEM, [code_hash.as_bytes()])?;
    grant::insert(connection, &code.grant, tokens)?;
    Ok(true)
}

/// Forgets the codes that have ended before `now`.
pub(super) fn forget(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "forget codes", FORGET, [now.as_millis()])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<Code, StoreError> {
    let grant = grant::read("oauth_code", row)?;
    let row = Row::new("oauth_code", &grant.id, row);
    Ok(Code {
        redirect_uri: row.get(7, "redirect_uri")?,
        challenge: row.get(8, "challenge")?,
        expires_at: Timestamp::from_millis(row.get(9, "expires_at")?),
        redeemed: row.get(10, "redeemed")?,
        grant: grant.clone(),
    })
}
