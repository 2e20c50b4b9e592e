//! `GET /oauth/authorize`: the authorization endpoint (RFC 6749, section 3.1; OAuth 2.1), to which a client sends the
//! browser of a person who is to give it access.
//!
//! Until the client and its redirect URI are verified, errors are shown on a page. After that they are sent to the
//! client.
//!
//! A valid request leads to the consent page. The exception is an open relay and a redirect URI in `preapproved.rs`,
//! which also explains why no click is needed there.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::{ChannelId, Timestamp};

use super::authorization_request::{AuthorizationRequest, ConsentPrompt, VerifiedClient};
use super::authorization_response::{AuthorizationError, AuthorizationErrorCode, AuthorizationResponse};
use super::consent;
use super::error_page::ErrorPage;
use super::metadata::issuer;
use super::parameters::Parameters;
use super::preapproved::is_preapproved;
use super::resource_owner::{OwnerStatus, ResourceOwner};
use super::server::AuthorizationServer;
use crate::auth::{Principal, token_hash};
use crate::config::Access;
use crate::error::internal;
use crate::net::client_address;
use crate::state::Relay;
use crate::store::{AuthorizationCode, Grant, NewAuthorizationCode, StoreError};
use crate::telemetry::SECURITY;

/// Lifetime of an authorization code, in milliseconds.
const CODE_MS: i64 = 60_000;
/// Time for which the consent page can be answered, in milliseconds.
const PAGE_MS: i64 = 10 * 60_000;
pub(super) async fn authorize(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let relay = &server.relay;
    if relay.config.access() == Access::Closed {
        return ErrorPage::closed(relay).response(StatusCode::FORBIDDEN);
    }
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes());
    let requester = client_address(request.extensions());
    let verified = match VerifiedClient::resolve(&server, &parameters, requester).await {
        Ok(verified) => verified,
        Err(page) => return page,
    };
    let redirect_uri = verified.redirect_uri.clone();
    // If `state` is given twice, neither value is returned to the client.
    let state = parameters.get("state").ok().flatten();
    let issuer = issuer(&relay.config);
    let response = AuthorizationResponse { redirect_uri: &redirect_uri, state, issuer, status: StatusCode::FOUND };
    let expires_at = Timestamp::from_millis(relay.clock.now().as_millis() + PAGE_MS);
    let authorization = match AuthorizationRequest::validate(&relay.config, &parameters, verified, expires_at) {
        Ok(authorization) => authorization,
        Err(error) => return response.with_error(&error),
    };
    let prompt = match ConsentPrompt::parse(&parameters) {
        Ok(prompt) => prompt,
        Err(error) => return response.with_error(&error),
    };
    let owner =
        server.identity_cookie.read(request.headers()).unwrap_or_else(|| ResourceOwner::new_anonymous(&relay.random));
    let status = match server.owner_status(&owner).await {
        Ok(status) => status,
        Err(error) => return response.with_error(&server_error(&error)),
    };
    let cookie = server.identity_cookie.set(&owner);
    let needs_no_click = status == OwnerStatus::Anonymous && is_preapproved(&redirect_uri);
    match prompt {
        ConsentPrompt::IfNeeded | ConsentPrompt::Never if needs_no_click => {
            match server.issue_code(&owner, &authorization, requester).await {
                Ok(code) => (cookie, response.with_code(&code)).into_response(),
                Err(error) => response.with_error(&server_error(&error)),
            }
        }
        ConsentPrompt::Never => response.with_error(&interaction_required(&status)),
        ConsentPrompt::IfNeeded | ConsentPrompt::Always => {
            let field = consent::sign_request(&relay.key, &owner, &authorization);
            (cookie, consent::page(relay, StatusCode::OK, &authorization, &status, &field, None)).into_response()
        }
    }
}

/// The error for `prompt=none` when the person would have to see the consent page.
fn interaction_required(status: &OwnerStatus) -> AuthorizationError {
    if *status == OwnerStatus::Unidentified {
        let description = "The user must sign in first; send the request without prompt=none.";
        AuthorizationError::new(AuthorizationErrorCode::LoginRequired, description)
    } else {
        let description = "The user must consent first; send the request without prompt=none.";
        AuthorizationError::new(AuthorizationErrorCode::ConsentRequired, description)
    }
}

impl AuthorizationServer {
    /// Returns what the relay knows about a person from the cookie alone.
    pub(super) async fn owner_status(&self, owner: &ResourceOwner) -> Result<OwnerStatus, StoreError> {
        if self.relay.config.access() == Access::Open {
            return Ok(OwnerStatus::Anonymous);
        }
        let code = self.relay.store.lookup_access_code(owner.id.clone()).await?;
        Ok(code.map_or(OwnerStatus::Unidentified, |code| OwnerStatus::Invited(code.name)))
    }

    /// Issues an authorization code, with which the client can act as this person.
    pub(super) async fn issue_code(
        &self,
        owner: &ResourceOwner,
        authorization: &AuthorizationRequest,
        requester: Option<IpAddr>,
    ) -> Result<String, StoreError> {
        let Relay { random, clock, store, .. } = &*self.relay;
        let code = format!("mmc_{}", ChannelId::encode_base32(&random.bytes::<30>()));
        let now = clock.now();
        let grant = Grant {
            id: ChannelId::encode_base32(&random.bytes::<10>()),
            principal: Principal::person(&owner.id).as_str().to_owned(),
            client_id: authorization.client_id.clone(),
            client_name: authorization.client_name.clone(),
            scope: authorization.scope.clone(),
            resource: authorization.resource.clone(),
            created_at: now,
        };
        let new = NewAuthorizationCode {
            code_hash: token_hash(&code),
            code: AuthorizationCode {
                grant,
                redirect_uri: authorization.redirect_uri.clone(),
                code_challenge: authorization.code_challenge.clone(),
                expires_at: Timestamp::from_millis(now.as_millis() + CODE_MS),
                redeemed: false,
            },
        };
        let grant_id = new.code.grant.id.clone();
        store.insert_authorization_code(new).await?;
        tracing::info!(
            target: SECURITY,
            {
                security.event = "authorization_granted",
                principal = Principal::person(&owner.id).as_str(),
                oauth.grant_id = grant_id,
                oauth.client_id = authorization.client_id,
                oauth.client_name = authorization.client_name,
                client.address = requester.map(tracing::field::display),
            },
            "authorization granted"
        );
        Ok(code)
    }
}

/// Logs a failure of the store and returns the error for the client.
pub(super) fn server_error(error: &StoreError) -> AuthorizationError {
    internal(error);
    AuthorizationError::new(AuthorizationErrorCode::ServerError, "The relay had an internal error; try again.")
}
