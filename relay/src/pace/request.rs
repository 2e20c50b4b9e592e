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

/// A limit that a body exceeded.
#[derive(Clone, Copy)]
enum Exceeded {
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
    /// Passes a request to `handle` with the limits on its body, and responds in its place if the body exceeds one.
    pub(crate) async fn run(self, request: Request, handle: impl AsyncFnOnce(Request) -> Response) -> Response {
        if request.body().is_end_stream() {
            return handle(request).await;
        }
        let (parts, body) = request.into_parts();
        let version = parts.version;
        let declared = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if declared.is_some_and(|bytes: u64| bytes > self.bytes as u64) {
            let drained = self.drain(body, self.stall).await;
            return if drained { self.too_large() } else { close_after(self.too_large(), version) };
        }
        let outcome = Arc::<BodyOutcome>::default();
        let recorded = Arc::clone(&outcome);
        let body = ReclaimedBody { body, outcome: Arc::clone(&outcome) };
        let body = Limited::new(TimeoutBody::new(self.stall, body), self.bytes).map_err(move |error| {
            if error.is::<LengthLimitError>() {
                let _ = recorded.exceeded.set(Exceeded::Size);
            } else if error.is::<TimeoutError>() {
                let _ = recorded.exceeded.set(Exceeded::Stall);
            }
            error
        });
        let mut request = Request::from_parts(parts, Body::new(body));
        // Otherwise axum's extractors would apply a limit of their own.
        DefaultBodyLimit::disable().apply(&mut request);
        let response = handle(request).await;
        let unread = outcome.unread().take();
        match (outcome.exceeded.get(), unread) {
            (None, None) => response,
            (None, Some(body)) => {
                let drained = self.drain(body, DRAIN_TIMEOUT).await;
                if drained { response } else { close_after(response, version) }
            }
            (Some(Exceeded::Size), _) => close_after(self.too_large(), version),
            (Some(Exceeded::Stall), _) => close_after(self.too_slow(), version),
        }
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

/// Adds to a response that the connection ends after it, as the rest of the request's body is not read.
fn close_after(mut response: Response, version: Version) -> Response {
    // HTTP/2 has no such header (RFC 9113, section 8.2.2); there, only the stream ends.
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
