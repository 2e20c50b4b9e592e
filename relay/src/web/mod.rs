//! Pages for people: the landing page, the join page, the page that saves a receipt, and the layout that the OAuth pages share.
//! And one page for language models, `/llms.txt`.

mod join;
mod landing;
mod llms_txt;
mod not_found;
mod page;
mod receipt_response;
mod save_receipt;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::state::Relay;

pub(crate) use landing::landing_page;
pub(crate) use page::{Site, private_page};
pub(crate) use receipt_response::receipt_response;

/// Routes of the public pages and their assets, and the fallback for paths that do not exist.
pub(crate) fn router(relay: &Arc<Relay>) -> Router {
    Router::new()
        .route("/llms.txt", get(llms_txt::llms_txt))
        .route("/join", get(join::join))
        .route("/join/preview", post(join::preview))
        .route("/save-receipt", get(save_receipt::page))
        .route("/save-receipt/file", post(save_receipt::file))
        .fallback(not_found::not_found)
        .with_state(Arc::clone(relay))
        .route("/copy.js", get(|| async { page::asset("text/javascript; charset=utf-8", include_bytes!("copy.js")) }))
        .route("/join.js", get(|| async { page::asset("text/javascript; charset=utf-8", include_bytes!("join.js")) }))
        .route(
            "/save-receipt.js",
            get(|| async { page::asset("text/javascript; charset=utf-8", include_bytes!("save-receipt.js")) }),
        )
        .route("/icon.svg", get(|| async { page::asset("image/svg+xml", include_bytes!("icon.svg")) }))
        .route("/icon.png", get(|| async { page::asset("image/png", include_bytes!("icon.png")) }))
        .route("/style.css", get(|| async { page::asset("text/css; charset=utf-8", include_bytes!("style.css")) }))
}
