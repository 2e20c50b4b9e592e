//! Refusals of messages, as JSON-RPC errors.
//!
//! rmcp refuses a body that is not a JSON-RPC message with status 415 and plain text, and an unsupported protocol version with
//! plain text, too. Clients report both as a broken transport, without the reason.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use rmcp::model::{ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};
use serde_json::Value;

/// Maximum size of a text with which rmcp refuses a request, in bytes.
const MAX_TEXT_BYTES: usize = 1_024;

/// Returns rmcp's response to a request with this body. A refusal in plain text becomes a JSON-RPC error.
///
/// `claims_json` says whether the request's `Content-Type` is JSON.
pub(super) async fn as_json_rpc(response: Response, body: &[u8], claims_json: bool) -> Response {
    let status = response.status();
    let is_refusal = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE);
    if !is_refusal || response.headers().contains_key(CONTENT_TYPE) {
        return response;
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && claims_json {
        let (code, message) = explain(body);
        return error(StatusCode::BAD_REQUEST, code, message, body);
    }
    let text = to_bytes(response.into_body(), MAX_TEXT_BYTES).await.unwrap_or_default();
    error(status, ErrorCode::INVALID_REQUEST, String::from_utf8_lossy(&text).into_owned(), body)
}

/// Refuses a body that is larger than `limit` bytes.
pub(super) fn too_large(limit: usize) -> Response {
    let message = format!("The request is larger than {limit} bytes. Send less, or split it.");
    error(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::INVALID_REQUEST, message, &[])
}

/// Builds the response with an error, and with the id of the request if its body has one.
fn error(status: StatusCode, code: ErrorCode, message: String, body: &[u8]) -> Response {
    let id = serde_json::from_slice(body).ok().and_then(|request: Value| {
        let id: RequestId = serde_json::from_value(request.get("id")?.clone()).ok()?;
        Some(id)
    });
    let message: ServerJsonRpcMessage = ServerJsonRpcMessage::error(ErrorData::new(code, message, None), id);
    (status, Json(message)).into_response().map(Body::new)
}

/// Explains why a body is not a JSON-RPC message (JSON-RPC 2.0, sections 4 and 5.1). It does not quote the body, which may
/// contain secrets.
fn explain(body: &[u8]) -> (ErrorCode, String) {
    let message: Value = match serde_json::from_slice(body) {
        Ok(message) => message,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let message =
                format!("The body is not valid JSON (line {line}, column {column}). Send one JSON-RPC message.");
            return (ErrorCode::PARSE_ERROR, message);
        }
    };
    let has = |name: &str| message.get(name).is_some();
    let reason = if message.is_array() {
        "batches are not supported; send one message in each request"
    } else if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        "'jsonrpc' must be \"2.0\""
    } else if message.get("method").is_some_and(|method| !method.is_string()) {
        "'method' must be a string"
    } else if !has("method") && !has("result") && !has("error") {
        "'method' is missing"
    } else if message.get("id").is_some_and(|id| !id.is_string() && !id.is_i64() && !id.is_u64()) {
        "'id' must be a string or an integer"
    } else {
        "it has members of a wrong type"
    };
    (ErrorCode::INVALID_REQUEST, format!("The body is not a JSON-RPC 2.0 message: {reason}."))
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn explanations_name_the_member_and_never_quote_the_body() {
        for (body, code, text) in [
            ("", -32_700, "line 1"),
            (r#"{"secret":"inv_0""#, -32_700, "column 17"),
            ("[{}]", -32_600, "batches"),
            ("null", -32_600, "'jsonrpc'"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"inv_0"}"#, -32_600, "'jsonrpc'"),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32_600, "'method' must"),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32_600, "'method' is missing"),
            (r#"{"jsonrpc":"2.0","id":{"a":"inv_0"},"method":"tools/list"}"#, -32_600, "'id'"),
        ] {
            let (actual, message) = explain(body.as_bytes());
            assert_eq!(actual.0, code, "{body}");
            assert!(message.contains(text) && !message.contains("inv_0"), "{body}: {message}");
        }
    }
}
