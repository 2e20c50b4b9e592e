use axum::Json;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// The body of an error response: RFC 6749, section 5.2, and RFC 7591, section 3.2.2.
#[derive(Serialize)]
struct ErrorBody<C> {
    error: C,
    error_description: String,
}

/// Builds an error response in JSON. `retry_after` is in seconds.
pub(super) fn error_response(
    status: StatusCode,
    code: impl Serialize,
    description: &str,
    retry_after: Option<u64>,
) -> Response {
    let body = ErrorBody { error: code, error_description: description.chars().map(allowed).collect() };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Replaces characters that RFC 6749 does not allow in `error_description`. A description may quote the caller.
fn allowed(character: char) -> char {
    match character {
        '"' | '\\' => '\'',
        ' '..='~' => character,
        _ => '?',
    }
}
