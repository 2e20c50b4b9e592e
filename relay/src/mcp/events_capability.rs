//! The capability `events`, as clients read it that follow the draft of SEP-3415, among them ChatGPT.
//!
//! The capabilities of rmcp have no such member. The final specification has the extension `io.modelcontextprotocol/events`,
//! which the server itself advertises.

use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::net::is_json;

/// Methods whose results name the server's capabilities.
const METHODS: [&str; 2] = ["server/discover", "initialize"];
/// Maximum size of a request that asks for capabilities, in bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1_024;
/// Maximum size of the response, in bytes.
const MAX_RESPONSE_BYTES: usize = 256 * 1_024;

/// Adds the capability to the response to `server/discover` and `initialize` in JSON. Returns others unchanged.
pub(super) async fn advertise(response: Response, request: &[u8]) -> Response {
    #[derive(Deserialize)]
    struct Message {
        method: String,
    }
    // Almost all requests are calls of tools, and need not be parsed again.
    let names = |method: &str| request.windows(method.len()).any(|text| text == method.as_bytes());
    let may_ask = request.len() <= MAX_REQUEST_BYTES && METHODS.into_iter().any(names);
    if !may_ask || !is_json(response.headers()) {
        return response;
    }
    let asks = serde_json::from_slice(request).is_ok_and(|Message { method }| METHODS.contains(&method.as_str()));
    if !asks {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_RESPONSE_BYTES).await else {
        return Response::from_parts(parts, Body::empty());
    };
    parts.headers.remove(CONTENT_LENGTH);
    let body = with_capability(&bytes).map_or_else(|| Body::from(bytes.clone()), Body::from);
    Response::from_parts(parts, body)
}

fn with_capability(response: &[u8]) -> Option<Vec<u8>> {
    let mut message: Value = serde_json::from_slice(response).ok()?;
    message.pointer_mut("/result/capabilities")?.as_object_mut()?.insert("events".to_owned(), json!({}));
    serde_json::to_vec(&message).ok()
}
