//! Routes of the endpoints that programs call: metadata, registration, device authorization, tokens, revocation.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use super::server::AuthorizationServer;
use super::{device_authorization, metadata, register, revoke, token};
use crate::config::Access;

/// Returns the routes. On a closed relay, everything but the metadata answers 404.
///
/// Pages of any origin may call these endpoints from a browser. They read no cookie, so such a page can do no more than
/// a program that its author runs elsewhere.
pub(super) fn router(server: &Arc<AuthorizationServer>) -> Router {
    let endpoints = if server.config.access() == Access::Closed {
        let no_oauth = || async { metadata::no_oauth() };
        ["/register", "/oauth/register", "/device_authorization", "/oauth/token", "/token", "/oauth/revoke"]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, post(no_oauth)))
    } else {
        Router::new()
            .merge(register::router())
            .merge(device_authorization::router())
            .merge(token::router())
            .merge(revoke::router())
    };
    endpoints.merge(metadata::router()).with_state(Arc::clone(server))
}

/// Returns whether a path has public metadata: the same for everybody, and readable by pages of any origin.
pub(crate) fn is_public_metadata(path: &str) -> bool {
    path.starts_with("/.well-known/oauth-")
        || path.starts_with("/.well-known/openid-configuration")
        || path == "/mcp/.well-known/openid-configuration"
}
