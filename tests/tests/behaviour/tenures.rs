//! The end of a tenure: nothing that was meant for a player reaches the next one in the slot, and the player keeps what it
//! could read.

use mcp_multiplayer_tests::Failure;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time, of_type, outcome, read, read_until, with_text};

/// Answers a DM after some work, so that a test can do something meanwhile. Also posts, and keeps a secret for each player.
const KEEPER: &str = "
class Keeper:
    def on_private_message(self, slot_id, msg):
        seat = self.ctx.seat(slot_id)
        if msg['text'] == 'what?':
            answer = {'text': 'I keep: ' + seat.get('secret', 'nothing'), 'tenure': msg['tenure']}
            self.ctx.dm(slot_id, 'private', answer)
            return
        seat['secret'] = msg['text']
        total = 0
        for number in range(4_000_000 if msg['text'] == 'slow' else 1):
            total += number
        self.ctx.post('bot', {'text': 'somebody has told me ' + str(len(msg['text'])) + ' letters'})
        self.ctx.dm(slot_id, 'private', {'text': 'I shall keep ' + msg['text']})
    def on_leave(self, slot_id):
        self.ctx.post('bot', {'text': 'gone, with ' + self.ctx.seat(slot_id).get('secret', 'nothing')})
    def on_join(self, slot_id):
        self.ctx.post('bot', {'text': 'here, with ' + self.ctx.seat(slot_id).get('secret', 'nothing')})
";

const BOT: &str = "bot_CustomBot_0";

/// Kicks bob from `s2`, and lets carol take the slot.
async fn replace_bob(fixture: &mut TwoPlayerChannel) -> mcp_multiplayer_tests::WsClient {
    let mut carol = fixture.stranger().await;
    let ops = json!([{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    let joined = carol.call("join_channel", json!({ "invite_code": invite })).await;
    assert_eq!(joined["slot_id"], "s2");
    carol
}

fn position(log: &[Value], wanted: impl Fn(&Value) -> bool) -> u64 {
    log.iter().find(|message| wanted(message)).unwrap()["id"].as_u64().unwrap()
}

#[tokio::test]
async fn a_bots_dm_does_not_reach_the_next_player_in_the_slot() {
    let mut fixture = TwoPlayerChannel::with_bot(KEEPER).await;
    let dm = fixture.args(json!({ "bot_id": BOT, "message": "slow" }));
    let sent = fixture.bob.call("dm_bot", dm).await["msg_id"].clone();
    let mut carol = replace_bob(&mut fixture).await;

    let at = fixture.channel_id.clone();
    let log = read_until(&mut carol, &at, "the hook", |message| {
        message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == sent
    })
    .await;
    let ran = of_type(&log, "bot:ran").into_iter().find(|ran| ran["body"]["trigger"] == sent).unwrap();
    assert!(position(&log, |message| message["body"]["type"] == "member:kick") < ran["id"].as_u64().unwrap());
    assert!(ran["body"].get("result").is_none(), "{ran}");
    assert_eq!(ran["body"]["effects"], 1, "neither the DM nor the result, which nobody may read");
    assert_eq!(with_text(&log, "somebody has told me 4 letters").len(), 1, "the rest of the hook stands");
    assert!(with_text(&log, "I shall keep slow").is_empty());
    assert!(with_text(&read(&mut fixture.bob, &at).await, "I shall keep slow").is_empty(), "it was dropped");
}

#[tokio::test]
async fn what_a_bot_keeps_about_a_player_is_dropped_with_the_tenure() {
    let mut fixture = TwoPlayerChannel::with_bot(KEEPER).await;
    let dm = fixture.args(json!({ "bot_id": BOT, "message": "paper" }));
    fixture.bob.call("dm_bot", dm).await;
    let at = fixture.channel_id.clone();
    let kept = |text: &'static str| move |message: &Value| message["body"]["text"] == text;
    read_until(&mut fixture.bob, &at, "an answer", kept("I shall keep paper")).await;
    // The tenure continues on another of bob's machines.
    let mut phone = fixture.stranger().await;
    phone.call("join_channel", json!({ "invite_code": fixture.joined["rejoin_token"] })).await;
    let ask = fixture.args(json!({ "bot_id": BOT, "message": "what?" }));
    phone.call("dm_bot", ask.clone()).await;
    let log = read_until(&mut phone, &at, "the secret", kept("I keep: paper")).await;
    let since =
        position(&log, |message| message["body"]["type"] == "member:join" && message["body"]["slot_id"] == "s2");
    assert_eq!(with_text(&log, "I keep: paper")[0]["body"]["tenure"], since);

    let mut carol = replace_bob(&mut fixture).await;
    carol.call("dm_bot", ask).await;
    let log = read_until(&mut carol, &at, "the answer to carol", |message| message["to_slot"] == "s2").await;
    let answers: Vec<&Value> = log.iter().filter(|message| message["to_slot"] == "s2").collect();
    assert_eq!(answers[0]["body"]["text"], "I keep: nothing");
    let last = |text: &str| with_text(&log, text).last().unwrap()["id"].as_u64();
    assert!(last("gone, with paper") < last("here, with nothing"), "on_leave comes before the next on_join");
}

#[tokio::test]
async fn a_former_member_keeps_what_it_could_read_and_sees_the_end() {
    let source = "
class Dealer:
    def on_message(self, msg):
        if msg['body']['text'] == 'reveal':
            self.ctx.reveal()
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'private', {'text': 'you said ' + msg['text']})
";
    let mut fixture = TwoPlayerChannel::with_bot(source).await;
    let at = fixture.channel_id.clone();
    let dm = fixture.args(json!({ "bot_id": BOT, "message": "paper" }));
    fixture.bob.call("dm_bot", dm).await;
    read_until(&mut fixture.bob, &at, "an answer", |message| message["body"]["text"] == "you said paper").await;
    let before = fixture.bob_reads().await;
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    fixture.alice_posts("bob need not know this").await;
    for text in ["reveal", "next", "reveal"] {
        fixture.alice_posts(text).await;
    }
    let second = |message: &Value| message["body"]["type"] == "seed:reveal" && message["body"]["epoch"] == 1;
    read_until(&mut fixture.alice, &at, "the second reveal", second).await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    read_until(&mut fixture.alice, &at, "the close", |message| message["body"]["type"] == "close_applied").await;

    let after = fixture.bob_reads().await;
    let until = position(&after, |message| message["body"]["type"] == "member:kick");
    let (then, later): (Vec<&Value>, Vec<&Value>) =
        after.iter().partition(|message| message["id"].as_u64() <= Some(until));
    assert!(before.iter().all(|message| then.contains(&message)));
    let types: Vec<&Value> = later.iter().map(|message| &message["body"]["type"]).collect();
    // The seed of the draws that were under way, not the next one.
    assert_eq!(types, ["seed:reveal", "close_requested", "close_applied"], "{later:?}");
    assert_eq!(later[0]["body"]["epoch"], 0);
    // Reading is all that is left.
    let post = fixture.args(json!({ "body": "still here" }));
    assert_eq!(outcome(fixture.bob.try_call("post_message", post).await), Err("NOT_MEMBER".to_owned()));
    let args = fixture.args(json!({ "slot_id": "s1" }));
    assert_eq!(outcome(fixture.bob.try_call("sync_messages", args).await), Err("NOT_MEMBER".to_owned()));
    let mut stranger = fixture.stranger().await;
    let args = fixture.args(json!({}));
    assert!(matches!(stranger.try_call("sync_messages", args).await, Err(Failure::Refused(_))));
}

#[tokio::test]
async fn a_kicked_player_who_waits_is_told_so_at_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    let args = fixture.args(json!({ "cursor": size, "timeout_ms": 45_000 }));
    let mut bob = fixture.bob_ws().await;
    let waiting = tokio::spawn(async move { bob.call("sync_messages", args).await });
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    let page = in_time("the end of the wait", waiting).await.unwrap();
    assert_eq!(page["messages"][0]["body"]["type"], "member:kick");
}

#[tokio::test]
async fn a_seat_that_moved_shows_its_former_holder_nothing_new() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut phone = fixture.stranger().await;
    phone.call("join_channel", json!({ "invite_code": fixture.joined["rejoin_token"] })).await;
    fixture.alice_posts("for the phone only").await;
    let at = fixture.channel_id.clone();
    assert_eq!(with_text(&read(&mut phone, &at).await, "for the phone only").len(), 1);
    assert!(with_text(&fixture.bob_reads().await, "for the phone only").is_empty());
    // Back on the first machine, everything is there.
    let token = json!({ "invite_code": fixture.joined["rejoin_token"] });
    fixture.bob.call("join_channel", token).await;
    assert_eq!(with_text(&fixture.bob_reads().await, "for the phone only").len(), 1);
}
