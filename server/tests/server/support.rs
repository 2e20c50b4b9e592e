//! The two ends that the tests control: the client on standard input and output, and a relay on the WebSocket.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use mcp_multiplayer_protocol::channel::{BotsChange, ChannelState, Draft, RULES, SlotKind, Tenure};
use mcp_multiplayer_protocol::checkpoint::{Checkpoint, LogIdentity, LogOrigin};
use mcp_multiplayer_protocol::operation::{LogEntry, LogPage};
use mcp_multiplayer_protocol::{
    Actor, Body, Entry, Hash, Kind, Salt, Sender, SigningKey, SlotId, SlotSpec, SystemEvent, Timestamp,
};
use rustix::process::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Time after which a test fails. Longer than any wait of a passing test.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Awaits a future; panics with its description on a timeout.
pub(crate) async fn within_timeout<T>(description: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TEST_TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out waiting for {description}"))
}

/// The program, launched in the same way as by an MCP client.
pub(crate) struct StdioServer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    next_id: u64,
}

impl StdioServer {
    pub(crate) fn launch(relay: &str, data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        pin(relay, data_dir);
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer"));
        command.args(["--relay", relay]).env_clear().env("DATA_DIR", data_dir).envs(environment.iter().copied());
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

    /// Returns the next message that the program writes.
    pub(crate) async fn next(&mut self) -> Value {
        let line = within_timeout("a line from the program", self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("the program is still running")).unwrap()
    }

    /// Sends a request and returns its result.
    pub(crate) async fn request_result(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params).await;
        let mut answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].take()
    }

    /// Sends a tool call and returns its id.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> u64 {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Returns the id and text of the next tool result, and whether it is an error.
    pub(crate) async fn tool_result(&mut self) -> (u64, String, bool) {
        let answer = self.next().await;
        let content = answer["result"]["content"].as_array().unwrap_or_else(|| panic!("no result: {answer}"));
        assert_eq!(content.len(), 1, "{answer}");
        assert!(answer["result"]["structuredContent"].is_null(), "{answer}");
        let text = content[0]["text"].as_str().unwrap().to_owned();
        (answer["id"].as_u64().unwrap(), text, answer["result"]["isError"] == true)
    }

    /// Returns the error of the next tool result.
    pub(crate) async fn tool_error(&mut self) -> Value {
        let (_, text, is_error) = self.tool_result().await;
        assert!(is_error, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["error"].take()
    }

    /// Reads standard error up to a line that contains `text`, and returns what was read.
    pub(crate) async fn logged_until(&mut self, text: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut read = String::new();
        while !(read.contains(text) && read.ends_with('\n')) {
            read.push(within_timeout("a line on standard error", stderr.read_u8()).await.unwrap().into());
        }
        read
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Waits for the program to exit, and returns its exit status and standard error.
    pub(crate) async fn wait_for_exit(mut self) -> (ExitStatus, String) {
        let status = within_timeout("the program to exit", self.child.wait()).await.unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
        let rest = within_timeout("the end of output", self.lines.next_line()).await.unwrap();
        assert_eq!(rest, None, "unexpected output");
        (status, stderr)
    }

    /// Closes standard input, as clients do to stop a server, and waits for the program to exit.
    pub(crate) async fn close(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        self.wait_for_exit().await
    }
}

/// A relay under the test's control.
pub(crate) struct FakeRelay {
    listener: TcpListener,
}

/// Contents of the program's WebSocket handshake request.
pub(crate) struct Handshake {
    pub(crate) authorization: String,
    pub(crate) subprotocol: String,
    pub(crate) path: String,
}

impl FakeRelay {
    pub(crate) async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.listener.local_addr().unwrap())
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&self) -> (Peer, Handshake) {
        let mut handshake = None;
        #[expect(clippy::result_large_err, reason = "tungstenite's callback has this type")]
        let accept = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            let header =
                |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            handshake = Some(Handshake {
                authorization: header("authorization").to_owned(),
                subprotocol: header("sec-websocket-protocol").to_owned(),
                path: request.uri().path().to_owned(),
            });
            response.headers_mut().insert("sec-websocket-protocol", "multiplayer.v1".parse().unwrap());
            Ok(response)
        };
        let (stream, _) = within_timeout("a connection", self.listener.accept()).await.unwrap();
        let socket = within_timeout("a handshake", tokio_tungstenite::accept_hdr_async(stream, accept)).await.unwrap();
        (Peer { socket }, handshake.unwrap())
    }

    /// Refuses the next connection.
    pub(crate) async fn refuse(&self, status: StatusCode) {
        #[expect(clippy::result_large_err, reason = "tungstenite's callback has this type")]
        let refuse = |_: &Request, _: Response| -> Result<Response, ErrorResponse> {
            let mut response = ErrorResponse::new(None);
            *response.status_mut() = status;
            Err(response)
        };
        let (stream, _) = within_timeout("a connection", self.listener.accept()).await.unwrap();
        assert!(tokio_tungstenite::accept_hdr_async(stream, refuse).await.is_err());
    }
}

/// The relay's side of a connection. Dropping it closes the connection without a close frame.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
}

impl Peer {
    /// Returns the next frame from the program.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let message = within_timeout("a frame from the program", self.socket.next()).await;
            match message.expect("the program closed the connection").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                other => assert!(matches!(other, Message::Pong(_) | Message::Ping(_)), "{other:?}"),
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: &str) {
        self.socket.send(Message::text(frame.to_owned())).await.unwrap();
    }

    /// Sends a result as the answer to a request.
    pub(crate) async fn answer(&mut self, request: &Value, ok: &str) {
        self.send(&format!(r#"{{"id":{},"ok":{ok}}}"#, request["id"])).await;
    }

    /// Closes the connection with this close code.
    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.socket.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = within_timeout("the program's close frame", self.socket.next()).await {}
    }

    /// Sends a ping and waits for the pong, by which time the program has processed all earlier frames.
    pub(crate) async fn ping(&mut self) {
        self.socket.send(Message::Ping("are you there".into())).await.unwrap();
        let answer = within_timeout("a pong", self.socket.next()).await.unwrap().unwrap();
        assert_eq!(answer, Message::Pong("are you there".into()));
    }
}

/// Creates a data directory with a token file, as a relay of this user does.
pub(crate) fn data_dir(token: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("local-token"), format!("{token}\n")).unwrap();
    dir
}

/// Name of the fake relay's log.
const LOG_ORIGIN: &str = "relay.test";

fn log_key() -> SigningKey {
    SigningKey::ed25519(&[7; 32])
}

/// Makes the program know the fake relay's log, as if it had used the relay before, so that it does not ask for it first.
fn pin(relay: &str, data_dir: &Path) {
    let address = Hash::of(&[relay.as_bytes()]).to_string();
    let folder = data_dir.join("verified/relays").join(&address["sha256:".len()..][..24]);
    let log = json!({ "origin": LOG_ORIGIN, "key": log_key().public().to_string() });
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("log.json"), json!({ "relay": relay, "log": log }).to_string()).unwrap();
}

/// The log of a channel with the seats `s1` (alice) and `s2` (bob), which the fake relay shows and signs.
pub(crate) struct FakeLog {
    state: ChannelState,
    entries: Vec<Entry>,
}

impl FakeLog {
    /// Id of the channel.
    pub(crate) const CHANNEL: &str = "chn_0123456789abcdef";
    /// Number of entries at the beginning.
    pub(crate) const SIZE: u64 = 3;

    pub(crate) fn create() -> Self {
        let mut log = Self { state: ChannelState::empty(Self::CHANNEL.parse().unwrap()), entries: vec![] };
        let slot = |label: &str| SlotSpec { kind: SlotKind::Invite, label: label.to_owned() };
        log.event(&SystemEvent::ChannelCreated {
            rules: RULES,
            name: "Game".to_owned(),
            slots: ["host", "alice", "bob"].map(slot).to_vec(),
            owner: Hash::of(&[b"host"]),
            bots_change: BotsChange::Never,
            require_terms: false,
            log: Some(LogIdentity { origin: LOG_ORIGIN.parse().unwrap(), key: log_key().public() }),
        });
        for (place, label) in [(1, "alice"), (2, "bob")] {
            let (slot_id, label, player) = (SlotId::at(place), label.to_owned(), Hash::of(&[label.as_bytes()]));
            log.event(&SystemEvent::MemberJoin { slot_id, label, player, entropy: None, program: false });
        }
        log
    }

    fn append(&mut self, draft: Draft) -> u64 {
        let id = self.state.size() + 1;
        let salt = Salt([u8::try_from(id).unwrap(); 32]);
        let entry = draft.seal(&self.state, Timestamp::from_millis(1_800_000_000_000), salt);
        self.state.append(&entry).unwrap();
        self.entries.push(entry);
        id
    }

    pub(crate) fn event(&mut self, event: &SystemEvent) -> u64 {
        self.append(Draft::event(event, None))
    }

    /// Appends a post, and returns its id.
    pub(crate) fn post(&mut self, place: usize, body: Value) -> u64 {
        let Value::Object(fields) = body else { panic!("an object") };
        let (sender, body) = (Sender::Slot(SlotId::at(place)), Body::new("body", fields).unwrap());
        self.append(Draft { sender, kind: Kind::USER, to_slot: None, cause: None, body })
    }

    /// Appends that a player leaves.
    pub(crate) fn leave(&mut self, place: usize) -> u64 {
        let slot_id = SlotId::at(place);
        let label = self.state.composition.slot(slot_id).unwrap().label.clone();
        self.event(&SystemEvent::MemberLeave { slot_id, label, by: Actor::Slot(slot_id) })
    }

    /// Adds the log and its checkpoint to a result, for the reader in this seat.
    pub(crate) fn beside(&self, request: &Value, place: usize, mut result: Value) -> String {
        let after = usize::try_from(request["log_after"].as_u64().expect("log_after")).unwrap();
        let slot_id = SlotId::at(place);
        let ended = self.state.composition.slot(slot_id).unwrap().holder.is_none().then(|| self.state.size());
        let page = LogPage {
            entries: self.entries.iter().skip(after).map(|entry| LogEntry::of(entry, true)).collect(),
            reader: vec![Tenure { slot_id, number: 1, began: place as u64 + 1, ended }],
        };
        let origin: LogOrigin = LOG_ORIGIN.parse().unwrap();
        let origin = origin.channel(Self::CHANNEL.parse().unwrap());
        let checkpoint = Checkpoint { origin, tree: self.state.head.frontier.tree_head() };
        result["log"] = serde_json::to_value(page).unwrap();
        result["checkpoint"] = checkpoint.sign(&log_key()).into();
        result.to_string()
    }
}
