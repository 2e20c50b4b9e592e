//! The token endpoint (RFC 6749, section 3.2; OAuth 2.1): issues tokens for an authorization code, for a refresh token,
//! and for a client's own credentials. Tokens for a device code are in `device_grant.rs`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use data_encoding::BASE64URL_NOPAD;
use mcp_multiplayer_protocol::{ChannelId, Hash, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::client::Client;
use super::client_authentication::authenticate_client;
use super::device_grant;
use super::form::Form;
use super::grant_checks::{check_access, check_resource, invalid_target, log_reuse, log_sign_in, person_name};
use super::grant_type::GrantType;
use super::scope::Scope;
use super::server::AuthorizationServer;
use super::token_error::{TokenError, TokenErrorCode};
use super::token_response::{GeneratedTokens, TokenResponse};
use crate::auth::{Principal, resource, token_hash};
use crate::config::Access;
use crate::net::client_address;
use crate::state::Relay;
use crate::store::{Grant, RedemptionOutcome, RotationOutcome};

/// Grace period in which a refresh token can be used again after it was replaced, in milliseconds.
///
/// Refresh tokens rotate: each refresh replaces the token, and using a replaced one is a sign of theft that revokes the
/// grant (OAuth 2.1, section 4.3.1). But a client that refreshes in two processes at once, or repeats a request whose
/// response was lost, also uses a replaced token. Within a minute, and until a replacement has been used, that is
/// accepted and answered with another replacement, so that such a client does not have to ask the person for consent
/// again. It can go on with any one of the replacements. A minute is enough for a program that was killed before it stored
/// the response to be started again, and for a short failure of the network.
///
/// A thief who uses a stolen token within this minute also gets a replacement. But as soon as both the thief and the
/// client have used theirs, the grant is revoked, whoever was first. The thief thus has access until the client's next
/// refresh, which is due when its access token expires. The store decides this in one transaction, and its module
/// `sqlite/oauth/issue.rs` explains the rule in full.
const GRACE_MS: i64 = 60_000;

/// The endpoint's routes.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/oauth/token", post(handle)).route("/token", post(handle))
}

async fn handle(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match issue(&server, request).await {
        Ok(tokens) => {
            let mut response = Json(tokens).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn issue(server: &AuthorizationServer, request: Request) -> Result<TokenResponse, TokenError> {
    let (parts, form) = Form::read(request).await?;
    let client = authenticate_client(server, &parts, &form).await?;
    let address = client_address(&parts.extensions);
    match GrantType::parse(form.require("grant_type")?) {
        Some(GrantType::AuthorizationCode) => redeem(server, &client, &form, address).await,
        Some(GrantType::RefreshToken) => refresh(server, &client, &form, address).await,
        Some(GrantType::ClientCredentials) => client_credentials(server, &client, &form, address).await,
        Some(GrantType::DeviceCode) => device_grant::redeem(server, &client, &form, address).await,
        None => Err(TokenError::new(
            TokenErrorCode::UnsupportedGrantType,
            "grant_type must be authorization_code, refresh_token, client_credentials or urn:ietf:params:oauth:grant-type:device_code.",
        )),
    }
}

/// Redeems an authorization code (RFC 6749, section 4.1.3).
///
/// Everything that the client must prove is checked before the store is asked to redeem the code. A request with a
/// mistake, or from somebody who merely saw the code, neither uses the code up nor counts as a replay.
async fn redeem(
    relay: &Relay,
    client: &Client,
    form: &Form,
    address: Option<IpAddr>,
) -> Result<TokenResponse, TokenError> {
    let invalid = || {
        TokenError::invalid_grant("The code is invalid or expired, or was issued to another client; authorize again.")
    };
    let code_hash = token_hash(form.require("code")?);
    let verifier = form.require("code_verifier")?;
    let code = relay.store.find_authorization_code(code_hash).await?;
    let code = code.filter(|code| code.grant.client_id == client.id).ok_or_else(invalid)?;
    if form.get("redirect_uri").is_some_and(|uri| uri != code.redirect_uri) {
        return Err(TokenError::invalid_grant("redirect_uri is not the one that the code was sent to."));
    }
    if !matches_challenge(verifier, &code.code_challenge) {
        return Err(TokenError::invalid_grant("code_verifier does not match the code_challenge."));
    }
    check_resource(relay, form, &code.grant)?;
    check_access(relay, &code.grant).await?;
    // An expired code that was redeemed before still goes to the store. Its second redemption means that somebody else
    // has the code and its verifier, and the store then revokes the tokens of the first one (RFC 6749, section 4.1.2).
    if !code.redeemed && code.expires_at <= relay.clock.now() {
        return Err(invalid());
    }
    let scope = Scope::stored(&code.grant.scope);
    // With a refresh token even if the client did not request offline_access: many clients do not know that they have
    // to, and would send people to the consent page every hour.
    let tokens = GeneratedTokens::new(relay, true);
    match relay.store.redeem_authorization_code(code_hash, tokens.hashed(relay)).await? {
        RedemptionOutcome::Redeemed => {
            log_sign_in(&code.grant, address);
            Ok(tokens.into_response(relay, scope).with_name(person_name(relay, &code.grant).await?))
        }
        RedemptionOutcome::AlreadyRedeemed => {
            relay.tokens.invalidate();
            log_reuse(&code.grant, address, "authorization code redeemed twice; grant revoked");
            Err(TokenError::invalid_grant(
                "The code was redeemed before, so its tokens are now revoked; authorize again.",
            ))
        }
        RedemptionOutcome::Invalid => Err(invalid()),
    }
}

/// Exchanges a refresh token for new tokens, which replace it (RFC 6749, section 6; OAuth 2.1, section 4.3).
async fn refresh(
    relay: &Relay,
    client: &Client,
    form: &Form,
    address: Option<IpAddr>,
) -> Result<TokenResponse, TokenError> {
    let invalid = || TokenError::invalid_grant("The refresh token is invalid, expired or revoked; authorize again.");
    let token_hash = token_hash(form.require("refresh_token")?);
    let token = relay.store.find_refresh_token(token_hash).await?;
    let token = token.filter(|token| token.grant.client_id == client.id).ok_or_else(invalid)?;
    let granted = Scope::stored(&token.grant.scope);
    let scope = match form.get("scope") {
        Some(requested) => granted.narrowed(requested).ok_or_else(|| {
            let description = format!("scope exceeds what was granted: {granted}.");
            TokenError::new(TokenErrorCode::InvalidScope, description)
        })?,
        None => granted,
    };
    check_resource(relay, form, &token.grant)?;
    check_access(relay, &token.grant).await?;
    let tokens = GeneratedTokens::new(relay, true);
    let grace_since = Timestamp::from_millis(relay.clock.now().as_millis() - GRACE_MS);
    match relay.store.rotate_refresh_token(token_hash, grace_since, tokens.hashed(relay)).await? {
        RotationOutcome::Rotated => Ok(tokens.into_response(relay, scope)),
        RotationOutcome::Reused => {
            relay.tokens.invalidate();
            log_reuse(&token.grant, address, "refresh token used by two parties; grant revoked");
            Err(invalid())
        }
        RotationOutcome::Invalid => Err(invalid()),
    }
}

/// Issues an access token to the client itself (RFC 6749, section 4.4), on an open relay. No refresh token comes with
/// it (section 4.4.3).
async fn client_credentials(
    relay: &Relay,
    client: &Client,
    form: &Form,
    address: Option<IpAddr>,
) -> Result<TokenResponse, TokenError> {
    let unauthorized = |description: &str| TokenError::new(TokenErrorCode::UnauthorizedClient, description);
    if relay.config.access() != Access::Open {
        return Err(unauthorized(
            "client_credentials is not available on this relay; use authorization_code, or ask its operator for a token.",
        ));
    }
    if client.secret_hash.is_none() {
        return Err(unauthorized(
            "client_credentials needs a client secret; register with token_endpoint_auth_method client_secret_basic.",
        ));
    }
    let resource = match form.get("resource") {
        Some(requested) => resource::validate(&relay.config, requested).ok_or_else(invalid_target)?,
        None => resource::default_identifier(&relay.config),
    };
    let scope = Scope { offline_access: false };
    // The id is derived, so that all token requests of a client for one resource share one grant. The resource is in
    // normal form, so its spelling makes no difference. Revoking the grant for one resource revokes the client itself.
    let id = Hash::of(&[b"mcp-multiplayer/client-grant/v1", client.id.as_bytes(), b"\0", resource.as_bytes()]);
    let grant = Grant {
        id: ChannelId::encode_base32(&id.as_bytes()[..10]),
        principal: Principal::client(&client.id).as_str().to_owned(),
        client_id: client.id.clone(),
        client_name: client.name.clone(),
        scope: scope.to_string(),
        resource,
        created_at: relay.clock.now(),
    };
    let tokens = GeneratedTokens::new(relay, false);
    if !relay.store.insert_access_token(grant.clone(), tokens.hashed(relay)).await? {
        return Err(unauthorized("The relay's operator has revoked the access of this client."));
    }
    log_sign_in(&grant, address);
    Ok(tokens.into_response(relay, scope))
}

/// Returns whether a PKCE verifier is well-formed (RFC 7636, section 4.1) and belongs to an S256 challenge.
fn matches_challenge(verifier: &str, challenge: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let computed = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(is_unreserved)
        && bool::from(computed.as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::matches_challenge;

    #[test]
    fn a_verifier_matches_only_its_own_challenge() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(matches_challenge(verifier, challenge));
        assert!(!matches_challenge(verifier, &format!("{challenge}=")));
        assert!(!matches_challenge(challenge, challenge), "the method plain is not supported");
        assert!(!matches_challenge(&verifier[1..], challenge));
        for odd in ["short".to_owned(), "x".repeat(129), format!("{verifier} "), format!("{verifier}é")] {
            let challenge = data_encoding::BASE64URL_NOPAD.encode(&<sha2::Sha256 as sha2::Digest>::digest(&odd));
            assert!(!matches_challenge(&odd, &challenge), "{odd}");
        }
    }
}
