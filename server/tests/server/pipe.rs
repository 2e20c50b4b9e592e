//! What an MCP client sees at the pipe, with no relay at all.

use crate::support::{FarSide, StdioServer, data_dir};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

/// Port 1 of this machine: nothing listens there.
const NOBODY: &str = "ws://127.0.0.1:1/ws";

fn initialize(version: &str) -> Value {
    json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "alice", "version": "1" } })
}

fn modern() -> Value {
    json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "alice", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    } })
}

#[tokio::test]
async fn everything_but_tool_calls_is_answered_without_a_relay() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(NOBODY, dir.path(), &[]);
    for version in ["2025-06-18", "2025-03-26", "2024-11-05", "2025-11-25"] {
        let result = server.ask("initialize", initialize(version)).await;
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "mcp-multiplayer");
        assert!(result["instructions"].as_str().unwrap().len() < 2_048);
        assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
    }
    server.notify("notifications/initialized", json!({})).await;
    let tools = server.ask("tools/list", json!({})).await;
    assert_eq!(tools["tools"].as_array().unwrap().len(), 12);
    assert!(tools["resultType"].is_null() && tools["ttlMs"].is_null(), "older clients don't know them");
    assert_eq!(server.ask("prompts/list", json!({})).await["prompts"].as_array().unwrap().len(), 2);
    let prompt = server.ask("prompts/get", json!({ "name": "host_game" })).await;
    assert_eq!(prompt["messages"][0]["role"], "user");
    for resource in server.ask("resources/list", json!({})).await["resources"].as_array().unwrap() {
        let read = server.ask("resources/read", json!({ "uri": resource["uri"] })).await;
        assert_eq!(read["contents"][0]["mimeType"], "text/markdown");
    }
    server.ask("ping", json!({})).await;
    let (status, said) = server.close().await;
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn both_eras_share_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(NOBODY, dir.path(), &[]);
    let discovered = server.ask("server/discover", modern()).await;
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    let tools = server.ask("tools/list", modern()).await;
    assert_eq!(tools["resultType"], "complete");
    assert_eq!(tools["cacheScope"], "public");
    let result = server.ask("initialize", initialize("2025-11-25")).await;
    assert_eq!(result["protocolVersion"], "2025-11-25");
    server.notify("notifications/initialized", json!({})).await;
    assert!(server.ask("tools/list", json!({})).await["resultType"].is_null());
    // A client that asks for the newest by `initialize`, which has none, gets the newest that has.
    assert_eq!(server.ask("initialize", initialize("2026-07-28")).await["protocolVersion"], "2025-11-25");
    assert!(server.ask("tools/list", json!({})).await["resultType"].is_null());
}

#[tokio::test]
async fn nonsense_is_survived_and_requests_among_it_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(NOBODY, dir.path(), &[]);
    server.notify("notifications/initialized", json!({})).await;
    server.notify("$/setTrace", json!({ "value": "off" })).await;
    server
        .write(b"garbage\n\r\n\xFF\xFE\n{\"jsonrpc\":\"2.0\"}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\"\n")
        .await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    server.write(format!(r#"{{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{deep}}}"#).as_bytes()).await;
    server.write(b"\n").await;
    let answer = server.next().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("deep"), &json!(-32600)), "{answer}");
    server.write(b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]\n").await;
    let answer = server.next().await;
    assert!(answer["id"].is_null() && answer["error"]["message"].as_str().unwrap().contains("batches"), "{answer}");
    server.write("x".repeat(9 << 20).as_bytes()).await;
    server.write(b"\n").await;
    assert!(server.next().await["error"]["message"].as_str().unwrap().contains("at most"));
    assert_eq!(server.ask("initialize", initialize("2025-11-25")).await["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn wrong_calls_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(NOBODY, dir.path(), &[]);
    server.ask("initialize", initialize("2025-11-25")).await;
    server.start("win_game", json!({})).await;
    let answer = server.next().await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    server.start("post_message", json!({ "channel_id": "the usual one", "body": "hi" })).await;
    let error = server.failure().await;
    assert_eq!(error["code"], "INVALID_REQUEST");
    assert!(error["message"].as_str().unwrap().contains("channel_id"), "{error}");
    server.start("create_channel", json!({ "name": "big", "slots": [], "bot_code": "x".repeat(2 << 20) })).await;
    assert_eq!(server.failure().await["code"], "TOO_LARGE");
}

#[tokio::test]
async fn a_missing_relay_is_reported_soon_and_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(NOBODY, dir.path(), &[]);
    server.start("health_check", json!({})).await;
    let error = server.failure().await;
    assert_eq!(error["code"], "RELAY_UNREACHABLE");
    assert!(error["message"].as_str().unwrap().contains(NOBODY), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("make relay"), "{error}");
}

#[tokio::test]
async fn a_token_is_not_sent_in_clear_to_other_machines() {
    let dir = data_dir("lt_0");
    let mut server = StdioServer::launch("http://192.0.2.1", dir.path(), &[("MCP_MULTIPLAYER_TOKEN", "s3cret")]);
    server.start("health_check", json!({})).await;
    let error = server.failure().await;
    assert!(error["message"].as_str().unwrap().contains("unencrypted"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--insecure"), "{error}");
    assert!(!error.to_string().contains("s3cret"));
}

#[tokio::test]
async fn the_end_of_input_ends_the_program_though_a_call_waits() {
    let (dir, relay) = (data_dir("lt_0"), FarSide::listen().await);
    let mut server = StdioServer::launch(&relay.url(), dir.path(), &[]);
    server.start("sync_messages", json!({ "channel_id": "chn_0123456789abcdef", "timeout_ms": 45_000 })).await;
    let (mut peer, _) = relay.accept().await;
    peer.next().await;
    let (status, said) = server.close().await;
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_program() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = StdioServer::launch(NOBODY, dir.path(), &[]);
        server.ask("initialize", initialize("2025-11-25")).await;
        kill_process(server.pid(), signal).unwrap();
        assert_eq!(server.ended().await.0.code(), Some(0), "{signal:?}");
    }
}
