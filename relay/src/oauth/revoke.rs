//! The revocation endpoint (RFC 7009): revokes an access token, or a refresh token together with its grant.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use mcp_multiplayer_protocol::Hash;

use super::client_authentication::authenticate_client;
use super::form::Form;
use super::server::AuthorizationServer;
use super::token_error::TokenError;
use crate::auth::token_hash;
use crate::net::client_address;
use crate::store::{Grant, StoreError};
use crate::telemetry::SECURITY;

/// The endpoint's route.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/oauth/revoke", post(handle))
}

/// Answers 200 also for a token that does not exist or belongs to another client (section 2.2): either way the client
/// has no valid token afterwards.
async fn handle(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match revoke(&server, request).await {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn revoke(server: &AuthorizationServer, request: Request) -> Result<(), TokenError> {
    let (parts, form) = Form::read(request).await?;
    let client = authenticate_client(server, &parts, &form).await?;
    let token_hash = token_hash(form.require("token")?);
    let revoked = find_revocable(server, token_hash, &client.id).await?;
    server.store.revoke_oauth_token(token_hash, client.id.clone()).await?;
    server.tokens.invalidate();
    if let Some((event, grant)) = revoked {
        tracing::info!(
            target: SECURITY,
            {
                security.event = event,
                revoked.by = "client",
                principal = grant.principal,
                oauth.grant_id = grant.id,
                oauth.client_id = client.id,
                client.address = client_address(&parts.extensions).map(tracing::field::display),
            },
            "token revoked"
        );
    }
    Ok(())
}

/// Returns the event for the log, and the grant, if the client has a valid token with this hash.
async fn find_revocable(
    server: &AuthorizationServer,
    token_hash: Hash,
    client_id: &str,
) -> Result<Option<(&'static str, Grant)>, StoreError> {
    let refresh_token = server.store.find_refresh_token(token_hash).await?.filter(|token| !token.revoked);
    let found = if let Some(token) = refresh_token {
        Some(("grant_revoked", token.grant))
    } else {
        let grant = server.store.find_access_token(token_hash, server.clock.now()).await?;
        grant.map(|(grant, _)| ("token_revoked", grant))
    };
    Ok(found.filter(|(_, grant)| grant.client_id == client_id))
}
