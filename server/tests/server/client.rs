//! The program's behaviour towards an MCP client, mostly without a relay.

use crate::support::{FakeRelay, StdioServer, data_dir};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

/// Address of a relay that does not exist: nothing listens on port 1.
const UNREACHABLE: &str = "ws://127.0.0.1:1/ws";

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
async fn everything_except_tool_calls_is_answered_without_a_relay() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
    for version in ["2025-06-18", "2025-03-26", "2024-11-05", "2025-11-25"] {
        let result = server.request_result("initialize", initialize(version)).await;
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "mcp-multiplayer");
        assert!(result["instructions"].as_str().unwrap().len() < 2_048);
        assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
    }
    server.notify("notifications/initialized", json!({})).await;
    let tools = server.request_result("tools/list", json!({})).await;
    assert_eq!(tools["tools"].as_array().unwrap().len(), 13);
    assert!(tools["resultType"].is_null() && tools["ttlMs"].is_null(), "older clients do not know these fields");
    assert_eq!(server.request_result("prompts/list", json!({})).await["prompts"].as_array().unwrap().len(), 2);
    let prompt = server.request_result("prompts/get", json!({ "name": "host_game" })).await;
    assert_eq!(prompt["messages"][0]["role"], "user");
    for resource in server.request_result("resources/list", json!({})).await["resources"].as_array().unwrap() {
        let read = server.request_result("resources/read", json!({ "uri": resource["uri"] })).await;
        assert_eq!(read["contents"][0]["mimeType"], "text/markdown");
    }
    server.request_result("ping", json!({})).await;
    let (status, _) = server.close().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn old_and_new_protocol_versions_work_on_one_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
    let discovered = server.request_result("server/discover", modern()).await;
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    let tools = server.request_result("tools/list", modern()).await;
    assert_eq!(tools["resultType"], "complete");
    assert_eq!(tools["cacheScope"], "public");
    let result = server.request_result("initialize", initialize("2025-11-25")).await;
    assert_eq!(result["protocolVersion"], "2025-11-25");
    server.notify("notifications/initialized", json!({})).await;
    assert!(server.request_result("tools/list", json!({})).await["resultType"].is_null());
    // The newest protocol has no `initialize`. A client that requests it that way gets the newest one that does.
    assert_eq!(server.request_result("initialize", initialize("2026-07-28")).await["protocolVersion"], "2025-11-25");
    assert!(server.request_result("tools/list", json!({})).await["resultType"].is_null());
}

#[tokio::test]
async fn invalid_lines_are_ignored_and_invalid_requests_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
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
    assert_eq!(server.request_result("initialize", initialize("2025-11-25")).await["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn errors_of_invalid_calls_name_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
    server.request_result("initialize", initialize("2025-11-25")).await;
    server.call("win_game", json!({})).await;
    let answer = server.next().await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    server.call("post_message", json!({ "channel_id": "the usual one", "body": "hi" })).await;
    let error = server.tool_error().await;
    assert_eq!(error["code"], "INVALID_REQUEST");
    assert!(error["message"].as_str().unwrap().contains("channel_id"), "{error}");
    server.call("create_channel", json!({ "name": "big", "slots": [], "bot_code": "x".repeat(2 << 20) })).await;
    assert_eq!(server.tool_error().await["code"], "TOO_LARGE");
}

#[tokio::test]
async fn a_missing_relay_is_reported_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
    server.call("health_check", json!({})).await;
    let error = server.tool_error().await;
    assert_eq!(error["code"], "RELAY_UNREACHABLE");
    assert!(error["message"].as_str().unwrap().contains(UNREACHABLE), "{error}");
    for program in ["`mcp-multiplayer-relay`", "--relay"] {
        assert!(error["hint"].as_str().unwrap().contains(program), "{error}");
    }
}

/// Clients show the server as healthy although the relay is down, but they keep what it writes to standard error.
#[tokio::test]
async fn a_relay_that_is_down_at_the_start_is_reported_once_on_standard_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
    // The calls fail only after the program has tried to connect for itself.
    for _ in 0..2 {
        server.call("health_check", json!({})).await;
        assert_eq!(server.tool_error().await["code"], "RELAY_UNREACHABLE");
    }
    let (status, stderr) = server.close().await;
    assert_eq!((status.code(), stderr.lines().count()), (Some(0), 1), "{stderr}");
    for text in ["WARN", UNREACHABLE, "cannot be reached", "mcp-multiplayer-relay", "--relay"] {
        assert!(stderr.contains(text), "{text}: {stderr}");
    }
}

/// A program that ended at once would be shown as "Connection closed", without a reason.
#[tokio::test]
async fn an_invalid_relay_address_is_explained_to_the_client() {
    for address in ["relay.example.com", "ws://"] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = StdioServer::launch(address, dir.path(), &[]);
        let initialized = server.request_result("initialize", initialize("2025-11-25")).await;
        assert_eq!(initialized["serverInfo"]["name"], "mcp-multiplayer");
        server.call("health_check", json!({})).await;
        let error = server.tool_error().await;
        assert_eq!(error["code"], "RELAY_UNREACHABLE", "{error}");
        assert!(error["message"].as_str().unwrap().contains("is not the address of a relay"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("MCP_MULTIPLAYER_RELAY"), "{error}");
        let (status, stderr) = server.close().await;
        assert_eq!((status.code(), stderr.lines().count()), (Some(0), 1), "{stderr}");
        assert!(stderr.contains("is not the address of a relay"), "{stderr}");
    }
}

#[tokio::test]
async fn tokens_are_not_sent_unencrypted_to_other_machines() {
    let dir = data_dir("lt_0");
    let mut server = StdioServer::launch("http://192.0.2.1", dir.path(), &[("MCP_MULTIPLAYER_TOKEN", "s3cret")]);
    server.call("health_check", json!({})).await;
    let error = server.tool_error().await;
    assert!(error["message"].as_str().unwrap().contains("unencrypted"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--insecure"), "{error}");
    assert!(!error.to_string().contains("s3cret"));
}

#[tokio::test]
async fn closed_input_stops_the_program_even_while_a_call_waits() {
    let (dir, relay) = (data_dir("lt_0"), FakeRelay::listen().await);
    let mut server = StdioServer::launch(&relay.url(), dir.path(), &[]);
    server.call("sync_messages", json!({ "channel_id": "chn_0123456789abcdef", "timeout_ms": 45_000 })).await;
    let (mut peer, _) = relay.accept().await;
    peer.next().await;
    let (status, stderr) = server.close().await;
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[tokio::test]
async fn signals_stop_the_program() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let mut server = StdioServer::launch(UNREACHABLE, dir.path(), &[]);
        server.request_result("initialize", initialize("2025-11-25")).await;
        kill_process(server.pid(), signal).unwrap();
        assert_eq!(server.wait_for_exit().await.0.code(), Some(0), "{signal:?}");
    }
}
