//! Maps paths to transports and pages, behind the middleware that every request passes.

mod authenticate;
mod checks;
mod health;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;

use self::checks::RequestChecks;
use crate::config::Config;
use crate::net::{AllowedNames, cors};
use crate::problem::problem;
use crate::state::Relay;
use crate::webhooks::Webhooks;
use crate::{mcp, oauth, rest, web, ws};

/// All transports and pages of a relay.
pub(crate) fn router(
    relay: &Arc<Relay>,
    webhooks: Webhooks,
    connections: &TaskTracker,
    cut_off: &CancellationToken,
) -> Result<Router> {
    let mcp = mcp::McpEndpoint::new(relay, webhooks, cut_off);
    let authenticated = Router::new()
        .route_service("/mcp", mcp.json())
        .route_service("/", mcp.for_programs().event_stream())
        .route("/ws", get(ws::upgrade))
        .with_state(ws::WebSocketEndpoint::new(Arc::clone(relay), connections.clone()))
        .merge(rest::router(relay))
        .layer(from_fn_with_state(Arc::clone(relay), authenticate::bearer));
    let routes = health::router(relay)
        .merge(rest::description(relay))
        .merge(oauth::router(relay)?)
        .merge(web::router(relay))
        .merge(authenticated);
    // Around the router as a whole: a layer clones its inner service for each request, and a router is cheaper to clone than
    // a route with all its layers.
    let guarded = ServiceBuilder::new()
        .layer(cors(AllowedNames::new(&relay.config), oauth::is_public_metadata))
        .layer(from_fn_with_state(Arc::new(RequestChecks::new(relay)?), checks::check))
        .service(routes);
    Ok(Router::new().fallback_service(guarded))
}

/// The MCP endpoint with another handler behind it and no authentication, for tests of the protocol itself.
pub fn mcp_router<H: mcp::Handler>(handler: H, config: &Config, cut_off: &CancellationToken) -> Router {
    let mcp = mcp::McpEndpoint::with_handler(handler, config, cut_off);
    Router::new()
        .route_service("/mcp", mcp.json())
        .route_service("/", mcp.event_stream())
        .layer(from_fn_with_state(AllowedNames::new(config), refuse_foreign_names))
}

/// Refuses requests whose `Host` or `Origin` is not allowed.
async fn refuse_foreign_names(State(allowed): State<AllowedNames>, request: Request, next: Next) -> Response {
    match allowed.check(&request, false) {
        Ok(()) => next.run(request).await,
        Err(error) => problem(StatusCode::FORBIDDEN, &error),
    }
}
