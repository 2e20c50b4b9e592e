//! Visibility: only sender and recipient see private entries, and only members see a channel.

use mcp_multiplayer_tests::{Failure, WsClient};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, read, read_until, with_text};

/// Answers a DM with a DM.
const DM_BOT: &str = "
class DmBot:
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'secret', {'text': 'you said ' + msg['text']})
";

/// Sends a DM to the bot as bob, waits for its answer, and returns the id of bob's message.
async fn send_dm(fixture: &mut TwoPlayerChannel, text: &str) -> u64 {
    let args = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": text }));
    let sent = fixture.bob.call("dm_bot", args).await;
    assert_eq!(sent["delivered_to"], "bot_CustomBot_0");
    let answered = format!("you said {text}");
    let read = read_until(&mut fixture.bob, &fixture.channel_id, "the answer", |m| m["body"]["text"] == answered).await;
    let answer = with_text(&read, &answered)[0];
    assert_eq!((&answer["to_slot"], &answer["sender"]), (&json!("s2"), &json!("bot:bot_CustomBot_0")));
    sent["msg_id"].as_u64().unwrap()
}

fn has_text(messages: &[Value], text: &str) -> bool {
    messages.iter().any(|message| message["body"]["text"].as_str().is_some_and(|found| found.contains(text)))
}

#[tokio::test]
async fn a_dm_is_visible_to_player_and_bot_only() {
    let mut fixture = TwoPlayerChannel::with_bot(DM_BOT).await;
    let msg_id = send_dm(&mut fixture, "paper").await;
    let read = fixture.bob_reads().await;
    let sent = with_text(&read, "paper")[0];
    assert_eq!((&sent["id"], &sent["kind"]), (&json!(msg_id), &json!("private")));
    assert_eq!((&sent["sender"], &sent["to_slot"]), (&json!("s2"), &json!("s0")));
    assert!(!has_text(&fixture.alice_reads().await, "paper"), "alice is another player, and owner, and admin");
}

#[tokio::test]
async fn an_owner_without_a_seat_cannot_see_dms() {
    let mut fixture = TwoPlayerChannel::with_bot(DM_BOT).await;
    send_dm(&mut fixture, "paper").await;
    let leave = fixture.args(json!({}));
    fixture.alice.call("leave_channel", leave).await;
    let all = fixture.alice_reads().await;
    assert!(!has_text(&all, "paper"));
    assert_eq!(of_type(&all, "member:leave").len(), 1, "public entries are visible");
}

#[tokio::test]
async fn dms_belong_to_a_tenure_and_not_to_the_next() {
    let mut fixture = TwoPlayerChannel::with_bot(DM_BOT).await;
    send_dm(&mut fixture, "paper").await;
    // The tenure continues when the seat moves to another principal.
    let mut carol = fixture.stranger().await;
    let moved = carol.call("join_channel", json!({ "invite_code": fixture.joined["rejoin_token"] })).await;
    assert!(has_text(moved["messages"].as_array().unwrap(), "you said paper"));
    assert!(has_text(&read(&mut carol, &fixture.channel_id).await, "you said paper"));

    let leave = fixture.args(json!({}));
    carol.call("leave_channel", leave).await;
    let ops = json!([{ "type": "new_invite", "slot_id": "s2" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    let next = fixture.bob.call("join_channel", json!({ "invite_code": invite })).await;
    assert_eq!(next["slot_id"], "s2");
    assert!(!has_text(next["messages"].as_array().unwrap(), "paper"), "a former holder has a new tenure");
    assert!(!has_text(&fixture.bob_reads().await, "paper"));
    send_dm(&mut fixture, "stone").await;
}

#[tokio::test]
async fn a_player_in_a_bots_former_slot_cannot_see_its_dms() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_code": DM_BOT, "bots_change": "owner" })).await;
    send_dm(&mut fixture, "paper").await;
    let ops = json!([{ "type": "yield_slot", "slot_id": "s0", "to": "invite" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    let mut carol = fixture.stranger().await;
    let joined = carol.call("join_channel", json!({ "invite_code": invite })).await;
    assert_eq!(joined["slot_id"], "s0");
    assert!(!has_text(joined["messages"].as_array().unwrap(), "paper"));
}

#[tokio::test]
async fn the_cursor_includes_hidden_entries() {
    let mut fixture = TwoPlayerChannel::with_bot(DM_BOT).await;
    send_dm(&mut fixture, "paper").await;
    let size = fixture.size().await;
    let args = fixture.args(json!({ "cursor": 0, "timeout_ms": 0 }));
    let page = fixture.alice.call("sync_messages", args).await;
    assert_eq!(page["cursor"], size);
    assert!(page["messages"].as_array().unwrap().last().unwrap()["id"].as_u64().unwrap() < size);
    assert_eq!(page["has_more"], false);
}

async fn refusal(client: &mut WsClient, op: &str, args: Value) -> String {
    match client.try_call(op, args.clone()).await {
        Err(Failure::Refused(error)) => error.to_string(),
        other => panic!("{op} {args}: {other:?}"),
    }
}

/// Every operation on a channel, with arguments that a member could use.
fn operations(channel_id: &str) -> Vec<(&'static str, Value)> {
    let mut operations = vec![
        ("leave_channel", json!({})),
        ("post_message", json!({ "body": "x" })),
        ("post_message", json!({ "body": "x", "slot_id": "s1" })),
        ("post_message", json!({ "body": "x", "wait_ms": 0, "cursor": 0, "idempotency_key": "k" })),
        ("dm_bot", json!({ "bot_id": "bot_CustomBot_0", "message": "x" })),
        ("dm_bot", json!({ "bot_id": "bot_Nobody_7", "message": "x" })),
        ("sync_messages", json!({})),
        ("sync_messages", json!({ "cursor": 1_000_000, "timeout_ms": 45_000, "slot_id": "s2" })),
        ("get_channel_info", json!({})),
        ("get_bot_code", json!({ "bot_id": "bot_CustomBot_0" })),
        ("get_bot_code", json!({ "bot_id": "bot_Nobody_7", "offset": 7 })),
        ("update_channel", json!({ "ops": [{ "type": "close" }] })),
        ("update_channel", json!({ "ops": [{ "type": "new_invite", "slot_id": "s31" }], "slot_id": "s1" })),
        ("attach_bot", json!({ "name": "B", "code_ref": "builtin://GuessBot" })),
        ("attach_bot", json!({ "name": "B", "inline_code": "import os" })),
    ];
    for (_, args) in &mut operations {
        args["channel_id"] = json!(channel_id);
    }
    operations
}

#[tokio::test]
async fn strangers_cannot_find_out_whether_a_channel_exists() {
    let mut fixture = TwoPlayerChannel::with_bot(DM_BOT).await;
    let size = fixture.size().await;
    let mut mallory = fixture.stranger().await;
    let real = operations(&fixture.channel_id);
    let missing = operations("chn_0123456789abcdef");
    for ((op, real), (_, missing)) in real.into_iter().zip(missing) {
        let (real, missing) = (refusal(&mut mallory, op, real).await, refusal(&mut mallory, op, missing).await);
        assert!(real.contains("\"NOT_MEMBER\""), "{op}: {real}");
        assert_eq!(real, missing, "{op}");
    }
    assert_eq!(mallory.call("list_channels", json!({})).await, json!({ "channels": [], "total_channels": 0 }));
    assert_eq!(fixture.size().await, size);
    assert_eq!(fixture.bob.call("list_channels", json!({})).await["total_channels"], 1);
}

#[tokio::test]
async fn members_and_former_members_can_read_a_bots_code() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_code": DM_BOT, "bots_change": "owner" })).await;
    for client in [&mut fixture.alice, &mut fixture.bob] {
        let args = json!({ "channel_id": fixture.channel_id, "bot_id": "bot_CustomBot_0" });
        assert_eq!(client.call("get_bot_code", args).await["inline_code"], DM_BOT);
    }
    // A former member keeps the code that refereed, as evidence, and nothing else.
    let args = fixture.args(json!({}));
    fixture.bob.call("leave_channel", args.clone()).await;
    assert_eq!(fixture.bob.refusal("get_channel_info", args).await, "NOT_MEMBER");
    let args = fixture.args(json!({ "bot_id": "bot_CustomBot_0" }));
    assert_eq!(fixture.bob.call("get_bot_code", args.clone()).await["inline_code"], DM_BOT);
    assert_eq!(fixture.stranger().await.refusal("get_bot_code", args).await, "NOT_MEMBER");
    let attach = fixture.args(json!({ "name": "Late", "inline_code": DM_BOT }));
    fixture.alice.call("attach_bot", attach).await;
    let args = fixture.args(json!({ "bot_id": "bot_Late_1" }));
    assert_eq!(fixture.bob.refusal("get_bot_code", args).await, "BOT_NOT_FOUND", "it came later");
    assert_eq!(fixture.bob.call("list_channels", json!({})).await["total_channels"], 0);
}

#[tokio::test]
async fn forged_codes_reveal_nothing_about_channels() {
    let fixture = TwoPlayerChannel::create().await;
    let mut mallory = fixture.stranger().await;
    let invite = fixture.created["invites"][1].as_str().unwrap();
    // One character of the secret is altered; the channel that the code names exists.
    let (start, rest) = invite.split_at(invite.len() - 3);
    let forged = format!("{start}{}{}", if rest.starts_with('0') { '1' } else { '0' }, &rest[1..]);
    let forged = refusal(&mut mallory, "join_channel", json!({ "invite_code": forged })).await;
    let garbage = refusal(&mut mallory, "join_channel", json!({ "invite_code": "inv_0" })).await;
    assert_eq!(forged, garbage);
    assert!(forged.contains("INVITE_INVALID"));
    let rejoin = fixture.joined["rejoin_token"].as_str().unwrap();
    let forged = refusal(&mut mallory, "join_channel", json!({ "invite_code": &rejoin[..rejoin.len() - 1] })).await;
    let garbage = refusal(&mut mallory, "join_channel", json!({ "invite_code": "rejoin_" })).await;
    assert_eq!(forged, garbage);
    assert!(forged.contains("REJOIN_TOKEN_INVALID"));
}
