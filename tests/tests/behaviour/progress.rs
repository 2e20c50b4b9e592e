//! Progress notifications in long waits, and the refusal of methods that would open a stream.

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use mcp_multiplayer_tests::{EventStream, HttpClient};
use serde_json::json;

use crate::fixture::{TwoPlayerChannel, in_time};

#[tokio::test]
async fn a_long_wait_reports_progress_and_then_its_result() {
    let mut fixture = TwoPlayerChannel::create().await;
    let args = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": 45_000 }));
    let params = json!({ "name": "sync_messages", "arguments": args });
    let (address, token) = (fixture.relay.address().to_owned(), fixture.bob_token.clone());
    // The response becomes an event stream with its first progress notification.
    let meta = json!({ "progressToken": "progress-1" });
    let opened = EventStream::open(&address, &token, "tools/call", &params, &meta);
    let mut stream = in_time("the first notification", opened).await.unwrap();
    let progress = in_time("the notification", stream.next()).await.unwrap().unwrap();
    assert_eq!(progress["method"], "notifications/progress");
    assert_eq!(progress["params"]["progressToken"], "progress-1");
    assert_eq!(progress["params"]["message"], "waiting for messages");
    assert!((9.0..20.0).contains(&progress["params"]["progress"].as_f64().unwrap()), "{progress}");
    assert_eq!(progress["params"]["total"], 45.0);
    fixture.alice_posts("at last").await;
    let answer = in_time("the answer", stream.next()).await.unwrap().unwrap();
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("at last"), "{answer}");
    assert!(in_time("the end", stream.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn methods_that_would_open_a_stream_are_refused_at_once() {
    let fixture = TwoPlayerChannel::create().await;
    for (method, path) in [("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/"), ("DELETE", "/"), ("PUT", "/mcp")] {
        let request = |token: &str| {
            let request = Request::builder().method(method).uri(path).header("host", fixture.relay.address());
            let request = request.header("accept", "text/event-stream").header("mcp-session-id", "1");
            let request = if token.is_empty() { request } else { request.header("authorization", token) };
            request.body(Full::<Bytes>::default()).unwrap()
        };
        let mut http = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
        let bearer = format!("Bearer {}", fixture.bob_token);
        let refused = in_time("the answer", http.send(request(&bearer))).await.unwrap();
        assert_eq!(refused.status(), 405, "{method} {path}");
        assert_eq!(refused.headers()["allow"], "POST");
        // Without a token the response is 401 first, so that clients find out that they need one.
        let without_token = in_time("the answer", http.send(request(""))).await.unwrap();
        assert_eq!(without_token.status(), 401, "{method} {path}");
        assert!(without_token.headers().contains_key("www-authenticate"));
    }
}
