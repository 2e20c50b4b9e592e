//! Budgets of hooks: bots that answer one another, or that have timers, cannot fill the disk.

use serde_json::json;

use crate::fixture::{TwoPlayerChannel, of_type, read_until};

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
async fn a_channel_has_a_budget_for_an_hour() {
    let mut fixture = channel_with_two_bots(&["--bot-channel-hour-bytes", "50000"]).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("go").await;
    read_until(&mut fixture.bob, &at, "the limit", |message| message["body"]["reason"] == "budget").await;
    let next = fixture.bob_posts("and again").await;
    let log = read_until(&mut fixture.bob, &at, "the skipped hooks", |message| {
        message["body"]["type"] == "bot:skipped" && message["body"]["trigger"] == next
    })
    .await;
    assert!(!of_type(&log, "bot:ran").into_iter().any(|ran| ran["body"]["trigger"] == next));
    // Closing goes on, with the bots' last word.
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    read_until(&mut fixture.bob, &at, "the close", |message| message["body"]["type"] == "close_applied").await;
}
