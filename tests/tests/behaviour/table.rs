//! Two players at a table: alice, the user of the relay's machine, who made the channel and sits in
//! `s1`, and bob, who came with a token and an invite and sits in `s2`. `s0` is the referee's; `s3`,
//! carol's, is empty.

use std::time::Duration;

use mcp_multiplayer_tests::{Failure, HttpClient, RelayProcess, WsClient};
use serde_json::{Value, json};

/// Longer than anything that is waited for; only a failing test gets there.
const HANG: Duration = Duration::from_mins(2);

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

pub(crate) struct Table {
    pub(crate) relay: RelayProcess,
    pub(crate) alice: WsClient,
    pub(crate) bob: WsClient,
    pub(crate) bob_token: String,
    pub(crate) channel_id: String,
    /// What alice's `create_channel` returned.
    pub(crate) created: Value,
    /// What bob's `join_channel` returned.
    pub(crate) joined: Value,
}

impl Table {
    /// Without a referee.
    pub(crate) async fn set() -> Self {
        Self::set_with(&[], json!({})).await
    }

    /// With a referee of this source.
    pub(crate) async fn refereed_by(source: &str) -> Self {
        Self::set_with(&[], json!({ "bot_code": source })).await
    }

    /// With further flags of the relay, and further arguments of `create_channel`.
    pub(crate) async fn set_with(flags: &[&str], more: Value) -> Self {
        let relay = RelayProcess::start_with(flags).await.unwrap();
        Self::set_at(relay, more).await
    }

    /// At a relay that runs already.
    pub(crate) async fn set_at(relay: RelayProcess, more: Value) -> Self {
        let bob_token = relay.create_token("bob").await.unwrap();
        let mut alice = relay.connect().await.unwrap();
        let mut bob = WsClient::connect(relay.address(), &bob_token).await.unwrap();
        let slots = ["bot:referee", "invite:alice", "invite:bob", "invite:carol"];
        let create = with(json!({ "name": "Table", "slots": slots, "join_as": "alice" }), more);
        let created = alice.call("create_channel", create).await;
        let joined = bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        Self { relay, alice, bob, bob_token, channel_id, created, joined }
    }

    /// Arguments that say which channel they are about.
    pub(crate) fn here(&self, args: Value) -> Value {
        with(json!({ "channel_id": self.channel_id }), args)
    }

    /// Another connection of bob's.
    pub(crate) async fn bob_again(&self) -> WsClient {
        WsClient::connect(self.relay.address(), &self.bob_token).await.unwrap()
    }

    /// A connection of somebody who is not in the channel.
    pub(crate) async fn stranger(&self) -> WsClient {
        let token = self.relay.create_token("mallory").await.unwrap();
        WsClient::connect(self.relay.address(), &token).await.unwrap()
    }

    /// An HTTP connection of bob's.
    pub(crate) async fn bob_http(&self) -> HttpClient {
        HttpClient::connect(self.relay.address(), &self.bob_token).await.unwrap()
    }

    /// Alice posts a text.
    pub(crate) async fn alice_says(&mut self, text: &str) -> u64 {
        let args = self.here(json!({ "body": text }));
        self.alice.call("post_message", args).await["msg_id"].as_u64().unwrap()
    }

    /// Bob posts a text.
    pub(crate) async fn bob_says(&mut self, text: &str) -> u64 {
        let args = self.here(json!({ "body": text }));
        self.bob.call("post_message", args).await["msg_id"].as_u64().unwrap()
    }

    /// Alice does something as the owner; the code if it was refused.
    pub(crate) async fn update(&mut self, ops: Value) -> Result<Value, String> {
        let args = self.here(json!({ "ops": ops }));
        outcome(self.alice.try_call("update_channel", args).await)
    }

    /// Bob does something as an admin, if he is one.
    pub(crate) async fn bob_updates(&mut self, ops: Value) -> Result<Value, String> {
        let args = self.here(json!({ "ops": ops }));
        outcome(self.bob.try_call("update_channel", args).await)
    }

    /// How many entries the log has, as a new connection of alice's sees it.
    pub(crate) async fn size(&self) -> u64 {
        let mut alice = self.relay.connect().await.unwrap();
        let list = alice.call("list_channels", json!({})).await;
        let channels = list["channels"].as_array().unwrap();
        let own = channels.iter().find(|channel| channel["channel_id"] == self.channel_id.as_str()).unwrap();
        own["message_count"].as_u64().unwrap()
    }

    /// All that bob may read now, trace entries included.
    pub(crate) async fn bob_reads(&mut self) -> Vec<Value> {
        read(&mut self.bob, &self.channel_id).await
    }

    /// All that alice may read now, trace entries included.
    pub(crate) async fn alice_reads(&mut self) -> Vec<Value> {
        read(&mut self.alice, &self.channel_id).await
    }
}

/// Everything that a member may read now, trace entries included.
pub(crate) async fn read(client: &mut WsClient, channel_id: &str) -> Vec<Value> {
    let (mut messages, mut cursor) = (vec![], json!(0));
    loop {
        let args = json!({ "channel_id": channel_id, "cursor": cursor, "timeout_ms": 0, "include_trace": true });
        let page = client.call("sync_messages", args).await;
        messages.extend(page["messages"].as_array().unwrap().iter().cloned());
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            return messages;
        }
    }
}

/// Reads until a message is `wanted`, and returns all up to it and what came with it.
pub(crate) async fn read_until(
    client: &mut WsClient,
    channel_id: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Vec<Value> {
    let (mut messages, mut cursor) = (vec![], json!(0));
    in_time(what, async {
        loop {
            let args = json!({ "channel_id": channel_id, "cursor": cursor, "include_trace": true });
            let page = client.call("sync_messages", args).await;
            messages.extend(page["messages"].as_array().unwrap().iter().cloned());
            cursor = page["cursor"].clone();
            if messages.iter().any(&wanted) {
                return messages;
            }
        }
    })
    .await
}

/// The messages whose body has this type.
pub(crate) fn of_type<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["body"]["type"] == kind).collect()
}

/// The messages whose body has this text.
pub(crate) fn with_text<'a>(messages: &'a [Value], text: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["body"]["text"] == text).collect()
}

/// The result, or the code of the refusal.
pub(crate) fn outcome(result: Result<Value, Failure>) -> Result<Value, String> {
    result.map_err(|failure| failure.code().to_owned())
}

/// The fields of both; those of `more` win.
pub(crate) fn with(mut fields: Value, more: Value) -> Value {
    let (Value::Object(all), Value::Object(more)) = (&mut fields, more) else { panic!("two objects") };
    all.extend(more);
    fields
}
