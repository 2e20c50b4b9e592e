//! Practice partners: programs of the relay in `practice:label` slots.

mod any_bot;
mod board_games;
mod presets;
mod sealed_moves;
mod seat;

use std::collections::BTreeSet;
use std::path::Path;

use mcp_multiplayer_tests::{RelayProcess, WsClient, binary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture::{in_time, of_type, read, read_until, with};

/// A channel of alice, who has seat `s1`, and a practice partner in seat `s2`.
struct Practice {
    relay: RelayProcess,
    alice: WsClient,
    channel_id: String,
    created: Value,
}

impl Practice {
    async fn create(more: Value) -> Self {
        let relay = RelayProcess::start().await.unwrap();
        let mut alice = relay.connect().await.unwrap();
        let slots = ["bot:referee", "invite:alice", "practice:bob"];
        let create = with(json!({ "name": "Practice", "slots": slots, "join_as": "alice" }), more);
        let created = alice.call("create_channel", create).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        Self { relay, alice, channel_id, created }
    }

    fn args(&self, args: Value) -> Value {
        with(json!({ "channel_id": self.channel_id }), args)
    }

    async fn posts(&mut self, args: Value) {
        let args = self.args(args);
        self.alice.call("post_message", args).await;
    }

    async fn reads(&mut self) -> Vec<Value> {
        read(&mut self.alice, &self.channel_id).await
    }

    async fn reads_until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        read_until(&mut self.alice, &self.channel_id, what, wanted).await
    }

    /// Plays as alice, who answers each turn that she is offered, until a message is of this type. Where the referee takes moves
    /// by private message, she sends them so.
    async fn plays_until(&mut self, end: &str, mut choose: impl FnMut(&Value) -> String) -> Vec<Value> {
        let (mut log, mut answered, mut sealed) = (self.reads().await, 0, Value::Null);
        in_time(end, async {
            while of_type(&log, end).is_empty() {
                if let Some(offer) = open_turn(&log, "s1").filter(|offer| offer["id"].as_u64() > Some(answered)) {
                    answered = offer["id"].as_u64().unwrap();
                    let turn_id = &offer["body"]["turn_id"];
                    if offer["body"]["private"] != true {
                        let text = choose(&offer["body"]);
                        self.posts(json!({ "body": text, "data": { "turn_id": turn_id } })).await;
                    } else if sealed != *turn_id {
                        // The offer is repeated when the partner moves first.
                        sealed = turn_id.clone();
                        let (message, bot_id) = (choose(&offer["body"]), &self.created["bots"][0]["bot_id"]);
                        let dm = json!({ "bot_id": bot_id, "message": message, "data": { "turn_id": turn_id } });
                        let dm = self.args(dm);
                        self.alice.call("dm_bot", dm).await;
                    }
                }
                let cursor = log.last().unwrap()["id"].clone();
                let args = self.args(json!({ "cursor": cursor, "include_trace": true }));
                let page = self.alice.call("sync_messages", args).await;
                log.extend(page["messages"].as_array().unwrap().iter().cloned());
            }
        })
        .await;
        log
    }

    /// Plays a game to its end as [`plays_until`](Self::plays_until) does. Checks that the partner made no mistake in it and that
    /// a replay confirms the receipt, and returns the post with the outcome.
    async fn plays_to_the_end(&mut self, choose: impl FnMut(&Value) -> String) -> (Vec<Value>, Value) {
        let log = self.plays_until("game_end", choose).await;
        assert_no_violation(&log, "s2");
        let report = verify_with_replay(&self.relay, &self.channel_id).await;
        assert!(report.contains("were run again here"), "{report}");
        let end = of_type(&log, "game_end")[0]["body"].clone();
        (log, end)
    }
}

/// The last post with a turn, if it offers it to this slot.
fn open_turn<'a>(log: &'a [Value], slot_id: &str) -> Option<&'a Value> {
    let is_bots = |message: &&Value| message["sender"].as_str().unwrap().starts_with("bot:");
    let last = log.iter().filter(is_bots).rfind(|message| message["body"]["turn"].is_array())?;
    last["body"]["turn"].as_array().unwrap().contains(&json!(slot_id)).then_some(last)
}

fn posts_of<'a>(log: &'a [Value], sender: &str) -> Vec<&'a Value> {
    log.iter().filter(|message| message["sender"] == sender).collect()
}

/// Checks that no two moves of this slot name the same turn.
fn assert_one_move_per_turn(log: &[Value], slot_id: &str) {
    let mut turns = BTreeSet::new();
    for message in posts_of(log, slot_id) {
        if let Some(turn_id) = message["body"]["turn_id"].as_u64() {
            assert!(turns.insert(turn_id), "turn {turn_id} twice: {log:#?}");
        }
    }
    assert!(!turns.is_empty());
}

fn assert_no_violation(log: &[Value], slot_id: &str) {
    let violations = of_type(log, "violation");
    assert!(violations.iter().all(|violation| violation["body"]["player"] != slot_id), "{violations:#?}");
}

/// Saves the operator's receipt, verifies it with a replay of its bots, and returns what `verify` prints.
async fn verify_with_replay(relay: &RelayProcess, channel_id: &str) -> String {
    let path = relay.data_dir().join("practice.jsonl");
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(["receipt", channel_id, "--data-dir"]).arg(relay.data_dir()).arg("--out").arg(&path);
    let receipt = command.output().await.unwrap();
    assert!(receipt.status.success(), "{}", String::from_utf8_lossy(&receipt.stderr));
    verify(&path).await
}

async fn verify(path: &Path) -> String {
    let output =
        Command::new(binary("mcp-multiplayer")).arg("verify").arg("--replay").arg(path).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}
