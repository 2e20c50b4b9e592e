//! Limits on the size of request bodies and on how long they may stall.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::http::{HeaderValue, Version};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Frame, SizeHint};
use mcp_multiplayer_protocol::{Error, ErrorCode};
use tokio::time::timeout;
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::problem::problem;

/// The limits on request bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    /// Longest time without progress.
    pub(crate) stall: Duration,
}

/// Time for the rest of a body that the handler did not read. What a client sends in one go has arrived by then.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The body of a request that was put under limits, until the response to it.
#[must_use]
pub(crate) struct LimitedBody {
    limits: BodyLimits,
    version: Version,
    /// `None` for a request without a body.
    outcome: Option<Arc<BodyOutcome>>,
}

/// A limit that a body exceeded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exceeded {
    /// The limit on the size, by the length in the request's head.
    DeclaredSize,
    Size,
    Stall,
}

/// The state of a body after its handler has responded.
#[derive(Default)]
struct BodyOutcome {
    exceeded: OnceLock<Exceeded>,
    /// The body, if the handler did not read it to its end.
    unread: Mutex<Option<Body>>,
}

/// A body that is put into its [`BodyOutcome`] if it is dropped before its end.
///
/// Dropped any other way, hyper would close the connection after the response without saying so, and the client's next
/// request on it would be lost.
struct ReclaimedBody {
    body: Body,
    outcome: Arc<BodyOutcome>,
}

impl HttpBody for ReclaimedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ReclaimedBody {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            *self.outcome.unread() = Some(mem::take(&mut self.body));
        }
    }
}

impl BodyOutcome {
    fn unread(&self) -> MutexGuard<'_, Option<Body>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyLimits {
    /// Puts the limits on the body of a request.
    pub(crate) fn limit(self, request: &mut Request) -> LimitedBody {
        let version = request.version();
        if request.body().is_end_stream() {
            return LimitedBody { limits: self, version, outcome: None };
        }
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let outcome = Arc::<BodyOutcome>::default();
        if declared.is_some_and(|bytes: u64| bytes > self.bytes as u64) {
            let _ = outcome.exceeded.set(Exceeded::DeclaredSize);
        }
        let recorded = Arc::clone(&outcome);
        let body = ReclaimedBody { body: mem::take(request.body_mut()), outcome: Arc::clone(&outcome) };
        let body = Limited::new(TimeoutBody::new(self.stall, body), self.bytes).map_err(move |error| {
            if error.is::<LengthLimitError>() {
                let _ = recorded.exceeded.set(Exceeded::Size);
            } else if error.is::<TimeoutError>() {
                let _ = recorded.exceeded.set(Exceeded::Stall);
            }
            error
        });
        *request.body_mut() = Body::new(body);
        // Otherwise axum's extractors would apply a limit of their own.
        DefaultBodyLimit::disable().apply(request);
        LimitedBody { limits: self, version, outcome: Some(outcome) }
    }

    /// Reads and discards the rest of a body, up to twice the limit, and returns whether that was all of it. A client that
    /// is still sending would not see the response.
    async fn drain(self, body: Body, within: Duration) -> bool {
        let mut body = Limited::new(body, self.bytes.saturating_mul(2));
        let reading = async {
            loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    end => return end.is_none(),
                }
            }
        };
        timeout(within, reading).await.unwrap_or(false)
    }

    fn too_large(self) -> Response {
        let error = Error::new(
            ErrorCode::TooLarge,
            format!("The request is larger than the {} bytes that the relay accepts.", self.bytes),
            "Send less, or split it.",
        );
        problem(StatusCode::PAYLOAD_TOO_LARGE, &error)
    }

    fn too_slow(self) -> Response {
        let error = Error::invalid(
            format!("The request body stalled for {} seconds.", self.stall.as_secs()),
            "Send it again, without a pause.",
        );
        problem(StatusCode::REQUEST_TIMEOUT, &error)
    }
}

impl LimitedBody {
    /// The response to a request that declares a body beyond the limit. The request is to be dropped without being handled.
    pub(crate) fn refusal(&self) -> Option<Response> {
        let exceeded = self.outcome.as_ref()?.exceeded.get();
        (exceeded == Some(&Exceeded::DeclaredSize)).then(|| self.limits.too_large())
    }

    /// Returns the response that is sent: the one given, unless the body has exceeded a limit meanwhile.
    pub(crate) async fn settle(self, response: Response) -> Response {
        let Self { limits, version, outcome: Some(outcome) } = self else { return response };
        let unread = outcome.unread().take();
        let drain_timeout = match outcome.exceeded.get() {
            None => DRAIN_TIMEOUT,
            Some(Exceeded::DeclaredSize) => limits.stall,
            Some(Exceeded::Size) => return close_after(limits.too_large(), version),
            Some(Exceeded::Stall) => return close_after(limits.too_slow(), version),
        };
        let is_read = match unread {
            Some(body) => limits.drain(body, drain_timeout).await,
            None => true,
        };
        if is_read { response } else { close_after(response, version) }
    }
}

/// Adds to a response that the connection ends after it, as the rest of the request's body is not read.
fn close_after(mut response: Response, version: Version) -> Response {
    // HTTP/2 has no such header (RFC 9113, section 8.2.2); there, only the stream ends.
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
