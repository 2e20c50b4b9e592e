//! A channel with two players: alice, who uses the local token, created the channel and has seat `s1`, and bob,
//! who has a token of his own, joined with an invite and has seat `s2`. Slot `s0` is for a referee. The seat of
//! carol, `s3`, is empty.

use std::time::Duration;

use mcp_multiplayer_tests::{Failure, HttpClient, RelayProcess, WsClient};
use serde_json::{Value, json};

/// Longer than any expected wait. Only a failing test reaches it.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Awaits a future, and panics if it takes longer than [`TIMEOUT`].
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// A relay, a channel on it, and a connection of each player.
pub(crate) struct TwoPlayerChannel {
    pub(crate) relay: RelayProcess,
    pub(crate) alice: WsClient,
    pub(crate) bob: WsClient,
    pub(crate) bob_token: String,
    pub(crate) channel_id: String,
    /// Result of alice's `create_channel`.
    pub(crate) created: Value,
    /// Result of bob's `join_channel`.
    pub(crate) joined: Value,
}

impl TwoPlayerChannel {
    /// Creates a channel without a referee.
    pub(crate) async fn create() -> Self {
        Self::create_with(&[], json!({})).await
    }

    /// Creates a channel with a referee of this source.
    pub(crate) async fn with_bot(source: &str) -> Self {
        Self::create_with(&[], json!({ "bot_code": source })).await
    }

    /// Creates a channel with additional flags of the relay and additional arguments of `create_channel`.
    pub(crate) async fn create_with(flags: &[&str], more: Value) -> Self {
        let relay = RelayProcess::start_with(flags).await.unwrap();
        Self::create_on(relay, more).await
    }

    /// Creates a channel on a relay that is already running.
    pub(crate) async fn create_on(relay: RelayProcess, more: Value) -> Self {
        let bob_token = relay.create_token("bob").await.unwrap();
        let mut alice = relay.connect().await.unwrap();
        let mut bob = WsClient::connect(relay.address(), &bob_token).await.unwrap();
        let slots = ["bot:referee", "invite:alice", "invite:bob", "invite:carol"];
        let mut create = with(json!({ "name": "Game", "slots": slots, "join_as": "alice" }), more);
        // A fixed name, so that tests know the bot's id.
        if let Some(source) = create.as_object_mut().and_then(|create| create.remove("bot_code")) {
            let params = create.as_object_mut().and_then(|create| create.remove("bot_params"));
            create["bots"] = json!([{ "inline_code": source, "name": "CustomBot", "params": params }]);
        }
        let created = alice.call("create_channel", create).await;
        let joined = bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        Self { relay, alice, bob, bob_token, channel_id, created, joined }
    }

    /// Adds the channel's id to arguments.
    pub(crate) fn args(&self, args: Value) -> Value {
        with(json!({ "channel_id": self.channel_id }), args)
    }

    /// Opens another WebSocket connection as bob.
    pub(crate) async fn bob_ws(&self) -> WsClient {
        WsClient::connect(self.relay.address(), &self.bob_token).await.unwrap()
    }

    /// Opens a WebSocket connection as a new principal, who is not in the channel.
    pub(crate) async fn stranger(&self) -> WsClient {
        let token = self.relay.create_token("mallory").await.unwrap();
        WsClient::connect(self.relay.address(), &token).await.unwrap()
    }

    /// Opens an HTTP connection as bob.
    pub(crate) async fn bob_http(&self) -> HttpClient {
        HttpClient::connect(self.relay.address(), &self.bob_token).await.unwrap()
    }

    /// Posts a text as alice, and returns the message's id.
    pub(crate) async fn alice_posts(&mut self, text: &str) -> u64 {
        let args = self.args(json!({ "body": text }));
        self.alice.call("post_message", args).await["msg_id"].as_u64().unwrap()
    }

    /// Posts a text as bob, and returns the message's id.
    pub(crate) async fn bob_posts(&mut self, text: &str) -> u64 {
        let args = self.args(json!({ "body": text }));
        self.bob.call("post_message", args).await["msg_id"].as_u64().unwrap()
    }

    /// Updates the channel as alice, its owner. The error is the code of a refusal.
    pub(crate) async fn update(&mut self, ops: Value) -> Result<Value, String> {
        let args = self.args(json!({ "ops": ops }));
        outcome(self.alice.try_call("update_channel", args).await)
    }

    /// Updates the channel as bob. The error is the code of a refusal.
    pub(crate) async fn bob_updates(&mut self, ops: Value) -> Result<Value, String> {
        let args = self.args(json!({ "ops": ops }));
        outcome(self.bob.try_call("update_channel", args).await)
    }

    /// Returns the number of entries in the log, as a new connection of alice sees it.
    pub(crate) async fn size(&self) -> u64 {
        let mut alice = self.relay.connect().await.unwrap();
        let list = alice.call("list_channels", json!({})).await;
        let channels = list["channels"].as_array().unwrap();
        let own = channels.iter().find(|channel| channel["channel_id"] == self.channel_id.as_str()).unwrap();
        own["message_count"].as_u64().unwrap()
    }

    /// Reads everything that bob can see, trace entries included.
    pub(crate) async fn bob_reads(&mut self) -> Vec<Value> {
        read(&mut self.bob, &self.channel_id).await
    }

    /// Reads everything that alice can see, trace entries included.
    pub(crate) async fn alice_reads(&mut self) -> Vec<Value> {
        read(&mut self.alice, &self.channel_id).await
    }
}

/// Reads everything that a member can see, trace entries included.
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

/// Reads from the start until a message is `wanted`, and returns everything up to the end of that page.
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

/// Filters messages by the type in their body.
pub(crate) fn of_type<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["body"]["type"] == kind).collect()
}

/// Filters messages by the text in their body.
pub(crate) fn with_text<'a>(messages: &'a [Value], text: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["body"]["text"] == text).collect()
}

/// Converts an error to the code of the refusal.
pub(crate) fn outcome(result: Result<Value, Failure>) -> Result<Value, String> {
    result.map_err(|failure| failure.code().to_owned())
}

/// Removes the time of the answer, in which the results of two calls differ.
pub(crate) fn without_now(mut result: Value) -> Value {
    result.as_object_mut().map(|result| result.remove("now"));
    result
}

/// Merges two objects. Fields of `more` replace those of `fields`.
pub(crate) fn with(mut fields: Value, more: Value) -> Value {
    let (Value::Object(all), Value::Object(more)) = (&mut fields, more) else { panic!("two objects") };
    all.extend(more);
    fields
}
