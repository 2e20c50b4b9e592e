//! The original Python system, from a checkout that `PEER` names: its MCP server, behind its OAuth proxy.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use http_body_util::Full;
use hyper::Request;
use mcp_multiplayer_tests::HttpClient;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// Directory in which the original creates a directory for each bot. It cannot be configured.
const WORKSPACES: &str = "/tmp/bot_workspace";

/// Ids of the channels that were created.
type Channels = Arc<Mutex<Vec<String>>>;

/// The running system. Dropping it ends its processes and removes its files.
pub(crate) struct Original {
    /// Address of the OAuth proxy.
    address: String,
    channels: Channels,
    _processes: [Child; 2],
    _directory: TempDir,
}

impl Original {
    /// Installs the Python environment if it is missing, and starts both processes on free ports of the loopback
    /// interface, with a data directory of their own.
    pub(crate) async fn start(checkout: &Path) -> Result<Self> {
        let checkout = checkout.canonicalize().with_context(|| format!("PEER={} is missing", checkout.display()))?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = Command::new("sh").arg(root.join("peer/setup.sh")).status().await?;
        ensure!(installed.success(), "The Python environment of the original system could not be installed.");

        let python = root.join("../target/peer/venv/bin/python");
        let directory = tempfile::tempdir()?;
        let (mcp_port, proxy_port) = (free_port()?, free_port()?);
        let start = |program: &str| {
            let log = File::create(directory.path().join(program).with_extension("log"))?;
            let child = Command::new(&python)
                .arg(program)
                .current_dir(&checkout)
                .envs([("MCP_HOST", "127.0.0.1"), ("PROXY_HOST", "127.0.0.1"), ("DOMAIN", "localhost")])
                .envs([("USE_SSL", "false"), ("PYTHONDONTWRITEBYTECODE", "1"), ("FASTMCP_CHECK_FOR_UPDATES", "off")])
                .env("MCP_PORT", mcp_port.to_string())
                .env("PROXY_PORT", proxy_port.to_string())
                .env("DATA_DIR", directory.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log)
                .kill_on_drop(true)
                .spawn();
            child.with_context(|| format!("cannot start {program}"))
        };
        let mut processes = [start("multiplayer_server.py")?, start("oauth_proxy.py")?];
        for (process, port, log) in [(0, mcp_port, "multiplayer_server.log"), (1, proxy_port, "oauth_proxy.log")] {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                if let Some(status) = processes[process].try_wait()? {
                    let log = fs::read_to_string(directory.path().join(log)).unwrap_or_default();
                    bail!("The original system ended at its start ({status}):\n{log}");
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        let address = format!("127.0.0.1:{proxy_port}");
        Ok(Self { address, channels: Channels::default(), _processes: processes, _directory: directory })
    }

    /// Connects a client as the system's own scripts do: registration, a token, and an MCP session.
    pub(crate) async fn connect(&self) -> Result<OriginalClient> {
        let anonymous = HttpClient::connect(&self.address, "").await;
        let client = json!({ "client_name": "bench", "redirect_uris": ["http://localhost/callback"] });
        let registered = anonymous?.post("/register", &[], client.to_string().into()).await?;
        let registered: Value = serde_json::from_slice(registered.body())?;
        let secret = |name: &str| registered[name].as_str().with_context(|| format!("no {name}: {registered}"));
        let credentials = BASE64.encode(format!("{}:{}", secret("client_id")?, secret("client_secret")?).as_bytes());
        let request = Request::post("/token")
            .header("host", &self.address)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", format!("Basic {credentials}"))
            .body(Full::new("grant_type=client_credentials&scope=mcp".into()))?;
        let issued = HttpClient::connect(&self.address, "").await?.send(request).await?;
        let issued: Value = serde_json::from_slice(issued.body())?;
        let token = issued["access_token"].as_str().with_context(|| format!("no access token: {issued}"))?;
        let mut client = OriginalClient {
            address: self.address.clone(),
            token: token.to_owned(),
            session: String::new(),
            channels: Arc::clone(&self.channels),
        };
        client.initialize().await?;
        Ok(client)
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        for channel in self.channels.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A directory that is left over does no harm.
            let _ = fs::remove_dir_all(PathBuf::from(format!("{WORKSPACES}/{channel}_bot_CustomBot_0")));
        }
        // Fails if another copy of the system still has files in it.
        let _ = fs::remove_dir(WORKSPACES);
    }
}

/// A client of the original system, with an MCP session of its own.
pub(crate) struct OriginalClient {
    address: String,
    token: String,
    session: String,
    channels: Channels,
}

impl OriginalClient {
    async fn initialize(&mut self) -> Result<()> {
        let info = json!({ "name": "bench", "version": "1" });
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info });
        self.request(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })).await?;
        ensure!(!self.session.is_empty(), "The original system did not open an MCP session.");
        self.request(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(())
    }

    /// Creates a channel and returns the result.
    pub(crate) async fn create_channel(&mut self, arguments: &Value) -> Result<Value> {
        let params = json!({ "name": "create_channel", "arguments": arguments });
        let answer =
            self.request(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params })).await?;
        // The answer is an event stream with one event.
        let data = answer.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&answer);
        let answer: Value = serde_json::from_str(data).with_context(|| format!("not JSON: {data}"))?;
        let text = answer["result"]["content"][0]["text"].as_str();
        let created = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let created = created.with_context(|| format!("create_channel: {answer}"))?;
        let id = created["channel_id"].as_str().with_context(|| format!("create_channel: {answer}"))?.to_owned();
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(created)
    }

    /// Posts a message on a new connection, because the proxy closes each connection after its response.
    async fn request(&mut self, message: &Value) -> Result<String> {
        let mut http = HttpClient::connect(&self.address, &self.token).await?;
        let session = [("mcp-session-id", self.session.as_str())];
        let headers = if self.session.is_empty() { &[][..] } else { &session[..] };
        let response = http.post("/", headers, message.to_string().into()).await?;
        let body = String::from_utf8_lossy(response.body()).into_owned();
        ensure!(response.status().is_success(), "{}: {body}", response.status());
        if let Some(session) = response.headers().get("mcp-session-id") {
            session.to_str()?.clone_into(&mut self.session);
        }
        Ok(body)
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
