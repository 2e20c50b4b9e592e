//! Maps paths to transports and pages, behind the middleware that every request passes.

mod authenticate;
mod checks;
mod health;

use std::convert::Infallible;
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
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

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
) -> Result<impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static> {
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
    // Around the router as a whole, and not as one of axum's layers: each of those allocates a future that holds the request,
    // for as long as a call waits.
    let checks = Arc::new(RequestChecks::new(relay)?);
    let checked = service_fn(move |request| {
        let (checks, routes) = (Arc::clone(&checks), routes.clone());
        async move {
            let respond = async |request| routes.oneshot(request).await.unwrap_or_else(|never| match never {});
            Ok(checks.check(request, respond).await)
        }
    });
    let cors = cors(AllowedNames::new(&relay.config), oauth::is_public_metadata);
    let guarded = Arc::new(ServiceBuilder::new().layer(cors).service(checked));
    // Each connection keeps the service several times, hence the `Arc`.
    Ok(service_fn(move |request| Arc::unwrap_or_clone(Arc::clone(&guarded)).oneshot(request)))
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
