//! Issuing tokens: by redeeming an authorization code, by rotating a refresh token, and for `client_credentials`.
//!
//! Each touches several tables. This module imports the modules of those tables, and none of them imports this one.

use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::Connection;

use super::{access_code, access_token, authorization_code, client, grant, refresh_token};
use crate::StoreError;
use crate::oauth::{Grant, NewTokens, RedemptionOutcome, RotationOutcome};

/// Redeems an authorization code.
pub(super) fn redeem_authorization_code(
    connection: &Connection,
    code_hash: Hash,
    tokens: &NewTokens,
) -> Result<RedemptionOutcome, StoreError> {
    let Some(code) = authorization_code::find(connection, code_hash)? else { return Ok(RedemptionOutcome::Invalid) };
    if code.redeemed {
        // Two parties have the code, and there is no telling which of them is the client (RFC 6749, section 4.1.2).
        grant::revoke(connection, &code.grant.id)?;
        return Ok(RedemptionOutcome::AlreadyRedeemed);
    }
    let is_expired = code.expires_at <= tokens.issued_at;
    if is_expired || access_code::is_revoked(connection, &code.grant.principal)? {
        return Ok(RedemptionOutcome::Invalid);
    }
    authorization_code::mark_redeemed(connection, code_hash)?;
    let grant_no = grant::insert(connection, &code.grant)?;
    insert_tokens(connection, grant_no, tokens, None)?;
    Ok(RedemptionOutcome::Redeemed)
}

/// Rotates a refresh token.
pub(super) fn rotate_refresh_token(
    connection: &Connection,
    token_hash: Hash,
    grace_since: Timestamp,
    tokens: &NewTokens,
) -> Result<RotationOutcome, StoreError> {
    let Some((token, grant_no)) = refresh_token::find_with_grant_no(connection, token_hash)? else {
        return Ok(RotationOutcome::Invalid);
    };
    if token.revoked {
        return Ok(RotationOutcome::Invalid);
    }
    // Reuse is checked before expiry. A thief who refreshed first could otherwise go on for ever: the rightful client
    // may come back only after its own token has expired, and its return is the only sign of the theft.
    if let Some(replaced_at) = token.replaced_at
        && (replaced_at < grace_since || refresh_token::has_used_replacement(connection, token_hash, grant_no)?)
    {
        grant::revoke(connection, &token.grant.id)?;
        return Ok(RotationOutcome::Reused);
    }
    if token.expires_at <= tokens.issued_at {
        return Ok(RotationOutcome::Invalid);
    }
    refresh_token::mark_replaced(connection, token_hash, tokens.issued_at)?;
    insert_tokens(connection, grant_no, tokens, Some(token_hash))?;
    Ok(RotationOutcome::Rotated)
}

/// Inserts tokens of a grant, and the grant itself if there is none with its id. Returns `false` and inserts nothing if
/// any grant of the same principal and client was revoked.
///
/// Fails if the id belongs to a grant of another principal or client.
pub(super) fn insert_tokens_of_grant(
    connection: &Connection,
    grant: &Grant,
    tokens: &NewTokens,
) -> Result<bool, StoreError> {
    if grant::has_revoked(connection, grant)? {
        return Ok(false);
    }
    let grant_no = match grant::find_no(connection, grant)? {
        Some(no) => no,
        None => grant::insert(connection, grant)?,
    };
    insert_tokens(connection, grant_no, tokens, None)?;
    Ok(true)
}

/// Inserts tokens of the grant with this row number; `replaces` is the refresh token that they replace.
fn insert_tokens(
    connection: &Connection,
    grant_no: i64,
    tokens: &NewTokens,
    replaces: Option<Hash>,
) -> Result<(), StoreError> {
    client::record_use(connection, grant_no, tokens.issued_at)?;
    access_token::insert(connection, grant_no, tokens.access)?;
    if let Some(refresh) = tokens.refresh {
        refresh_token::insert(connection, grant_no, refresh, replaces)?;
    }
    Ok(())
}
