//! `wait_for` decides which entries end a wait; `include_own`, `cursor` and `known_hash` leave out what the caller has.

use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time, with};

/// Timeout of waits that are expected to end earlier, in milliseconds.
const LONG: u64 = 45_000;

/// A referee that answers `!` commands and names turns.
const REFEREE: &str = "
class Referee:
    def on_message(self, msg):
        word, _, rest = msg['body'].get('text', '').partition(' ')
        if word == '!turn':
            self.ctx.post('bot', {'type': 'judge', 'text': 'judged'})
            self.ctx.post('bot', {'type': 'turn', 'turn': rest.split(), 'text': 'turn of ' + rest})
        elif word == '!say':
            self.ctx.post('bot', {'text': 'said ' + rest})
        elif word == '!end':
            self.ctx.post('bot', {'type': 'game_end', 'text': 'the end'})
        elif word == '!tell':
            self.ctx.dm('s2', 'private', {'text': 'told ' + rest})
";

fn texts(answer: &Value) -> Vec<&str> {
    answer["messages"].as_array().unwrap().iter().filter_map(|message| message["body"]["text"].as_str()).collect()
}

/// Has bob wait while alice posts these texts, and returns the texts of the answer.
async fn bob_hears(fixture: &mut TwoPlayerChannel, wait_for: &str, cursor: &mut Value, posts: &[&str]) -> Vec<String> {
    let mut waiter = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": cursor, "timeout_ms": LONG, "wait_for": wait_for }));
    let waiting = waiter.send("sync_messages", wait).await.unwrap();
    for post in posts {
        // Alice waits for the referee's public answers, so that they are in the log before the next post.
        let wait_ms = if post.starts_with('!') && !post.starts_with("!tell") {
            json!({ "wait_ms": LONG, "wait_for": "bot" })
        } else {
            json!({})
        };
        let args = with(fixture.args(json!({ "body": post })), wait_ms);
        in_time("a post", fixture.alice.call("post_message", args)).await;
    }
    let answer = in_time("the answer", waiter.answer(waiting)).await.unwrap();
    *cursor = answer["cursor"].clone();
    texts(&answer).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn chat_does_not_end_a_wait_for_the_bot() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    let mut cursor = fixture.joined["cursor"].clone();
    let heard = bob_hears(&mut fixture, "bot", &mut cursor, &["hello", "still there?", "!say yes"]).await;
    assert_eq!(heard, ["hello", "still there?", "!say yes", "said yes"]);
}

#[tokio::test]
async fn a_wait_for_the_bot_ends_with_a_change_of_seats() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut waiter = fixture.bob_ws().await;
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG, "wait_for": "bot" }));
    let waiting = waiter.send("sync_messages", wait).await.unwrap();
    fixture.alice_posts("bye").await;
    let leave = fixture.args(json!({}));
    fixture.alice.call("leave_channel", leave).await;
    let answer = in_time("the answer", waiter.answer(waiting)).await.unwrap();
    assert_eq!(answer["messages"][1]["body"]["type"], "member:leave", "{answer}");
}

#[tokio::test]
async fn a_wait_for_ones_turn_ends_with_it() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    let mut cursor = fixture.joined["cursor"].clone();
    // As long as no bot names turns, every post of a bot ends the wait.
    let heard = bob_hears(&mut fixture, "my_turn", &mut cursor, &["hello", "!say yes"]).await;
    assert_eq!(heard, ["hello", "!say yes", "said yes"]);
    let posts = ["!turn s1", "!say no", "!turn s1 s3", "!turn s3 s2"];
    let heard = bob_hears(&mut fixture, "my_turn", &mut cursor, &posts).await;
    assert_eq!(heard.last().unwrap(), "turn of s3 s2", "{heard:?}");
    assert_eq!(heard.iter().filter(|text| text.starts_with('!')).count(), 4, "everything is returned: {heard:?}");
    // The turn is bob's now, as an earlier answer said, so every post of the bot may be about his move.
    let heard = bob_hears(&mut fixture, "my_turn", &mut cursor, &["!say what"]).await;
    assert_eq!(heard.last().unwrap(), "said what");
    // It is not his turn: a direct message ends the wait, and the end of the game does.
    let heard = bob_hears(&mut fixture, "my_turn", &mut cursor, &["!turn s1", "!tell secret"]).await;
    assert_eq!(heard.last().unwrap(), "told secret");
    let heard = bob_hears(&mut fixture, "my_turn", &mut cursor, &["!say no", "!end"]).await;
    assert_eq!(heard.last().unwrap(), "the end");
}

#[tokio::test]
async fn own_posts_are_left_out_on_request() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.bob_posts("mine").await;
    fixture.alice_posts("hers").await;
    let at = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": 0 }));
    let all = fixture.bob.call("sync_messages", at.clone()).await;
    assert_eq!(texts(&all), ["mine", "hers"]);
    let others = fixture.bob.call("sync_messages", with(at.clone(), json!({ "include_own": false }))).await;
    assert_eq!((texts(&others), &others["cursor"]), (vec!["hers"], &all["cursor"]));
    let post = json!({ "body": "again", "wait_ms": 0, "include_own": false, "cursor": fixture.joined["cursor"] });
    let posted = fixture.bob.call("post_message", fixture.args(post)).await;
    assert_eq!(texts(&posted), ["hers"]);
}

#[tokio::test]
async fn a_rejoin_returns_what_comes_after_its_cursor() {
    let mut fixture = TwoPlayerChannel::create().await;
    let cursor = fixture.alice_posts("old").await;
    fixture.bob_posts("mine").await;
    let rejoin = json!({ "invite_code": fixture.joined["rejoin_token"], "cursor": cursor });
    let back = fixture.bob.call("join_channel", rejoin).await;
    assert_eq!(texts(&back), ["mine"]);
    let far = json!({ "invite_code": fixture.joined["rejoin_token"], "cursor": 1_000_000 });
    let back = fixture.bob.call("join_channel", far).await;
    assert_eq!((texts(&back), &back["cursor"]), (vec![], &json!(cursor + 1)));
}

#[tokio::test]
async fn a_known_source_is_left_out() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    let at = fixture.args(json!({ "bot_id": "bot_CustomBot_0" }));
    let code = fixture.bob.call("get_bot_code", at.clone()).await;
    assert_eq!(code["inline_code"], REFEREE);
    let known = with(at.clone(), json!({ "known_hash": code["code_hash"] }));
    let again = fixture.bob.call("get_bot_code", known).await;
    assert_eq!((&again["inline_code"], &again["next_offset"]), (&Value::Null, &Value::Null));
    assert_eq!(again["code_hash"], code["code_hash"]);
    let other = with(at, json!({ "known_hash": code["manifest_hash"] }));
    assert_eq!(fixture.bob.call("get_bot_code", other).await, code);
}
