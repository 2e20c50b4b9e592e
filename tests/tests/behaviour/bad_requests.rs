//! Requests that never reach an operation: broken bodies and frames, other origins and hosts, missing tokens.

use http_body_util::Full;
use hyper::{Request, StatusCode};
use mcp_multiplayer_tests::{Failure, HttpClient, RelayProcess, WsClient};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{TwoPlayerChannel, in_time};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

/// Checks that nothing was written, and that the relay still works.
async fn assert_unaffected(fixture: &mut TwoPlayerChannel, size: u64) {
    assert_eq!(fixture.size().await, size, "nothing was written");
    fixture.bob_posts("still works").await;
    let mut http = fixture.bob_http().await;
    let health = Request::get("/healthz").header("host", "127.0.0.1").body(Full::default()).unwrap();
    assert_eq!(http.send(health).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_are_not_requests_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "post_message", "arguments": { "channel_id": fixture.channel_id, "body": "x" } } });
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        b"{".to_vec(),
        b"not json".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        [b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"".as_slice(), b"\xc3\x28", b"\"}"].concat(),
        b"null".to_vec(),
        b"7".to_vec(),
        b"\"text\"".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        json!([call, call]).to_string().into_bytes(),
        json!({ "jsonrpc": "1.0", "id": 1, "method": "tools/list" }).to_string().into_bytes(),
        json!({ "id": 1, "method": "tools/list" }).to_string().into_bytes(),
        json!({ "jsonrpc": "2.0", "id": { "a": 1 }, "method": "tools/list" }).to_string().into_bytes(),
        json!({ "jsonrpc": "2.0", "id": 1, "method": 7 }).to_string().into_bytes(),
        format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
        "[".repeat(1_000_000).into_bytes(),
        [call.to_string().as_bytes(), b"trailing"].concat(),
    ];
    for path in ["/mcp", "/"] {
        for headers in [
            &[][..],
            &[("mcp-protocol-version", "2025-11-25")],
            &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call")],
        ] {
            for body in &bodies {
                let mut http = fixture.bob_http().await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
                let response = in_time(&shown, http.post(path, headers, body.clone().into())).await.unwrap();
                assert!(response.status().is_client_error(), "{path} {headers:?} {shown}: {}", response.status());
                assert!(response.body().len() < 1_000, "{path} {shown}");
                let answer: Value = serde_json::from_slice(response.body()).unwrap();
                let is_json = serde_json::from_slice::<Value>(body).is_ok();
                let expected = if is_json { -32_600 } else { -32_700 };
                assert_eq!(answer["error"]["code"], expected, "{path} {headers:?} {shown}: {answer}");
                assert_eq!(response.headers()["content-type"], "application/json");
            }
        }
    }
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn unknown_methods_and_versions_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    for path in ["/mcp", "/"] {
        let mut http = fixture.bob_http().await;
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/explode" }).to_string();
        let response = http.post(path, &[], body.into()).await.unwrap();
        let answer = String::from_utf8_lossy(response.body());
        for text in ["-32601", "There is no method 'tools/explode'", "tools/list"] {
            assert!(answer.contains(text), "{path}: {answer}");
        }
        // The method exists, but not with these arguments.
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "nom": "health_check" } });
        let response = http.post(path, &[], body.to_string().into()).await.unwrap();
        let answer = String::from_utf8_lossy(response.body());
        assert!(answer.contains("-32602") && answer.contains("tools/call"), "{path}: {answer}");
        for version in ["1999-01-01", "tomorrow", "2027-01-01"] {
            let response = http.post(path, &[("mcp-protocol-version", version)], INITIALIZE.into()).await.unwrap();
            assert!(!response.status().is_server_error(), "{path} {version}: {response:?}");
        }
        let text = Request::post(path)
            .header("host", "127.0.0.1")
            .header("authorization", format!("Bearer {}", fixture.bob_token))
            .header("content-type", "text/plain")
            .header("accept", "application/json, text/event-stream");
        let response = http.send(text.body(Full::from(INITIALIZE)).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
        let answer: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(answer["error"]["code"], -32_600);
        assert!(answer["error"]["message"].as_str().unwrap().contains("application/json"), "{answer}");
        for method in ["GET", "DELETE", "PUT", "PATCH"] {
            let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1");
            let request = request.header("authorization", format!("Bearer {}", fixture.bob_token));
            let response = in_time(method, http.send(request.body(Full::default()).unwrap())).await.unwrap();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    for path in ["/mcp", "/"] {
        let mut http = fixture.bob_http().await;
        let post = fixture.args(json!({ "body": "x".repeat(5 * 1024 * 1024) }));
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "post_message", "arguments": post } });
        let response = in_time("413", http.post(path, &[], body.to_string().into())).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert!(String::from_utf8_lossy(response.body()).contains("bytes"), "{path}: {response:?}");
    }
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn requests_without_a_valid_token_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    let token = fixture.bob_token.clone();
    let schemes = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer x".to_owned()),
        Some(format!("Bearer {token}x")),
        Some(format!("Bearer {}", &token[..token.len() - 1])),
        Some(format!("Basic {token}")),
        Some(token.clone()),
        Some(format!("Bearer {}", "mm_".repeat(2_000))),
        Some(format!("Bearer {}", fixture.created["rejoin_token"].as_str().unwrap())),
        Some(format!("Bearer {}", fixture.created["invites"][1].as_str().unwrap())),
        Some("Bearer \u{ff}\u{fe}".to_owned()),
    ];
    for path in ["/mcp", "/", "/ws"] {
        for scheme in &schemes {
            let mut http = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
            let (mut request, body) = if path == "/ws" {
                (Request::get(path), Full::default())
            } else {
                (Request::post(path).header("content-type", "application/json"), Full::from(INITIALIZE))
            };
            request = request.header("host", "127.0.0.1");
            if let Some(scheme) = scheme {
                let value = hyper::header::HeaderValue::from_bytes(scheme.as_bytes()).unwrap();
                request = request.header("authorization", value);
            }
            let response = http.send(request.body(body).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {scheme:?}");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["error"]["code"], "UNAUTHENTICATED");
            assert!(!body["error"]["hint"].as_str().unwrap().is_empty());
            assert!(!body.to_string().contains(&token[..10]), "the token is not repeated: {body}");
        }
        for (query, status) in [
            ("token", StatusCode::UNAUTHORIZED),
            ("access_token", StatusCode::BAD_REQUEST),
            ("authorization", StatusCode::UNAUTHORIZED),
        ] {
            let mut http = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
            let response = http.post(&format!("{path}?{query}={token}"), &[], INITIALIZE.into()).await.unwrap();
            assert_eq!(response.status(), status, "{path} {query}");
        }
    }
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn unknown_hosts_and_origins_are_refused() {
    let fixture = TwoPlayerChannel::create().await;
    let address = fixture.relay.address().to_owned();
    for path in ["/mcp", "/", "/ws", "/healthz"] {
        for (host, origin) in [
            (Some("evil.example"), None),
            (Some("evil.example:8100"), None),
            (Some("127.0.0.1.evil.example"), None),
            (Some(""), None),
            (None, None),
            (Some(&*address), Some("https://evil.example")),
            (Some(&*address), Some("null")),
            (Some(&*address), Some("http://127.0.0.1:1")),
            (Some(&*address), Some("")),
        ] {
            let mut http = HttpClient::connect(&address, "").await.unwrap();
            let mut request = Request::builder().method(if path.len() > 4 { "GET" } else { "POST" }).uri(path);
            request = request.header("authorization", format!("Bearer {}", fixture.bob_token));
            for (name, value) in [("host", host), ("origin", origin)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let response = http.send(request.body(Full::default()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {host:?} {origin:?}");
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert!(body["error"]["hint"].as_str().unwrap().contains("--allowed"), "{body}");
        }
    }
    let mut http = fixture.bob_http().await;
    let own = [("origin", format!("http://{address}"))];
    let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(http.post("/mcp", &own, INITIALIZE.into()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn hosts_and_origins_that_the_operator_allows_are_accepted() {
    let flags = ["--allowed-hosts", "relay.example.org,other.example", "--allowed-origins", "https://play.example"];
    let fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    for (host, origin, status) in [
        ("relay.example.org", "https://play.example", StatusCode::OK),
        ("OTHER.example:443", "https://play.example", StatusCode::OK),
        ("relay.example.org", "http://play.example", StatusCode::FORBIDDEN),
        ("relay.example", "https://play.example", StatusCode::FORBIDDEN),
    ] {
        let mut http = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
        let request = Request::post("/mcp")
            .header("host", host)
            .header("origin", origin)
            .header("authorization", format!("Bearer {}", fixture.bob_token))
            .header("content-type", "application/json");
        let response = http.send(request.body(Full::from(INITIALIZE)).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{host} {origin}");
    }
}

#[tokio::test]
async fn a_connection_without_the_subprotocol_is_closed() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    for offered in [None, Some("multiplayer.v2"), Some("chat")] {
        let connected = WsClient::connect_offering(fixture.relay.address(), &fixture.bob_token, offered).await;
        // A client that requires its subprotocol closes the connection itself.
        if let Ok(mut client) = connected {
            assert_eq!(in_time("the close", client.closed()).await, Some(1002), "{offered:?}");
        }
    }
    let both = WsClient::connect_offering(fixture.relay.address(), &fixture.bob_token, Some("chat, multiplayer.v1"));
    both.await.unwrap().call("health_check", json!({})).await;
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn invalid_frames_end_the_connection() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    for frame in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "{}",
        r#"{"id":1}"#,
        r#"{"op":"health_check"}"#,
        r#"{"id":-1,"op":"health_check"}"#,
        r#"{"id":1.5,"op":"health_check"}"#,
        r#"{"id":"1","op":"health_check"}"#,
        r#"{"id":18446744073709551616,"op":"health_check"}"#,
        r#"{"id":1,"op":7}"#,
        r#"{"cancel":"1"}"#,
        r#"[{"id":1,"op":"health_check"}]"#,
    ] {
        let mut bob = fixture.bob_ws().await;
        bob.send_text(frame.to_owned()).await.unwrap();
        assert_eq!(in_time(frame, bob.closed()).await, Some(1002), "{frame}");
    }
    let mut bob = fixture.bob_ws().await;
    bob.send_text("[".repeat(1_000_000)).await.unwrap();
    assert_eq!(in_time("nesting", bob.closed()).await, Some(1002));
    let mut bob = fixture.bob_ws().await;
    bob.send_binary(br#"{"id":1,"op":"health_check"}"#.to_vec()).await.unwrap();
    assert_eq!(in_time("a binary message", bob.closed()).await, Some(1003));
    let mut bob = fixture.bob_ws().await;
    let largest = json!({ "id": 1, "op": "health_check", "args": { "x": "x".repeat(1024 * 1024 - 60) } }).to_string();
    assert!(largest.len() <= 1024 * 1024);
    bob.send_text(largest).await.unwrap();
    assert!(bob.answer(1).await.is_err_and(|failure| failure.code() == "INVALID_REQUEST"));
    let _ = bob.send_text("x".repeat(1024 * 1024 + 1)).await;
    // The relay may send the code 1009, or just close the connection.
    assert!(matches!(in_time("a frame that is too large", bob.closed()).await, None | Some(1009)));
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn reusing_the_id_of_a_pending_request_ends_the_connection() {
    let mut fixture = TwoPlayerChannel::create_with(&["--requests-burst", "10000"], json!({})).await;
    let size = fixture.size().await;
    let mut bob = fixture.bob_ws().await;
    let wait = json!({ "channel_id": fixture.channel_id, "cursor": size, "timeout_ms": 45_000 });
    for _ in 0..2 {
        bob.send_text(json!({ "id": 7, "op": "sync_messages", "args": wait }).to_string()).await.unwrap();
    }
    assert_eq!(in_time("the close", bob.closed()).await, Some(1002));
    // An id is free again once it was answered.
    let mut bob = fixture.bob_ws().await;
    for _ in 0..500 {
        bob.send_text(json!({ "id": 7, "op": "health_check" }).to_string()).await.unwrap();
        bob.answer(7).await.unwrap();
    }
    // The largest id is valid.
    let mut bob = fixture.bob_ws().await;
    bob.send_text(format!(r#"{{"id":{},"op":"health_check","more":1}}"#, u64::MAX)).await.unwrap();
    bob.answer(u64::MAX).await.unwrap();
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn a_connection_may_have_64_pending_requests() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": 45_000 }));
    let mut waiting = vec![];
    for _ in 0..64 {
        waiting.push(bob.send("sync_messages", wait.clone()).await.unwrap());
    }
    for _ in 0..10 {
        match bob.try_call("health_check", json!({})).await {
            Err(Failure::Refused(error)) => {
                assert_eq!(error["code"], "RATE_LIMIT");
                assert!(error["retry_after_ms"].as_u64().is_some());
            }
            other => panic!("{other:?}"),
        }
    }
    fixture.alice_posts("wake up").await;
    for _ in waiting {
        let frame = in_time("the waits", bob.frame()).await.unwrap();
        assert_eq!(frame["ok"]["messages"][0]["body"]["text"], "wake up");
    }
    let size = fixture.size().await;
    assert_unaffected(&mut fixture, size).await;
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_affect_others() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut silent = fixture.bob_ws().await;
    let read = fixture.args(json!({ "timeout_ms": 0 }));
    fixture.alice_posts(&"x".repeat(30_000)).await;
    // Far more responses than fit into the socket and the queue.
    let flood = async {
        for _ in 0..2_000 {
            if silent.send("sync_messages", read.clone()).await.is_err() {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), flood).await;
    let size = fixture.size().await;
    assert_unaffected(&mut fixture, size).await;
    assert!(in_time("the shutdown", fixture.relay.terminate()).await.unwrap());
}

/// If the connection were closed, a client that does not notice it would lose its next request.
#[tokio::test]
async fn a_refusal_before_the_body_arrives_keeps_the_connection() {
    let relay = RelayProcess::start().await.unwrap();
    let mut other = relay.http().await.unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    for host in ["127.0.0.1", "evil.example"] {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // Gives the head the time of some round trips to reach the relay.
        for _ in 0..3 {
            other.call_tool("health_check", json!({})).await.unwrap();
        }
        stream.write_all(b"{}GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
        let mut answers = String::new();
        in_time("both answers", async {
            while !answers.contains("\r\n\r\nok\n") {
                let mut bytes = [0; 4_096];
                let read = stream.read(&mut bytes).await.unwrap();
                assert!(read > 0, "{answers}");
                answers.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        })
        .await;
        assert!(answers.starts_with("HTTP/1.1 40"), "{answers}");
    }
}
