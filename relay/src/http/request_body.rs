//! Bodies of requests: not larger than the relay takes, and not slower.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use mcp_multiplayer_protocol::{Error, ErrorCode};
use tower_http::timeout::{TimeoutBody, TimeoutError};

use super::problem::problem;

/// What bodies are held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    /// How long a body may stand still.
    pub(super) patience: Duration,
}

const FINE: u8 = 0;
const TOO_LARGE: u8 = 1;
const TOO_SLOW: u8 = 2;

impl Bounds {
    /// Lets a request pass whose body says it is small enough, and answers for one that turns out otherwise.
    pub(super) async fn run(self, request: Request, next: Next) -> Response {
        if request.body().is_end_stream() {
            return next.run(request).await;
        }
        let (parts, body) = request.into_parts();
        let told = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if told.is_some_and(|told: u64| told > self.bytes as u64) {
            self.read_away(body).await;
            return self.too_large();
        }
        let seen = Arc::new(AtomicU8::new(FINE));
        let note = Arc::clone(&seen);
        let body = Limited::new(TimeoutBody::new(self.patience, body), self.bytes).map_err(move |error| {
            let verdict = if error.is::<LengthLimitError>() {
                TOO_LARGE
            } else if error.is::<TimeoutError>() {
                TOO_SLOW
            } else {
                FINE
            };
            note.store(verdict, Ordering::Relaxed);
            error
        });
        let mut request = Request::from_parts(parts, Body::new(body));
        // One limit, for every door.
        DefaultBodyLimit::disable().apply(&mut request);
        let version = request.version();
        let mut response = next.run(request).await;
        match seen.load(Ordering::Relaxed) {
            FINE => return response,
            TOO_LARGE => response = self.too_large(),
            _ => response = self.too_slow(),
        }
        if version < Version::HTTP_2 {
            // What is left of the body is not worth waiting for.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Reads as much again as would have been taken: whoever is still sending would not see the answer.
    async fn read_away(self, body: Body) {
        let body = Limited::new(TimeoutBody::new(self.patience, body), self.bytes.saturating_mul(2));
        let mut body = std::pin::pin!(body);
        while let Some(Ok(_)) = body.frame().await {}
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
