//! MCP Events (SEP-3415): clients poll or stream the messages of their channels from a cursor, and see nothing else.

use mcp_multiplayer_tests::{EventStream, HttpClient};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time, with};
use crate::revocation::revoke_only;

/// Posts a request of protocol 2026-07-28. The error is that of JSON-RPC.
pub(crate) async fn request(http: &mut HttpClient, method: &str, params: &Value) -> Result<Value, Value> {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "tests", "version": "1" },
    });
    let params = with(params.clone(), json!({ "_meta": meta }));
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let headers = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    let answer = http.post("/mcp", &headers, message.to_string().into()).await.unwrap();
    let mut answer: Value = serde_json::from_slice(answer.body()).unwrap();
    if answer["error"].is_object() { Err(answer["error"].take()) } else { Ok(answer["result"].take()) }
}

pub(crate) fn params(fixture: &TwoPlayerChannel, wait_for: &str, more: Value) -> Value {
    let arguments = json!({ "channel_id": fixture.channel_id, "wait_for": wait_for });
    with(json!({ "name": "channel.message", "arguments": arguments }), more)
}

async fn poll(fixture: &TwoPlayerChannel, wait_for: &str, more: Value) -> Value {
    request(&mut fixture.bob_http().await, "events/poll", &params(fixture, wait_for, more)).await.unwrap()
}

fn texts(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().filter_map(|event| event["data"]["text"].as_str()).collect()
}

async fn stream(fixture: &TwoPlayerChannel, wait_for: &str, cursor: Value) -> EventStream {
    let params = params(fixture, wait_for, json!({ "cursor": cursor }));
    let (address, meta) = (fixture.relay.address(), json!({}));
    let opened = EventStream::open(address, &fixture.bob_token, "events/stream", &params, &meta);
    in_time("the stream", opened).await.unwrap()
}

/// Returns the next notification of a stream, which must be of this kind.
async fn next(stream: &mut EventStream, kind: &str) -> Value {
    let mut message = in_time("a notification", stream.next()).await.unwrap().expect("the stream goes on");
    assert_eq!(message["method"], format!("notifications/events/{kind}"), "{message}");
    assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{message}");
    message["params"].take()
}

async fn assert_ends(stream: &mut EventStream) {
    let message = in_time("the end", stream.next()).await.unwrap().expect("a result");
    let meta = json!({ "io.modelcontextprotocol/subscriptionId": 1 });
    assert_eq!(message["result"], json!({ "resultType": "complete", "_meta": meta }), "{message}");
    assert!(in_time("the end", stream.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn both_names_of_the_capability_are_advertised() {
    let fixture = TwoPlayerChannel::create().await;
    let mut http = fixture.bob_http().await;
    let discovered = request(&mut http, "server/discover", &json!({})).await.unwrap();
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "tests", "version": "1" } } });
    let initialized = http.post("/mcp", &[], initialize.to_string().into()).await.unwrap();
    let initialized: Value = serde_json::from_slice(initialized.body()).unwrap();
    for capabilities in [&discovered["capabilities"], &initialized["result"]["capabilities"]] {
        assert_eq!(capabilities["events"], json!({}), "{capabilities}");
        assert_eq!(capabilities["extensions"]["io.modelcontextprotocol/events"], json!({}), "{capabilities}");
        assert!(capabilities["tools"].is_object(), "{capabilities}");
    }
    let listed = request(&mut http, "events/list", &json!({})).await.unwrap();
    assert_eq!(listed["events"][0]["name"], "channel.message");
    assert_eq!(listed["events"][0]["inputSchema"]["required"], json!(["channel_id"]));
}

#[tokio::test]
async fn polls_return_what_came_after_the_cursor_without_own_posts() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.alice_posts("before the subscription").await;
    let begun = poll(&fixture, "any", json!({})).await;
    assert_eq!((&begun["events"], &begun["truncated"]), (&json!([]), &json!(false)));
    let cursor = begun["cursor"].as_str().unwrap();
    let first = fixture.alice_posts("hello").await;
    fixture.bob_posts("hello yourself").await;
    fixture.alice_posts("bye").await;
    let polled = poll(&fixture, "any", json!({ "cursor": cursor })).await;
    assert_eq!(texts(&polled["events"]), ["hello", "bye"]);
    let event = &polled["events"][0];
    assert_eq!(event["eventId"], format!("{}_{first}", fixture.channel_id));
    assert_eq!(event["name"], "channel.message");
    assert_eq!(
        event["data"],
        json!({ "channel_id": fixture.channel_id, "id": first, "sender": "s1", "label": "alice", "text": "hello" })
    );
    assert!(event.get("cursor").is_none() && event["timestamp"].is_string());
    // In pages, each from where the one before has ended.
    let page = poll(&fixture, "any", json!({ "cursor": cursor, "maxEvents": 1 })).await;
    assert_eq!((texts(&page["events"]), &page["hasMore"]), (vec!["hello"], &json!(true)));
    let page = poll(&fixture, "any", json!({ "cursor": page["cursor"], "maxEvents": 1 })).await;
    assert_eq!((texts(&page["events"]), &page["hasMore"]), (vec!["bye"], &json!(false)));
    let end = poll(&fixture, "any", json!({ "cursor": page["cursor"] })).await;
    assert_eq!((&end["events"], &end["cursor"]), (&json!([]), &page["cursor"]));
}

#[tokio::test]
async fn events_that_are_too_old_are_skipped_and_reported_as_truncated() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.alice_posts("old").await;
    let skipped = poll(&fixture, "any", json!({ "cursor": "0", "maxAgeMs": 0 })).await;
    assert_eq!((&skipped["events"], &skipped["truncated"]), (&json!([]), &json!(true)));
    let all = poll(&fixture, "any", json!({ "cursor": "0", "maxAgeMs": 3_600_000 })).await;
    assert_eq!((texts(&all["events"]), &all["truncated"]), (vec!["old"], &json!(false)));
}

#[tokio::test]
async fn subscriptions_that_are_not_valid_are_refused() {
    let fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_http().await;
    let token = fixture.relay.create_token("mallory").await.unwrap();
    let mut mallory = HttpClient::connect(fixture.relay.address(), &token).await.unwrap();
    let valid = params(&fixture, "any", json!({}));
    for method in ["events/poll", "events/stream"] {
        for (params, code) in [
            (with(valid.clone(), json!({ "name": "channel.explosion" })), -32_023),
            (with(valid.clone(), json!({ "arguments": { "channel_id": 7 } })), -32_602),
            (with(valid.clone(), json!({ "cursor": "the end" })), -32_602),
            (params(&fixture, "christmas", json!({})), -32_602),
            (json!({}), -32_602),
        ] {
            let error = request(&mut bob, method, &params).await.unwrap_err();
            assert_eq!(error["code"], code, "{method} {params}: {error}");
        }
        for cursor in [json!(null), json!("0")] {
            let of_mallory = with(valid.clone(), json!({ "cursor": cursor }));
            let error = request(&mut mallory, method, &of_mallory).await.unwrap_err();
            assert_eq!(error["code"], -32_024, "{method} {cursor}: {error}");
        }
    }
}

#[tokio::test]
async fn streams_resume_from_the_cursor_and_go_on() {
    let mut fixture = TwoPlayerChannel::create().await;
    let first = fixture.alice_posts("missed").await;
    let mut stream = stream(&fixture, "any", json!((first - 1).to_string())).await;
    let active = next(&mut stream, "active").await;
    assert_eq!((&active["cursor"], &active["truncated"]), (&json!((first - 1).to_string()), &json!(false)));
    let missed = next(&mut stream, "event").await;
    assert_eq!((&missed["data"]["text"], &missed["cursor"]), (&json!("missed"), &json!(first.to_string())));
    fixture.bob_posts("own posts are no events").await;
    let second = fixture.alice_posts("live").await;
    let live = next(&mut stream, "event").await;
    assert_eq!((&live["data"]["text"], &live["cursor"]), (&json!("live"), &json!(second.to_string())));
    fixture.relay.terminate().await.unwrap();
    assert_ends(&mut stream).await;
}

#[tokio::test]
async fn a_kick_terminates_the_stream() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut stream = stream(&fixture, "any", json!(null)).await;
    next(&mut stream, "active").await;
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    let kicked = next(&mut stream, "event").await;
    assert_eq!(kicked["data"]["data"]["type"], "member:kick");
    let terminated = next(&mut stream, "terminated").await;
    assert_eq!(terminated["error"]["code"], -32_024, "{terminated}");
    assert_ends(&mut stream).await;
    let cursor = json!({ "cursor": kicked["cursor"] });
    let error = request(&mut fixture.bob_http().await, "events/poll", &params(&fixture, "any", cursor)).await;
    assert_eq!(error.unwrap_err()["code"], -32_024);
}

#[tokio::test]
async fn a_revoked_token_terminates_the_stream() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut stream = stream(&fixture, "any", json!(null)).await;
    next(&mut stream, "active").await;
    revoke_only(&fixture.relay, "token").await;
    let terminated = next(&mut stream, "terminated").await;
    assert_eq!(terminated["error"]["code"], -32_024, "{terminated}");
    assert_ends(&mut stream).await;
    fixture.alice_posts("he is gone").await;
}

/// Offers the turn to whom a message names.
const TURNS: &str = r"
class Turns:
    def on_message(self, msg):
        text = msg['body']['text']
        if text.startswith('s'):
            self.ctx.post('bot', {'text': 'turn of ' + text, 'turn': [text]})
";

#[tokio::test]
async fn only_the_own_turn_is_an_event_for_those_who_wait_for_it() {
    let mut fixture = TwoPlayerChannel::with_bot(TURNS).await;
    let begun = poll(&fixture, "my_turn", json!({})).await;
    let cursor = begun["cursor"].clone();
    let mut stream = stream(&fixture, "my_turn", cursor.clone()).await;
    next(&mut stream, "active").await;
    for text in ["chat", "s1", "more chat", "s2"] {
        fixture.alice_posts(text).await;
    }
    let event = next(&mut stream, "event").await;
    assert_eq!(event["data"]["text"], "turn of s2", "{event}");
    let polled = poll(&fixture, "my_turn", json!({ "cursor": cursor })).await;
    assert_eq!(texts(&polled["events"]), ["turn of s2"]);
    let polled = poll(&fixture, "bot", json!({ "cursor": cursor })).await;
    assert_eq!(texts(&polled["events"]), ["turn of s1", "turn of s2"]);
}
