//! The REST front door: the operations, each at a path of its name.

use axum::Router;

/// Its routes, behind authentication.
pub(crate) fn router() -> Router {
    Router::new()
}
