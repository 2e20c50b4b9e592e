//! Issuing tokens: by redeeming an authorization code or a device code, by rotating a refresh token, and for `client_credentials`.
//!
//! Each touches several tables. This module imports the modules of those tables, and none of them imports this one.

use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::Connection;

use super::{access_code, access_token, authorization_code, client, device_code, grant, refresh_token};
use crate::StoreError;
use crate::oauth::{DeviceCodeState, Grant, NewTokens, RedemptionOutcome, RotationOutcome};

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

/// Redeems an approved device authorization request.
pub(super) fn redeem_device_code(
    connection: &Connection,
    device_code_hash: Hash,
    tokens: &NewTokens,
) -> Result<RedemptionOutcome, StoreError> {
    let code = device_code::find(connection, device_code_hash)?;
    let Some((code, grant)) = code.and_then(|code| code.grant().map(|grant| (code, grant))) else {
        return Ok(RedemptionOutcome::Invalid);
    };
    if matches!(code.state, DeviceCodeState::Redeemed(_)) {
        // Either two parties have the code, or the client lost the response and has no use for the grant.
        grant::revoke(connection, &grant.id)?;
        return Ok(RedemptionOutcome::AlreadyRedeemed);
    }
    if code.expires_at <= tokens.issued_at || access_code::is_revoked(connection, &grant.principal)? {
        return Ok(RedemptionOutcome::Invalid);
    }
    device_code::mark_redeemed(connection, device_code_hash)?;
    let grant_no = grant::insert(connection, &grant)?;
    insert_tokens(connection, grant_no, tokens, None)?;
    Ok(RedemptionOutcome::Redeemed)
}

/// Rotates a refresh token, or revokes its grant if the request shows that two parties have tokens of it.
///
/// The refresh tokens of a grant form a tree. A token counts as used once it was replaced, and it has several
/// replacements if it was used several times within its grace period. That alone is no sign of theft: a client causes
/// it when two of its processes refresh at once, or when it repeats a request whose response was lost. But such a
/// client then keeps one replacement, and never uses the others. So one replacement of each token may be used, no
/// matter which, and two kinds of requests show that there is a second party:
///
/// - A replaced token is used after its grace period, or after one of its replacements was used. Using a replacement
///   proves that the client received it, so the client has no reason left to use the old token.
/// - A token is used after another replacement of the same token was used: two parties go on with a branch each. A thief
///   who uses a stolen token within the grace period gets a branch, and this is what ends it.
///
/// Nothing tells which party is the client, so both lose the grant. Consequently all used tokens of a grant are on one
/// path of the tree, and a thief cannot go on beside the client: whichever of them refreshes second reveals the theft.
///
/// Letting the latest replacement supersede the earlier ones would also leave only one branch. But it would lock out a
/// client that keeps the response to its first request: the client cannot know in which order its requests arrived.
///
/// Two limits remain. A thief who never uses its replacement has the access token that came with it until that expires.
/// And a client that stays away until its own token was deleted, some time after its expiry, reveals nothing.
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
    let is_reused = match token.replaced_at {
        Some(at) => at < grace_since || refresh_token::has_used_replacement(connection, token_hash, grant_no)?,
        None => false,
    };
    if is_reused || refresh_token::has_used_sibling(connection, token_hash)? {
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
