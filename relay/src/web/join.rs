//! `/join`: how to join with the invite of the link, whose secret is in the fragment and so never gets here.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use super::page::{Site, public_page};
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "join.html")]
struct Join {
    site: Site,
}

pub(super) async fn join(State(relay): State<Arc<Relay>>) -> Response {
    let mut response = public_page(&Join { site: Site::of(&relay.config) }, true);
    response.headers_mut().insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    response
}
