//! Revocation by the client (RFC 7009): of an access token, or of a refresh token with all that came of its grant.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use super::authentication;
use super::form::Form;
use super::refusal::Refusal;
use super::server::AuthorizationServer;
use crate::auth::token_hash;

/// The endpoint.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/oauth/revoke", post(revoke))
}

/// 200 also for a token that is not there, or somebody else's: the client is rid of it (section 2.2).
async fn revoke(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match accept(&server, request).await {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn accept(server: &AuthorizationServer, request: Request) -> Result<(), Refusal> {
    let (parts, form) = Form::read(request).await?;
    let client = authentication::client(server, &parts, &form).await?;
    let token_hash = token_hash(form.require("token")?);
    server.store.revoke_oauth_token(token_hash, client.id).await?;
    server.tokens.doubt();
    Ok(())
}
