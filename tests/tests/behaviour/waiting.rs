//! Waits end as soon as there is something to read, and at the latest after their timeout.

use std::time::{Duration, Instant};

use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time, read_until, with_text, without_now};

/// Timeout of waits that are expected to end earlier, in milliseconds.
const LONG: u64 = 45_000;
/// A wait of [`LONG`] that took less time than this did not time out.
const SOON: Duration = Duration::from_secs(30);

const ECHO: &str = "
class Echo:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'echo ' + msg['body']['text']})
";

fn texts(answer: &Value) -> Vec<&str> {
    answer["messages"].as_array().unwrap().iter().filter_map(|message| message["body"]["text"].as_str()).collect()
}

#[tokio::test]
async fn a_wait_ends_with_a_post_of_another_player() {
    let mut fixture = TwoPlayerChannel::create().await;
    let began = Instant::now();
    let mut waiter = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let waiting = waiter.send("sync_messages", wait).await.unwrap();
    let msg_id = fixture.alice_posts("your turn").await;
    let answer = in_time("the answer", waiter.answer(waiting)).await.unwrap();
    assert_eq!(texts(&answer), ["your turn"]);
    assert_eq!(answer["cursor"], msg_id);
    assert_eq!(answer["messages"][0]["sender_label"], "alice");
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn a_wait_over_http_ends_with_a_post_of_another_player() {
    let mut fixture = TwoPlayerChannel::create().await;
    let began = Instant::now();
    let mut waiter = fixture.bob_http().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let (answer, _) = tokio::join!(waiter.call_tool("sync_messages", wait), fixture.alice_posts("your turn"));
    assert_eq!(texts(&answer.unwrap()), ["your turn"]);
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn own_posts_do_not_end_a_wait() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut waiter = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let waiting = waiter.send("sync_messages", wait).await.unwrap();
    for text in ["thinking", "still thinking", "49 then"] {
        fixture.bob_posts(text).await;
    }
    fixture.alice_posts("wrong").await;
    let answer = in_time("the answer", waiter.answer(waiting)).await.unwrap();
    assert_eq!(texts(&answer), ["thinking", "still thinking", "49 then", "wrong"]);
}

#[tokio::test]
async fn a_post_can_wait_for_the_answer_to_it() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let post = fixture.args(json!({ "body": "knock knock", "wait_ms": LONG, "cursor": fixture.joined["cursor"] }));
    let posting = bob.send("post_message", post).await.unwrap();
    // Alice waits for the first post, so that her answer comes after it.
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let received = in_time("the first post", fixture.alice.call("sync_messages", wait)).await;
    assert_eq!(texts(&received), ["knock knock"]);
    fixture.alice_posts("who is there?").await;
    let answer = in_time("the answer", bob.answer(posting)).await.unwrap();
    assert_eq!(texts(&answer), ["knock knock", "who is there?"]);
    assert_eq!(answer["msg_id"], answer["messages"][0]["id"]);
    assert_eq!(answer["ts"], answer["messages"][0]["ts"]);
}

#[tokio::test]
async fn without_a_timeout_the_response_comes_at_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let began = Instant::now();
    let args = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": 0 }));
    let answer = fixture.bob.call("sync_messages", args).await;
    let empty = json!({ "messages": [], "cursor": fixture.joined["cursor"], "has_more": false });
    assert_eq!(without_now(answer), empty);
    assert!(began.elapsed() < SOON);
    let post = fixture.args(json!({ "body": "hello" }));
    assert!(fixture.bob.call("post_message", post).await.get("messages").is_none());
}

#[tokio::test]
async fn a_wait_ends_with_its_timeout() {
    let mut fixture = TwoPlayerChannel::create_with(&["--wait-ms", "50"], json!({})).await;
    let began = Instant::now();
    // The relay's own limit applies, whatever the request says.
    let args = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": u64::MAX }));
    assert_eq!(fixture.bob.call("sync_messages", args).await["messages"], json!([]));
    let args = fixture.args(json!({ "body": "hello?", "wait_ms": u64::MAX }));
    assert_eq!(fixture.bob.call("post_message", args).await["messages"], json!([]));
    assert!((Duration::from_millis(100)..SOON).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_sync_right_after_a_post_includes_the_bots_answer() {
    let mut fixture = TwoPlayerChannel::with_bot(ECHO).await;
    fixture.bob_posts("warm up").await;
    read_until(&mut fixture.bob, &fixture.channel_id, "the echo", |m| m["body"]["text"] == "echo warm up").await;
    for number in 0..5 {
        let msg_id = fixture.bob_posts(&format!("move {number}")).await;
        let args = fixture.args(json!({ "cursor": msg_id - 1, "timeout_ms": 0 }));
        let answer = fixture.bob.call("sync_messages", args).await;
        assert_eq!(texts(&answer), [format!("move {number}"), format!("echo move {number}")]);
    }
}

#[tokio::test]
async fn each_message_needs_one_sync() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut cursor = fixture.joined["cursor"].clone();
    let mut waiter = fixture.bob_ws().await;
    for number in 0..20 {
        let wait = fixture.args(json!({ "cursor": cursor, "timeout_ms": LONG }));
        let waiting = waiter.send("sync_messages", wait).await.unwrap();
        fixture.alice_posts(&format!("move {number}")).await;
        let answer = in_time("the move", waiter.answer(waiting)).await.unwrap();
        assert_eq!(texts(&answer), [format!("move {number}")]);
        cursor = answer["cursor"].clone();
    }
}

#[tokio::test]
async fn waits_end_when_the_relay_shuts_down() {
    let mut fixture = TwoPlayerChannel::create().await;
    let (mut ws, mut http, mut stream) = (fixture.bob_ws().await, fixture.bob_http().await, fixture.bob_http().await);
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let post = fixture.args(json!({ "body": "last words", "wait_ms": LONG }));
    let began = Instant::now();
    // The waits have started once the post is visible.
    let waiting = ws.send("sync_messages", wait.clone()).await.unwrap();
    let posting = ws.send("post_message", post).await.unwrap();
    let over_http = http.call_tool("sync_messages", wait.clone());
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "sync_messages", "arguments": wait } });
    let over_stream = stream.post("/", &[], call.to_string().into());
    let terminate = async {
        let args = json!({ "channel_id": fixture.channel_id, "cursor": fixture.joined["cursor"] });
        in_time("the post", fixture.alice.call("sync_messages", args)).await;
        // Both HTTP requests were sent before. The response to another one shows that they have arrived.
        let _ = fixture.bob_http().await.call_tool("health_check", json!({})).await.unwrap();
        fixture.relay.terminate().await.unwrap()
    };
    let (over_http, over_stream, ended_well) =
        in_time("the end", async { tokio::join!(over_http, over_stream, terminate) }).await;
    assert!(ended_well, "it exits successfully");
    let mut answered = vec![];
    while answered.len() < 2 {
        let frame = ws.frame().await.unwrap();
        if frame["event"] != "closing" {
            assert!(frame["ok"]["messages"].is_array(), "{frame}");
            answered.push(frame["id"].as_u64().unwrap());
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [waiting, posting]);
    assert_eq!(over_http.unwrap()["has_more"], false);
    assert!(String::from_utf8_lossy(over_stream.unwrap().body()).contains("has_more"));
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn clients_are_notified_of_the_shutdown() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let waiting = bob.send("sync_messages", wait).await.unwrap();
    assert!(bob.try_call("health_check", json!({})).await.is_ok(), "so the wait has started");
    let (ended_well, frames) = tokio::join!(fixture.relay.terminate(), async {
        let first = bob.frame().await.unwrap();
        (first, bob.frame().await.unwrap(), bob.closed().await)
    });
    assert!(ended_well.unwrap());
    let (first, second, code) = frames;
    let answer = if first["event"] == "closing" { second } else { first };
    assert_eq!((&answer["id"], &answer["ok"]["messages"]), (&json!(waiting), &json!([])));
    assert_eq!(code, Some(1001));
}

#[tokio::test]
async fn a_cancelled_wait_ends_and_is_not_answered() {
    let flags = ["--requests-per-connection", "1"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    let mut bob = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let waiting = bob.send("sync_messages", wait.clone()).await.unwrap();
    assert_eq!(bob.refusal("health_check", json!({})).await, "RATE_LIMIT", "the wait is the only request allowed");
    bob.send_text(json!({ "cancel": waiting }).to_string()).await.unwrap();
    // Frames are processed in order, so the wait has ended when this is answered.
    bob.call("health_check", json!({})).await;
    fixture.alice_posts("nobody waits for this").await;
    let next = bob.send("sync_messages", wait).await.unwrap();
    let frame = in_time("the next answer", bob.frame()).await.unwrap();
    assert_eq!(frame["id"], next, "{frame}");
    assert_eq!(texts(&frame["ok"]), ["nobody waits for this"]);
    // Cancelling a request that is not pending does nothing.
    bob.send_text(json!({ "cancel": 4_000 }).to_string()).await.unwrap();
    bob.send_text(json!({ "cancel": next }).to_string()).await.unwrap();
}

#[tokio::test]
async fn a_post_remains_when_its_wait_is_cancelled() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let post = fixture.args(json!({ "body": "said is said", "wait_ms": LONG }));
    let posting = bob.send("post_message", post).await.unwrap();
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let received = in_time("the post", fixture.alice.call("sync_messages", wait)).await;
    bob.send_text(json!({ "cancel": posting }).to_string()).await.unwrap();
    assert_eq!(texts(&received), ["said is said"]);
    assert_eq!(with_text(&fixture.bob_reads().await, "said is said").len(), 1);
}

#[tokio::test]
async fn a_kick_ends_the_wait() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let waiting = bob.send("sync_messages", wait).await.unwrap();
    assert!(bob.try_call("health_check", json!({})).await.is_ok(), "so the wait has started");
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    let last = in_time("the end of the wait", bob.answer(waiting)).await.unwrap();
    assert_eq!(last["messages"][0]["body"]["type"], "member:kick");
    let wait = fixture.args(json!({ "cursor": last["cursor"], "timeout_ms": LONG }));
    assert_eq!(in_time("a refusal", bob.refusal("sync_messages", wait)).await, "NOT_MEMBER");
}

#[tokio::test]
async fn a_post_is_acknowledged_if_its_author_is_kicked_while_waiting() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let post = fixture.args(json!({ "body": "you can't kick me", "wait_ms": LONG }));
    let posting = bob.send("post_message", post).await.unwrap();
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let received = in_time("the post", fixture.alice.call("sync_messages", wait)).await;
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    let answer = in_time("the end of the wait", bob.answer(posting)).await.unwrap();
    assert_eq!(answer["msg_id"], received["messages"][0]["id"], "{answer}");
    assert_eq!(answer["messages"].as_array().unwrap().last().unwrap()["body"]["type"], "member:kick");
}

#[tokio::test]
async fn a_rejoin_by_another_ends_the_wait() {
    let fixture = TwoPlayerChannel::create().await;
    let mut bob = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let waiting = bob.send("sync_messages", wait).await.unwrap();
    let mut carol = fixture.stranger().await;
    carol.call("join_channel", json!({ "invite_code": fixture.joined["rejoin_token"] })).await;
    let last = in_time("the end of the wait", bob.answer(waiting)).await.unwrap();
    assert_eq!(last["messages"][0]["body"]["type"], "member:rejoin");
    let wait = fixture.args(json!({ "cursor": last["cursor"], "timeout_ms": LONG }));
    assert_eq!(in_time("a refusal", bob.refusal("sync_messages", wait)).await, "NOT_MEMBER");
}

#[tokio::test]
async fn the_view_is_included_when_the_composition_has_changed() {
    let mut fixture = TwoPlayerChannel::create().await;
    let msg_id = fixture.alice_posts("hello").await;
    let from = |cursor: &Value| json!({ "channel_id": fixture.channel_id, "cursor": cursor, "timeout_ms": 0 });
    let talk = fixture.bob.call("sync_messages", from(&fixture.joined["cursor"])).await;
    assert!(talk.get("view").is_none(), "a post does not change the composition: {talk}");
    let (all, here) = (from(&json!(0)), from(&json!(msg_id)));
    assert_eq!(fixture.bob.call("sync_messages", all).await["view"]["name"], "Game");
    fixture.update(json!([{ "type": "rename", "name": "Finals" }])).await.unwrap();
    let renamed = fixture.bob.call("sync_messages", here).await;
    assert_eq!(renamed["view"]["name"], "Finals");
    let after = fixture.args(json!({ "cursor": renamed["cursor"], "timeout_ms": 0 }));
    assert!(fixture.bob.call("sync_messages", after).await.get("view").is_none());
}

/// Makes some round trips, in which requests of other connections reach the relay.
async fn round_trips(client: &mut HttpClient) {
    for _ in 0..20 {
        client.call_tool("health_check", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn the_wait_of_a_disconnected_client_ends() {
    let relay = RelayProcess::start_verbose(&[]).await.unwrap();
    let fixture = TwoPlayerChannel::create_on(relay, json!({})).await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let mut other = fixture.bob_http().await;
    let mut abandoned = 0;
    for over_mcp in [true, false] {
        let before = abandoned;
        // A client that disconnects before the wait has started leaves no trace in the log, so repeat until one does.
        let until_abandoned = async {
            while abandoned == before {
                let mut client = fixture.bob_http().await;
                let waiting = async {
                    if over_mcp {
                        client.call_tool("sync_messages", wait.clone()).await.map(drop)
                    } else {
                        client.post("/sync_messages", &[], wait.to_string().into()).await.map(drop)
                    }
                };
                tokio::select! {
                    answer = waiting => panic!("it waits: {answer:?}"),
                    () = round_trips(&mut other) => {}
                }
                drop(client);
                round_trips(&mut other).await;
                abandoned = fixture.relay.logged().unwrap().matches("abandoned").count();
            }
        };
        in_time("the end of the wait", until_abandoned).await;
    }
}
