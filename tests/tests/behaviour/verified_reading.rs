//! An honest relay is never accused: the stdio server verifies what it reads, and the model sees what is in the log.

use mcp_multiplayer_protocol::operation::{LogRead, Logged};
use mcp_multiplayer_tests::{StdioClient, WsClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::fixture::{TwoPlayerChannel, in_time, with};

/// Answers each DM in private, and repeats each post.
const ECHO: &str = "class CustomBot:
    def on_message(self, msg):
        if msg['sender'].startswith('s') and msg['sender'] != 'system':
            self.ctx.post('bot', {'text': 'echo ' + msg['body']['text']})

    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'secret', {'text': 'secret ' + msg['text']})
";

/// Bob's model, with a stdio server of its own.
struct Model {
    client: StdioClient,
    channel_id: String,
}

impl Model {
    async fn launch(channel: &TwoPlayerChannel, token: &str, data_dir: &TempDir) -> Self {
        let launched = StdioClient::launch_at(channel.relay.address(), token, data_dir.path()).await;
        Self { client: launched.unwrap().0, channel_id: channel.channel_id.clone() }
    }

    async fn try_call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        let arguments = with(json!({ "channel_id": self.channel_id }), arguments);
        let text = in_time(tool, self.client.call_tool(tool, arguments)).await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.try_call(tool, arguments.clone()).await.unwrap_or_else(|error| panic!("{tool} {arguments}: {error}"))
    }

    async fn join(&mut self, code: &Value) -> Value {
        let text =
            in_time("join", self.client.call_tool("join_channel", json!({ "invite_code": code }))).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn texts(result: &Value) -> Vec<&str> {
    result["messages"].as_array().unwrap().iter().filter_map(|message| message["text"].as_str()).collect()
}

#[tokio::test]
async fn a_whole_channel_is_read_and_believed() {
    let mut channel = TwoPlayerChannel::with_bot(ECHO).await;
    let carol_token = channel.relay.create_token("carol").await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let mut carol = Model::launch(&channel, &carol_token, &data_dir).await;
    channel.alice_posts("hello").await;
    let joined = carol.join(&channel.created["invites"][1]).await;
    assert_eq!(joined["view"]["name"], "Game");
    assert_eq!(joined["bots"][0]["name"], "CustomBot");
    let cursor = joined["cursor"].clone();
    let posted = carol.call("post_message", json!({ "body": "hi", "cursor": cursor, "wait_ms": 20_000 })).await;
    assert!(texts(&posted).contains(&"echo hi"), "{posted}");
    assert!(!texts(&posted).contains(&"hi"), "her own post is left out: {posted}");
    let dm = json!({ "bot_id": "bot_CustomBot_0", "message": "psst", "cursor": posted["cursor"], "wait_ms": 20_000 });
    let answered = carol.call("dm_bot", dm).await;
    assert!(texts(&answered).contains(&"secret psst"), "{answered}");
    // What is private to others has no body in her log, and is not shown.
    let args = json!({ "bot_id": "bot_CustomBot_0", "message": "of bob", "wait_ms": 20_000 });
    let args = channel.args(args);
    channel.bob.call("dm_bot", args).await;
    let all = carol.call("sync_messages", json!({ "cursor": 0, "timeout_ms": 0, "include_own": true })).await;
    for text in ["hi", "psst", "secret psst", "echo hi", "echo hello"] {
        assert!(texts(&all).contains(&text), "{text}: {all}");
    }
    assert!(!all.to_string().contains("of bob"));
    let trace = json!({ "cursor": 0, "timeout_ms": 0, "include_trace": true });
    assert!(carol.call("sync_messages", trace).await.to_string().contains("bot:ran"));
    let info = carol.call("get_channel_info", json!({})).await;
    assert_eq!(info["message_count"], channel.size().await);
    let code = carol.call("get_bot_code", json!({ "bot_id": "bot_CustomBot_0" })).await;
    assert_eq!(code["inline_code"], ECHO);

    // A new process, and one on another computer, read the same.
    for data_dir in [data_dir, tempfile::tempdir().unwrap()] {
        let mut again = Model::launch(&channel, &carol_token, &data_dir).await;
        let read = json!({ "cursor": 0, "timeout_ms": 0, "include_own": true });
        let read = again.call("sync_messages", read).await;
        assert_eq!(read["messages"], all["messages"]);
    }
}

#[tokio::test]
async fn leaving_kicking_returning_and_closing_are_believed() {
    let mut channel = TwoPlayerChannel::create().await;
    let carol_token = channel.relay.create_token("carol").await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let mut carol = Model::launch(&channel, &carol_token, &data_dir).await;
    let joined = carol.join(&channel.created["invites"][1]).await;
    carol.call("post_message", json!({ "body": "first" })).await;
    // Back with the rejoin token, in another process.
    let mut other = Model::launch(&channel, &carol_token, &data_dir).await;
    assert_eq!(other.join(&joined["rejoin_token"]).await["slot_id"], joined["slot_id"]);
    carol.call("leave_channel", json!({})).await;
    for text in ["without carol", "still without her"] {
        channel.alice_posts(text).await;
    }
    // A former member reads up to the end of the tenure.
    let read = other.call("sync_messages", json!({ "cursor": 0, "timeout_ms": 0, "include_own": true })).await;
    assert!(texts(&read).contains(&"first") && !texts(&read).contains(&"without carol"), "{read}");
    let cursor = read["cursor"].clone();
    let error = other.try_call("sync_messages", json!({ "cursor": cursor, "timeout_ms": 0 })).await.unwrap_err();
    assert!(error.to_string().contains("NOT_MEMBER"), "{error}");

    // A new invite for the same seat: the log that was missing is read and verified now.
    let updated = channel.update(json!([{ "type": "new_invite", "slot_id": "s3" }])).await.unwrap();
    let joined = carol.join(&updated["invites"][0]).await;
    let read = carol.call("sync_messages", json!({ "cursor": 0, "timeout_ms": 0 })).await;
    assert!(texts(&read).contains(&"without carol"), "{joined} {read}");
    channel.update(json!([{ "type": "kick", "slot_id": "s3" }])).await.unwrap();
    channel.alice_posts("after the kick").await;
    channel.update(json!([{ "type": "close" }])).await.unwrap();
    let read = carol.call("sync_messages", json!({ "cursor": read["cursor"], "timeout_ms": 0 })).await;
    let types: Vec<&str> =
        read["messages"].as_array().unwrap().iter().filter_map(|m| m["data"]["type"].as_str()).collect();
    assert!(types.contains(&"member:kick") && types.contains(&"close_applied"), "{read}");
    assert!(!texts(&read).contains(&"after the kick"), "{read}");
    assert!(read.get("view").is_none(), "{read}");
}

#[tokio::test]
async fn concurrent_readers_of_one_person_are_not_confused_also_over_crashes() {
    let channel = TwoPlayerChannel::create_with(&["--posts-burst", "1000"], json!({})).await;
    let data_dir = tempfile::tempdir().unwrap();
    let (mut running, mut relay) = (JoinSet::new(), channel.relay);
    for process in 0..3 {
        let launched = StdioClient::launch_at(relay.address(), &channel.bob_token, data_dir.path()).await;
        let mut bob = launched.unwrap().0;
        let channel_id = channel.channel_id.clone();
        running.spawn(async move {
            let mut cursor = json!(0);
            for n in 0..25 {
                // Two calls at a time: their answers may arrive in any order.
                let post = json!({ "channel_id": channel_id, "body": format!("{process} {n}"), "cursor": cursor, "wait_ms": 20 });
                let read = json!({ "channel_id": channel_id, "cursor": 0, "timeout_ms": 0, "include_own": true });
                let calls = vec![("post_message", post), ("sync_messages", read)];
                for result in in_time("calls", bob.call_tools(calls)).await.unwrap() {
                    match result {
                        Ok(text) => {
                            let result: Value = serde_json::from_str(&text).unwrap();
                            if result["msg_id"].is_u64() && result["cursor"].is_u64() {
                                cursor = result["cursor"].clone();
                            }
                        }
                        Err(error) => assert!(!error.contains("CONTRADICTION"), "{error}"),
                    }
                }
            }
        });
    }
    for _ in 0..3 {
        tokio::task::yield_now().await;
        relay.restart(None).await.unwrap();
        // Some posts must arrive between the crashes.
        let mut alice = relay.connect().await.unwrap();
        let post = json!({ "channel_id": channel.channel_id, "body": "still there?", "wait_ms": 100 });
        alice.call("post_message", post).await;
    }
    while let Some(ended) = in_time("a process", running.join_next()).await {
        ended.unwrap();
    }
    let read = StdioClient::launch_at(relay.address(), &channel.bob_token, data_dir.path()).await.unwrap();
    let mut bob = read.0;
    let read = json!({ "channel_id": channel.channel_id, "cursor": 0, "timeout_ms": 0, "include_own": true });
    let read: Value = serde_json::from_str(&bob.call_tool("sync_messages", read).await.unwrap()).unwrap();
    for process in 0..3 {
        assert!(texts(&read).contains(&&*format!("{process} 24")), "{read}");
    }
}

#[tokio::test]
async fn damaged_files_are_read_again_from_the_start() {
    let mut channel = TwoPlayerChannel::create().await;
    channel.alice_posts("first").await;
    let data_dir = tempfile::tempdir().unwrap();
    let token = channel.bob_token.clone();
    let read = json!({ "cursor": 0, "timeout_ms": 0 });
    let mut bob = Model::launch(&channel, &token, &data_dir).await;
    let before = bob.call("sync_messages", read.clone()).await;
    for (name, content) in [("leaves", vec![0; 32 * 64]), ("leaves", vec![]), ("state.json", b"{}".to_vec())] {
        let logs = data_dir.path().join("verified/logs");
        let log = std::fs::read_dir(logs).unwrap().next().unwrap().unwrap().path();
        std::fs::write(log.join(&channel.channel_id).join(name), content).unwrap();
        let mut bob = Model::launch(&channel, &token, &data_dir).await;
        assert_eq!(bob.call("sync_messages", read.clone()).await["messages"], before["messages"], "{name}");
    }
}

/// Reads a channel's log in pages of at most `limit` entries.
async fn read_log(client: &mut WsClient, channel: &Value, limit: u32) -> Vec<Logged> {
    let channel_id = channel.as_str().unwrap().parse().unwrap();
    let mut log = vec![];
    loop {
        let after = log.len() as u64;
        let args = json!({ "channel_id": channel, "after": after, "limit": limit });
        let read: LogRead = serde_json::from_value(client.call("read_log", args).await).unwrap();
        let size: u64 = read.checkpoint.lines().nth(1).unwrap().parse().unwrap();
        assert_eq!(size, after + read.page.entries.len() as u64, "each page comes with the checkpoint of its end");
        if read.page.entries.is_empty() {
            return log;
        }
        assert!(read.page.entries.len() <= limit as usize);
        let ids = after + 1..;
        log.extend(ids.zip(read.page.entries).map(|(id, entry)| entry.restore(channel_id, id).unwrap()));
    }
}

#[tokio::test]
async fn read_log_shows_each_reader_what_the_reader_may_know() {
    let mut channel = TwoPlayerChannel::with_bot(ECHO).await;
    let args = channel.args(json!({ "bot_id": "bot_CustomBot_0", "message": "of bob", "wait_ms": 20_000 }));
    channel.bob.call("dm_bot", args).await;
    let channel_id: Value = channel.channel_id.clone().into();
    let of_bob = read_log(&mut channel.bob, &channel_id, 3).await;
    let of_alice = read_log(&mut channel.alice, &channel_id, 1_000).await;
    assert_eq!(of_bob.len(), of_alice.len());
    let has_content = |logged: &Logged| logged.entry().is_some_and(|entry| entry.content.is_some());
    assert!(of_bob.iter().all(has_content));
    let withheld: Vec<_> = of_alice.iter().filter(|logged| !has_content(logged)).collect();
    assert_eq!(withheld.len(), 3, "bob's DM, the bot's answer, and the result of the hook");
    for (bobs, alices) in of_bob.iter().zip(&of_alice) {
        assert_eq!(bobs.leaf_hash(), alices.leaf_hash());
    }
    let args = channel.args(json!({}));
    channel.bob.call("leave_channel", args).await;
    let left = channel.size().await;
    channel.alice_posts("without bob").await;
    let of_former = read_log(&mut channel.bob, &channel_id, 1_000).await;
    let known = of_former.iter().filter(|logged| logged.entry().is_some()).count() as u64;
    assert_eq!(known, left);
    assert!(of_former.len() as u64 > left);
    let mut stranger = channel.stranger().await;
    let args = json!({ "channel_id": channel_id, "after": 0 });
    assert_eq!(stranger.refusal("read_log", args).await, "NOT_MEMBER");
    for limit in [0, 1_001] {
        let args = json!({ "channel_id": channel_id, "after": 0, "limit": limit });
        assert_eq!(channel.alice.refusal("read_log", args).await, "INVALID_REQUEST");
    }
}
