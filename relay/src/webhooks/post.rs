use std::time::Duration;

use anyhow::Result;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use mcp_multiplayer_bot_supervisor::EgressErrorKind;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::callback_url::CallbackUrl;
use super::message::Message;
use super::secret::SigningSecrets;
use crate::clock::Clock;
use crate::config::Config;
use crate::egress::{ConnectError, RelayConnector};

/// Maximum duration of a request, from the look-up of the host to the head of the response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of concurrent requests.
const MAX_CONCURRENT: usize = 256;
/// Maximum size of the head of a response, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1_024;

/// Posts messages to webhooks, under the operator's egress rules.
pub(super) struct Poster {
    connector: RelayConnector,
    clock: Clock,
    permits: Semaphore,
}

/// The receiver of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipient<'a> {
    pub(super) subscription_id: &'a str,
    pub(super) url: &'a CallbackUrl,
    pub(super) secrets: &'a SigningSecrets,
}

/// Response of an endpoint.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    /// Empty if it was not asked for.
    pub(super) body: Bytes,
}

/// Reasons why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PostError {
    /// The operator's egress rules forbid the connection.
    Forbidden,
    /// The host was not found or reached, or did not send a valid response.
    Unreachable,
    /// There was no response in time.
    Timeout,
    /// The endpoint has no valid certificate.
    Tls,
}

impl PostError {
    /// Returns the category of the error (SEP-3415, `lastError`).
    pub(super) fn category(self) -> &'static str {
        match self {
            Self::Forbidden | Self::Unreachable => "connection_refused",
            Self::Timeout => "timeout",
            Self::Tls => "tls_error",
        }
    }
}

impl Response {
    /// Returns the category of the error that a response without success is. Redirects are not followed, and count as an error
    /// of the endpoint.
    pub(super) fn category(&self) -> &'static str {
        if self.status.is_server_error() { "http_5xx" } else { "http_4xx" }
    }
}

impl Poster {
    pub(super) fn open(config: &Config, clock: Clock) -> Result<Self> {
        let connector = RelayConnector::open(config)?;
        Ok(Self { connector, clock, permits: Semaphore::new(MAX_CONCURRENT) })
    }

    /// Posts a message, signed anew, and returns the response with at most `max_body_bytes` of its body; a longer one is an
    /// error, and with 0 the body is not read.
    pub(super) async fn post(
        &self,
        recipient: Recipient<'_>,
        message: &Message,
        max_body_bytes: usize,
    ) -> Result<Response, PostError> {
        let _permit = self.permits.acquire().await;
        let posted = timeout(TIMEOUT, self.try_post(recipient, message, max_body_bytes)).await;
        let posted = posted.unwrap_or(Err(PostError::Timeout));
        let host = recipient.url.host();
        match &posted {
            Ok(response) => {
                let status = response.status.as_u16();
                tracing::debug!(webhook.id = recipient.subscription_id, host, http.status = status, "posted");
            }
            Err(error) => tracing::debug!(webhook.id = recipient.subscription_id, host, ?error, "not posted"),
        }
        posted
    }

    async fn try_post(
        &self,
        recipient: Recipient<'_>,
        message: &Message,
        max_body_bytes: usize,
    ) -> Result<Response, PostError> {
        let Recipient { subscription_id, url, secrets } = recipient;
        let connected = match url.loopback() {
            Some(address) => self.connector.connect_to_loopback(address).await,
            None => self.connector.connect(url.host(), url.port()).await,
        };
        let stream = connected.map_err(|error| match error {
            ConnectError::Refused(reason) => {
                tracing::info!(webhook.id = subscription_id, host = url.host(), reason, "webhook not called");
                PostError::Forbidden
            }
            ConnectError::Failed(EgressErrorKind::Timeout, _) => PostError::Timeout,
            ConnectError::Failed(EgressErrorKind::Tls, _) => PostError::Tls,
            ConnectError::Failed(..) => PostError::Unreachable,
        })?;
        let broken = |_| PostError::Unreachable;
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let now = self.clock.now();
        let request = Request::post(url.path())
            .header(HOST, url.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("mcp-multiplayer-relay/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", now.as_millis() / 1_000)
            .header("webhook-signature", secrets.sign(&message.id, now, &message.body))
            .header("x-mcp-subscription-id", subscription_id)
            .body(Full::new(Bytes::from(message.body.clone())))
            .map_err(|_| PostError::Unreachable)?;
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = if max_body_bytes == 0 {
            Bytes::new()
        } else {
            let collected = Limited::new(body, max_body_bytes).collect().await;
            collected.map_err(|_| PostError::Unreachable)?.to_bytes()
        };
        Ok(Response { status: parts.status, body })
    }
}
