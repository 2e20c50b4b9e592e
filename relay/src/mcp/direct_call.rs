//! Calls of tools that are performed without rmcp.
//!
//! For each request, rmcp starts four tasks with channels between them and tries one message type after the other. That is
//! about half of the instructions that a post costs, and takes about 50 KiB as long as a call waits. Almost all requests are
//! calls of tools with nothing unusual about them, so the endpoint performs those itself.
//!
//! The rules of the protocol stay with rmcp: a request is a direct call only if all of it is as the specification says, down
//! to its headers. Everything else goes to rmcp: other methods, unknown tools, calls that ask for progress notifications, and
//! whatever is to be refused. A test compares the responses of both.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_mcp::{McpServer, ToolCall};
use rmcp::model::{ClientCapabilities, JsonRpcResponse, JsonRpcVersion2_0, ProtocolVersion, RequestId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::auth::Credential;
use crate::net::is_json;
use crate::operation::Caller;
use crate::state::Relay;

const METHOD: &str = "tools/call";

/// Finds and prepares the direct calls of an endpoint.
#[derive(Clone)]
pub(super) struct DirectCalls {
    relay: Arc<Relay>,
    server: McpServer,
}

/// A call of a tool, without the request that it came by.
pub(super) struct DirectCall {
    id: RequestId,
    era: Era,
    call: ToolCall,
    caller: Caller,
}

/// A group of protocol versions with the same form of requests and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    /// Before 2026-07-28.
    Older,
    /// Since 2026-07-28: each request names its version, the client's capabilities and, in headers, what it calls; each result
    /// has a `resultType`.
    Modern,
}

/// The members of a request, and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    id: RequestId,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Params<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    arguments: Option<Map<String, Value>>,
    #[serde(default, borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<Cow<'a, str>>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    client_capabilities: Option<ClientCapabilities>,
    #[serde(rename = "progressToken")]
    progress_token: Option<IgnoredAny>,
}

impl DirectCalls {
    pub(super) fn new(relay: Arc<Relay>, server: McpServer) -> Self {
        Self { relay, server }
    }

    /// The same with another server, which decides on the form of results.
    pub(super) fn with_server(&self, server: McpServer) -> Self {
        Self { relay: Arc::clone(&self.relay), server }
    }

    /// Reads a request; `None` if it is for rmcp.
    pub(super) fn read(&self, parts: &Parts, body: &[u8]) -> Option<DirectCall> {
        let PlainCall { id, era, name, arguments } = PlainCall::parse(&parts.headers, body)?;
        let call = self.server.tool_call(&name, arguments)?;
        let caller = Caller::new(Arc::clone(&self.relay), parts.extensions.get::<Credential>()?.clone());
        Some(DirectCall { id, era, call, caller })
    }
}

impl DirectCall {
    /// Performs the call, and returns the response to the request.
    pub(super) async fn perform(self) -> Response {
        let mut result = self.call.perform(&self.caller).await;
        if self.era == Era::Older {
            result.result_type = None;
        }
        let response = JsonRpcResponse { jsonrpc: JsonRpcVersion2_0, id: self.id, result };
        let body = serde_json::to_vec(&response).expect("a result is plain JSON");
        ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
    }
}

/// A request in which nothing is unusual.
#[derive(Debug)]
struct PlainCall<'a> {
    id: RequestId,
    era: Era,
    name: Cow<'a, str>,
    arguments: Option<Map<String, Value>>,
}

impl<'a> PlainCall<'a> {
    fn parse(headers: &HeaderMap, body: &'a [u8]) -> Option<Self> {
        let Message { jsonrpc, id, method, params } = serde_json::from_slice(body).ok()?;
        let Params { name, arguments, meta } = params;
        let meta = meta.unwrap_or_default();
        let is_plain = jsonrpc == "2.0" && method == METHOD && meta.progress_token.is_none() && is_json(headers);
        let era = if is_plain { era(headers, &meta, &name)? } else { return None };
        Some(Self { id, era, name, arguments })
    }
}

/// Returns the era of a call whose headers and metadata are as its protocol version prescribes.
fn era(headers: &HeaderMap, meta: &Meta<'_>, tool: &str) -> Option<Era> {
    let newest = ProtocolVersion::V_2026_07_28;
    let version = match sole(headers, "mcp-protocol-version") {
        None if headers.contains_key("mcp-protocol-version") => return None,
        version => version,
    };
    if version == Some(newest.as_str()) {
        let is_complete = meta.protocol_version.as_deref() == version
            && meta.client_capabilities.is_some()
            && sole(headers, "mcp-method") == Some(METHOD)
            && sole(headers, "mcp-name") == Some(tool);
        return is_complete.then_some(Era::Modern);
    }
    let is_known =
        version.is_none_or(|version| ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == version));
    (is_known && meta.protocol_version.is_none()).then_some(Era::Older)
}

/// The value of a header that occurs once.
fn sole<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::{Era, PlainCall};

    const MODERN: [(&str, &str); 4] = [
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "sync_messages"),
    ];

    fn modern_call() -> Value {
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "sync_messages",
            "arguments": { "cursor": 3 },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            },
        } })
    }

    fn older_call() -> Value {
        let params = json!({ "name": "sync_messages", "arguments": { "cursor": 3 } });
        json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params })
    }

    fn is_direct(headers: &[(&str, &str)], body: &Value) -> bool {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        };
        let mut map = HeaderMap::new();
        headers.iter().map(header).for_each(|(name, value)| {
            map.append(name, value);
        });
        let text = body.to_string();
        PlainCall::parse(&map, text.as_bytes()).is_some_and(|call| {
            assert_eq!((&*call.name, call.arguments.unwrap()["cursor"].as_u64()), ("sync_messages", Some(3)));
            assert_eq!(call.era == Era::Modern, body.pointer("/params/_meta").is_some());
            true
        })
    }

    #[test]
    fn ordinary_calls_of_all_protocol_versions_are_direct() {
        assert!(is_direct(&MODERN, &modern_call()));
        assert!(is_direct(&MODERN[..1], &older_call()));
        assert!(is_direct(&[MODERN[0], ("mcp-protocol-version", "2025-06-18")], &older_call()));
    }

    #[test]
    fn calls_without_the_headers_that_the_version_requires_are_for_rmcp() {
        for place in 0..MODERN.len() {
            let mut headers = MODERN.to_vec();
            let (name, _) = headers.remove(place);
            assert!(!is_direct(&headers, &modern_call()), "without {name}");
            for other in ["list_channels", "2027-01-01", "2025-11-25"] {
                let changed = [&headers[..], &[(name, other)]].concat();
                assert!(!is_direct(&changed, &modern_call()), "{name}: {other}");
                if name != "content-type" {
                    let twice = [&MODERN[..], &[(name, other)]].concat();
                    assert!(!is_direct(&twice, &modern_call()), "a second {name}: {other}");
                }
            }
        }
        assert!(!is_direct(&MODERN[..1], &modern_call()));
        assert!(!is_direct(&MODERN, &older_call()));
        assert!(!is_direct(&[MODERN[0], ("mcp-protocol-version", "1999-01-01")], &older_call()));
    }

    #[test]
    fn unusual_messages_are_for_rmcp() {
        let capabilities = "/params/_meta/io.modelcontextprotocol~1clientCapabilities";
        for (pointer, value) in [
            ("/jsonrpc", json!("1.0")),
            ("/id", json!(null)),
            ("/id", json!({})),
            ("/method", json!("tools/list")),
            ("/params/name", json!("list_channels")),
            ("/params/arguments", json!([])),
            ("/params/_meta", json!(null)),
            ("/params/_meta/io.modelcontextprotocol~1protocolVersion", json!("2025-11-25")),
            (capabilities, json!(null)),
            (capabilities, json!([])),
        ] {
            let mut call = modern_call();
            *call.pointer_mut(pointer).unwrap() = value;
            assert!(!is_direct(&MODERN, &call), "{call}");
        }
        for (pointer, member) in [("", "extra"), ("/params", "inputResponses"), ("/params/_meta", "progressToken")] {
            let mut call = modern_call();
            call.pointer_mut(pointer).unwrap()[member] = json!("x");
            assert!(!is_direct(&MODERN, &call), "{call}");
        }
    }
}
