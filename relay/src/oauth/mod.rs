//! The authorization server (OAuth 2.1), one file for each endpoint.

mod answer;
mod authentication;
mod authorize;
mod client;
mod consent;
mod decision;
mod destination;
mod document;
mod endpoints;
mod form;
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
mod server;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;

use self::server::AuthorizationServer;
use crate::state::Relay;

pub(crate) use self::endpoints::answers_any_origin;

/// All endpoints and pages of the authorization server.
pub(crate) fn router(relay: &Arc<Relay>) -> Result<Router> {
    let server = Arc::new(AuthorizationServer::open(relay)?);
    Ok(Router::new().merge(endpoints::router(&server)).merge(authorize::router(&server)))
}
