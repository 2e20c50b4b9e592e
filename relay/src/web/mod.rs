//! Pages for people: the landing page, the join page, and the layout that the OAuth pages share.

mod join;
mod landing;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::state::Relay;

pub(crate) use landing::landing_page;
pub(crate) use page::{Site, private_page};

/// Routes of the public pages and their assets.
pub(crate) fn router(relay: &Arc<Relay>) -> Router {
    Router::new()
        .route("/join", get(join::join))
        .with_state(Arc::clone(relay))
        .route("/join.js", get(|| async { page::asset("text/javascript; charset=utf-8", include_str!("join.js")) }))
        .route("/style.css", get(|| async { page::asset("text/css; charset=utf-8", include_str!("style.css")) }))
}
