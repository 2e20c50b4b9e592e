//! The MCP endpoint: streamable HTTP for every protocol era, without sessions.

mod direct_call;
mod events_capability;
mod handler;
mod refusal;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::response::Response;
use futures::FutureExt as _;
use mcp_multiplayer_mcp::McpServer;
use mcp_multiplayer_mcp::events::EventError;
use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::model::{Extensions, SubscriptionFilter};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _, service_fn};

pub use handler::Handler;

use self::direct_call::DirectCalls;
use crate::auth::Credential;
use crate::config::Config;
use crate::net::is_json;
use crate::operation::Caller;
use crate::state::Relay;
use crate::webhooks::Webhooks;

type Mcp<H> = StreamableHttpService<H, NeverSessionManager>;

/// The services that a request may go to.
struct Services<H> {
    json: Mcp<H>,
    stream: Mcp<H>,
    endpoint: McpEndpoint<H>,
}

/// An MCP server over HTTP: the relay's, or another handler in tests of the protocol.
#[derive(Clone)]
pub(crate) struct McpEndpoint<H> {
    handler: H,
    config: StreamableHttpServerConfig,
    /// The calls that do not go to rmcp; `None` in tests of the protocol, which have tools of their own.
    direct: Option<DirectCalls>,
}

impl McpEndpoint<McpServer> {
    /// The endpoint with the relay's operations as tools.
    pub(crate) fn new(relay: &Arc<Relay>, webhooks: Webhooks, cut_off: &CancellationToken) -> Self {
        let relay_for_calls = Arc::clone(relay);
        let server = McpServer::new(move |extensions| {
            let credential = credential(extensions)?;
            Ok(Arc::new(Caller::new(Arc::clone(&relay_for_calls), credential)) as Arc<dyn Multiplayer>)
        });
        let server = if webhooks.are_offered() {
            server.with_webhooks(move |extensions, request| {
                let (webhooks, credential) = (webhooks.clone(), credential(extensions));
                async move {
                    let credential = credential.map_err(|error| EventError::of_operation(&error))?;
                    webhooks.perform(credential, request).await
                }
                .boxed()
            })
        } else {
            server
        };
        let public_url = relay.config.public_url.trim_end_matches('/');
        let server = server.with_public_url(public_url).with_shutdown(relay.shutdown.clone());
        let direct = Some(DirectCalls::new(Arc::clone(relay), server.clone()));
        Self { direct, ..Self::with_handler(server, &relay.config, cut_off) }
    }
}

/// Returns the token that a request was authenticated with.
fn credential(extensions: &Extensions) -> Result<Credential, Error> {
    let parts = extensions.get::<Parts>();
    let credential = parts.and_then(|parts| parts.extensions.get::<Credential>());
    credential.cloned().ok_or_else(Error::internal)
}

impl McpEndpoint<McpServer> {
    /// The same endpoint with messages in the relay's own form, for programs.
    pub(crate) fn for_programs(&self) -> Self {
        let handler = self.handler.clone().for_programs();
        let direct = self.direct.as_ref().map(|direct| direct.with_server(handler.clone()));
        Self { handler, direct, ..self.clone() }
    }
}

impl<H: Handler> Services<H> {
    /// Has rmcp respond to a request.
    async fn respond(&self, parts: Parts, body: Bytes, json: bool) -> Response {
        let mcp = if json { &self.json } else { &self.stream };
        let claims_json = is_json(&parts.headers);
        let request = Request::from_parts(parts, Body::from(body.clone()));
        let Ok(response) = mcp.clone().oneshot(request).await;
        let response = refusal::as_json_rpc(response.map(Body::new), &body, claims_json).await;
        match &self.endpoint.direct {
            Some(_) => events_capability::advertise(response, &body).await,
            None => response,
        }
    }
}

impl<H: Handler> McpEndpoint<H> {
    /// The endpoint with this handler.
    pub(crate) fn with_handler(handler: H, config: &Config, cut_off: &CancellationToken) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_max_request_body_bytes(config.request_bytes)
            .with_cancellation_token(cut_off.child_token())
            // Host and Origin are checked for all transports alike, in net/origin.rs.
            .disable_allowed_hosts()
            .disable_allowed_origins();
        Self { handler, config, direct: None }
    }

    /// The service that responds in JSON.
    pub(crate) fn json(
        &self,
    ) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
    {
        self.service(true)
    }

    /// The service that responds to older clients with an event stream, as the original system's scripts expect, and to
    /// clients of protocol version 2026-07-28 in JSON.
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
        // The service is cloned several times for each request, so its parts share one `Arc`.
        let services = Arc::new(Services {
            json: self.mcp(self.handler.clone(), true),
            stream: self.mcp(self.handler.clone(), false),
            endpoint: self.clone(),
        });
        let max_body_bytes = self.config.max_request_body_bytes;
        service_fn(move |mut request: Request| {
            // The endpoint alone decides the form of the response, and rmcp refuses requests that do not accept both. Yet
            // curl sends `*/*`, and some clients name only one of the two types that the specification requires.
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
            let header = |name| request.headers().get(name);
            let modern = header("mcp-protocol-version").is_some_and(|version| version >= "2026-07-28");
            let is_listen = modern && header("mcp-method").is_some_and(|method| method == "subscriptions/listen");
            let services = Arc::clone(&services);
            async move {
                let (parts, body) = request.into_parts();
                let Ok(body) = to_bytes(body, max_body_bytes).await else {
                    return Ok(refusal::too_large(max_body_bytes));
                };
                if is_listen {
                    return Ok(Box::pin(services.endpoint.clone().listen(parts, body)).await);
                }
                let is_json_response = modern || json_for_all;
                if is_json_response
                    && let Some(direct) = &services.endpoint.direct
                    && let Some(call) = direct.read(&parts, &body)
                {
                    // A call may wait for long. The buffer that it came in is not needed any more.
                    drop((parts, body));
                    return Ok(Box::pin(call.perform()).await);
                }
                Ok(Box::pin(services.respond(parts, body, is_json_response)).await)
            }
        })
    }

    /// Responds to `subscriptions/listen`. The handler decides which subscriptions it admits before rmcp acknowledges them.
    async fn listen(self, parts: Parts, body: Bytes) -> Response {
        #[derive(Default, Deserialize)]
        struct Message {
            params: Params,
        }
        #[derive(Default, Deserialize)]
        struct Params {
            notifications: SubscriptionFilter,
        }
        // A malformed message is refused by rmcp.
        let Message { params } = serde_json::from_slice(&body).unwrap_or_default();
        let mut extensions = Extensions::new();
        extensions.insert(parts.clone());
        let handler = self.handler.admitting(&extensions, &params.notifications).await;
        let claims_json = is_json(&parts.headers);
        let request = Request::from_parts(parts, Body::from(body.clone()));
        let Ok(response) = self.mcp(handler, true).oneshot(request).await;
        refusal::as_json_rpc(response.map(Body::new), &body, claims_json).await
    }

    fn mcp(&self, handler: H, json: bool) -> Mcp<H> {
        let config = self.config.clone().with_json_response(json);
        StreamableHttpService::new(move || Ok(handler.clone()), Arc::default(), config)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_presets_complete_an_argument() {
        let presets: Vec<&str> = mcp_multiplayer_bot_supervisor::presets().iter().map(|preset| preset.name).collect();
        assert_eq!(mcp_multiplayer_mcp::PRESETS[..], presets[..]);
    }
}
