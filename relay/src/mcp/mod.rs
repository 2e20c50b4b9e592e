//! The MCP front door: streamable HTTP for every protocol era, without sessions.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use mcp_multiplayer_mcp::McpServer;
use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _, service_fn};

use crate::auth::Principal;
use crate::operation::Session;
use crate::state::Relay;

type Mcp = StreamableHttpService<McpServer, NeverSessionManager>;

/// The relay as an MCP server.
pub(crate) struct Door {
    server: McpServer,
    config: StreamableHttpServerConfig,
}

impl Door {
    pub(crate) fn new(relay: &Arc<Relay>, cut_off: &CancellationToken) -> Self {
        let relay_for_calls = Arc::clone(relay);
        let server = McpServer::new(move |extensions| {
            let principal = extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<Principal>());
            let principal = principal.cloned().ok_or_else(Error::internal)?;
            let session: Arc<dyn Multiplayer> = Arc::new(Session::new(Arc::clone(&relay_for_calls), principal));
            Ok(session)
        });
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_max_request_body_bytes(relay.config.request_bytes)
            .with_cancellation_token(cut_off.child_token())
            // Host and Origin are checked for all doors alike, in http/guard.rs.
            .disable_allowed_hosts()
            .disable_allowed_origins();
        Self { server, config }
    }

    /// Answers in JSON.
    pub(crate) fn json(&self) -> Mcp {
        self.mcp(true)
    }

    /// Answers older clients as an event stream, which those of the original system expect, and
    /// clients of 2026-07-28 in JSON.
    pub(crate) fn event_stream(
        &self,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
    {
        let (json, stream) = (self.mcp(true), self.mcp(false));
        service_fn(move |request: Request| {
            let modern = request.headers().get("mcp-protocol-version").is_some_and(|version| version >= "2026-07-28");
            let mcp = if modern { json.clone() } else { stream.clone() };
            async move { mcp.oneshot(request).await.map(|response| response.map(Body::new)) }
        })
    }

    fn mcp(&self, json: bool) -> Mcp {
        let server = self.server.clone();
        let config = self.config.clone().with_json_response(json);
        StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config)
    }
}

/// Whoever posts here is answered in the form of this door, whatever it says it accepts: curl says
/// `*/*`, and some clients name one of the two types that the specification wants named.
pub(crate) async fn accept_anything(mut request: Request, next: Next) -> Response {
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    next.run(request).await
}
