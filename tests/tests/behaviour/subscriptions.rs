//! Subscribers to a channel are notified of new messages that they can see, and of nothing else.

use futures::FutureExt as _;
use mcp_multiplayer_tests::EventStream;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time};

fn uri(channel_id: &str) -> String {
    format!("channel://{channel_id}")
}

/// Subscribes to resources. Returns the stream, and the resources that were accepted.
async fn listen(fixture: &TwoPlayerChannel, token: &str, uris: &[String]) -> (EventStream, Vec<String>) {
    let params = json!({ "notifications": { "resourceSubscriptions": uris } });
    let address = fixture.relay.address();
    let meta = json!({});
    let opened = EventStream::open(address, token, "subscriptions/listen", &params, &meta);
    let mut stream = in_time("the stream", opened).await.unwrap();
    let acknowledged = in_time("the acknowledgement", stream.next()).await.unwrap().unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    let accepted = acknowledged["params"]["notifications"]["resourceSubscriptions"].as_array();
    (stream, accepted.into_iter().flatten().map(|uri| uri.as_str().unwrap().to_owned()).collect())
}

/// Waits for the next update, and returns its resource.
async fn updated(stream: &mut EventStream) -> String {
    let message = in_time("an update", stream.next()).await.unwrap().expect("the stream goes on");
    assert_eq!(message["method"], "notifications/resources/updated", "{message}");
    assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{message}");
    message["params"]["uri"].as_str().unwrap().to_owned()
}

/// Checks that a stream ends with a result, without an update before it.
async fn assert_ends_without_update(stream: &mut EventStream) {
    let message = in_time("the end", stream.next()).await.unwrap().expect("a result");
    assert_eq!(message["result"]["resultType"], "complete", "{message}");
    assert!(in_time("the end", stream.next()).await.unwrap().is_none());
}

/// Checks that a stream ends with a result, possibly after updates.
async fn assert_ends(stream: &mut EventStream) {
    let mut message = in_time("the end", stream.next()).await.unwrap().expect("a result");
    while message["method"] == "notifications/resources/updated" {
        message = in_time("the end", stream.next()).await.unwrap().expect("a result");
    }
    assert_eq!(message["result"]["resultType"], "complete", "{message}");
    assert!(in_time("the end", stream.next()).await.unwrap().is_none());
}

async fn read(fixture: &TwoPlayerChannel, uri: &str) -> Result<Value, Value> {
    let mut http = fixture.bob_http().await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": { "uri": uri, "_meta": meta } });
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "resources/read"), ("mcp-name", uri)];
    let answer = http.post("/mcp", &headers, message.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    if answer["error"].is_object() {
        return Err(answer["error"].clone());
    }
    assert_eq!(answer["result"]["cacheScope"], "private");
    let contents = &answer["result"]["contents"][0];
    assert_eq!((&contents["uri"], &contents["mimeType"]), (&json!(uri), &json!("application/json")));
    Ok(serde_json::from_str(contents["text"].as_str().unwrap()).unwrap())
}

#[tokio::test]
async fn posts_of_others_are_notified_and_can_be_read() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel = uri(&fixture.channel_id);
    let (mut stream, accepted) = listen(&fixture, &fixture.bob_token, std::slice::from_ref(&channel)).await;
    assert_eq!(accepted, [channel.as_str()]);
    for text in ["your turn", "still your turn"] {
        fixture.alice_posts(text).await;
        assert_eq!(updated(&mut stream).await, channel);
        let newest = read(&fixture, &channel).await.unwrap();
        let last = newest["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["text"], text);
        assert!(newest["note"].as_str().unwrap().contains("not instructions"));
    }
}

#[tokio::test]
async fn own_posts_are_not_notified() {
    let mut fixture = TwoPlayerChannel::create_with(&["--wait-ms", "50"], json!({})).await;
    let channel = uri(&fixture.channel_id);
    let (mut stream, _) = listen(&fixture, &fixture.bob_token, std::slice::from_ref(&channel)).await;
    let cursor = fixture.bob_posts("thinking").await - 1;
    // His own waits time out, and his subscription is not notified either.
    for _ in 0..6 {
        let wait = fixture.args(json!({ "cursor": cursor, "timeout_ms": 50 }));
        let synced = fixture.bob.call("sync_messages", wait).await;
        assert_eq!(synced["messages"].as_array().unwrap().len(), 1);
    }
    assert!(stream.next().now_or_never().is_none(), "nobody else has posted");
    let msg_id = fixture.alice_posts("wrong").await;
    assert_eq!(updated(&mut stream).await, channel);
    assert_eq!(read(&fixture, &channel).await.unwrap()["cursor"], msg_id);
    fixture.bob_posts("oh").await;
    fixture.relay.terminate().await.unwrap();
    assert_ends_without_update(&mut stream).await;
}

#[tokio::test]
async fn only_own_channels_are_accepted() {
    let mut fixture = TwoPlayerChannel::create().await;
    let own = uri(&fixture.channel_id);
    let foreign = fixture.alice.call("create_channel", json!({ "name": "Other", "slots": ["invite:alice"] })).await;
    let foreign = uri(foreign["channel_id"].as_str().unwrap());
    let requested = [
        foreign.clone(),
        own.clone(),
        own.clone(),
        uri("chn_0000000000000000"),
        uri("nonsense"),
        "doc://quick-start".to_owned(),
        format!("{own}?slot_id=s1"),
        format!("{own}?slot_id=s2"),
    ];
    let (mut stream, accepted) = listen(&fixture, &fixture.bob_token, &requested).await;
    let mut unique = accepted.clone();
    unique.dedup();
    assert_eq!(unique, [own.clone(), format!("{own}?slot_id=s2")]);
    let channel_id = foreign.strip_prefix("channel://").unwrap();
    let ops = json!([{ "type": "rename", "name": "Secret" }]);
    fixture.alice.call("update_channel", json!({ "channel_id": channel_id, "ops": ops })).await;
    fixture.alice_posts("hello").await;
    let first = updated(&mut stream).await;
    let second = updated(&mut stream).await;
    assert_ne!(first, second);
    assert!([first, second].iter().all(|uri| uri.starts_with(&own)));
    assert!(read(&fixture, &foreign).await.unwrap_err()["message"].as_str().unwrap().contains("no seat"));
}

#[tokio::test]
async fn a_subscription_covers_at_most_64_channels() {
    let fixture = TwoPlayerChannel::create_with(&["--channels-per-day", "1000"], json!({})).await;
    let mut bob = fixture.bob_ws().await;
    let mut uris = vec![];
    for number in 0..70 {
        let args = json!({ "name": format!("Channel {number}"), "slots": ["invite:bob"] });
        let created = bob.call("create_channel", args).await;
        uris.push(uri(created["channel_id"].as_str().unwrap()));
    }
    let (mut stream, accepted) = listen(&fixture, &fixture.bob_token, &uris).await;
    assert_eq!(accepted, uris[..64]);
    // The caller made this change, but its entry is by the relay, not by the caller's seat.
    let channel_id = uris[63].strip_prefix("channel://").unwrap();
    let ops = json!([{ "type": "rename", "name": "The last" }]);
    bob.call("update_channel", json!({ "channel_id": channel_id, "ops": ops })).await;
    assert_eq!(updated(&mut stream).await, uris[63]);
}

#[tokio::test]
async fn a_kick_ends_the_subscription() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel = uri(&fixture.channel_id);
    let (mut stream, _) = listen(&fixture, &fixture.bob_token, std::slice::from_ref(&channel)).await;
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    // The last update is that of the kick.
    assert_ends(&mut stream).await;
    fixture.alice_posts("he is gone").await;
    assert!(read(&fixture, &channel).await.is_err());
    assert_refused(&fixture, &channel).await;
}

/// Checks that a listener of this resource alone is told that it would hear nothing.
async fn assert_refused(fixture: &TwoPlayerChannel, channel: &str) -> Value {
    let (mut stream, accepted) = listen(fixture, &fixture.bob_token, &[channel.to_owned()]).await;
    assert!(accepted.is_empty());
    let mut message = in_time("the error", stream.next()).await.unwrap().expect("an error");
    assert!(message["error"]["message"].as_str().unwrap().contains("no seat"), "{message}");
    assert_eq!(message["error"]["data"]["code"], "NOT_MEMBER", "{message}");
    assert!(in_time("the end", stream.next()).await.unwrap().is_none());
    message["error"].take()
}

#[tokio::test]
async fn listeners_of_foreign_channels_are_told_that_they_hear_nothing() {
    let mut fixture = TwoPlayerChannel::create().await;
    let foreign = fixture.alice.call("create_channel", json!({ "name": "Other", "slots": ["invite:alice"] })).await;
    let foreign = uri(foreign["channel_id"].as_str().unwrap());
    let missing = uri("chn_0000000000000000");
    assert_eq!(assert_refused(&fixture, &foreign).await, assert_refused(&fixture, &missing).await);
}

#[tokio::test]
async fn dms_to_others_are_not_notified() {
    let dm_bot = "class W:\n    def on_message(self, msg):\n        self.ctx.dm('s1', 'private', {'text': 'psst'})\n        self.ctx.dm('s1', 'private', {'text': 'psst again'})\n";
    let mut fixture = TwoPlayerChannel::with_bot(dm_bot).await;
    let channel = uri(&fixture.channel_id);
    let (mut stream, _) = listen(&fixture, &fixture.bob_token, std::slice::from_ref(&channel)).await;
    fixture.bob_posts("send a DM to her").await;
    let alice = &mut fixture.alice;
    crate::fixture::read_until(alice, &fixture.channel_id, "the DM", |m| m["body"]["text"] == "psst again").await;
    // An update because of the DMs would come before the end of the stream.
    fixture.relay.terminate().await.unwrap();
    assert_ends_without_update(&mut stream).await;
}

#[tokio::test]
async fn subscriptions_end_with_a_result_when_the_relay_shuts_down() {
    let mut fixture = TwoPlayerChannel::create().await;
    let own = uri(&fixture.channel_id);
    let (mut stream, _) = listen(&fixture, &fixture.bob_token, &[own]).await;
    let (mut idle, accepted) = listen(&fixture, &fixture.bob_token, &[]).await;
    assert!(accepted.is_empty(), "an empty subscription is kept open, so that the client does not retry at once");
    let (ended_well, (), ()) = in_time("the shutdown", async {
        tokio::join!(fixture.relay.terminate(), assert_ends(&mut stream), assert_ends(&mut idle))
    })
    .await;
    assert!(ended_well.unwrap());
}

#[tokio::test]
async fn subscriptions_of_disconnected_clients_are_dropped() {
    let mut fixture = TwoPlayerChannel::create().await;
    let own = uri(&fixture.channel_id);
    for _ in 0..20 {
        let (stream, _) = listen(&fixture, &fixture.bob_token, std::slice::from_ref(&own)).await;
        drop(stream);
    }
    fixture.alice_posts("anybody?").await;
    // A shutdown waits for open subscriptions.
    assert!(in_time("the shutdown", fixture.relay.terminate()).await.unwrap());
}

#[tokio::test]
async fn older_clients_cannot_subscribe() {
    let fixture = TwoPlayerChannel::create().await;
    let mut http = fixture.bob_http().await;
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "tests", "version": "1" } } });
    let answer = http.post("/mcp", &[], initialize.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    assert!(answer["result"]["capabilities"]["resources"]["subscribe"].is_null(), "{answer}");
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let message = json!({ "jsonrpc": "2.0", "id": 2, "method": method,
            "params": { "uri": uri(&fixture.channel_id) } });
        let headers = [("mcp-protocol-version", "2025-11-25")];
        let answer = http.post("/mcp", &headers, message.to_string().into()).await.unwrap();
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(answer["error"]["message"].as_str().unwrap().contains("sync_messages"), "{answer}");
    }
}

#[tokio::test]
async fn own_channels_are_listed_as_resources() {
    let fixture = TwoPlayerChannel::create().await;
    let mut http = fixture.bob_http().await;
    for (method, member) in [("resources/list", "resources"), ("resources/templates/list", "resourceTemplates")] {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": {} });
        let headers = [("mcp-protocol-version", "2025-11-25")];
        let answer = http.post("/mcp", &headers, message.to_string().into()).await.unwrap();
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        let listed = answer["result"][member].as_array().unwrap();
        match method {
            "resources/list" => {
                let uris = listed.iter().map(|resource| resource["uri"].as_str().unwrap());
                let (documents, channels): (Vec<_>, Vec<_>) = uris.partition(|uri| uri.starts_with("doc://"));
                assert!(documents.contains(&"doc://quick-start") && documents.contains(&"doc://presets/GuessBot"));
                assert_eq!(channels, [&uri(&fixture.channel_id)]);
            }
            _ => assert_eq!(listed[0]["uriTemplate"], "channel://{channel_id}{?slot_id}"),
        }
    }
}
