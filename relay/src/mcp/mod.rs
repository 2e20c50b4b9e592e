//! The MCP front door: streamable HTTP for every protocol era, without sessions.

mod handler;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_mcp::McpServer;
use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::model::{Extensions, SubscriptionFilter};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _, service_fn};

pub use handler::Handler;

use crate::auth::Principal;
use crate::config::Config;
use crate::operation::Caller;
use crate::state::Relay;

type Mcp<H> = StreamableHttpService<H, NeverSessionManager>;

/// The services that a request may take.
struct Services<H> {
    json: Mcp<H>,
    stream: Mcp<H>,
    endpoint: Endpoint<H>,
}

/// An MCP server behind HTTP: the relay's, unless a test puts another there.
#[derive(Clone)]
pub(crate) struct Endpoint<H> {
    handler: H,
    config: StreamableHttpServerConfig,
}

impl Endpoint<McpServer> {
    /// The relay as an MCP server.
    pub(crate) fn new(relay: &Arc<Relay>, cut_off: &CancellationToken) -> Self {
        let relay_for_calls = Arc::clone(relay);
        let server = McpServer::new(move |extensions| {
            let principal = extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Principal>());
            let principal = principal.cloned().ok_or_else(Error::internal)?;
            let caller: Arc<dyn Multiplayer> = Arc::new(Caller::new(Arc::clone(&relay_for_calls), principal));
            Ok(caller)
        });
        Self::to(server.with_shutdown(relay.shutdown.clone()), &relay.config, cut_off)
    }
}

impl<H: Handler> Endpoint<H> {
    /// The way to this handler.
    pub(crate) fn to(handler: H, config: &Config, cut_off: &CancellationToken) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_max_request_body_bytes(config.request_bytes)
            .with_cancellation_token(cut_off.child_token())
            // Host and Origin are checked for all doors alike, in net/origin.rs.
            .disable_allowed_hosts()
            .disable_allowed_origins();
        Self { handler, config }
    }

    /// Answers in JSON.
    pub(crate) fn json(
        &self,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
    {
        self.service(true)
    }

    /// Answers older clients as an event stream, which those of the original system expect, and
    /// clients of 2026-07-28 in JSON.
    pub(crate) fn event_stream(
        &self,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
    {
        self.service(false)
    }

    fn service(
        &self,
        json_for_all: bool,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
    {
        // Cloned for each request, and more than once: as one piece.
        let services = Arc::new(Services {
            json: self.mcp(self.handler.clone(), true),
            stream: self.mcp(self.handler.clone(), false),
            endpoint: self.clone(),
        });
        service_fn(move |mut request: Request| {
            // Whoever posts here is answered in the form of this door, whatever it says it accepts: curl says `*/*`,
            // and some clients name one of the two types that the specification wants named.
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
            let header = |name| request.headers().get(name);
            let modern = header("mcp-protocol-version").is_some_and(|version| version >= "2026-07-28");
            let listens = modern && header("mcp-method").is_some_and(|method| method == "subscriptions/listen");
            let services = Arc::clone(&services);
            async move {
                if listens {
                    return Ok(Box::pin(services.endpoint.clone().listen(request)).await);
                }
                let mcp = if modern || json_for_all { &services.json } else { &services.stream };
                mcp.clone().oneshot(request).await.map(|response| response.map(Body::new))
            }
        })
    }

    /// Answers a `subscriptions/listen`: what of it can be had is known before it is acknowledged.
    async fn listen(self, request: Request) -> Response {
        #[derive(Default, Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Default, Deserialize)]
        struct Params {
            notifications: SubscriptionFilter,
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, self.config.max_request_body_bytes).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        // What is no such message is refused further on.
        let Message { params } = serde_json::from_slice(&body).unwrap_or_default();
        let mut extensions = Extensions::new();
        extensions.insert(parts.clone());
        let handler = self.handler.admitting(&extensions, &params.notifications).await;
        let request = Request::from_parts(parts, Body::from(body));
        let Ok(response) = self.mcp(handler, true).oneshot(request).await;
        response.map(Body::new)
    }

    fn mcp(&self, handler: H, json: bool) -> Mcp<H> {
        let config = self.config.clone().with_json_response(json);
        StreamableHttpService::new(move || Ok(handler.clone()), Arc::default(), config)
    }
}
