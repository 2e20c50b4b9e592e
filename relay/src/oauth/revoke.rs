//! The revocation endpoint (RFC 7009): revokes an access token, or a refresh token together with its grant.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use super::client_authentication::authenticate_client;
use super::form::Form;
use super::server::AuthorizationServer;
use super::token_error::TokenError;
use crate::auth::token_hash;

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
    server.store.revoke_oauth_token(token_hash, client.id).await?;
    server.tokens.invalidate();
    Ok(())
}
