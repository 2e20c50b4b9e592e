//! The authorization server (OAuth 2.1), one file for each endpoint.

mod answer;
mod authentication;
mod authorize;
mod caller;
mod client;
mod consent;
mod decision;
mod destination;
mod document;
mod form;
mod grant;
mod metadata;
mod notice;
mod parameters;
mod person;
mod redirect;
mod refusal;
mod register;
mod request;
mod revoke;
mod scope;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use axum::Router;

pub(crate) use document::Documents;

use crate::state::Relay;

/// Its endpoints.
pub(crate) fn router(relay: &Arc<Relay>) -> Router {
    Router::new().merge(grant::router(relay)).merge(authorize::router(relay))
}

/// Whether pages of any origin may read what is at a path.
pub(crate) fn answers_any_origin(path: &str) -> bool {
    grant::answers_any_origin(path)
}
