use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{RelayProcess, binary};

/// An MCP client that launched the stdio server, as Claude Desktop does.
#[derive(Debug)]
pub struct StdioClient {
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    /// The server's process, which is killed when this is dropped.
    _child: Child,
    next_id: u64,
    /// Members that go into the `_meta` of every request of revision 2026-07-28. `None` after an `initialize`.
    meta: Option<Value>,
}

impl StdioClient {
    /// Launches the server for a relay with this token, and initializes it. Returns the client and the result of `initialize`.
    pub async fn launch(relay: &RelayProcess, token: &str) -> Result<(Self, Value)> {
        Self::launch_at(relay.address(), token, relay.data_dir()).await
    }

    /// Launches the server for a relay at an address, with a data directory of its own.
    pub async fn launch_at(address: &str, token: &str, data_dir: &Path) -> Result<(Self, Value)> {
        let relay = format!("http://{address}");
        Self::launch_with(data_dir, &["--relay", &relay], &[("MCP_MULTIPLAYER_TOKEN", token)]).await
    }

    /// Launches the server with these arguments and environment variables, and a data directory of its own.
    pub async fn launch_with(data_dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Self, Value)> {
        Self::launch_as("tests", data_dir, arguments, variables).await
    }

    /// Launches the server as a client of this name does.
    pub async fn launch_as(
        client_name: &str,
        data_dir: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<(Self, Value)> {
        let mut client = Self::spawn(data_dir, arguments, variables)?;
        let about = json!({ "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": client_name, "version": "1" } });
        let initialized = client.request("initialize", about).await?;
        client.notify("notifications/initialized", json!({})).await?;
        Ok((client, initialized))
    }

    /// Launches the server for a relay with this token, as a client of revision 2026-07-28 does: without `initialize`.
    pub fn launch_stateless(relay: &RelayProcess, token: &str) -> Result<Self> {
        let address = format!("http://{}", relay.address());
        let arguments = ["--relay", &address];
        let mut client = Self::spawn(relay.data_dir(), &arguments, &[("MCP_MULTIPLAYER_TOKEN", token)])?;
        client.meta = Some(json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
        }));
        Ok(client)
    }

    fn spawn(data_dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(binary("mcp-multiplayer"));
        // Receipts, and what was verified, are kept there.
        command.args(arguments).envs(variables.iter().copied()).env("DATA_DIR", data_dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot launch the stdio server")?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        Ok(Self { stdin, stdout, _child: child, next_id: 1, meta: None })
    }

    /// Sends a request and returns its result.
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.send_request(method, params).await?;
        loop {
            let mut answer = self.next_message().await?;
            if answer["id"] == id {
                if answer["result"].is_null() {
                    bail!("{method}: {answer}");
                }
                return Ok(answer["result"].take());
            }
        }
    }

    /// Sends a request and returns its id, without waiting for the answer.
    pub async fn send_request(&mut self, method: &str, mut params: Value) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        if let Some(meta) = &self.meta {
            params["_meta"] = meta.clone();
        }
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await?;
        Ok(id)
    }

    /// Sends a notification.
    pub async fn notify(&mut self, method: &str, params: Value) -> Result<()> {
        self.write(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await
    }

    /// Returns the server's next message, of whatever kind.
    pub async fn next_message(&mut self) -> Result<Value> {
        let line = self.stdout.next_line().await?.context("the stdio server has ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Calls a tool and returns the text of its only block. A result with `isError` is an error.
    pub async fn call_tool(&mut self, name: &str, arguments: Value) -> Result<String> {
        let result = self.request("tools/call", json!({ "name": name, "arguments": arguments })).await?;
        let text = match result["content"].as_array().map(Vec::as_slice) {
            Some([block]) => block["text"].as_str().context("a text block")?.to_owned(),
            _ => bail!("{name}: not one block: {result}"),
        };
        // Only a board has structured content, for its page.
        let is_plain = result["structuredContent"].is_null() || name == "show_board";
        if result["isError"] == true || !is_plain {
            bail!("{name}: {text}");
        }
        Ok(text)
    }

    /// Waits for a notification with this method, and returns its params.
    pub async fn notification(&mut self, method: &str) -> Result<Value> {
        loop {
            let mut message = self.next_message().await?;
            if message["method"] == method {
                return Ok(message["params"].take());
            }
        }
    }

    /// Calls several tools at once, and returns the texts of their results, or of their errors, in the order of the calls.
    pub async fn call_tools(&mut self, calls: Vec<(&str, Value)>) -> Result<Vec<Result<String, String>>> {
        let first = self.next_id;
        let mut results: Vec<Option<Result<String, String>>> = vec![None; calls.len()];
        for (name, arguments) in calls {
            let params = json!({ "name": name, "arguments": arguments });
            self.send_request("tools/call", params).await?;
        }
        while results.iter().any(Option::is_none) {
            let answer = self.next_message().await?;
            let place = answer["id"].as_u64().and_then(|id| usize::try_from(id.checked_sub(first)?).ok());
            let Some(result) = place.and_then(|place| results.get_mut(place)) else { continue };
            let text = answer["result"]["content"][0]["text"].as_str().context("a text block")?.to_owned();
            *result = Some(if answer["result"]["isError"] == true { Err(text) } else { Ok(text) });
        }
        Ok(results.into_iter().flatten().collect())
    }

    async fn write(&mut self, message: &Value) -> Result<()> {
        Ok(self.stdin.write_all(format!("{message}\n").as_bytes()).await?)
    }
}
