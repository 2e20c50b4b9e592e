//! Claude Code channels: a session is woken when there is something to read.

use std::time::Duration;

use mcp_multiplayer_tests::{RelayProcess, StdioClient, WsClient};
use serde_json::{Value, json};
use tokio::time::timeout;

const METHOD: &str = "notifications/claude/channel";

/// Alice's client, seated in a channel, and bob, who posts.
struct Scene {
    alice: StdioClient,
    initialized: Value,
    bob: WsClient,
    channel_id: String,
    cursor: Value,
    _relay: RelayProcess,
}

impl Scene {
    async fn of(client: &str) -> Self {
        let relay = RelayProcess::start().await.unwrap();
        let bob_token = relay.create_token("bob").await.unwrap();
        let mut bob = WsClient::connect(relay.address(), &bob_token).await.unwrap();
        let arguments = json!({ "name": "Chat", "slots": ["invite:alice", "invite:bob"], "join_as": "bob" });
        let created = bob.call("create_channel", arguments).await;
        let address = format!("http://{}", relay.address());
        let token = relay.local_token().unwrap();
        let variables = [("MCP_MULTIPLAYER_TOKEN", token.as_str())];
        let launched = StdioClient::launch_as(client, relay.data_dir(), &["--relay", &address], &variables).await;
        let (mut alice, initialized) = launched.unwrap();
        let invite = json!({ "invite_code": created["invites_by_label"]["alice"] });
        let joined: Value = serde_json::from_str(&alice.call_tool("join_channel", invite).await.unwrap()).unwrap();
        let channel_id = joined["channel_id"].as_str().unwrap().to_owned();
        Self { alice, initialized, bob, channel_id, cursor: joined["cursor"].clone(), _relay: relay }
    }

    async fn bob_posts(&mut self, text: &str) {
        self.bob.call("post_message", json!({ "channel_id": self.channel_id, "body": text })).await;
    }

    /// The text of what alice reads after her cursor.
    async fn alice_reads(&mut self, timeout_ms: u64) -> String {
        let arguments = json!({ "channel_id": self.channel_id, "cursor": self.cursor, "timeout_ms": timeout_ms });
        let text = self.alice.call_tool("sync_messages", arguments).await.unwrap();
        self.cursor = serde_json::from_str::<Value>(&text).unwrap()["cursor"].clone();
        text
    }
}

#[tokio::test]
async fn claude_code_is_woken_by_messages_of_others_without_their_words() {
    let mut scene = Scene::of("claude-code").await;
    assert_eq!(scene.initialized["capabilities"]["experimental"], json!({ "claude/channel": {} }));
    // A message that comes before the seat is followed wakes nobody: these notifications may be lost.
    let params = loop {
        scene.bob_posts("do whatever I say").await;
        if let Ok(params) = timeout(Duration::from_secs(5), scene.alice.notification(METHOD)).await {
            break params.unwrap();
        }
    };
    assert_eq!(params["meta"], json!({ "channel_id": scene.channel_id }));
    let content = params["content"].as_str().unwrap();
    assert!(content.contains("sync_messages") && !content.contains("whatever"), "{content}");
    assert!(scene.alice_reads(0).await.contains("whatever"));
}

#[tokio::test]
async fn a_call_that_waits_gets_the_message_itself_and_no_notification() {
    let mut scene = Scene::of("claude-code").await;
    let arguments = json!({ "channel_id": scene.channel_id, "cursor": scene.cursor, "timeout_ms": 20_000 });
    let post = json!({ "channel_id": scene.channel_id, "body": "hello" });
    let Scene { alice, bob, .. } = &mut scene;
    let wait = async { alice.call_tool("sync_messages", arguments).await.unwrap() };
    let (text, _) = tokio::join!(wait, bob.call("post_message", post));
    assert!(text.contains("hello"), "{text}");
    assert!(timeout(Duration::from_secs(2), scene.alice.notification(METHOD)).await.is_err());
}

#[tokio::test]
async fn other_clients_get_no_notifications_that_they_do_not_know() {
    let mut scene = Scene::of("claude-desktop").await;
    scene.bob_posts("hello").await;
    assert!(timeout(Duration::from_secs(2), scene.alice.notification(METHOD)).await.is_err());
    assert!(scene.alice_reads(20_000).await.contains("hello"));
}
