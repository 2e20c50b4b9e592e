//! Bodies of requests: not larger than the relay takes, and not slower.

use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// What bodies are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) bytes: usize,
    /// How long a body may stand still.
    pub(crate) patience: Duration,
}

const FINE: u8 = 0;
const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;

/// How long to wait for the rest of a body that nobody wants. What a client sends in one go is here by then.
const UNREAD: Duration = Duration::from_secs(1);

/// What became of a body.
#[derive(Default)]
struct Fate {
    verdict: AtomicU8,
    /// The body, if whoever answered left some of it.
    unread: Mutex<Option<Body>>,
}

/// A body that comes back when it is dropped before its end.
///
/// Hyper would close the connection, and the client, who hears nothing of it, would send its next request into the void.
struct Lent {
    body: Body,
    fate: Arc<Fate>,
}

impl HttpBody for Lent {
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

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.body.is_end_stream() {
            *self.fate.unread() = Some(mem::take(&mut self.body));
        }
    }
}

impl Fate {
    fn unread(&self) -> MutexGuard<'_, Option<Body>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bounds {
    /// Has a request answered whose body says it is small enough, and answers for one that turns out otherwise.
    pub(crate) async fn run(self, request: Request, answer: impl AsyncFnOnce(Request) -> Response) -> Response {
        if request.body().is_end_stream() {
            return answer(request).await;
        }
        let (parts, body) = request.into_parts();
        let version = parts.version;
        let told = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if told.is_some_and(|told: u64| told > self.bytes as u64) {
            let whole = self.read_away(body, self.patience).await;
            return if whole { self.too_large() } else { closing(self.too_large(), version) };
        }
        let fate = Arc::<Fate>::default();
        let note = Arc::clone(&fate);
        let body = Lent { body, fate: Arc::clone(&fate) };
        let body = Limited::new(TimeoutBody::new(self.patience, body), self.bytes).map_err(move |error| {
            let verdict = if error.is::<LengthLimitError>() {
                TOO_LARGE
            } else if error.is::<TimeoutError>() {
                TOO_SLOW
            } else {
                FINE
            };
            note.verdict.store(verdict, Ordering::Relaxed);
            error
        });
        let mut request = Request::from_parts(parts, Body::new(body));
        // One limit, for every door.
        DefaultBodyLimit::disable().apply(&mut request);
        let response = answer(request).await;
        let unread = fate.unread().take();
        match fate.verdict.load(Ordering::Relaxed) {
            FINE => match unread {
                Some(body) => {
                    let whole = self.read_away(body, UNREAD).await;
                    if whole { response } else { closing(response, version) }
                }
                None => response,
            },
            TOO_LARGE => closing(self.too_large(), version),
            _ => closing(self.too_slow(), version),
        }
    }

    /// Reads as much again as would have been taken: whoever is still sending would not see the answer. Whether that
    /// was all of it.
    async fn read_away(self, body: Body, within: Duration) -> bool {
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
            format!("The request is larger than the {} bytes that the relay takes.", self.bytes),
            "Send less, or split it.",
        );
        problem(StatusCode::PAYLOAD_TOO_LARGE, &error)
    }

    fn too_slow(self) -> Response {
        let error = Error::invalid(
            format!("The request's body stood still for {} seconds.", self.patience.as_secs()),
            "Send it again, in one go.",
        );
        problem(StatusCode::REQUEST_TIMEOUT, &error)
    }
}

/// The answer, after which the connection ends: what is left of the body is not worth waiting for.
fn closing(mut response: Response, version: Version) -> Response {
    // HTTP/2 ends the stream alone, and has no such header (RFC 9113, section 8.2.2).
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
