//! The number of bytes that a model has to read: tools, instructions, messages, and a whole game through the stdio server.

use std::sync::atomic::{AtomicU32, Ordering};

use mcp_multiplayer_tests::{RelayProcess, StdioClient};
use serde_json::{Value, json};

use crate::fixture::{in_time, with};

/// Maximum size of the result of `tools/list`, in bytes.
const TOOLS: usize = 10_000;
/// Maximum size of the instructions, in bytes.
const INSTRUCTIONS: usize = 1_800;
/// Maximum size of a plain message over its text, in bytes.
const MESSAGE: usize = 120;
/// Maximum size of the result of `join_channel` for a game of two players that has just begun, in bytes.
const JOIN: usize = 2_500;
/// Maximum size of all results that a player gets in a game of eight guesses, in bytes.
const GAME: usize = 12_000;

/// A model that plays, and the number of bytes that it has read.
struct Player {
    client: StdioClient,
    slot_id: Value,
    cursor: Value,
    read: usize,
    messages: Vec<Value>,
}

impl Player {
    async fn launch(relay: &RelayProcess, token: &str) -> Self {
        let (client, _) = StdioClient::launch(relay, token).await.unwrap();
        Self { client, slot_id: Value::Null, cursor: Value::Null, read: 0, messages: vec![] }
    }

    /// Calls a tool, counts the bytes of its result, and remembers cursor, seat and messages.
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let text = in_time(tool, self.client.call_tool(tool, arguments)).await.unwrap();
        self.read += text.len();
        let result: Value = serde_json::from_str(&text).unwrap();
        if result["cursor"].is_u64() {
            self.cursor = result["cursor"].clone();
        }
        if result["slot_id"].is_string() {
            self.slot_id = result["slot_id"].clone();
        }
        self.messages.extend(result["messages"].as_array().into_iter().flatten().cloned());
        result
    }

    /// Plays a game of GuessBot to its end. The guesses are 1, 2, 3, …
    async fn play(&mut self, channel_id: &Value, guesses: &AtomicU32) {
        let mut answered = json!(0);
        while self.last("game_end").is_none() {
            let wait = json!({ "channel_id": channel_id, "cursor": self.cursor });
            match self.last("bot:turn") {
                Some(turn) if turn["player"] == self.slot_id && turn["turn_id"] != answered => {
                    answered = turn["turn_id"].clone();
                    let body = format!("guess {}", guesses.fetch_add(1, Ordering::Relaxed) + 1);
                    let guess = with(wait, json!({ "body": body, "wait_ms": 25_000 }));
                    self.call("post_message", guess).await;
                }
                _ => drop(self.call("sync_messages", wait).await),
            }
        }
    }

    /// Returns the fields of the last message of this type.
    fn last(&self, kind: &str) -> Option<&Value> {
        let fields = |message: &'static str| move |each: &Value| each[message]["type"] == kind;
        self.messages
            .iter()
            .rfind(|each| fields("data")(each) || fields("body")(each))
            .map(|message| if message["data"].is_object() { &message["data"] } else { &message["body"] })
    }
}

fn assert_within(what: &str, bytes: usize, limit: usize) {
    println!("{what}: {bytes} bytes, at most {limit}");
    assert!(bytes <= limit, "{what}: {bytes} bytes, at most {limit}");
}

#[tokio::test]
async fn tools_and_instructions_are_short() {
    let relay = RelayProcess::start().await.unwrap();
    let (mut alice, initialized) = StdioClient::launch(&relay, &relay.local_token().unwrap()).await.unwrap();
    assert_within("instructions", initialized["instructions"].as_str().unwrap().len(), INSTRUCTIONS);
    let tools = alice.request("tools/list", json!({})).await.unwrap();
    for tool in tools["tools"].as_array().unwrap() {
        println!("  {}: {} bytes", tool["name"], tool.to_string().len());
    }
    assert_within("tools/list", tools.to_string().len(), TOOLS);
}

#[tokio::test]
async fn a_plain_message_costs_little_more_than_its_text() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = Player::launch(&relay, &relay.local_token().unwrap()).await;
    let mut bob = Player::launch(&relay, &relay.create_token("bob").await.unwrap()).await;
    let slots = ["invite:alice", "invite:bob"];
    let created = alice.call("create_channel", json!({ "name": "Talk", "slots": slots, "join_as": "alice" })).await;
    bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
    let text = "Shall we begin?";
    alice.call("post_message", json!({ "channel_id": created["channel_id"], "body": text })).await;
    let synced = bob.call("sync_messages", json!({ "channel_id": created["channel_id"], "cursor": bob.cursor })).await;
    assert_within("a plain message", synced["messages"][0].to_string().len() - text.len(), MESSAGE);
}

#[tokio::test]
async fn a_game_of_eight_guesses_costs_little() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = Player::launch(&relay, &relay.local_token().unwrap()).await;
    let mut bob = Player::launch(&relay, &relay.create_token("bob").await.unwrap()).await;
    let slots = ["bot:referee", "invite:alice", "invite:bob"];
    let created = alice
        .call(
            "create_channel",
            json!({ "name": "Guess", "slots": slots, "bot_preset": "GuessBot", "join_as": "alice",
                "bot_params": { "range": [1, 1000], "max_guesses": 8 } }),
        )
        .await;
    println!("create_channel: {} bytes", alice.read);
    bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
    assert_within("join_channel", bob.read, JOIN);
    let channel_id = &created["channel_id"];
    let guesses = AtomicU32::new(0);
    // Both wait for their turns at the same time. The guesses are wrong, because the range is much larger than eight.
    tokio::join!(alice.play(channel_id, &guesses), bob.play(channel_id, &guesses));
    println!("{} guesses", guesses.into_inner());
    for player in [alice, bob] {
        assert_within("a game of eight guesses", player.read, GAME);
    }
}

#[tokio::test]
async fn models_and_programs_get_messages_in_their_own_form() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = relay.http().await.unwrap();
    let slots = ["invite:alice", "invite:bob"];
    let created =
        alice.call_tool("create_channel", json!({ "name": "Talk", "slots": slots, "join_as": "alice" })).await;
    let channel_id = created.unwrap()["channel_id"].clone();
    let post = json!({ "channel_id": channel_id, "body": "hi", "data": { "sender": "system", "n": 1.5 } });
    let posted = alice.call_tool("post_message", post).await.unwrap();
    let last = |synced: Value| synced["messages"].as_array().unwrap().last().cloned().unwrap();
    let sync = json!({ "channel_id": channel_id, "timeout_ms": 0 });
    let full = last(alice.call_tool("sync_messages", sync.clone()).await.unwrap());
    assert_eq!(full["body"], json!({ "sender": "system", "n": 1.5, "text": "hi" }));
    assert_eq!(
        (&full["channel_id"], &full["sender_label"], &full["to_slot"]),
        (&channel_id, &json!("alice"), &Value::Null)
    );
    let others = alice.call_tool_as_model("sync_messages", sync.clone()).await.unwrap();
    assert_eq!(last(others.clone())["sender"], "system", "own posts are left out: {others}");
    assert!(others["now"].is_string());
    let compact =
        last(alice.call_tool_as_model("sync_messages", with(sync, json!({ "include_own": true }))).await.unwrap());
    let data = json!({ "sender": "system", "n": 1.5 });
    assert_eq!(
        compact,
        json!({ "id": posted["msg_id"], "sender": "s0", "label": "alice", "text": "hi", "data": data })
    );
}
