//! The checks that every request passes first, on whatever path: rate, host, origin, body.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, Method, StatusCode, Version};
use axum::response::Response;
use mcp_multiplayer_protocol::Error;

use crate::net::{AllowedNames, ClientAddress, TrustedProxies};
use crate::oauth;
use crate::pace::ResponseWatchdog;
use crate::pace::request::BodyLimits;
use crate::problem::{problem, status};
use crate::state::Relay;

/// The configuration of the checks.
#[derive(Debug)]
pub(super) struct RequestChecks {
    relay: Arc<Relay>,
    proxies: TrustedProxies,
    allowed: AllowedNames,
    body_limits: BodyLimits,
}

impl RequestChecks {
    pub(super) fn new(relay: &Arc<Relay>) -> Result<Self> {
        let config = &relay.config;
        Ok(Self {
            proxies: TrustedProxies::new(config)?,
            allowed: AllowedNames::new(config),
            body_limits: BodyLimits { bytes: config.request_bytes, stall: config.slow_client() },
            relay: Arc::clone(relay),
        })
    }

    /// Determines the client's address, and refuses requests that come too often, are for another host or come from a page of
    /// another origin. `respond` is for all others.
    pub(super) async fn check(&self, mut request: Request, respond: impl AsyncFnOnce(Request) -> Response) -> Response {
        let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
            return problem(StatusCode::INTERNAL_SERVER_ERROR, &Error::internal());
        };
        let address = self.proxies.client(peer.ip(), request.headers());
        let any_origin = oauth::is_public_metadata(request.uri().path());
        let refusal = match self.relay.quotas.take_request_from(address) {
            Err(error) => Some(problem(status(&error), &error)),
            Ok(()) => {
                self.allowed.check(&request, any_origin).err().map(|error| problem(StatusCode::FORBIDDEN, &error))
            }
        };
        request.extensions_mut().insert(ClientAddress(address));
        let watchdog = request.extensions_mut().remove::<ResponseWatchdog>();
        let watchdog = watchdog.filter(|_| request.version() == Version::HTTP_2);
        let is_head = request.method() == Method::HEAD;
        // The body of a refused request is limited and drained, too, so that the client sees the refusal.
        let body = self.body_limits.limit(&mut request);
        let response = match refusal.or_else(|| body.refusal()) {
            Some(refusal) => {
                drop(request);
                refusal
            }
            None => respond(request).await,
        };
        let mut response = body.settle(response).await;
        if is_head {
            response = without_body(response);
        }
        match watchdog {
            Some(watchdog) => response.map(|body| watchdog.watch(body, self.body_limits.stall)),
            None => response,
        }
    }
}

/// Returns the response to `HEAD` (RFC 9110, section 9.3.2). axum drops the body only of its own routes, and a body that is
/// sent all the same breaks the stream in HTTP/2.
fn without_body(response: Response) -> Response {
    let length = response.body().size_hint().exact();
    let (mut parts, _) = response.into_parts();
    if let Some(length) = length.filter(|_| !parts.headers.contains_key(CONTENT_LENGTH)) {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}
