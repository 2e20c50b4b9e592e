//! The end of a channel: what was due still happens, each bot has a last word, and nothing can be closed away.

use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, outcome, read_until, with_text};

/// Takes its time over a move, sets a timer for each, and has a last word.
const REFEREE: &str = "
class Referee:
    def on_message(self, msg):
        total = 0
        for number in range(3_000_000 if msg['body']['text'] == 'winning move' else 1):
            total += number
        self.ctx.timer('clock', 3600)
        self.ctx.post('bot', {'text': 'judged: ' + msg['body']['text']})
    def on_timer(self, name):
        self.ctx.post('bot', {'text': 'too late'})
    def on_close(self):
        self.ctx.timer('more', 1)
        self.ctx.post('bot', {'text': 'the secret was 42'})
        self.ctx.reveal()
";

fn types(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|message| message["body"]["type"].as_str()).collect()
}

fn is_closed(message: &Value) -> bool {
    message["body"]["type"] == "close_applied"
}

#[tokio::test]
async fn a_host_cannot_close_away_a_winning_move() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    fixture.bob_posts("winning move").await;
    let view = fixture.update(json!([{ "type": "close" }])).await.unwrap()["view"].clone();
    assert_eq!(view["closed"], true);
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the end", is_closed).await;
    assert_eq!(with_text(&log, "judged: winning move").len(), 1);
    assert_eq!(with_text(&log, "the secret was 42").len(), 1);
    assert!(with_text(&log, "too late").is_empty());
    let end: Vec<&str> = types(&log).into_iter().skip_while(|kind| *kind != "close_requested").collect();
    assert_eq!(end, ["close_requested", "bot:ran", "seed:reveal", "bot:ran", "close_applied"]);
    assert_eq!(log.last().unwrap()["body"]["type"], "close_applied", "nothing follows");
    for (op, args) in [
        ("post_message", json!({ "body": "one more" })),
        ("update_channel", json!({ "ops": [{ "type": "close" }] })),
        ("leave_channel", json!({})),
    ] {
        let args = fixture.args(args);
        let refused = outcome(fixture.alice.try_call(op, args).await).unwrap_err();
        assert_eq!(refused, "CHANNEL_CLOSED", "{op}");
    }
}

#[tokio::test]
async fn a_restart_does_not_prevent_the_close() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    fixture.bob_posts("winning move").await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    fixture.relay.restart(None).await.unwrap();
    fixture.bob = fixture.bob_ws().await;
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the end", is_closed).await;
    assert_eq!(with_text(&log, "judged: winning move").len(), 1);
    assert_eq!(with_text(&log, "the secret was 42").len(), 1);
    assert_eq!(types(&log).iter().filter(|kind| **kind == "close_applied").count(), 1);
}

#[tokio::test]
async fn a_channel_without_bots_is_closed_at_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let log = fixture.bob_reads().await;
    assert_eq!(types(&log)[types(&log).len() - 2..], ["close_requested", "close_applied"]);
}

#[tokio::test]
async fn a_bot_that_fails_at_the_end_does_not_keep_the_channel_open() {
    let source = "
class Broken:
    def on_message(self, msg):
        pass
    def on_close(self):
        raise ValueError('no')
";
    let mut fixture = TwoPlayerChannel::with_bot(source).await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the end", is_closed).await;
    assert_eq!(of_type(&log, "bot:error").len(), 1);
}

#[tokio::test]
async fn the_last_posts_of_a_chain_of_bots_are_recorded_as_skipped() {
    let source = "
class Parrot:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'again'})
";
    let bots = json!([{ "inline_code": source, "name": "A" }, { "inline_code": source, "name": "B" }]);
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots": bots })).await;
    fixture.bob_posts("go").await;
    let at = fixture.channel_id.clone();
    let log =
        read_until(&mut fixture.bob, &at, "the end of the chains", |message| message["body"]["type"] == "bot:skipped")
            .await;
    let skipped = of_type(&log, "bot:skipped")[0];
    assert_eq!((&skipped["body"]["reason"], &skipped["kind"]), (&json!("depth"), &json!("trace")));
}

/// Holds the seats for a player who asks for it, and lets go again.
const GUARD: &str = "
class Guard:
    def on_init(self):
        self.ctx.timer('try', 1)
    def on_message(self, msg):
        if msg['body']['text'] == 'hold':
            self.ctx.hold_seats(3600)
        else:
            self.ctx.release_seats()
        self.ctx.post('bot', {'text': msg['body']['text'] + ': done'})
    def on_timer(self, name):
        self.ctx.hold_seats(3600)
";

#[tokio::test]
async fn while_a_bot_holds_the_seats_nobody_is_kicked_and_no_bot_changed() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_code": GUARD, "bots_change": "owner" })).await;
    let at = fixture.channel_id.clone();
    let done = |text: &'static str| move |message: &Value| message["body"]["text"] == text;
    // A bot cannot hold the seats by itself, and so not for ever.
    let log = read_until(&mut fixture.bob, &at, "the refusal", |message| message["body"]["type"] == "bot:error").await;
    assert_eq!(of_type(&log, "bot:error")[0]["body"]["hook"], "on_timer");

    fixture.bob_posts("hold").await;
    read_until(&mut fixture.bob, &at, "the hold", done("hold: done")).await;
    for op in [
        json!({ "type": "kick", "slot_id": "s2" }),
        json!({ "type": "yield_slot", "slot_id": "s2", "to": "bot" }),
        json!({ "type": "close_slot", "slot_id": "s3" }),
        json!({ "type": "new_invite", "slot_id": "s3" }),
        json!({ "type": "remove_bot", "slot_id": "s0" }),
    ] {
        assert_eq!(fixture.update(json!([op])).await, Err("SEATS_HELD".to_owned()), "{op}");
    }
    let info = fixture.args(json!({}));
    let view = fixture.alice.call("get_channel_info", info).await["view"].clone();
    assert!(view["seats_held_until"].is_string(), "{view}");
    fixture.bob_posts("release").await;
    read_until(&mut fixture.bob, &at, "the release", done("release: done")).await;
    fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
}

#[tokio::test]
async fn held_seats_do_not_prevent_the_close() {
    let mut fixture = TwoPlayerChannel::with_bot(GUARD).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("hold").await;
    read_until(&mut fixture.bob, &at, "the hold", |message| message["body"]["text"] == "hold: done").await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    read_until(&mut fixture.bob, &at, "the end", is_closed).await;
}
