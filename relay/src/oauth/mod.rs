//! The authorization server (OAuth 2.1), one file for each endpoint.

mod client;
mod grant;
mod redirect;
mod resource;
mod scope;

use std::sync::Arc;

use axum::Router;

use crate::state::Relay;

/// Its endpoints.
pub(crate) fn router(relay: &Arc<Relay>) -> Router {
    Router::new().merge(grant::router(relay)).merge(authorize::router(relay))
}

/// The authorization endpoint, and who comes to it.
mod authorize {
    use std::sync::Arc;

    use axum::Router;

    use crate::state::Relay;

    pub(super) fn router(_: &Arc<Relay>) -> Router {
        Router::new()
    }
}
