//! Calls of tools over HTTP that the relay performs itself, beside calls that it leaves to rmcp.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::fixture::TwoPlayerChannel;

const MODERN: &str = "2026-07-28";

/// A call of a tool in a protocol version.
fn call(version: &str, tool: &str, arguments: &Value) -> Value {
    let meta = match version {
        MODERN => json!({ "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {} }),
        _ => json!({}),
    };
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    json!({ "jsonrpc": "2.0", "id": "seven", "method": "tools/call", "params": params })
}

#[tokio::test]
async fn responses_are_the_same_by_both_ways() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.alice_posts("hello").await;
    let mut http = fixture.bob_http().await;
    let of_channel = |more| fixture.args(more);
    for version in [MODERN, "2025-11-25", "2025-06-18", "2024-11-05"] {
        for (path, tool, arguments) in [
            ("/mcp", "health_check", json!({})),
            ("/mcp", "list_channels", json!({})),
            ("/mcp", "sync_messages", of_channel(json!({ "cursor": 0 }))),
            ("/mcp", "sync_messages", of_channel(json!({ "cursor": 999, "timeout_ms": 0 }))),
            ("/mcp", "get_channel_info", json!({ "channel_id": "chn_0123456789abcdef" })),
            ("/mcp", "post_message", of_channel(json!({ "body": "once", "idempotency_key": "once" }))),
            ("/mcp", "post_message", of_channel(json!({ "body": 7 }))),
            ("/mcp", "no_such_tool", json!({})),
            ("/", "sync_messages", of_channel(json!({ "cursor": 0 }))),
        ] {
            if path == "/" && version != MODERN {
                continue; // an event stream, which only rmcp makes
            }
            let headers = [("mcp-protocol-version", version), ("mcp-method", "tools/call"), ("mcp-name", tool)];
            let direct = call(version, tool, &arguments);
            let mut by_rmcp = direct.clone();
            // rmcp ignores members that it does not know.
            by_rmcp["extra"] = json!(true);
            let direct = http.post(path, &headers, direct.to_string().into()).await.unwrap();
            let by_rmcp = http.post(path, &headers, by_rmcp.to_string().into()).await.unwrap();
            let shown = |response: &hyper::Response<hyper::body::Bytes>| {
                let body: Value = match serde_json::from_slice(response.body()) {
                    Ok(body) => body,
                    Err(_) => String::from_utf8_lossy(response.body()).into_owned().into(),
                };
                let text = body["result"]["content"][0]["text"].as_str().unwrap_or_default();
                let time = serde_json::from_str::<Value>(text).map(|text| text["now"].clone()).unwrap_or_default();
                let body = body.to_string().replace(time.as_str().unwrap_or("no time"), "now");
                (response.status(), response.headers().get("content-type").cloned(), body)
            };
            assert_eq!(shown(&direct), shown(&by_rmcp), "{version} {path} {tool} {arguments}");
        }
    }
}

#[tokio::test]
async fn calls_whose_headers_contradict_them_are_refused_and_post_nothing() {
    let fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    let mut http = fixture.bob_http().await;
    let body = call(MODERN, "post_message", &fixture.args(json!({ "body": "smuggled" }))).to_string();
    let (version, method) = (("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"));
    for headers in [
        vec![version, method],
        vec![version, method, ("mcp-name", "list_channels")],
        vec![version, method, ("mcp-name", "post_message"), ("mcp-name", "list_channels")],
        vec![version, ("mcp-method", "tools/list"), ("mcp-name", "post_message")],
        vec![version, ("mcp-name", "post_message")],
        vec![("mcp-protocol-version", "2025-11-25"), method, ("mcp-name", "post_message")],
        vec![method, ("mcp-name", "post_message")],
    ] {
        let response = http.post("/mcp", &headers, body.clone().into()).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{headers:?}");
    }
    assert_eq!(fixture.size().await, size, "nothing was posted");
}
