//! Limits of callers: requests, connections, wrong tokens, channels, bytes.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use mcp_multiplayer_tests::{Failure, HttpClient, RelayProcess, WsClient};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{TwoPlayerChannel, in_time};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// Requests `/healthz`, which needs no token, with additional headers.
async fn healthz(http: &mut HttpClient, headers: &[(&str, &str)]) -> Response<Bytes> {
    let request =
        headers.iter().fold(Request::get("/healthz").header("host", "127.0.0.1"), |request, (name, value)| {
            request.header(*name, *value)
        });
    http.send(request.body(Full::default()).unwrap()).await.unwrap()
}

/// Checks that a response is a rate-limit error that says when to retry.
fn assert_rate_limited(response: &Response<Bytes>) {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{response:?}");
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let error = &body["error"];
    assert_eq!(error["code"], "RATE_LIMIT", "{body}");
    assert_eq!(error["retry_after_ms"].as_u64().unwrap().div_ceil(1_000), seconds, "{body}");
    assert!(!error["hint"].as_str().unwrap().is_empty());
}

/// Repeats a request until it is rate-limited. With each second that passes, one more is allowed.
async fn repeat_until_limited(mut request: impl AsyncFnMut() -> Response<Bytes>) {
    let refused = async {
        loop {
            let response = request().await;
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                return response;
            }
        }
    };
    assert_rate_limited(&in_time("a refusal", refused).await);
}

#[tokio::test]
async fn the_request_limit_of_a_principal_spans_all_transports() {
    let relay = RelayProcess::start_with(&["--requests-per-second", "1", "--requests-burst", "4"]).await.unwrap();
    let bob_token = relay.create_token("bob").await.unwrap();
    let mut alice = relay.http().await.unwrap();
    // The request that opens the WebSocket is the first.
    let mut alice_ws = relay.connect().await.unwrap();
    for _ in 0..2 {
        assert_eq!(alice.post("/mcp", &[], LIST.into()).await.unwrap().status(), StatusCode::OK);
    }
    alice_ws.call("health_check", json!({})).await;
    let refused = async {
        loop {
            if let Err(Failure::Refused(error)) = alice_ws.try_call("health_check", json!({})).await {
                return error;
            }
        }
    };
    let error = in_time("a refusal", refused).await;
    assert_eq!(error["code"], "RATE_LIMIT", "{error}");
    assert!((1..=1_000).contains(&error["retry_after_ms"].as_u64().unwrap()), "{error}");
    repeat_until_limited(async || alice.post("/mcp", &[], LIST.into()).await.unwrap()).await;
    let mut bob = HttpClient::connect(relay.address(), &bob_token).await.unwrap();
    assert_eq!(
        bob.post("/mcp", &[], LIST.into()).await.unwrap().status(),
        StatusCode::OK,
        "bob has a limit of his own"
    );
}

#[tokio::test]
async fn the_request_limit_of_an_address_believes_only_trusted_proxies() {
    let few = ["--address-requests-per-second", "1", "--address-requests-burst", "2"];
    let relay = RelayProcess::start_with(&few).await.unwrap();
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    for caller in ["198.51.100.1", "198.51.100.2"] {
        assert_eq!(healthz(&mut http, &[("x-forwarded-for", caller)]).await.status(), StatusCode::OK);
    }
    repeat_until_limited(async || healthz(&mut http, &[("x-forwarded-for", "198.51.100.3")]).await).await;
    repeat_until_limited(async || healthz(&mut http, &[("forwarded", "for=198.51.100.4")]).await).await;
    repeat_until_limited(async || http.post("/mcp", &[], LIST.into()).await.unwrap()).await;

    let relay = RelayProcess::start_with(&[&few[..], &["--trusted-proxies", "127.0.0.0/8"]].concat()).await.unwrap();
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    for _ in 0..2 {
        assert_eq!(healthz(&mut http, &[("x-forwarded-for", "2001:db8::1")]).await.status(), StatusCode::OK);
    }
    let chain = "198.51.100.9, 2001:db8::2, 127.0.0.9";
    repeat_until_limited(async || healthz(&mut http, &[("x-forwarded-for", chain)]).await).await;
    assert_eq!(healthz(&mut http, &[("forwarded", "for=198.51.100.9")]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn lookups_of_wrong_tokens_are_limited() {
    let relay = RelayProcess::start().await.unwrap();
    let bob_token = relay.create_token("bob").await.unwrap();
    let carol_token = relay.create_token("carol").await.unwrap();
    let status = async |token: &str| {
        let mut http = HttpClient::connect(relay.address(), token).await.unwrap();
        http.post("/mcp", &[], LIST.into()).await.unwrap()
    };
    assert_eq!(status(&bob_token).await.status(), StatusCode::OK);
    for number in 0..600 {
        assert_eq!(status(&format!("mm_wrong{number}")).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_rate_limited(&status("mm_wrong").await);
    assert_rate_limited(&status(&carol_token).await);
    assert_eq!(status("").await.status(), StatusCode::UNAUTHORIZED, "a missing token is not a wrong token");
    assert_eq!(status(&bob_token).await.status(), StatusCode::OK, "a token that was verified before is accepted");
    assert_eq!(status(&relay.local_token().unwrap()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn channels_per_day_are_limited_and_repeats_do_not_count() {
    let relay = RelayProcess::start_with(&["--channels-per-day", "2"]).await.unwrap();
    let bob_token = relay.create_token("bob").await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    let named = |key: &str| json!({ "name": "Game", "slots": ["invite:alice"], "idempotency_key": key });
    let wrong = json!({ "name": "", "slots": ["invite:alice"] });
    assert_eq!(alice.refusal("create_channel", wrong).await, "INVALID_REQUEST");
    let first = alice.call("create_channel", named("one")).await;
    assert_eq!(alice.call("create_channel", named("one")).await["channel_id"], first["channel_id"]);
    alice.call("create_channel", named("two")).await;
    let Err(Failure::Refused(error)) = alice.try_call("create_channel", named("three")).await else {
        panic!("no limit")
    };
    assert_eq!(error["code"], "RATE_LIMIT", "{error}");
    assert!(error["retry_after_ms"].as_u64().unwrap() > 3_600_000, "{error}");
    assert_eq!(alice.call("create_channel", named("one")).await["channel_id"], first["channel_id"]);
    let mut bob = WsClient::connect(relay.address(), &bob_token).await.unwrap();
    bob.call("create_channel", named("one")).await;
}

/// Connects and makes a request. Returns the connection if the request was answered.
async fn served(relay: &RelayProcess) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.ok()?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Some(stream)
}

#[tokio::test]
async fn connections_are_limited_per_address_and_in_total() {
    for (flags, most) in [
        (vec!["--connections-per-address", "2"], 2),
        (vec!["--connections", "2"], 2),
        (vec!["--connections-per-address", "2", "--trusted-proxies", "127.0.0.1", "--connections", "3"], 3),
    ] {
        let relay = RelayProcess::start_with(&flags).await.unwrap();
        let mut open = vec![];
        for _ in 1..most {
            open.push(served(&relay).await.unwrap());
        }
        // A WebSocket still counts after the upgrade.
        let socket = in_time("a connection", relay.connect()).await.unwrap();
        for _ in 0..3 {
            assert!(in_time("a refusal", served(&relay)).await.is_none(), "{flags:?}");
        }
        drop(socket);
        in_time("a free connection", async { while served(&relay).await.is_none() {} }).await;
    }
}

#[tokio::test]
async fn bodies_and_heads_that_are_too_large_are_refused() {
    let mut fixture = TwoPlayerChannel::create_with(&["--request-bytes", "20000"], json!({})).await;
    let mut http = fixture.bob_http().await;
    let large = json!({ "x": "x".repeat(20_000) }).to_string();
    let response = http.post("/mcp", &[], large.into()).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["error"]["code"], "TOO_LARGE", "{body}");
    // The body was read to its end, so the connection can be used again.
    assert_eq!(http.post("/mcp", &[], LIST.into()).await.unwrap().status(), StatusCode::OK);

    let mut stream = TcpStream::connect(fixture.relay.address()).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        fixture.bob_token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1388\r\n{}\r\n", "x".repeat(5_000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut answer = [0; 12];
    in_time("an answer to chunks", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    let mut stream = TcpStream::connect(fixture.relay.address()).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    // The head may be refused before all of it is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = vec![];
    let _ = in_time("an answer to a large head", stream.read_to_end(&mut answer)).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    let channel = json!({ "channel_id": fixture.channel_id });
    fixture.alice.call("get_channel_info", channel).await;
}
