//! No result of a tool is longer than 60,000 characters, however large a channel is.

use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};

/// Limit of a result. Clients truncate longer ones, and models have to pay for them.
const CHARACTERS: usize = 60_000;

/// Flags that lift the limits on posts, so that a test can post as fast as it can.
const UNLIMITED: [&str; 4] = ["--posts-per-second", "1000000", "--posts-burst", "1000000"];

/// A name of the maximum length, which takes twice the space in JSON.
fn name(number: usize) -> String {
    format!("{number:\"<100}")
}

/// A bot with a source and a manifest near their limits, which posts many messages at the start.
fn bot(number: usize, posts: usize) -> Value {
    let code = format!(
        "class Bot{number}:\n    def on_init(self):\n        for n in range({posts}):\n            self.ctx.post('{}', {{}})\n\n    \
         def on_message(self, msg):\n        pass\n{}",
        "k".repeat(32),
        "# \"\\\u{e9}\n".repeat(30_000),
    );
    json!({
        "name": name(number), "version": name(number), "inline_code": code,
        "manifest": { "summary": "\"".repeat(7_000), "hooks": ["on_init"] },
        "params": { "quotes": "\"".repeat(7_000) },
    })
}

/// Calls a tool, and checks the size of its result.
async fn measured(client: &mut HttpClient, tool: &str, args: Value) -> Value {
    let text = match client.call_tool(tool, args).await {
        Ok(result) => result.to_string(),
        Err(error) => panic!("{tool}: {}", error.to_string().chars().take(2_000).collect::<String>()),
    };
    let characters = text.chars().count();
    assert!(characters < CHARACTERS, "{tool}: {characters} characters");
    serde_json::from_str(&text).unwrap()
}

/// Reads all pages of a channel, and checks their sizes.
async fn read_all(client: &mut HttpClient, channel_id: &Value) -> Vec<Value> {
    let (mut messages, mut cursor) = (vec![], json!(0));
    loop {
        let args = json!({ "channel_id": channel_id, "cursor": cursor, "timeout_ms": 0, "include_trace": true });
        let page = measured(client, "sync_messages", args).await;
        messages.extend(page["messages"].as_array().unwrap().iter().cloned());
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            return messages;
        }
    }
}

async fn read_resource(client: &mut HttpClient, channel_id: &Value) -> Value {
    let uri = format!("channel://{}", channel_id.as_str().unwrap());
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } }).to_string();
    let headers = [("mcp-protocol-version", "2025-11-25")];
    let answer = client.post("/mcp", &headers, message.into()).await.unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    let text = answer["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(text.chars().count() < CHARACTERS, "{}", text.chars().count());
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn results_are_limited_with_many_bots() {
    let relay = RelayProcess::start_with(&["--request-bytes", "16777216"]).await.unwrap();
    let mut alice = relay.http().await.unwrap();
    let slots: Vec<String> =
        (0..32).map(|n| format!("{}:{}", if n < 12 { "bot" } else { "invite" }, name(n))).collect();
    let bots: Vec<Value> = (0..12).map(|number| bot(number, 20)).collect();
    let args = json!({ "name": name(0), "slots": slots, "bots": bots, "join_as": name(12) });
    let created = measured(&mut alice, "create_channel", args).await;
    assert_eq!((created["bots"].as_array().unwrap().len(), created["bot_errors"].is_null()), (12, true));
    let channel_id = &created["channel_id"];
    let here = json!({ "channel_id": channel_id });
    measured(&mut alice, "get_channel_info", here).await;
    let mut source = 0;
    let mut offset = json!(0);
    while !offset.is_null() {
        let args = json!({ "channel_id": channel_id, "bot_id": created["bots"][0]["bot_id"], "offset": offset });
        let part = measured(&mut alice, "get_bot_code", args).await;
        source += part["inline_code"].as_str().unwrap().len();
        offset = part["next_offset"].clone();
    }
    assert!(source > 200_000);
    let token = relay.create_token("bob").await.unwrap();
    let mut bob = HttpClient::connect(relay.address(), &token).await.unwrap();
    let joined = measured(&mut bob, "join_channel", json!({ "invite_code": created["invites"][0] })).await;
    assert_eq!(joined["has_more"], true);
    let messages = read_all(&mut bob, channel_id).await;
    assert!(messages.len() > 12 * 20, "{}", messages.len());
    // The last entries of the log are traces of the bots' hooks.
    let newest = read_resource(&mut bob, channel_id).await;
    let last = messages.iter().rfind(|message| message["kind"] != "trace").unwrap();
    assert_eq!(newest["messages"].as_array().unwrap().last().unwrap()["id"], last["id"]);
    let ops: Vec<Value> =
        (13..32).map(|n| json!({ "type": "new_invite", "slot_id": format!("s{n}") })).skip(1).collect();
    measured(&mut alice, "update_channel", json!({ "channel_id": channel_id, "ops": ops })).await;
    let dm = json!({ "channel_id": channel_id, "bot_id": created["bots"][0]["bot_id"], "message": "!help",
        "cursor": 0, "wait_ms": 1_000 });
    measured(&mut bob, "dm_bot", dm).await;
}

#[tokio::test]
async fn results_are_limited_with_many_bot_errors() {
    let relay = RelayProcess::start_with(&["--request-bytes", "16777216"]).await.unwrap();
    let mut alice = relay.http().await.unwrap();
    let slots: Vec<String> = (0..32).map(|n| format!("bot:{}", name(n))).collect();
    let code = format!("class B:\n    def on_init(self):\n        raise ValueError('{}')\n", "x".repeat(5_000));
    let bots: Vec<Value> = (0..32).map(|n| json!({ "name": name(n), "inline_code": code })).collect();
    let created = measured(&mut alice, "create_channel", json!({ "name": "x", "slots": slots, "bots": bots })).await;
    assert_eq!(created["bot_errors"].as_array().unwrap().len(), 32);
    read_all(&mut alice, &created["channel_id"]).await;
}

#[tokio::test]
async fn results_are_limited_with_long_logs() {
    let relay = RelayProcess::start_with(&UNLIMITED).await.unwrap();
    let mut alice = relay.http().await.unwrap();
    let slots: Vec<String> = (0..32).map(|n| format!("invite:{}", name(n))).collect();
    let args = json!({ "name": name(0), "slots": slots, "join_as": name(0) });
    let created = measured(&mut alice, "create_channel", args).await;
    let channel_id = &created["channel_id"];
    let bodies = ["\"".repeat(16_300), "\u{1}".repeat(5_400), "\u{1f600}".repeat(8_000), "x".to_owned()];
    let kind = "k".repeat(32);
    for number in 0..240 {
        // First some large messages, then many small ones, whose envelope is larger than their text.
        let body = if number < 24 { &bodies[number % 4] } else { "x" };
        let args = json!({ "channel_id": channel_id, "body": body, "kind": kind });
        measured(&mut alice, "post_message", args).await;
    }
    let messages = read_all(&mut alice, channel_id).await;
    assert!(messages.len() > 240);
    let args = json!({ "channel_id": channel_id, "body": bodies[0], "cursor": 0, "wait_ms": 1 });
    assert_eq!(measured(&mut alice, "post_message", args).await["has_more"], true);
    let token = relay.create_token("bob").await.unwrap();
    let mut bob = HttpClient::connect(relay.address(), &token).await.unwrap();
    measured(&mut bob, "join_channel", json!({ "invite_code": created["invites"][0] })).await;
    let newest = read_resource(&mut bob, channel_id).await;
    assert_eq!(newest["messages"].as_array().unwrap().last().unwrap()["id"], newest["cursor"]);
}

#[tokio::test]
async fn lists_of_many_channels_are_truncated() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = relay.http().await.unwrap();
    let slots: Vec<String> = (0..32).map(|n| format!("invite:{}", name(n))).collect();
    for number in 0..20 {
        measured(&mut alice, "create_channel", json!({ "name": name(number), "slots": slots })).await;
    }
    let list = measured(&mut alice, "list_channels", json!({})).await;
    assert_eq!(list["total_channels"], 20);
    assert!((1..20).contains(&list["channels"].as_array().unwrap().len()));
    assert_eq!(list["channels"][0]["name"], name(19), "the newest first");
    for number in 0..200 {
        measured(&mut alice, "create_channel", json!({ "name": name(number), "slots": ["invite:x"] })).await;
    }
    let list = measured(&mut alice, "list_channels", json!({})).await;
    assert_eq!(list["total_channels"], 220);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {} }).to_string();
    let answer = alice.post("/mcp", &[("mcp-protocol-version", "2025-11-25")], message.into()).await.unwrap();
    assert!(String::from_utf8_lossy(answer.body()).chars().count() < CHARACTERS);
    measured(&mut alice, "health_check", json!({})).await;
}
