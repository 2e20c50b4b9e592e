//! `/join`: explains how to use an invite link. The secret is in the link's fragment, so browsers do not send it with their
//! request for the page. The page's script sends it in a body, to `/join/preview`, to show what the invite is for.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::{Error, Secret};
use serde::Deserialize;

use super::page::{Site, public_page};
use crate::operation::InvitePreview;
use crate::problem::{problem, status};
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "join.html")]
struct JoinPage {
    site: Site,
}

pub(super) async fn join(State(relay): State<Arc<Relay>>) -> Response {
    let mut response =
        public_page(&JoinPage { site: Site::of(&relay.config) }, "script-src 'self'; connect-src 'self'");
    response.headers_mut().insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    response
}

/// The body of a request for a preview.
#[derive(Deserialize)]
pub(super) struct PreviewRequest {
    invite_code: Secret,
}

/// `POST /join/preview`: says what an invite is for. Whoever has the code could take the seat, and then see more.
pub(super) async fn preview(
    State(relay): State<Arc<Relay>>,
    request: Result<Json<PreviewRequest>, JsonRejection>,
) -> Response {
    let Ok(Json(PreviewRequest { invite_code })) = request else {
        let error = Error::invalid("The body has no invite code.", "Send {\"invite_code\": \"inv_…\"} as JSON.");
        return problem(StatusCode::BAD_REQUEST, &error);
    };
    match InvitePreview::lookup(&relay, invite_code.expose()).await {
        Ok(preview) => ([(CACHE_CONTROL, "no-store")], Json(preview)).into_response(),
        Err(error) => problem(status(&error), &error),
    }
}
