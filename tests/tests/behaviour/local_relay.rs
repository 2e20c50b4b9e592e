//! The relay of this computer, which the stdio server starts when it is needed.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use futures::future::join_all;
use mcp_multiplayer_protocol::LocalRelay;
use mcp_multiplayer_tests::{HttpClient, Signal, StdioClient, send_signal};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The folder of a user, whose relay is ended with the test.
struct Computer(TempDir);

impl Computer {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data_dir(&self) -> &Path {
        self.0.path()
    }

    /// Launches the stdio server as an app does that has one line of configuration.
    async fn app(&self) -> StdioClient {
        self.app_with(&[]).await
    }

    async fn app_with(&self, variables: &[(&str, &str)]) -> StdioClient {
        StdioClient::launch_with(self.data_dir(), &[], variables).await.unwrap().0
    }

    fn published(&self) -> LocalRelay {
        serde_json::from_slice(&fs::read(self.data_dir().join(LocalRelay::FILE)).unwrap()).unwrap()
    }

    /// Waits for the end of the relay that was started.
    async fn relay_ended(&self) {
        let file = File::open(self.data_dir().join(LocalRelay::FILE)).unwrap();
        tokio::task::spawn_blocking(move || file.lock_shared()).await.unwrap().unwrap();
    }

    /// Number of relays that have listened.
    fn starts(&self) -> usize {
        fs::read_to_string(self.data_dir().join("relay.log")).unwrap().matches("listening on http://").count()
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        let Ok(file) = File::open(self.data_dir().join(LocalRelay::FILE)) else { return };
        if file.try_lock_shared().is_err() {
            send_signal(self.published().pid, Signal::KILL);
        }
    }
}

async fn call(app: &mut StdioClient, name: &str, arguments: Value) -> Value {
    serde_json::from_str(&app.call_tool(name, arguments).await.unwrap()).unwrap()
}

#[tokio::test]
async fn apps_that_start_together_play_on_one_relay() {
    let computer = Computer::new();
    let mut apps = join_all((0..50).map(|_| computer.app())).await;
    assert!(!computer.data_dir().join(LocalRelay::FILE).exists(), "no tool was called yet");
    for health in join_all(apps.iter_mut().map(|app| call(app, "health_check", json!({})))).await {
        assert_eq!(health["status"], "ok", "{health}");
    }
    assert_eq!(computer.starts(), 1);

    let slots = json!(["bot:echo", "invite:alice", "invite:bob"]);
    let code = "class EchoBot:\n    def __init__(self, ctx, params):\n        self.ctx = ctx\n    def on_message(self, msg):\n        self.ctx.post('bot', {'echo': msg['body']})";
    let arguments = json!({ "name": "Echo", "slots": slots, "bot_code": code, "join_as": "alice" });
    let created = call(&mut apps[0], "create_channel", arguments).await;
    let joined = call(&mut apps[1], "join_channel", json!({ "invite_code": created["invites_by_label"]["bob"] })).await;
    let post = json!({ "channel_id": created["channel_id"], "body": "hello", "cursor": joined["cursor"], "wait_ms": 10_000,
        "wait_for": "bot" });
    let posted = call(&mut apps[1], "post_message", post).await;
    assert!(posted["messages"].to_string().contains("hello"), "{posted}");

    // The relay outlives the apps.
    let relay = computer.published();
    drop(apps);
    let token = fs::read_to_string(computer.data_dir().join("local-token")).unwrap();
    let address = relay.url.strip_prefix("http://").unwrap();
    HttpClient::connect(address, token.trim()).await.unwrap().call_tool("list_channels", json!({})).await.unwrap();
    let channels = call(&mut computer.app().await, "list_channels", json!({})).await;
    assert_eq!(channels["channels"][0]["channel_id"], created["channel_id"]);
    assert_eq!(computer.starts(), 1);
}

#[tokio::test]
async fn a_relay_that_was_killed_is_started_again_within_the_session() {
    let computer = Computer::new();
    let mut app = computer.app().await;
    let created = call(&mut app, "create_channel", json!({ "name": "Notes", "slots": ["invite:alice"] })).await;
    let first = computer.published();
    send_signal(first.pid, Signal::KILL);
    computer.relay_ended().await;
    let channels = call(&mut app, "list_channels", json!({})).await;
    assert_eq!(channels["channels"][0]["channel_id"], created["channel_id"]);
    let second = computer.published();
    assert_ne!(second.pid, first.pid);
    assert_eq!(second.url, first.url, "links to the relay stay valid");
}

#[tokio::test]
async fn a_relay_that_nobody_uses_stops_and_comes_back() {
    let computer = Computer::new();
    let variables = [("MCP_MULTIPLAYER_STOP_WHEN_IDLE_SECONDS", "1")];
    let mut app = computer.app_with(&variables).await;
    call(&mut app, "create_channel", json!({ "name": "Notes", "slots": ["invite:alice"] })).await;
    drop(app);
    computer.relay_ended().await;
    let channels = call(&mut computer.app_with(&variables).await, "list_channels", json!({})).await;
    assert_eq!(channels["channels"][0]["name"], "Notes");
}

#[tokio::test]
async fn an_address_is_not_used_once_its_relay_has_ended() {
    let computer = Computer::new();
    // Somebody else listens where the relay did, and waits for the token.
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    let left_behind = LocalRelay { url: url.clone(), pid: 1, version: "0".to_owned() };
    fs::write(computer.data_dir().join(LocalRelay::FILE), serde_json::to_vec(&left_behind).unwrap()).unwrap();
    call(&mut computer.app().await, "list_channels", json!({})).await;
    assert_ne!(computer.published().url, url);
    assert_eq!(stranger.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_relay_that_cannot_start_is_reported_with_the_reason() {
    let computer = Computer::new();
    fs::write(computer.data_dir().join("relay.db"), "not a database").unwrap();
    let mut app = computer.app().await;
    let error = app.call_tool("list_channels", json!({})).await.unwrap_err().to_string();
    assert!(error.contains("RELAY_UNREACHABLE"), "{error}");
    assert!(error.contains("relay.db") && error.contains("relay.log"), "{error}");
    // The session goes on, and works once the cause is gone.
    fs::remove_file(computer.data_dir().join("relay.db")).unwrap();
    call(&mut app, "list_channels", json!({})).await;
}
