//! Maps paths to transports and pages, behind the middleware that every request passes.

mod admit;
mod authenticate;

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

use self::admit::Admission;
use crate::config::Config;
use crate::net::{AllowedNames, cors};
use crate::problem::problem;
use crate::state::Relay;
use crate::{mcp, oauth, rest, web, ws};

/// All transports and pages of a relay.
pub(crate) fn router(relay: &Arc<Relay>, connections: &TaskTracker, cut_off: &CancellationToken) -> Result<Router> {
    let mcp = mcp::Endpoint::new(relay, cut_off);
    let authenticated = Router::new()
        .route_service("/mcp", mcp.json())
        .route_service("/", mcp.event_stream())
        .route("/ws", get(ws::upgrade))
        .with_state(ws::Endpoint::new(Arc::clone(relay), connections.clone()))
        .merge(rest::router(relay))
        .layer(from_fn_with_state(Arc::clone(relay), authenticate::bearer));
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Arc::clone(relay))
        .merge(rest::description(relay))
        .merge(oauth::router(relay)?)
        .merge(web::router(relay))
        // Last, so that its answer for paths which do not exist is everybody's: without a token nobody learns which do.
        .merge(authenticated);
    // Around all routes as one: each layer clones what it is around for each request, and a whole router is cloned
    // more cheaply than a route with all its layers.
    let guarded = ServiceBuilder::new()
        .layer(cors(AllowedNames::new(&relay.config), oauth::answers_any_origin))
        .layer(from_fn_with_state(Arc::new(Admission::new(relay)?), admit::admit))
        .service(routes);
    Ok(Router::new().fallback_service(guarded))
}

/// The MCP endpoint with another handler behind it and no authentication, for tests of the protocol itself.
pub fn mcp_router<H: mcp::Handler>(handler: H, config: &Config, cut_off: &CancellationToken) -> Router {
    let mcp = mcp::Endpoint::to(handler, config, cut_off);
    Router::new()
        .route_service("/mcp", mcp.json())
        .route_service("/", mcp.event_stream())
        .layer(from_fn_with_state(AllowedNames::new(config), refuse_foreign_names))
}

/// Refuses requests whose `Host` or `Origin` is not one of the relay's.
async fn refuse_foreign_names(State(allowed): State<AllowedNames>, request: Request, next: Next) -> Response {
    match allowed.refusal(&request, false) {
        Some(error) => problem(StatusCode::FORBIDDEN, &error),
        None => next.run(request).await,
    }
}

/// Answers whether the relay can take a post.
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
