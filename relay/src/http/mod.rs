//! The HTTP front door: which path leads where, and what every request must show first.

mod authenticate;
mod client_address;
mod entrance;
mod guard;
mod overdue;
pub(crate) mod problem;
mod request_body;

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;

pub(crate) use self::client_address::Proxies;
use self::entrance::Entrance;
pub(crate) use self::overdue::Overdue;
use crate::config::Config;
use crate::state::Relay;
use crate::{mcp, oauth, rest, web, ws};

/// Whom a request comes from, among its extensions: who connected, or, through trusted proxies, whom they name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// All doors, over one relay.
pub(crate) fn router(relay: &Arc<Relay>, connections: &TaskTracker, cut_off: &CancellationToken) -> Result<Router> {
    let door = mcp::Door::new(relay, cut_off);
    let authenticated = Router::new()
        .route_service("/mcp", door.json())
        .route_service("/", door.event_stream())
        .route("/ws", get(ws::upgrade))
        .with_state(ws::Door::new(Arc::clone(relay), connections.clone()))
        .merge(rest::router(relay))
        .layer(from_fn_with_state(Arc::clone(relay), authenticate::bearer));
    let doors = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Arc::clone(relay))
        .merge(rest::description(relay))
        .merge(oauth::router(relay))
        .merge(web::router(relay))
        // Last, so that its answer for paths which do not exist is everybody's: without a token nobody learns which do.
        .merge(authenticated);
    // Around all doors as one: each layer clones what it is around for each request, and a whole router is cloned
    // more cheaply than a route with all its layers.
    let guarded = ServiceBuilder::new()
        .layer(guard::cors(guard::Allowed::new(&relay.config)))
        .layer(from_fn_with_state(Arc::new(Entrance::new(relay)?), entrance::enter))
        .service(doors);
    Ok(Router::new().fallback_service(guarded))
}

/// The MCP door with another handler behind it, for whoever comes: what tests of the protocol itself run against.
pub fn mcp_router<H: mcp::Handler>(handler: H, config: &Config, cut_off: &CancellationToken) -> Router {
    let door = mcp::Door::to(handler, config, cut_off);
    Router::new()
        .route_service("/mcp", door.json())
        .route_service("/", door.event_stream())
        .layer(from_fn_with_state(guard::Allowed::new(config), guard::check))
}

/// Whether the relay can take a post.
async fn ready(State(relay): State<Arc<Relay>>) -> (StatusCode, &'static str) {
    if relay.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    match relay.store.check().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(error.cause = %error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
        }
    }
}
