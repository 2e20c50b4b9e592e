//! The principal is resolved for each call, and a call without a principal fails with an error result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_multiplayer_mcp::McpServer;
use mcp_multiplayer_protocol::operation::ReplyFuture;
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer, Request};
use rmcp::service::serve_directly;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, split};

/// An implementation whose replies contain the name of its principal.
struct NamedPrincipal(&'static str);

impl Multiplayer for NamedPrincipal {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        let reply = json!({ "status": self.0, "version": request.name() }).to_string();
        Box::pin(async move { Ok(serde_json::from_str(&reply).expect("valid JSON")) })
    }
}

async fn call(client: &mut BufReader<DuplexStream>) -> Value {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "health_check" } });
    client.write_all(format!("{call}\n").as_bytes()).await.expect("the server reads");
    let mut line = String::new();
    client.read_line(&mut line).await.expect("the server answers");
    serde_json::from_str::<Value>(&line).expect("it answers in JSON")["result"].take()
}

#[tokio::test]
async fn each_call_is_performed_for_the_principal_it_resolves_to() {
    let calls = AtomicU32::new(0);
    let server = McpServer::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(Arc::new(NamedPrincipal("alice"))),
        1 => Ok(Arc::new(NamedPrincipal("bob"))),
        _ => Err(Error::new(ErrorCode::Unauthenticated, "The call has no principal.", "Send a token.")),
    });
    let (near, far) = tokio::io::duplex(4_096);
    let running = serve_directly(server.clone(), split(far), None);
    let mut client = BufReader::new(near);
    for name in ["alice", "bob"] {
        let result = call(&mut client).await;
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({ "status": name, "version": "health_check" }));
        assert_eq!(result["isError"], false);
    }
    let result = call(&mut client).await;
    assert_eq!(result["isError"], true);
    assert!(result["content"][0]["text"].as_str().unwrap().contains(r#""code":"UNAUTHENTICATED""#), "{result}");
    running.cancel().await.unwrap();
}
