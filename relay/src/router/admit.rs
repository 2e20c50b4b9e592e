//! The checks that every request passes first, wherever it goes and whoever sends it: rate, host, origin, body.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, Version};
use axum::middleware::Next;
use axum::response::Response;
use mcp_multiplayer_protocol::Error;

use crate::net::{AllowedNames, ClientAddress, Proxies};
use crate::oauth;
use crate::pace::Overdue;
use crate::pace::request::Bounds;
use crate::problem::{problem, status};
use crate::state::Relay;

/// The rules by which requests are admitted.
#[derive(Debug)]
pub(super) struct Admission {
    relay: Arc<Relay>,
    proxies: Proxies,
    allowed: AllowedNames,
    bounds: Bounds,
}

impl Admission {
    pub(super) fn new(relay: &Arc<Relay>) -> Result<Self> {
        let config = &relay.config;
        Ok(Self {
            proxies: Proxies::of(config)?,
            allowed: AllowedNames::new(config),
            bounds: Bounds { bytes: config.request_bytes, patience: config.slow_client() },
            relay: Arc::clone(relay),
        })
    }
}

/// Determines the client's address, and refuses requests that come too often, name a foreign host or come from a page of
/// a foreign origin.
pub(super) async fn admit(State(admission): State<Arc<Admission>>, mut request: Request, next: Next) -> Response {
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, &Error::internal());
    };
    let address = admission.proxies.client(peer.ip(), request.headers());
    let refused = match admission.relay.quotas.request_from(address) {
        Err(error) => Some(problem(status(&error), &error)),
        Ok(()) => {
            let any_origin = oauth::answers_any_origin(request.uri().path());
            admission.allowed.refusal(&request, any_origin).map(|error| problem(StatusCode::FORBIDDEN, &error))
        }
    };
    request.extensions_mut().insert(ClientAddress(address));
    let overdue = request.extensions_mut().remove::<Overdue>().filter(|_| request.version() == Version::HTTP_2);
    let answer = async |request| match refused {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let response = admission.bounds.run(request, answer).await;
    match overdue {
        Some(overdue) => response.map(|body| overdue.watch(body, admission.bounds.patience)),
        None => response,
    }
}
