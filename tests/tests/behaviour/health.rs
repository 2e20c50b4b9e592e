//! Health endpoints, for monitoring.

use http_body_util::Full;
use hyper::{Request, StatusCode};
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::in_time;

async fn get(http: &mut HttpClient, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).header("host", "localhost").body(Full::default()).unwrap();
    let response = http.send(request).await.unwrap();
    (response.status(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test]
async fn healthz_and_readyz_need_no_token() {
    let relay = RelayProcess::start().await.unwrap();
    let mut anon = HttpClient::connect(relay.address(), "").await.unwrap();
    assert_eq!(get(&mut anon, "/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(get(&mut anon, "/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    for path in ["/health", "/healthz/", "/favicon.ico", "/..", "/%00"] {
        assert_eq!(get(&mut anon, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(get(&mut anon, "/mcp").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn health_check_reports_version_and_sandbox() {
    let relay = RelayProcess::start().await.unwrap();
    let health = relay.connect().await.unwrap().call("health_check", json!({})).await;
    assert_eq!((&health["status"], &health["protocol"]), (&json!("ok"), &json!("multiplayer.v1")));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(!health["sandbox"].as_str().unwrap().is_empty());
    let over_http = relay.http().await.unwrap().call_tool("health_check", json!({})).await.unwrap();
    assert_eq!(over_http, health);
}

#[tokio::test]
async fn readyz_does_not_write_for_every_request() {
    let relay = RelayProcess::start().await.unwrap();
    let mut anon = HttpClient::connect(relay.address(), "").await.unwrap();
    // Everything that is written to the database appends to this file first.
    let log_bytes = || std::fs::metadata(relay.data_dir().join("relay.db-wal")).unwrap().len();
    let before = log_bytes();
    for _ in 0..200 {
        assert_eq!(get(&mut anon, "/readyz").await.0, StatusCode::OK);
    }
    let written = log_bytes() - before;
    assert!(written < 100 * 4096, "{written} bytes");
}

#[tokio::test]
async fn a_relay_whose_store_has_failed_is_not_healthy_and_ends() {
    let variables = [("MCP_MULTIPLAYER_FAILPOINT", "store.append_panics@1")];
    let mut relay = RelayProcess::start_with_env(&[], &variables).await.unwrap();
    // A shutdown waits for requests that have begun, so this one is answered after the failure.
    let mut monitor = TcpStream::connect(relay.address()).await.unwrap();
    monitor.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n").await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    alice.call("health_check", json!({})).await;
    let refusal = alice.refusal("create_channel", json!({ "name": "Game", "slots": ["invite:alice"] })).await;
    assert_eq!(refusal, "INTERNAL_ERROR");
    in_time("the end of the connection", alice.closed()).await;
    monitor.write_all(b"\r\n").await.unwrap();
    let mut response = String::new();
    in_time("the response", monitor.read_to_string(&mut response)).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    let succeeded = in_time("the end of the relay", relay.wait_for_exit()).await.unwrap();
    assert!(!succeeded, "a service manager restarts what fails");
}
