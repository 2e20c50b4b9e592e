use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use mcp_multiplayer_protocol::Error;

use super::problem::problem;

/// A `RATE_LIMIT` error as an answer: 429, with `Retry-After` in whole seconds (RFC 9110, section 10.2.3).
pub(crate) fn too_many(error: &Error) -> Response {
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, error);
    if let Some(millis) = error.retry_after_ms {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000).max(1)));
    }
    response
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::{Error, ErrorCode};

    use super::too_many;

    #[test]
    fn seconds_are_rounded_up() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            let response = too_many(&Error::new(ErrorCode::RateLimit, "Too many.", "Wait.").retry_after(millis));
            assert_eq!(response.headers()["retry-after"], seconds);
        }
    }
}
