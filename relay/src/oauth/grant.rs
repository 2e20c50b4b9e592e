//! The machine-facing endpoints: metadata, registration, tokens and their revocation.

use std::sync::Arc;

use axum::Router;

use crate::state::Relay;

/// What clients call by themselves.
pub(super) fn router(_: &Arc<Relay>) -> Router {
    Router::new()
}
