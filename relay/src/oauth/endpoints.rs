//! The machine-facing endpoints: metadata, registration, tokens and their revocation.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use super::server::AuthorizationServer;
use super::{metadata, register, revoke, token};
use crate::config::Access;

/// What clients call by themselves. Programs in browsers may, from any page: no cookie is read here, so a page can do no
/// more than its server could.
pub(super) fn router(server: &Arc<AuthorizationServer>) -> Router {
    let endpoints = if server.config.access() == Access::Closed {
        let absent = || async { metadata::absent() };
        ["/register", "/oauth/register", "/oauth/token", "/token", "/oauth/revoke"]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, post(absent)))
    } else {
        Router::new().merge(register::router()).merge(token::router()).merge(revoke::router())
    };
    endpoints.merge(metadata::router()).with_state(Arc::clone(server))
}

/// Whether what is at a path is the same for everybody, and may be read by pages of any origin.
pub(crate) fn answers_any_origin(path: &str) -> bool {
    path.starts_with("/.well-known/oauth-")
        || path.starts_with("/.well-known/openid-configuration")
        || path == "/mcp/.well-known/openid-configuration"
}
