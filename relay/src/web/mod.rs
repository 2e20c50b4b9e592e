//! Pages for people.

use std::sync::Arc;

use axum::Router;

use crate::state::Relay;

/// Their routes, for everybody.
pub(crate) fn router(_: &Arc<Relay>) -> Router {
    Router::new()
}
