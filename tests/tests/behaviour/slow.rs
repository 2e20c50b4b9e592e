//! Clients that stand still: they are let go, and whoever merely waits is not.

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

use crate::table::{Table, in_time};
use crate::tls::Pair;

const IMPATIENT: [&str; 2] = ["--slow-client-seconds", "1"];

/// What the relay says to somebody who says only this, until it hangs up.
async fn last_words(address: &str, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut heard = vec![];
    // An end by a reset is an end, too.
    let _ = in_time("the relay hangs up", stream.read_to_end(&mut heard)).await;
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn whoever_does_not_finish_a_request_is_let_go() {
    let relay = RelayProcess::start_with(&IMPATIENT).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let half_a_frame = [&preface[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 1]].concat();
    for said in [
        &b""[..],
        b"G",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        &preface[..10],
        &half_a_frame,
    ] {
        let heard = last_words(relay.address(), said).await;
        assert!(!heard.contains("200 OK"), "{said:?}: {heard}");
    }
    let token = relay.local_token().unwrap();
    let half_a_body = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let heard = last_words(relay.address(), half_a_body.as_bytes()).await;
    assert!(heard.starts_with("HTTP/1.1 408"), "{heard}");
    assert!(heard.contains("stood still"), "{heard}");
}

#[tokio::test]
async fn whoever_does_not_finish_a_handshake_is_let_go() {
    let pair = Pair::new(&["localhost"]);
    let relay = RelayProcess::start_with(&[&IMPATIENT[..], &pair.flags()].concat()).await.unwrap();
    for said in [&b""[..], &[22, 3, 1, 2, 0, 1]] {
        last_words(relay.address(), said).await;
    }
}

#[tokio::test]
async fn whoever_asks_and_does_not_read_is_let_go() {
    let flags = [&IMPATIENT[..], &["--address-requests-burst", "1000000"]].concat();
    let relay = RelayProcess::start_with(&flags).await.unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    let requests = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(100);
    // The answers fill the way back, then the requests the way there.
    in_time("the relay hangs up", async { while stream.write_all(&requests).await.is_ok() {} }).await;
}

#[tokio::test]
async fn whoever_asks_over_http_2_and_does_not_take_the_answer_is_let_go() {
    let relay = RelayProcess::start_with(&IMPATIENT).await.unwrap();
    for window in [0, 1, 100_000_000] {
        let stream = TcpStream::connect(relay.address()).await.unwrap();
        let mut client = http2::Builder::new(TokioExecutor::new());
        let client = client.initial_stream_window_size(window).handshake(TokioIo::new(stream));
        let (mut sender, connection) = client.await.unwrap();
        let uri = format!("http://{}/openapi.json", relay.address());
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        let taking = async {
            let response = sender.send_request(request).await.unwrap();
            if window > 1 { response.into_body().collect().await.is_ok() } else { pending().await }
        };
        let answered = in_time("the answer, or its end", async {
            tokio::select! {
                _ = connection => false,
                taken = taking => taken,
            }
        });
        assert_eq!(answered.await, window > 1, "{window}");
    }
}

#[tokio::test]
async fn whoever_waits_is_not_slow() {
    let mut table = Table::set_with(&IMPATIENT, json!({})).await;
    let mut http = table.bob_http().await;
    let wait = table.here(json!({ "cursor": table.joined["cursor"], "timeout_ms": 3_500 }));
    // Nothing is said on either connection for more than three times as long as a slow client has.
    let (over_http, over_ws) =
        tokio::join!(http.call_tool("sync_messages", wait.clone()), table.alice.try_call("sync_messages", wait));
    assert_eq!(over_http.unwrap()["messages"], json!([]));
    over_ws.unwrap();
    table.bob.call("health_check", json!({})).await;
}
