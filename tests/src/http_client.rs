use anyhow::{Context as _, Result, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// An MCP client over one HTTP connection. It speaks revision 2026-07-28, which has neither session nor handshake.
#[derive(Debug)]
pub struct HttpClient {
    sender: SendRequest<Full<Bytes>>,
    address: String,
    token: String,
}

impl HttpClient {
    /// Connects to a relay at `address` with a token.
    pub async fn connect(address: &str, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address: address.to_owned(), token: token.to_owned() })
    }

    /// Sends a tool call to `/mcp` and returns the response body unparsed.
    pub async fn send_call(&mut self, call: ToolCall<'_>) -> Result<Bytes> {
        self.send_call_to("/mcp", call).await
    }

    async fn send_call_to(&mut self, path: &str, call: ToolCall<'_>) -> Result<Bytes> {
        let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", call.name)];
        Ok(self.post(path, &headers, call.body).await?.into_body())
    }

    /// Calls a tool at `/`, where messages have all of their fields, and returns the JSON in the result's text block. A
    /// result with `isError`, or no result, is an error.
    pub async fn call_tool(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let bytes = self.send_call_to("/", ToolCall::new(name, &arguments)).await?;
        Self::parse(name, &bytes)
    }

    /// Calls a tool at `/mcp`, where messages have the form for models.
    pub async fn call_tool_as_model(&mut self, name: &str, arguments: Value) -> Result<Value> {
        let bytes = self.send_call(ToolCall::new(name, &arguments)).await?;
        Self::parse(name, &bytes)
    }

    fn parse(name: &str, bytes: &[u8]) -> Result<Value> {
        let answer: Value = serde_json::from_slice(bytes)?;
        let text = answer["result"]["content"][0]["text"].as_str().with_context(|| format!("{name}: {answer}"))?;
        if answer["result"]["isError"] == true {
            bail!("{name}: {text}");
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Posts a body with the token, the usual headers and `headers`.
    pub async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Response<Bytes>> {
        let mut request = Request::post(path)
            .header("host", &self.address)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Full::new(body))?).await
    }

    /// Sends a request unchanged.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }
}

/// A tool call, ready to be sent.
#[derive(Debug)]
pub struct ToolCall<'a> {
    name: &'a str,
    body: Bytes,
}

impl<'a> ToolCall<'a> {
    /// Builds a call of a tool with these arguments.
    pub fn new(name: &'a str, arguments: &Value) -> Self {
        Self { name, body: json_rpc_request("tools/call", &json!({ "name": name, "arguments": arguments })).into() }
    }
}

/// Builds a JSON-RPC request of revision 2026-07-28.
fn json_rpc_request(method: &str, params: &Value) -> String {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}
