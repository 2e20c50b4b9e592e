//! `/llms.txt`: what this relay is and how to use it, for language models that are given its address (llmstxt.org).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::page::{Site, public_text};
use crate::config::Access;
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "llms.txt")]
struct LlmsTxt {
    site: Site,
    access: Access,
    /// The relay's URL for the stdio server: `wss://…`.
    websocket_url: String,
}

pub(super) async fn llms_txt(State(relay): State<Arc<Relay>>) -> Response {
    let site = Site::of(&relay.config);
    public_text(&LlmsTxt { access: relay.config.access(), websocket_url: site.websocket_url(), site })
}
