use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A response of `/mcp` that is an event stream, read event by event. Dropping it closes the connection.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    buffer: Vec<u8>,
    connection: JoinHandle<()>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl EventStream {
    /// Posts a request of revision 2026-07-28 on a new connection, and returns once the response begins. The members
    /// of `meta` are added to the request's `_meta`.
    pub async fn open(address: &str, token: &str, method: &str, params: &Value, meta: &Value) -> Result<Self> {
        let mut params = params.clone();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
        });
        if let (Some(all), Some(more)) = (params["_meta"].as_object_mut(), meta.as_object()) {
            all.extend(more.clone());
        }
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = Request::post("/mcp")
            .header("host", address)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("mcp-name", name);
        }
        Self::send(address, request.body(Full::new(message.to_string().into()))?).await
    }

    /// Sends a request unchanged, on a new connection.
    pub async fn send(address: &str, request: Request<Full<Bytes>>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move {
            // The body reports how the connection ended.
            let _ = connection.await;
        });
        let response = sender.send_request(request).await?;
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        anyhow::ensure!(kind.starts_with("text/event-stream"), "{} {kind}", response.status());
        Ok(Self { body: response.into_body(), buffer: vec![], connection })
    }

    /// Returns the next message, or `None` at the end of the stream.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let data = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
                if let Some(data) = data.filter(|data| !data.is_empty()) {
                    return serde_json::from_slice(data).context("data is JSON").map(Some);
                }
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame?.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
