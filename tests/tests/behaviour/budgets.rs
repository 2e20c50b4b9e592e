//! Budgets of hooks: bots that answer one another, or that have timers, cannot fill the disk.

use serde_json::json;

use crate::fixture::{TwoPlayerChannel, of_type, outcome, read_until};

/// Answers every post of another bot, and every player, with two posts of 20 KB.
const LOUD: &str = "
class Loud:
    def on_message(self, msg):
        for number in range(2):
            self.ctx.post('bot', {'text': 'x' * 20000})
";

async fn channel_with_two_bots(flags: &[&str]) -> TwoPlayerChannel {
    let bots = json!([{ "inline_code": LOUD, "name": "A" }, { "inline_code": LOUD, "name": "B" }]);
    TwoPlayerChannel::create_with(flags, json!({ "bots": bots })).await
}

#[tokio::test]
async fn what_follows_from_one_message_is_limited() {
    let mut fixture = channel_with_two_bots(&["--bot-trigger-hooks", "12"]).await;
    fixture.bob_posts("go").await;
    let at = fixture.channel_id.clone();
    let skipped = |message: &serde_json::Value| message["body"]["reason"] == "budget";
    let log = read_until(&mut fixture.bob, &at, "the limit", skipped).await;
    let ran = of_type(&log, "bot:ran").into_iter().filter(|ran| ran["body"]["hook"] == "on_message").count();
    assert!((12..=13).contains(&ran), "{ran} hooks; two bots that run at the same time may exceed the limit by one");
    // The next message has a budget of its own.
    let next = fixture.bob_posts("and again").await;
    read_until(&mut fixture.bob, &at, "a hook of the next message", |message| {
        message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == next
    })
    .await;
}

#[tokio::test]
async fn what_follows_from_one_message_is_limited_in_bytes() {
    let mut fixture = channel_with_two_bots(&["--bot-trigger-bytes", "100000"]).await;
    fixture.bob_posts("go").await;
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the limit", |message| message["body"]["reason"] == "budget").await;
    let posts = log.iter().filter(|message| message["sender"].as_str().unwrap().starts_with("bot:")).count();
    assert!((5..=8).contains(&posts), "{posts} posts of 20 KB");
}

#[tokio::test]
async fn a_player_cannot_use_up_the_hooks_that_the_others_need() {
    let source = "
class Echo:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'to ' + msg['sender'] + ': ' + 'x' * 20000})
";
    // Two players share half of it: each has 50,000 bytes.
    let flags = ["--bot-channel-hour-bytes", "200000"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({ "bot_code": source })).await;
    let at = fixture.channel_id.clone();
    let mut posted = 0;
    let refused = loop {
        let post = fixture.args(json!({ "body": "flood", "wait_ms": 20_000 }));
        match outcome(fixture.bob.try_call("post_message", post).await) {
            Ok(_) => posted += 1,
            Err(code) => break code,
        }
    };
    assert_eq!((refused.as_str(), posted), ("RATE_LIMIT", 3));
    fixture.alice_posts("my move").await;
    let answered =
        |message: &serde_json::Value| message["body"]["text"].as_str().is_some_and(|text| text.starts_with("to s1"));
    let log = read_until(&mut fixture.alice, &at, "the answer to the other player", answered).await;
    assert!(of_type(&log, "bot:skipped").is_empty());
}

#[tokio::test]
async fn a_channel_has_a_budget_for_an_hour() {
    let mut fixture = channel_with_two_bots(&["--bot-channel-hour-bytes", "50000"]).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("go").await;
    read_until(&mut fixture.bob, &at, "the limit", |message| message["body"]["reason"] == "budget").await;
    let next = fixture.alice_posts("and I").await;
    let log = read_until(&mut fixture.bob, &at, "the skipped hooks", |message| {
        message["body"]["type"] == "bot:skipped" && message["body"]["trigger"] == next
    })
    .await;
    assert!(!of_type(&log, "bot:ran").into_iter().any(|ran| ran["body"]["trigger"] == next));
    // Closing goes on, with the bots' last word.
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    read_until(&mut fixture.bob, &at, "the close", |message| message["body"]["type"] == "close_applied").await;
}
