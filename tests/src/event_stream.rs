use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An answer of `/mcp` that comes as an event stream, read as it comes. Dropping it closes the connection.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    read: Vec<u8>,
    connection: JoinHandle<()>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl EventStream {
    /// Posts a request of 2026-07-28 on a connection of its own, and returns once the answer begins. `meta` is added
    /// to what such requests carry.
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

    /// Sends a request as it is.
    pub async fn send(address: &str, request: Request<Full<Bytes>>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move {
            // How it ended shows in the body.
            let _ = connection.await;
        });
        let response = sender.send_request(request).await?;
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        anyhow::ensure!(kind.starts_with("text/event-stream"), "{} {kind}", response.status());
        Ok(Self { body: response.into_body(), read: vec![], connection })
    }

    /// The next message; `None` at the stream's end.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let data = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
                if let Some(data) = data.filter(|data| !data.is_empty()) {
                    return serde_json::from_slice(data).context("data is JSON").map(Some);
                }
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(data) = frame?.into_data() {
                self.read.extend_from_slice(&data);
            }
        }
    }
}
