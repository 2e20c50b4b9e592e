//! The same call over every transport, with arguments that need not be valid JSON.

use mcp_multiplayer_tests::{Failure, HttpClient, RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::fixture::in_time;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    /// `/mcp`, protocol 2026-07-28.
    Modern,
    /// `/mcp`, protocol 2025-11-25.
    Earlier,
    /// `/`, an event stream, without a protocol version.
    EventStream,
    /// `/ws`.
    WebSocket,
}

/// Outcome of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done(Value),
    /// The operation's error: `{code, message, hint}`.
    Refused(Value),
    /// No operation was reached; this is the response.
    NotReached(String),
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::Modern, Self::Earlier, Self::EventStream, Self::WebSocket];

    /// Calls an operation on a new connection, with these arguments unchecked.
    pub(crate) async fn call(self, relay: &RelayProcess, token: &str, op: &str, args: &str) -> Outcome {
        in_time(op, async {
            match self {
                Self::WebSocket => over_ws(relay, token, op, args).await,
                _ => self.over_http(relay, token, op, args).await,
            }
        })
        .await
    }

    async fn over_http(self, relay: &RelayProcess, token: &str, op: &str, args: &str) -> Outcome {
        let name = json!(op);
        let modern = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" } });
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{name},"arguments":{args},"_meta":{meta}}}}}"#,
            meta = if matches!(self, Self::Modern) { modern } else { json!({}) },
        );
        let (path, headers) = match self {
            Self::Modern => {
                ("/mcp", vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", op)])
            }
            Self::Earlier => ("/mcp", vec![("mcp-protocol-version", "2025-11-25")]),
            Self::EventStream | Self::WebSocket => ("/", vec![]),
        };
        let mut http = HttpClient::connect(relay.address(), token).await.unwrap();
        let response = http.post(path, &headers, body.into()).await.unwrap();
        let (status, text) = (response.status(), String::from_utf8(response.into_body().to_vec()).unwrap());
        // The last event of an event stream is the response.
        let data = text.lines().filter_map(|line| line.strip_prefix("data:")).next_back().unwrap_or(&text);
        let Ok(answer) = serde_json::from_str::<Value>(data) else {
            return Outcome::NotReached(format!("{status} {text}"));
        };
        let Some(text_block) = answer["result"]["content"][0]["text"].as_str() else {
            return Outcome::NotReached(format!("{status} {answer}"));
        };
        let mut text_block: Value = serde_json::from_str(text_block).unwrap();
        if answer["result"]["isError"] == true {
            Outcome::Refused(text_block["error"].take())
        } else {
            Outcome::Done(text_block)
        }
    }
}

async fn over_ws(relay: &RelayProcess, token: &str, op: &str, args: &str) -> Outcome {
    let mut client = WsClient::connect(relay.address(), token).await.unwrap();
    let op = json!(op);
    if client.send_text(format!(r#"{{"id":77,"op":{op},"args":{args}}}"#)).await.is_err() {
        return Outcome::NotReached(format!("closed {:?}", client.closed().await));
    }
    match client.answer(77).await {
        Ok(result) => Outcome::Done(result),
        Err(Failure::Refused(error)) => Outcome::Refused(error),
        Err(Failure::Lost) => Outcome::NotReached("the connection ended".to_owned()),
    }
}
