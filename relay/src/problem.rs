//! Errors as HTTP responses: `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::{Error, ErrorCode};
use serde::Serialize;

/// The media type of problem details.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The members of a problem details object (RFC 9457, section 3.1), and our extensions.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: ErrorCode,
    /// The error as the other transports send it.
    error: &'a Error,
}

/// An error as an HTTP response: `{type, title, status, detail, code, error: {code, message, hint}}`, with
/// `Retry-After` (RFC 9110, section 10.2.3) in whole seconds where waiting helps.
pub(crate) fn problem(status: StatusCode, error: &Error) -> Response {
    let problem = Problem {
        kind: "about:blank",
        title: &error.message,
        status: status.as_u16(),
        detail: &error.hint,
        code: error.code,
        error,
    };
    let mut response = (status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(millis) = error.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000).max(1)));
    }
    response
}

/// The HTTP status for an error, by its code alone.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error.code {
        ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::NotMember | ErrorCode::NotAdmin | ErrorCode::QuotaExceeded => StatusCode::FORBIDDEN,
        ErrorCode::InviteInvalid | ErrorCode::RejoinTokenInvalid | ErrorCode::BotNotFound => StatusCode::NOT_FOUND,
        ErrorCode::SlotAlreadyFilled
        | ErrorCode::SeatAmbiguous
        | ErrorCode::Conflict
        | ErrorCode::ChannelClosed
        | ErrorCode::SeatsHeld
        | ErrorCode::TermsNotAccepted => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::BotRejected | ErrorCode::BadOp => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::InternalError | ErrorCode::RelayContradiction => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::RelayUnreachable | ErrorCode::BotsUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use mcp_multiplayer_protocol::{Error, ErrorCode};

    use super::{problem, status};

    #[test]
    fn retry_after_is_stated_in_whole_seconds() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (250, "1")] {
            let error = Error::new(ErrorCode::RateLimit, "Too many.", "Wait.").retry_after(millis);
            let response = problem(status(&error), &error);
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers()["retry-after"], seconds);
            assert_eq!(response.headers()["content-type"], super::MEDIA_TYPE);
        }
        assert!(!problem(StatusCode::FORBIDDEN, &Error::not_admin()).headers().contains_key("retry-after"));
    }
}
