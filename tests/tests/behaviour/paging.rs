//! Long logs are read completely, once and in order, in pages of limited size.

use mcp_multiplayer_tests::WsClient;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time, of_type, without_now};

/// Flags that lift the limits on posts, so that a test can post as fast as it can.
const UNLIMITED: [&str; 6] =
    ["--posts-per-second", "1000000", "--posts-burst", "1000000", "--requests-burst", "1000000"];

/// Posts messages, 50 at a time.
async fn post_many(client: &mut WsClient, channel_id: &str, count: usize) {
    let mut posted = 0;
    while posted < count {
        let mut ids = vec![];
        for number in posted..count.min(posted + 50) {
            let args = json!({ "channel_id": channel_id, "body": format!("message {number}") });
            ids.push(client.send("post_message", args).await.unwrap());
        }
        posted += ids.len();
        // Responses arrive in any order.
        for _ in ids {
            assert!(client.frame().await.unwrap()["ok"]["msg_id"].is_u64());
        }
    }
}

/// Reads from the start to the end, page by page.
async fn pages(client: &mut WsClient, channel_id: &str, more: &Value) -> Vec<Value> {
    let (mut pages, mut cursor) = (vec![], json!(0));
    loop {
        let mut args = json!({ "channel_id": channel_id, "cursor": cursor, "timeout_ms": 0 });
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let page = client.call("sync_messages", args).await;
        cursor = page["cursor"].clone();
        let has_more = page["has_more"] == true;
        pages.push(without_now(page));
        if !has_more {
            return pages;
        }
    }
}

fn ids(pages: &[Value]) -> Vec<u64> {
    pages.iter().flat_map(|page| page["messages"].as_array().unwrap()).map(|m| m["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn thousands_of_entries_are_read_completely_and_in_order() {
    let mut fixture = TwoPlayerChannel::create_with(&UNLIMITED, json!({})).await;
    in_time("the posts", post_many(&mut fixture.alice, &fixture.channel_id, 2_500)).await;
    let size = fixture.size().await;
    let read = pages(&mut fixture.bob, &fixture.channel_id, &json!({})).await;
    assert_eq!(ids(&read), (1..=size).collect::<Vec<_>>());
    assert!(read.len() > 5 && read.len() < 100, "{} pages", read.len());
    for page in &read {
        assert!(page.to_string().len() < 60_000);
        assert!(page["messages"].as_array().unwrap().len() <= 500);
    }
    assert_eq!(read.last().unwrap()["cursor"], size);
    // The result is the same after a restart, when nothing is cached.
    fixture.relay.restart(None).await.unwrap();
    let mut bob = fixture.bob_ws().await;
    assert_eq!(pages(&mut bob, &fixture.channel_id, &json!({})).await, read);
    // A late joiner receives the first page, and continues from there.
    let mut carol = fixture.stranger().await;
    let joined = carol.call("join_channel", json!({ "invite_code": fixture.created["invites"][1] })).await;
    assert_eq!(joined["has_more"], true);
    assert_eq!(joined["cursor"], joined["messages"].as_array().unwrap().last().unwrap()["id"]);
}

#[tokio::test]
async fn a_page_has_at_most_as_many_messages_as_asked_for() {
    let mut fixture = TwoPlayerChannel::create_with(&UNLIMITED, json!({})).await;
    post_many(&mut fixture.alice, &fixture.channel_id, 20).await;
    let size = fixture.size().await;
    for limit in [1, 7, 500_u64] {
        let read = pages(&mut fixture.bob, &fixture.channel_id, &json!({ "limit": limit })).await;
        assert_eq!(ids(&read), (1..=size).collect::<Vec<_>>(), "limit {limit}");
        let (last, full) = read.split_last().unwrap();
        assert!(full.iter().all(|page| page["messages"].as_array().unwrap().len() as u64 == limit));
        assert_eq!(last["has_more"], false);
    }
}

#[tokio::test]
async fn pages_are_limited_in_size() {
    let mut fixture = TwoPlayerChannel::create_with(&UNLIMITED, json!({})).await;
    // Characters that take twice the space in JSON, and bodies near the limit.
    let texts = ["\"".repeat(10_000), "é".repeat(9_000), "x".repeat(32_000), "short".to_owned(), "\u{1}".repeat(5_000)];
    for text in texts.iter().cycle().take(20) {
        fixture.alice_posts(text).await;
    }
    let size = fixture.size().await;
    let read = pages(&mut fixture.bob, &fixture.channel_id, &json!({})).await;
    assert_eq!(ids(&read), (1..=size).collect::<Vec<_>>());
    for page in &read {
        assert!(page["messages"].to_string().len() <= 40_000, "{}", page["messages"].to_string().len());
    }
    let first = &read[0]["messages"].as_array().unwrap()[3]["body"]["text"];
    assert_eq!(*first, texts[0]);
}

#[tokio::test]
async fn pages_over_mcp_are_limited_in_size() {
    let mut fixture = TwoPlayerChannel::create_with(&UNLIMITED, json!({})).await;
    for _ in 0..4 {
        fixture.alice_posts(&"\"".repeat(16_000)).await;
    }
    let mut http = fixture.bob_http().await;
    let mut cursor = json!(0);
    let mut read = 0;
    loop {
        let args = fixture.args(json!({ "cursor": cursor, "timeout_ms": 0 }));
        let page = http.call_tool("sync_messages", args).await.unwrap();
        assert!(page.to_string().len() < 60_000);
        read += page["messages"].as_array().unwrap().len();
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(read as u64, fixture.size().await);
}

#[tokio::test]
async fn trace_entries_are_returned_on_request() {
    let echo = "class Echo:\n    def on_message(self, msg):\n        self.ctx.post('bot', {'text': 'echo'})\n";
    let mut fixture = TwoPlayerChannel::with_bot(echo).await;
    let msg_id = fixture.alice_posts("hello").await;
    let bob = &mut fixture.bob;
    crate::fixture::read_until(bob, &fixture.channel_id, "the echo", |m| m["body"]["type"] == "bot:ran").await;
    let without = pages(bob, &fixture.channel_id, &json!({})).await;
    let with = pages(bob, &fixture.channel_id, &json!({ "include_trace": true })).await;
    let size = fixture.size().await;
    assert_eq!(ids(&with), (1..=size).collect::<Vec<_>>(), "ids are contiguous");
    assert_eq!(without.last().unwrap()["cursor"], size, "the cursor includes entries that are not shown");
    let all: Vec<Value> = with.iter().flat_map(|page| page["messages"].as_array().unwrap().clone()).collect();
    let ran = of_type(&all, "bot:ran");
    assert_eq!(ran.len(), 1);
    assert_eq!((&ran[0]["kind"], &ran[0]["body"]["trigger"]), (&json!("trace"), &json!(msg_id)));
    assert_eq!(ids(&without).len() + 1, ids(&with).len());
    assert!(all.windows(2).all(|pair| pair[0]["ts"].as_str() <= pair[1]["ts"].as_str()), "times never go back");
}

#[tokio::test]
async fn a_cursor_beyond_the_end_is_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    let args = fixture.args(json!({ "cursor": size, "timeout_ms": 0 }));
    let page = fixture.bob.call("sync_messages", args).await;
    assert_eq!((&page["messages"], &page["cursor"]), (&json!([]), &json!(size)));
    // It belongs to another channel, or was made up, and would hide the entries between.
    for cursor in [size + 1, u64::MAX] {
        let args = fixture.args(json!({ "cursor": cursor, "timeout_ms": 25_000 }));
        assert_eq!(fixture.bob.refusal("sync_messages", args).await, "INVALID_REQUEST", "{cursor}");
    }
    for limit in [0, 501] {
        let args = fixture.args(json!({ "limit": limit, "timeout_ms": 0 }));
        assert_eq!(fixture.bob.refusal("sync_messages", args).await, "INVALID_REQUEST", "{limit}");
    }
}
