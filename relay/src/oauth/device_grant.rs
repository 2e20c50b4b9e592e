//! The device code grant at the token endpoint (RFC 8628, section 3.4): tokens for a device, once a person has approved
//! the code that it shows.

use std::net::IpAddr;

use super::client::Client;
use super::form::Form;
use super::grant_checks::{check_access, check_resource, invalid_target, log_reuse, log_sign_in, person_name};
use super::scope::Scope;
use super::server::AuthorizationServer;
use super::token_error::{TokenError, TokenErrorCode};
use super::token_response::{GeneratedTokens, TokenResponse};
use crate::auth::{resource, token_hash};
use crate::store::{DeviceCodeState, RedemptionOutcome};

/// Redeems a device code.
pub(super) async fn redeem(
    server: &AuthorizationServer,
    client: &Client,
    form: &Form,
    address: Option<IpAddr>,
) -> Result<TokenResponse, TokenError> {
    let invalid =
        || TokenError::invalid_grant("The device code is invalid, or was issued to another client; start again.");
    let device_code_hash = token_hash(form.require("device_code")?);
    let code = server.store.find_device_code(device_code_hash).await?;
    let code = code.filter(|code| code.client_id == client.id).ok_or_else(invalid)?;
    if form.get("resource").is_some_and(|requested| !resource::is_same(requested, &code.resource)) {
        return Err(invalid_target());
    }
    let is_expired = code.expires_at <= server.clock.now();
    let grant = match (&code.state, code.grant()) {
        (DeviceCodeState::Redeemed(_), Some(grant)) => grant,
        (DeviceCodeState::Denied, _) => {
            return Err(TokenError::new(TokenErrorCode::AccessDenied, "The user denied access."));
        }
        _ if is_expired => {
            let description = "The device code has expired; start again.";
            return Err(TokenError::new(TokenErrorCode::ExpiredToken, description));
        }
        (_, Some(grant)) => grant,
        (_, None) if server.device_polls.take_one(device_code_hash) => {
            let description = "The user has not decided yet; try again after the interval.";
            return Err(TokenError::new(TokenErrorCode::AuthorizationPending, description));
        }
        (_, None) => {
            let description = "The user has not decided yet; wait five seconds longer between requests from now on.";
            return Err(TokenError::new(TokenErrorCode::SlowDown, description));
        }
    };
    check_resource(server, form, &grant)?;
    check_access(server, &grant).await?;
    let tokens = GeneratedTokens::new(server, true);
    match server.store.redeem_device_code(device_code_hash, tokens.hashed(server)).await? {
        RedemptionOutcome::Redeemed => {
            log_sign_in(&grant, address);
            let name = person_name(server, &grant).await?;
            Ok(tokens.into_response(server, Scope::stored(&grant.scope)).with_name(name))
        }
        RedemptionOutcome::AlreadyRedeemed => {
            server.tokens.invalidate();
            log_reuse(&grant, address, "device code redeemed twice; grant revoked");
            Err(TokenError::invalid_grant(
                "The device code was redeemed before, so its tokens are now revoked; start again.",
            ))
        }
        RedemptionOutcome::Invalid => Err(invalid()),
    }
}
