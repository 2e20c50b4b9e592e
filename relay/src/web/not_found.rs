//! The response for paths that do not exist.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use mcp_multiplayer_protocol::Error;

use super::page::{Site, private_page};
use crate::net::accepts_html;
use crate::problem::problem;
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "not_found.html")]
struct NotFoundPage {
    site: Site,
}

/// Responds with a page to browsers, and with a problem document to programs.
pub(super) async fn not_found(State(relay): State<Arc<Relay>>, request: Request) -> Response {
    if accepts_html(request.headers()) {
        return private_page(StatusCode::NOT_FOUND, &NotFoundPage { site: Site::of(&relay.config) }, "'none'");
    }
    let error = Error::invalid(
        "This relay has no such path.",
        "MCP is served at /mcp; /openapi.json lists the paths of the operations.",
    );
    problem(StatusCode::NOT_FOUND, &error)
}
