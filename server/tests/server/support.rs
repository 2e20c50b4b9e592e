//! The two ends that the tests hold: the client at the pipe, and a relay at the WebSocket.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rustix::process::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

/// Longer than anything that is waited for; only a failing test gets there.
const HANG: Duration = Duration::from_secs(20);

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// The program, launched as an MCP client does it.
pub(crate) struct StdioServer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    next_id: u64,
}

impl StdioServer {
    pub(crate) fn launch(relay: &str, data_dir: &Path, more: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer"));
        command.args(["--relay", relay]).env_clear().env("DATA_DIR", data_dir).envs(more.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { stdin: child.stdin.take(), child, lines, next_id: 1 }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes()).await;
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// Sends a request and returns its id.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        id
    }

    /// The next message that the program writes.
    pub(crate) async fn next(&mut self) -> Value {
        let line = in_time("a line of the program", self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("the program still runs")).unwrap()
    }

    /// Sends a request and returns its result.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        let mut answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].take()
    }

    /// Starts a tool call and returns its id.
    pub(crate) async fn start(&mut self, tool: &str, arguments: Value) -> u64 {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// The text of the next tool result, and whether it is an error.
    pub(crate) async fn outcome(&mut self) -> (u64, String, bool) {
        let answer = self.next().await;
        let content = answer["result"]["content"].as_array().unwrap_or_else(|| panic!("no result: {answer}"));
        assert_eq!(content.len(), 1, "{answer}");
        assert!(answer["result"]["structuredContent"].is_null(), "{answer}");
        let text = content[0]["text"].as_str().unwrap().to_owned();
        (answer["id"].as_u64().unwrap(), text, answer["result"]["isError"] == true)
    }

    /// The error of the next tool result.
    pub(crate) async fn failure(&mut self) -> Value {
        let (_, text, is_error) = self.outcome().await;
        assert!(is_error, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["error"].take()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Waits for the end of the program, and returns what it said besides.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = in_time("the end of the program", self.child.wait()).await.unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        let rest = in_time("the end of output", self.lines.next_line()).await.unwrap();
        assert_eq!(rest, None, "nothing may follow");
        (status, said)
    }

    /// Closes the pipe, as clients do to end a server.
    pub(crate) async fn close(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        self.ended().await
    }
}

/// The far side: accepts connections as a relay does, and does what the test says.
pub(crate) struct FarSide {
    listener: TcpListener,
}

/// What the program sent to get in.
pub(crate) struct Dialed {
    pub(crate) authorization: String,
    pub(crate) subprotocol: String,
    pub(crate) path: String,
}

impl FarSide {
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.listener.local_addr().unwrap())
    }

    /// Lets the next caller in.
    pub(crate) async fn accept(&self) -> (Peer, Dialed) {
        let mut dialed = None;
        #[expect(clippy::result_large_err, reason = "tungstenite's callback has this type")]
        let greet = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            let header =
                |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            dialed = Some(Dialed {
                authorization: header("authorization").to_owned(),
                subprotocol: header("sec-websocket-protocol").to_owned(),
                path: request.uri().path().to_owned(),
            });
            response.headers_mut().insert("sec-websocket-protocol", "multiplayer.v1".parse().unwrap());
            Ok(response)
        };
        let (stream, _) = in_time("a dial", self.listener.accept()).await.unwrap();
        let socket = in_time("a handshake", tokio_tungstenite::accept_hdr_async(stream, greet)).await.unwrap();
        (Peer { socket }, dialed.unwrap())
    }

    /// Turns the next caller away.
    pub(crate) async fn refuse(&self, status: StatusCode) {
        #[expect(clippy::result_large_err, reason = "tungstenite's callback has this type")]
        let refuse = |_: &Request, _: Response| -> Result<Response, ErrorResponse> {
            let mut response = ErrorResponse::new(None);
            *response.status_mut() = status;
            Err(response)
        };
        let (stream, _) = in_time("a dial", self.listener.accept()).await.unwrap();
        assert!(tokio_tungstenite::accept_hdr_async(stream, refuse).await.is_err());
    }
}

/// A connection at the far side; dropping it cuts the line.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    /// The next frame of the program.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let message = in_time("a frame of the program", self.socket.next()).await;
            match message.expect("the program hung up").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                other => assert!(matches!(other, Message::Pong(_) | Message::Ping(_)), "{other:?}"),
            }
        }
    }

    pub(crate) async fn say(&mut self, frame: &str) {
        self.socket.send(Message::text(frame.to_owned())).await.unwrap();
    }

    /// Answers a request with a result.
    pub(crate) async fn answer(&mut self, request: &Value, ok: &str) {
        self.say(&format!(r#"{{"id":{},"ok":{ok}}}"#, request["id"])).await;
    }

    /// Pings, and waits until the program has answered it, and with it everything sent before.
    pub(crate) async fn ping(&mut self) {
        self.socket.send(Message::Ping("are you there".into())).await.unwrap();
        let answer = in_time("a pong", self.socket.next()).await.unwrap().unwrap();
        assert_eq!(answer, Message::Pong("are you there".into()));
    }
}

/// A data directory as a relay of this user leaves it.
pub(crate) fn data_dir(token: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("local-token"), format!("{token}\n")).unwrap();
    dir
}
