//! Long polls over MCP wait before the request gets to rmcp.
//!
//! A call in progress takes rmcp about 50 KiB, for its channels and tasks. Most calls of `sync_messages` do nothing but wait, so
//! the endpoint waits first, with no more than the request's bytes, and has rmcp perform the call once there is an answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::request::Parts;
use mcp_multiplayer_protocol::limits;
use mcp_multiplayer_protocol::operation::SyncMessages;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::Credential;
use crate::operation::Caller;
use crate::state::Relay;

/// The tool whose calls wait.
const TOOL: &str = "sync_messages";

/// A call of a tool, as far as it says how long it waits.
#[derive(Deserialize)]
struct Call {
    method: String,
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    name: String,
    #[serde(default)]
    arguments: Value,
    #[serde(default, rename = "_meta")]
    meta: Value,
}

/// Marks a request that has waited, in its extensions.
#[derive(Clone, Copy)]
pub(super) struct HasWaited;

/// Waits as long as the call in this request would, and returns the request without the wait. Any other request is returned
/// as it is.
pub(super) async fn wait_first(relay: &Arc<Relay>, parts: &mut Parts, body: Bytes) -> Bytes {
    let (Some(args), Some(credential)) = (waiting_call(&body), parts.extensions.get::<Credential>()) else {
        return body;
    };
    // An error is for the call itself, which fails in the same way, but at once.
    let _ = Caller::new(Arc::clone(relay), credential.clone()).wait_for_news(args).await;
    parts.extensions.insert(HasWaited);
    without_wait(&body).unwrap_or(body)
}

/// The arguments of a call of `sync_messages` that waits. Clients that want to be told of its progress are left to rmcp.
fn waiting_call(body: &[u8]) -> Option<SyncMessages> {
    // Most requests are of other tools, and need not be parsed twice. (A name that is written with escapes is left to rmcp.)
    if !body.windows(TOOL.len()).any(|text| text == TOOL.as_bytes()) {
        return None;
    }
    let Call { method, params: Params { name, arguments, meta } } = serde_json::from_slice(body).ok()?;
    if method != "tools/call" || name != TOOL || !meta["progressToken"].is_null() {
        return None;
    }
    let args: SyncMessages = serde_json::from_value(arguments).ok()?;
    (args.timeout_ms.unwrap_or(limits::DEFAULT_WAIT_MS) > 0).then_some(args)
}

fn without_wait(body: &[u8]) -> Option<Bytes> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    request["params"]["arguments"]["timeout_ms"] = 0.into();
    serde_json::to_vec(&request).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{waiting_call, without_wait};

    fn call(name: &str, arguments: &Value, meta: &Value) -> Vec<u8> {
        let params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }).to_string().into_bytes()
    }

    #[test]
    fn only_calls_that_wait_and_report_no_progress_wait_first() {
        let at = json!({ "channel_id": "chn_0123456789abcdef", "cursor": 3 });
        let with = |timeout_ms: u64| json!({ "channel_id": "chn_0123456789abcdef", "timeout_ms": timeout_ms });
        assert_eq!(waiting_call(&call("sync_messages", &at, &json!({}))).unwrap().cursor, Some(3));
        assert!(waiting_call(&call("sync_messages", &with(1), &Value::Null)).is_some());
        for body in [
            call("sync_messages", &with(0), &json!({})),
            call("sync_messages", &at, &json!({ "progressToken": 1 })),
            call("sync_messages", &json!({ "channel_id": 7 }), &json!({})),
            call("list_channels", &json!({}), &json!({})),
            b"{}".to_vec(),
        ] {
            assert!(waiting_call(&body).is_none(), "{}", String::from_utf8_lossy(&body));
        }
        let rest: Value =
            serde_json::from_slice(&without_wait(&call("sync_messages", &at, &json!({}))).unwrap()).unwrap();
        assert_eq!(
            rest["params"]["arguments"],
            json!({ "channel_id": "chn_0123456789abcdef", "cursor": 3, "timeout_ms": 0 })
        );
        assert_eq!(rest["id"], 7);
    }
}
