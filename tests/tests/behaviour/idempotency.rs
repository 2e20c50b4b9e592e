//! A request with an idempotency key takes effect once, however often it is sent.

use mcp_multiplayer_tests::WsClient;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, outcome, with, with_text};

const QUIET: &str = "
class Quiet:
    def on_message(self, msg):
        pass
";

#[tokio::test]
async fn post_message_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let post =
        fixture.args(json!({ "body": "guess 42", "kind": "move", "data": { "n": 1.5 }, "idempotency_key": "k1" }));
    let first = fixture.bob.call("post_message", post.clone()).await;
    let size = fixture.size().await;
    assert_eq!(fixture.bob.call("post_message", post.clone()).await, first);
    assert_eq!(fixture.bob_ws().await.call("post_message", post.clone()).await, first);
    // The wait, the cursor and the named seat are not part of the content.
    let waiting = with(post.clone(), json!({ "wait_ms": 0, "cursor": 1, "slot_id": "s2" }));
    let again = fixture.bob.call("post_message", waiting).await;
    assert_eq!((&again["msg_id"], &again["ts"]), (&first["msg_id"], &first["ts"]));
    assert_eq!(again["messages"].as_array().unwrap().last().unwrap()["id"], first["msg_id"]);
    for other in [json!({ "body": "guess 43" }), json!({ "kind": "user" }), json!({ "data": { "n": 2 } })] {
        assert_eq!(fixture.bob.refusal("post_message", with(post.clone(), other)).await, "CONFLICT");
    }
    assert_eq!(fixture.size().await, size);
    // Keys of different callers are independent.
    fixture.alice.call("post_message", post).await;
    assert_eq!(fixture.size().await, size + 1);
}

#[tokio::test]
async fn dm_bot_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::with_bot(QUIET).await;
    let dm = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": "psst", "idempotency_key": "k1" }));
    let first = fixture.bob.call("dm_bot", dm.clone()).await;
    assert_eq!(fixture.bob.call("dm_bot", dm.clone()).await, first);
    assert_eq!(fixture.bob.refusal("dm_bot", with(dm, json!({ "message": "psst!" }))).await, "CONFLICT");
    // A key belongs to the seat, not to the operation.
    let post = fixture.args(json!({ "body": "psst", "idempotency_key": "k1" }));
    assert_eq!(fixture.bob.refusal("post_message", post).await, "CONFLICT");
    assert_eq!(with_text(&fixture.bob_reads().await, "psst").len(), 1);
}

#[tokio::test]
async fn create_channel_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let create = json!({ "name": "Once", "slots": ["bot:r", "invite:a", "invite:b"], "join_as": "a",
        "bot_code": QUIET, "idempotency_key": "k1" });
    let first = fixture.alice.call("create_channel", create.clone()).await;
    let again = fixture.alice.call("create_channel", create.clone()).await;
    for field in ["channel_id", "invites", "invite_links", "slot_id", "rejoin_token", "view", "bots"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    let other = with(create.clone(), json!({ "name": "Twice" }));
    assert_eq!(fixture.alice.refusal("create_channel", other).await, "CONFLICT");
    assert_eq!(fixture.alice.call("list_channels", json!({})).await["total_channels"], 2);
    // Keys of different principals are independent.
    let create = json!({ "name": "Bob's", "slots": ["invite:b"], "idempotency_key": "k1" });
    assert_ne!(fixture.bob.call("create_channel", create).await["channel_id"], first["channel_id"]);
}

#[tokio::test]
async fn create_channel_repeats_the_errors_of_its_bots() {
    let mut fixture = TwoPlayerChannel::create().await;
    let broken = "class Broken:\n    def on_init(self):\n        raise ValueError('no')\n";
    let create = json!({ "name": "Once", "slots": ["bot:r"], "bot_code": broken, "idempotency_key": "k1" });
    let first = fixture.alice.call("create_channel", create.clone()).await;
    assert_eq!(first["bot_errors"].as_array().unwrap().len(), 1);
    let again = fixture.alice.call("create_channel", create).await;
    assert_eq!(again["channel_id"], first["channel_id"]);
    assert_eq!(again["bot_errors"], first["bot_errors"]);
}

#[tokio::test]
async fn join_channel_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut carol = fixture.stranger().await;
    let join = json!({ "invite_code": fixture.created["invites"][1], "entropy": "dice", "idempotency_key": "k1" });
    let first = carol.call("join_channel", join.clone()).await;
    let size = fixture.size().await;
    let again = carol.call("join_channel", with(join.clone(), json!({ "entropy": "other dice" }))).await;
    for field in ["channel_id", "slot_id", "rejoin_token"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    let other = json!({ "invite_code": fixture.joined["rejoin_token"], "idempotency_key": "k1" });
    assert_eq!(carol.refusal("join_channel", other).await, "CONFLICT");
    assert_eq!(fixture.size().await, size);
    assert_eq!(of_type(&fixture.bob_reads().await, "member:join")[2]["body"]["entropy"], "dice");
}

#[tokio::test]
async fn leave_channel_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let leave = fixture.args(json!({ "idempotency_key": "k1" }));
    assert_eq!(fixture.bob.call("leave_channel", leave.clone()).await, json!({ "ok": true }));
    assert_eq!(fixture.bob.call("leave_channel", leave.clone()).await, json!({ "ok": true }));
    let without = fixture.args(json!({}));
    assert_eq!(fixture.bob.refusal("leave_channel", without).await, "NOT_MEMBER", "without the key it is not a repeat");
    // A repeat does not give up a seat that was taken since.
    let ops = json!([{ "type": "new_invite", "slot_id": "s2" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    fixture.bob.call("join_channel", json!({ "invite_code": invite })).await;
    assert_eq!(of_type(&fixture.alice_reads().await, "member:leave").len(), 1);
}

#[tokio::test]
async fn update_channel_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let ops = json!([{ "type": "rename", "name": "Finals" }, { "type": "new_invite", "slot_id": "s3" }]);
    let update = fixture.args(json!({ "ops": ops, "idempotency_key": "k1" }));
    let first = fixture.alice.call("update_channel", update.clone()).await;
    let size = fixture.size().await;
    let again = fixture.alice.call("update_channel", update.clone()).await;
    assert_eq!(again, first);
    assert_eq!(again["invites"].as_array().unwrap().len(), 1);
    let other = with(update, json!({ "ops": [{ "type": "rename", "name": "Semifinals" }] }));
    assert_eq!(fixture.alice.refusal("update_channel", other).await, "CONFLICT");
    assert_eq!(fixture.size().await, size);
    let mut carol = fixture.stranger().await;
    assert_eq!(carol.call("join_channel", json!({ "invite_code": again["invites"][0] })).await["slot_id"], "s3");
}

/// Creates a channel without players, to which bots can be attached.
async fn workshop(alice: &mut WsClient) -> String {
    let created = alice.call("create_channel", json!({ "name": "Workshop", "slots": ["invite:a"] })).await;
    created["channel_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn attach_bot_takes_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel_id = workshop(&mut fixture.alice).await;
    let attach = json!({ "channel_id": channel_id, "name": "Quiet", "inline_code": QUIET, "idempotency_key": "k1" });
    let first = fixture.alice.call("attach_bot", attach.clone()).await;
    assert_eq!(fixture.alice.call("attach_bot", attach.clone()).await, first);
    let other = with(attach.clone(), json!({ "params": { "n": 1 } }));
    assert_eq!(fixture.alice.refusal("attach_bot", other).await, "CONFLICT");
    let info = fixture.alice.call("get_channel_info", json!({ "channel_id": channel_id })).await;
    assert_eq!(info["bots"].as_array().unwrap().len(), 1);
    // The repeat is answered even after the bot was removed.
    let ops = json!([{ "type": "remove_bot", "slot_id": first["slot_id"] }]);
    fixture.alice.call("update_channel", json!({ "channel_id": channel_id, "ops": ops })).await;
    assert_eq!(fixture.alice.call("attach_bot", attach).await, first);
    let info = fixture.alice.call("get_channel_info", json!({ "channel_id": channel_id })).await;
    assert_eq!(info["bots"], json!([]));
}

#[tokio::test]
async fn a_bot_that_does_not_start_is_rejected_again() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel_id = workshop(&mut fixture.alice).await;
    let broken = "class Broken:\n    def on_init(self):\n        raise ValueError('no')\n";
    let attach = json!({ "channel_id": channel_id, "name": "B", "inline_code": broken, "idempotency_key": "k1" });
    for _ in 0..2 {
        assert_eq!(fixture.alice.refusal("attach_bot", attach.clone()).await, "BOT_REJECTED");
    }
    let ops = json!([{ "type": "set_bot", "slot_id": "s1", "bot": { "inline_code": broken } }]);
    let update = json!({ "channel_id": channel_id, "ops": ops, "idempotency_key": "k2" });
    for _ in 0..2 {
        assert_eq!(fixture.alice.refusal("update_channel", update.clone()).await, "BOT_REJECTED");
    }
}

#[tokio::test]
async fn the_keys_of_two_seats_are_independent() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.bob.call("join_channel", json!({ "invite_code": fixture.created["invites"][1] })).await;
    let mut ids = vec![];
    for slot_id in ["s2", "s3", "s2", "s3"] {
        let post = fixture.args(json!({ "body": "x", "slot_id": slot_id, "idempotency_key": "k1" }));
        ids.push(fixture.bob.call("post_message", post).await["msg_id"].as_u64().unwrap());
    }
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]));
    assert_ne!(ids[0], ids[1]);
}

/// Posts with a key as bob. Returns the request and its response.
async fn keyed_post(fixture: &mut TwoPlayerChannel) -> (Value, Value) {
    let post = fixture.args(json!({ "body": "guess 42", "idempotency_key": "k1" }));
    let first = fixture.bob.call("post_message", post.clone()).await;
    (post, first)
}

#[tokio::test]
async fn a_repeat_is_answered_after_the_seat_is_lost() {
    for loss in ["leave", "kick", "yield", "rejoin"] {
        let mut fixture = TwoPlayerChannel::create().await;
        let (post, first) = keyed_post(&mut fixture).await;
        match loss {
            "leave" => {
                let leave = fixture.args(json!({}));
                fixture.bob.call("leave_channel", leave).await;
            }
            "kick" => {
                fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
            }
            "yield" => {
                fixture.bob_updates(json!([{ "type": "yield_slot", "slot_id": "s2", "to": "invite" }])).await.unwrap();
            }
            _ => {
                let mut carol = fixture.stranger().await;
                carol.call("join_channel", json!({ "invite_code": fixture.joined["rejoin_token"] })).await;
                // Keys belong to the seat, so its new holder can repeat requests of the previous one.
                assert_eq!(carol.call("post_message", post.clone()).await, first);
            }
        }
        assert_eq!(fixture.bob.call("post_message", post.clone()).await, first, "{loss}");
        let waiting = with(post.clone(), json!({ "wait_ms": 45_000 }));
        assert_eq!(fixture.bob.call("post_message", waiting).await["msg_id"], first["msg_id"], "{loss}");
        let other = with(post.clone(), json!({ "body": "guess 43" }));
        assert_eq!(fixture.bob.refusal("post_message", other).await, "CONFLICT", "{loss}");
        let new = with(post, json!({ "idempotency_key": "k2" }));
        assert_eq!(fixture.bob.refusal("post_message", new).await, "NOT_MEMBER", "{loss}");
        assert_eq!(with_text(&fixture.alice_reads().await, "guess 42").len(), 1, "{loss}");
    }
}

#[tokio::test]
async fn a_new_tenure_starts_without_keys() {
    let mut fixture = TwoPlayerChannel::create().await;
    let (post, first) = keyed_post(&mut fixture).await;
    let ops = json!([{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    let mut carol = fixture.stranger().await;
    carol.call("join_channel", json!({ "invite_code": invite })).await;
    assert_ne!(carol.call("post_message", post.clone()).await["msg_id"], first["msg_id"]);
    assert_eq!(fixture.bob.call("post_message", post).await, first);
}

#[tokio::test]
async fn a_repeat_is_answered_after_the_channel_is_closed() {
    let mut fixture = TwoPlayerChannel::create().await;
    let (post, first) = keyed_post(&mut fixture).await;
    let close = fixture.args(json!({ "ops": [{ "type": "close" }], "idempotency_key": "k2" }));
    let closed = fixture.alice.call("update_channel", close.clone()).await;
    assert_eq!(fixture.bob.call("post_message", post.clone()).await, first);
    assert_eq!(fixture.alice.call("update_channel", close).await, closed);
    let new = with(post, json!({ "idempotency_key": "k3" }));
    assert_eq!(fixture.bob.refusal("post_message", new).await, "CHANNEL_CLOSED");
    let join = json!({ "invite_code": fixture.created["invites"][0] });
    assert_eq!(fixture.bob.call("join_channel", join).await["slot_id"], "s2");
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let mut fixture = TwoPlayerChannel::create().await;
    let (post, first) = keyed_post(&mut fixture).await;
    let create = json!({ "name": "Once", "slots": ["invite:a"], "idempotency_key": "k1" });
    let created = fixture.bob.call("create_channel", create.clone()).await;
    fixture.relay.restart(None).await.unwrap();
    let mut bob = fixture.bob_ws().await;
    assert_eq!(bob.call("post_message", post).await, first);
    let again = bob.call("create_channel", create).await;
    assert_eq!((&again["channel_id"], &again["invites"]), (&created["channel_id"], &created["invites"]));
}

#[tokio::test]
async fn concurrent_repeats_take_effect_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut others = [fixture.bob_ws().await, fixture.bob_ws().await, fixture.bob_ws().await];
    for round in 0..10 {
        let post = fixture.args(json!({ "body": format!("round {round}"), "idempotency_key": format!("r{round}") }));
        let [a, b, c] = &mut others;
        let (a, b, c) = tokio::join!(
            a.call("post_message", post.clone()),
            b.call("post_message", post.clone()),
            c.call("post_message", post.clone())
        );
        assert!(a == b && b == c, "{a} {b} {c}");
    }
    let log = fixture.bob_reads().await;
    assert!((0..10).all(|round| with_text(&log, &format!("round {round}")).len() == 1));

    let create = json!({ "name": "Once", "slots": ["invite:a"], "idempotency_key": "k1" });
    let [a, b, _] = &mut others;
    let (a, b) = tokio::join!(a.call("create_channel", create.clone()), b.call("create_channel", create));
    assert_eq!(a["channel_id"], b["channel_id"]);
    assert_eq!(fixture.bob.call("list_channels", json!({})).await["total_channels"], 2);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_and_other_content_conflict() {
    let fixture = TwoPlayerChannel::create().await;
    let mut others = [fixture.bob_ws().await, fixture.bob_ws().await];
    for round in 0..10 {
        let key = json!({ "idempotency_key": format!("r{round}") });
        let (heads, tails) = (
            with(fixture.args(json!({ "body": "heads" })), key.clone()),
            with(fixture.args(json!({ "body": "tails" })), key),
        );
        let [a, b] = &mut others;
        let (a, b) = tokio::join!(a.try_call("post_message", heads), b.try_call("post_message", tails));
        let refusals: Vec<String> = [outcome(a), outcome(b)].into_iter().filter_map(Result::err).collect();
        assert_eq!(refusals, ["CONFLICT"]);
    }
}
