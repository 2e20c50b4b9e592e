//! The machine-facing endpoints: metadata, registration, tokens and their revocation.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use super::{metadata, register, revoke, token};
use crate::config::Access;
use crate::state::Relay;

/// What clients call by themselves. Programs in browsers may, from any page: no cookie is read here, so a page can do no
/// more than its server could.
pub(super) fn router(relay: &Arc<Relay>) -> Router {
    let doors = if relay.config.access() == Access::Closed {
        let absent = || async { metadata::absent() };
        ["/register", "/oauth/register", "/oauth/token", "/token", "/oauth/revoke"]
            .into_iter()
            .fold(Router::new(), |router, path| router.route(path, post(absent)))
    } else {
        Router::new().merge(register::router(relay)).merge(token::router()).merge(revoke::router())
    };
    doors.merge(metadata::router()).with_state(Arc::clone(relay))
}

/// Whether what is at a path is the same for everybody, and may be read by pages of any origin.
pub(super) fn answers_any_origin(path: &str) -> bool {
    path.starts_with("/.well-known/oauth-")
        || path.starts_with("/.well-known/openid-configuration")
        || path == "/mcp/.well-known/openid-configuration"
}
