//! What every request passes first, whatever door it is for and whoever sends it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, Version};
use axum::middleware::Next;
use axum::response::Response;
use mcp_multiplayer_protocol::Error;

use super::client_address::Proxies;
use super::guard::Allowed;
use super::problem::{problem, status};
use super::request_body::Bounds;
use super::{ClientAddress, Overdue};
use crate::state::Relay;

/// Who is let in, and how far.
#[derive(Debug)]
pub(super) struct Entrance {
    relay: Arc<Relay>,
    proxies: Proxies,
    allowed: Allowed,
    bounds: Bounds,
}

impl Entrance {
    pub(super) fn new(relay: &Arc<Relay>) -> Result<Self> {
        let config = &relay.config;
        Ok(Self {
            proxies: Proxies::of(config)?,
            allowed: Allowed::new(config),
            bounds: Bounds { bytes: config.request_bytes, patience: config.slow_client() },
            relay: Arc::clone(relay),
        })
    }
}

/// Finds out whom a request comes from, and turns away what comes too often, names a foreign host or comes from a foreign page.
pub(super) async fn enter(State(entrance): State<Arc<Entrance>>, mut request: Request, next: Next) -> Response {
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, &Error::internal());
    };
    let address = entrance.proxies.client(peer.ip(), request.headers());
    let refused = match entrance.relay.quotas.request_from(address) {
        Err(error) => Some(problem(status(&error), &error)),
        Ok(()) => entrance.allowed.refusal(&request).map(|error| problem(StatusCode::FORBIDDEN, &error)),
    };
    request.extensions_mut().insert(ClientAddress(address));
    let overdue = request.extensions_mut().remove::<Overdue>().filter(|_| request.version() == Version::HTTP_2);
    let answer = async |request| match refused {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let response = entrance.bounds.run(request, answer).await;
    match overdue {
        Some(overdue) => response.map(|body| overdue.watch(body, entrance.bounds.patience)),
        None => response,
    }
}
