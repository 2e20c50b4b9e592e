//! Health endpoints, for monitoring.

use http_body_util::Full;
use hyper::{Request, StatusCode};
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::json;

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
    // Without a token every other path answers alike, whether it exists or not.
    for path in ["/health", "/healthz/", "/favicon.ico", "/..", "/%00", "/mcp"] {
        assert_eq!(get(&mut anon, path).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
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
