//! Clients that stall are disconnected. Clients that wait for a response are not.

use std::future::pending;

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_multiplayer_tests::RelayProcess;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{TwoPlayerChannel, in_time};
use crate::tls::CertificateFiles;

const SHORT_TIMEOUT: [&str; 2] = ["--slow-client-seconds", "1"];

/// Sends some bytes and nothing more, and returns the relay's response up to its end of the connection.
async fn response_to_stalled_client(address: &str, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut response = vec![];
    // The relay may also end the connection with a reset.
    let _ = in_time("the end of the connection", stream.read_to_end(&mut response)).await;
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn clients_that_do_not_finish_a_request_are_disconnected() {
    let relay = RelayProcess::start_with(&SHORT_TIMEOUT).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let half_a_frame = [&preface[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 1]].concat();
    for sent in [
        &b""[..],
        b"G",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        &preface[..10],
        &half_a_frame,
    ] {
        let response = response_to_stalled_client(relay.address(), sent).await;
        assert!(!response.contains("200 OK"), "{sent:?}: {response}");
    }
    let token = relay.local_token().unwrap();
    let half_a_body = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let response = response_to_stalled_client(relay.address(), half_a_body.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.contains("stalled"), "{response}");
}

/// The relay tells the HTTP version by the first bytes. `P` alone can be the first one of either.
#[tokio::test]
async fn the_first_bytes_of_a_request_may_come_alone() {
    let relay = RelayProcess::start().await.unwrap();
    let token = relay.local_token().unwrap();
    let get = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".to_owned();
    let head = "Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n";
    let post = format!("POST /health_check HTTP/1.1\r\n{head}Authorization: Bearer {token}\r\n\r\n{{}}");
    for (request, first) in [(&get, 1), (&get, 30), (&post, 1), (&post, 2)] {
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&request.as_bytes()[..first]).await.unwrap();
        // By the time that another request is answered, the relay has most likely seen these bytes.
        relay.http().await.unwrap().call_tool("health_check", json!({})).await.unwrap();
        stream.write_all(&request.as_bytes()[first..]).await.unwrap();
        let mut response = String::new();
        in_time("the response", stream.read_to_string(&mut response)).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK"), "{first} bytes of {request}: {response}");
    }
}

#[tokio::test]
async fn clients_that_do_not_finish_a_tls_handshake_are_disconnected() {
    let files = CertificateFiles::new(&["localhost"]);
    let relay = RelayProcess::start_with(&[&SHORT_TIMEOUT[..], &files.flags()].concat()).await.unwrap();
    for sent in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        response_to_stalled_client(relay.address(), sent).await;
    }
}

#[tokio::test]
async fn clients_that_do_not_read_responses_are_disconnected() {
    let flags = [&SHORT_TIMEOUT[..], &["--address-requests-burst", "1000000"]].concat();
    let relay = RelayProcess::start_with(&flags).await.unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    let requests = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(100);
    // First the responses fill the buffers towards the client, then the requests those towards the relay.
    in_time("the end of the connection", async { while stream.write_all(&requests).await.is_ok() {} }).await;
}

#[tokio::test]
async fn http_2_clients_that_do_not_take_the_response_are_disconnected() {
    let relay = RelayProcess::start_with(&SHORT_TIMEOUT).await.unwrap();
    for window in [0, 1, 100_000_000] {
        let stream = TcpStream::connect(relay.address()).await.unwrap();
        let mut client = http2::Builder::new(TokioExecutor::new());
        let client = client.initial_stream_window_size(window).handshake(TokioIo::new(stream));
        let (mut sender, connection) = client.await.unwrap();
        let uri = format!("http://{}/openapi.json", relay.address());
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        let receive = async {
            let response = sender.send_request(request).await.unwrap();
            if window > 1 { response.into_body().collect().await.is_ok() } else { pending().await }
        };
        let answered = in_time("the answer, or its end", async {
            tokio::select! {
                _ = connection => false,
                received = receive => received,
            }
        });
        assert_eq!(answered.await, window > 1, "{window}");
    }
}

#[tokio::test]
async fn clients_that_wait_for_messages_are_not_disconnected() {
    let mut fixture = TwoPlayerChannel::create_with(&SHORT_TIMEOUT, json!({})).await;
    let mut http = fixture.bob_http().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": 3_500 }));
    // Both connections are silent for more than three times the limit for slow clients.
    let (over_http, over_ws) =
        tokio::join!(http.call_tool("sync_messages", wait.clone()), fixture.alice.try_call("sync_messages", wait));
    assert_eq!(over_http.unwrap()["messages"], json!([]));
    over_ws.unwrap();
    fixture.bob.call("health_check", json!({})).await;
}

#[tokio::test]
async fn websocket_clients_that_do_not_read_are_disconnected() {
    let rates = ["--requests-burst", "1000000", "--ping-seconds", "3600"];
    let relay = RelayProcess::start_with(&[&SHORT_TIMEOUT[..], &rates].concat()).await.unwrap();
    let mut client = relay.connect().await.unwrap();
    // First the responses fill the buffers towards the client, then the requests those towards the relay.
    in_time("the end of the connection", async { while client.send("health_check", json!({})).await.is_ok() {} }).await;
    relay.connect().await.unwrap().call("health_check", json!({})).await;
}
