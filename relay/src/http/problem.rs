use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::{Error, ErrorCode};
use serde_json::json;

/// An error as the answer to an HTTP request: `{"error": {code, message, hint}}`.
pub(crate) fn problem(status: StatusCode, error: &Error) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// The status that fits an error which kept a request from reaching any operation.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
