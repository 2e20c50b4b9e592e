//! MCP Events on standard input and output: the stream of a channel's messages among everything else that the client sends
//! and receives, in both protocol eras.

use mcp_multiplayer_tests::{StdioClient, WsClient};
use serde_json::{Value, json};

use crate::events::params;
use crate::fixture::{TwoPlayerChannel, in_time};

/// Protocol eras: with `initialize`, and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    Handshake,
    Stateless,
}

const ERAS: [Era; 2] = [Era::Handshake, Era::Stateless];

impl Era {
    /// Launches the stdio server with a token.
    async fn launch(self, fixture: &TwoPlayerChannel, token: &str) -> StdioClient {
        match self {
            Self::Handshake => StdioClient::launch(&fixture.relay, token).await.unwrap().0,
            Self::Stateless => StdioClient::launch_stateless(&fixture.relay, token).unwrap(),
        }
    }
}

/// A stream, and the client that opened it.
struct Stream {
    client: StdioClient,
    id: u64,
}

impl Stream {
    /// Opens a stream from a cursor, and returns it with the params of its first notification.
    async fn open(mut client: StdioClient, fixture: &TwoPlayerChannel, cursor: Value) -> (Self, Value) {
        let params = params(fixture, "any", json!({ "cursor": cursor }));
        let id = client.send_request("events/stream", params).await.unwrap();
        let mut stream = Self { client, id };
        let active = stream.next("active").await;
        (stream, active)
    }

    /// Returns the params of the next message, which must be a notification of this kind, for this stream.
    async fn next(&mut self, kind: &str) -> Value {
        let mut message = in_time("a notification", self.client.next_message()).await.unwrap();
        assert_eq!(message["method"], format!("notifications/events/{kind}"), "{message}");
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], self.id, "{message}");
        message["params"].take()
    }

    async fn assert_next_text(&mut self, text: &str) {
        let event = self.next("event").await;
        assert_eq!(event["data"]["text"], text, "{event}");
    }

    /// Adds the texts of events to `texts` until there is a notification of another kind, and returns its params.
    async fn collect_until(&mut self, texts: &mut Vec<String>, kind: &str) -> Value {
        loop {
            let mut message = in_time("a notification", self.client.next_message()).await.unwrap();
            if message["method"] != "notifications/events/event" {
                assert_eq!(message["method"], format!("notifications/events/{kind}"), "{message}");
                return message["params"].take();
            }
            texts.push(text(&message["params"]));
        }
    }

    /// Cancels the request, as a client does that is not interested any more.
    async fn cancel(mut self) -> StdioClient {
        let params = json!({ "requestId": self.id, "reason": "the window was closed" });
        self.client.notify("notifications/cancelled", params).await.unwrap();
        self.client
    }
}

/// Returns the text of an event's message.
fn text(event: &Value) -> String {
    event["data"]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stream_has_the_posts_of_others_and_not_the_own_ones() {
    for era in ERAS {
        let mut fixture = TwoPlayerChannel::create().await;
        // A stdio server leaves out only the posts of a seat that was taken through it.
        let carol = fixture.relay.create_token("carol").await.unwrap();
        let mut client = era.launch(&fixture, &carol).await;
        let join = json!({ "invite_code": fixture.created["invites"][1] });
        client.call_tool("join_channel", join).await.unwrap();
        let before = fixture.alice_posts("before the stream").await;
        let (mut stream, active) = Stream::open(client, &fixture, json!(null)).await;
        let start = (&active["cursor"], &active["truncated"]);
        assert_eq!(start, (&json!(before.to_string()), &json!(false)), "{era:?}");
        let mut elsewhere = WsClient::connect(fixture.relay.address(), &carol).await.unwrap();
        elsewhere.call("post_message", fixture.args(json!({ "body": "own post" }))).await;
        let id = fixture.alice_posts("your turn").await;
        let event = stream.next("event").await;
        assert_eq!(event["data"]["text"], "your turn", "{era:?}: {event}");
        assert_eq!(event["eventId"], format!("{}_{id}", fixture.channel_id));
        assert_eq!((&event["name"], &event["cursor"]), (&json!("channel.message"), &json!(id.to_string())));
        let data = json!({ "channel_id": fixture.channel_id, "id": id, "sender": "s1", "label": "alice", "text": "your turn" });
        assert_eq!(event["data"], data);
        // The same client posts through the same server while the stream is open.
        let post = fixture.args(json!({ "body": "also an own post" }));
        stream.client.call_tool("post_message", post).await.unwrap();
        fixture.bob_posts("still your turn").await;
        stream.assert_next_text("still your turn").await;
    }
}

#[tokio::test]
async fn a_new_process_resumes_a_stream_by_its_cursor() {
    for era in ERAS {
        let mut fixture = TwoPlayerChannel::create().await;
        let client = era.launch(&fixture, &fixture.bob_token).await;
        let (mut stream, _) = Stream::open(client, &fixture, json!(null)).await;
        fixture.alice_posts("seen").await;
        let cursor = stream.next("event").await["cursor"].clone();
        drop(stream);
        for text in ["missed", "missed, too"] {
            fixture.alice_posts(text).await;
        }
        let client = era.launch(&fixture, &fixture.bob_token).await;
        let (mut stream, active) = Stream::open(client, &fixture, cursor.clone()).await;
        assert_eq!(active["cursor"], cursor, "{era:?}");
        stream.assert_next_text("missed").await;
        stream.assert_next_text("missed, too").await;
        fixture.alice_posts("live").await;
        stream.assert_next_text("live").await;
    }
}

#[tokio::test]
async fn cancelling_the_request_ends_its_stream_and_no_other() {
    for era in ERAS {
        let mut fixture = TwoPlayerChannel::create().await;
        let client = era.launch(&fixture, &fixture.bob_token).await;
        let (stream, _) = Stream::open(client, &fixture, json!(null)).await;
        let cancelled = stream.id;
        let mut client = stream.cancel().await;
        let id = client.send_request("events/stream", params(&fixture, "any", json!({}))).await.unwrap();
        assert_ne!(id, cancelled);
        let mut other = Stream { client, id };
        // The result of the cancelled request may still come; its events must not.
        let mut first = in_time("a message", other.client.next_message()).await.unwrap();
        if first["id"] == cancelled {
            first = in_time("a message", other.client.next_message()).await.unwrap();
        }
        assert_eq!(first["method"], "notifications/events/active", "{era:?}: {first}");
        for text in ["one", "two", "three"] {
            fixture.alice_posts(text).await;
            other.assert_next_text(text).await;
        }
    }
}

#[tokio::test]
async fn channels_of_others_cannot_be_streamed() {
    let fixture = TwoPlayerChannel::create().await;
    let token = fixture.relay.create_token("mallory").await.unwrap();
    for era in ERAS {
        let mut mallory = era.launch(&fixture, &token).await;
        for cursor in [json!(null), json!("0")] {
            let params = params(&fixture, "any", json!({ "cursor": cursor }));
            let id = mallory.send_request("events/stream", params).await.unwrap();
            let answer = in_time("the refusal", mallory.next_message()).await.unwrap();
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(id), &json!(-32_024)), "{era:?} {answer}");
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_without_loss_when_the_relay_was_restarted() {
    for era in ERAS {
        let mut fixture = TwoPlayerChannel::create().await;
        let client = era.launch(&fixture, &fixture.bob_token).await;
        let (mut stream, _) = Stream::open(client, &fixture, json!(null)).await;
        fixture.alice_posts("before").await;
        // The post is acknowledged. Whether it reaches the client before the relay's death or after it is open.
        fixture.relay.kill().await.unwrap();
        let mut texts = vec![];
        let failure = stream.collect_until(&mut texts, "error").await;
        assert_eq!(failure["error"]["code"], -32_603, "{era:?}: {failure}");
        fixture.relay.restart(None).await.unwrap();
        fixture.alice = fixture.relay.connect().await.unwrap();
        for text in ["after", "long after"] {
            fixture.alice_posts(text).await;
        }
        while texts.last().is_none_or(|text| text != "long after") {
            texts.push(text(&stream.next("event").await));
        }
        assert_eq!(texts, ["before", "after", "long after"], "{era:?}");
    }
}
