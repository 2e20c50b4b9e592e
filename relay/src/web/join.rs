//! `/join`: explains how to use an invite link. The secret is in the link's fragment, so browsers do not send it here.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::page::{Site, public_page};
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "join.html")]
struct JoinPage {
    site: Site,
}

pub(super) async fn join(State(relay): State<Arc<Relay>>) -> Response {
    let mut response = public_page(&JoinPage { site: Site::of(&relay.config) }, true);
    response.headers_mut().insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    response
}
