//! Permissions to change a channel: of its owner, its admins, and players for their own seats.

use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, read_until, with, with_text};

const QUIET: &str = "
class Quiet:
    def on_message(self, msg):
        pass
";

fn preset() -> Value {
    json!({ "code_ref": "builtin://GuessBot" })
}

/// Every operation of `update_channel`, with arguments that fit the channel of these tests.
fn every_op() -> Vec<Value> {
    vec![
        json!({ "type": "rename", "name": "Finals" }),
        json!({ "type": "set_admin", "slot_id": "s2" }),
        json!({ "type": "new_invite", "slot_id": "s3" }),
        json!({ "type": "kick", "slot_id": "s2" }),
        json!({ "type": "yield_slot", "slot_id": "s3", "to": "invite" }),
        json!({ "type": "set_bot", "slot_id": "s0", "bot": preset() }),
        json!({ "type": "remove_bot", "slot_id": "s0" }),
        json!({ "type": "close_slot", "slot_id": "s3" }),
        json!({ "type": "close" }),
    ]
}

#[tokio::test]
async fn players_cannot_change_the_channel() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner", "bot_code": QUIET })).await;
    let before = fixture.size().await;
    for op in every_op() {
        assert_eq!(fixture.bob_updates(json!([op])).await.unwrap_err(), "NOT_ADMIN", "{op}");
    }
    let attach = fixture.args(with(preset(), json!({ "name": "B" })));
    assert_eq!(fixture.bob.refusal("attach_bot", attach).await, "NOT_ADMIN");
    assert_eq!(fixture.size().await, before);
}

#[tokio::test]
async fn owners_can_change_everything() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner", "bot_code": QUIET })).await;
    for op in every_op() {
        let updated = fixture.update(json!([op])).await.unwrap_or_else(|code| panic!("{op}: {code}"));
        assert_eq!(updated["ok"], true);
    }
}

#[tokio::test]
async fn owners_without_a_seat_can_change_everything() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner", "bot_code": QUIET })).await;
    let leave = fixture.args(json!({}));
    fixture.alice.call("leave_channel", leave).await;
    for op in every_op() {
        fixture.update(json!([op])).await.unwrap_or_else(|code| panic!("{op}: {code}"));
    }
    let log = fixture.alice_reads().await;
    assert_eq!(of_type(&log, "close_requested")[0]["body"]["by"], "owner");
}

#[tokio::test]
async fn admins_can_change_everything_but_the_owners_seat() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner", "bot_code": QUIET })).await;
    fixture.update(json!([{ "type": "set_admin", "slot_id": "s2" }])).await.unwrap();
    for op in [
        json!({ "type": "kick", "slot_id": "s1" }),
        json!({ "type": "set_admin", "slot_id": "s1", "admin": false }),
        json!({ "type": "yield_slot", "slot_id": "s1", "to": "bot" }),
    ] {
        assert_eq!(fixture.bob_updates(json!([op])).await.unwrap_err(), "NOT_ADMIN", "{op}");
    }
    let attach = fixture.args(with(preset(), json!({ "name": "Second" })));
    assert_eq!(fixture.bob.call("attach_bot", attach).await["slot_id"], "s4");
    for op in every_op() {
        // Bob would lose his own seat.
        if op["type"] != "kick" {
            fixture.bob_updates(json!([op])).await.unwrap_or_else(|code| panic!("{op}: {code}"));
        }
    }
    let log = fixture.alice_reads().await;
    assert_eq!(of_type(&log, "rename_applied")[0]["body"]["by"], "s2");
    assert_eq!(of_type(&log, "bot:attach").last().unwrap()["body"]["by"], "s2");
}

#[tokio::test]
async fn admin_rights_end_with_demotion_or_tenure() {
    let mut fixture = TwoPlayerChannel::create().await;
    let rename = json!([{ "type": "rename", "name": "Bob's" }]);
    fixture.update(json!([{ "type": "set_admin", "slot_id": "s2", "admin": true }])).await.unwrap();
    let renamed = fixture.bob_updates(rename.clone()).await.unwrap();
    assert_eq!((&renamed["view"]["name"], &renamed["view"]["slots"][2]["admin"]), (&json!("Bob's"), &json!(true)));
    fixture.update(json!([{ "type": "set_admin", "slot_id": "s2", "admin": false }])).await.unwrap();
    assert_eq!(fixture.bob_updates(rename.clone()).await.unwrap_err(), "NOT_ADMIN");
    fixture.update(json!([{ "type": "set_admin", "slot_id": "s2" }])).await.unwrap();
    let ops = json!([{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    assert_eq!(fixture.bob_updates(rename.clone()).await.unwrap_err(), "NOT_MEMBER");
    fixture.bob.call("join_channel", json!({ "invite_code": invite })).await;
    assert_eq!(fixture.bob_updates(rename).await.unwrap_err(), "NOT_ADMIN", "a new tenure starts without admin rights");
}

#[tokio::test]
async fn either_all_ops_are_applied_or_none() {
    let mut fixture = TwoPlayerChannel::create().await;
    let before = fixture.size().await;
    let ops = json!([
        { "type": "rename", "name": "Finals" },
        { "type": "new_invite", "slot_id": "s3" },
        { "type": "kick", "slot_id": "s3" },
    ]);
    assert_eq!(fixture.update(ops).await.unwrap_err(), "BAD_OP");
    assert_eq!(fixture.size().await, before);
    let args = fixture.args(json!({}));
    assert_eq!(fixture.bob.call("get_channel_info", args).await["view"]["name"], "Game");
    let mut carol = fixture.stranger().await;
    let join = json!({ "invite_code": fixture.created["invites"][1] });
    assert_eq!(carol.call("join_channel", join).await["slot_id"], "s3", "the old invite is still valid");
}

#[tokio::test]
async fn ops_that_do_not_fit_the_channel_are_refused() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner" })).await;
    let before = fixture.size().await;
    for op in [
        json!({ "type": "set_bot", "slot_id": "s1", "bot": preset() }),
        json!({ "type": "set_bot", "slot_id": "s9", "bot": preset() }),
        json!({ "type": "remove_bot", "slot_id": "s0" }),
        json!({ "type": "remove_bot", "slot_id": "s1" }),
        json!({ "type": "yield_slot", "slot_id": "s9", "to": "bot" }),
        json!({ "type": "set_admin", "slot_id": "s3" }),
        json!({ "type": "set_admin", "slot_id": "s0" }),
        json!({ "type": "kick", "slot_id": "s0" }),
        json!({ "type": "kick", "slot_id": "s3" }),
        json!({ "type": "kick", "slot_id": "s31" }),
        json!({ "type": "new_invite", "slot_id": "s2" }),
        json!({ "type": "new_invite", "slot_id": "s0" }),
        json!({ "type": "new_invite", "slot_id": "s9" }),
        json!({ "type": "close_slot", "slot_id": "s2" }),
        json!({ "type": "close_slot", "slot_id": "s9" }),
    ] {
        assert_eq!(fixture.update(json!([op])).await.unwrap_err(), "BAD_OP", "{op}");
    }
    assert_eq!(fixture.size().await, before);
}

#[tokio::test]
async fn bots_are_sealed_once_two_seats_were_filled() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_code": QUIET })).await;
    let attach = fixture.args(with(preset(), json!({ "name": "B" })));
    for op in [
        json!({ "type": "set_bot", "slot_id": "s0", "bot": preset() }),
        json!({ "type": "remove_bot", "slot_id": "s0" }),
        json!({ "type": "yield_slot", "slot_id": "s0", "to": "bot" }),
    ] {
        assert_eq!(fixture.update(json!([op])).await.unwrap_err(), "BAD_OP", "{op}");
    }
    assert_eq!(fixture.alice.refusal("attach_bot", attach.clone()).await, "BAD_OP");
    // They stay sealed when everybody has left, because two seats have been filled.
    for client in [&mut fixture.bob, &mut fixture.alice] {
        client.call("leave_channel", json!({ "channel_id": fixture.channel_id })).await;
    }
    assert_eq!(fixture.alice.refusal("attach_bot", attach).await, "BAD_OP");
}

#[tokio::test]
async fn bots_can_change_until_the_second_seat_is_filled() {
    let mut fixture = TwoPlayerChannel::create().await;
    let create = json!({ "name": "Early", "slots": ["bot:r", "invite:a", "invite:b"], "join_as": "a" });
    let created = fixture.alice.call("create_channel", create).await;
    let at = json!({ "channel_id": created["channel_id"] });
    let attach = with(at.clone(), json!({ "name": "Quiet", "inline_code": QUIET }));
    assert_eq!(fixture.alice.call("attach_bot", attach.clone()).await["slot_id"], "s0");
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": { "name": "Other", "inline_code": QUIET } }]);
    let updated = fixture.alice.call("update_channel", with(at.clone(), json!({ "ops": ops }))).await;
    assert_eq!(updated["view"]["slots"][0]["filled_by"], "bot:bot_Other_1");
    let ops = json!([{ "type": "remove_bot", "slot_id": "s0" }]);
    let updated = fixture.alice.call("update_channel", with(at, json!({ "ops": ops }))).await;
    assert_eq!(updated["view"]["slots"][0]["filled_by"], Value::Null);
    fixture.bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
    assert_eq!(fixture.alice.refusal("attach_bot", attach).await, "BAD_OP");
}

#[tokio::test]
async fn a_channel_whose_bots_may_change_is_never_sealed_and_shows_it() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner", "bot_code": QUIET })).await;
    assert_eq!(fixture.joined["view"]["bots_change"], "owner");
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": preset() }]);
    let updated = fixture.update(ops).await.unwrap();
    assert_eq!(updated["view"]["slots"][0]["filled_by"], "bot:bot_GuessBot_1");
    let log = fixture.bob_reads().await;
    assert_eq!(of_type(&log, "bot:detach")[0]["body"]["reason"], "replaced");
    fixture.update(json!([{ "type": "remove_bot", "slot_id": "s0" }])).await.unwrap();
    let attach = fixture.args(json!({ "name": "Quiet", "inline_code": QUIET }));
    assert_eq!(fixture.alice.call("attach_bot", attach).await["bot_id"], "bot_Quiet_2");
}

#[tokio::test]
async fn an_owner_without_a_seat_can_read_but_not_post() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_code": QUIET })).await;
    let leave = fixture.args(json!({}));
    fixture.alice.call("leave_channel", leave.clone()).await;
    fixture.bob_posts("is she gone?").await;
    assert_eq!(with_text(&fixture.alice_reads().await, "is she gone?").len(), 1);
    let info = fixture.alice.call("get_channel_info", leave.clone()).await;
    assert_eq!((&info["your_slots"], &info["view"]["owner"]), (&json!([]), &Value::Null));
    assert_eq!(fixture.alice.call("list_channels", json!({})).await["total_channels"], 1);
    let code = fixture.args(json!({ "bot_id": "bot_CustomBot_0" }));
    assert_eq!(fixture.alice.call("get_bot_code", code).await["inline_code"], QUIET);
    for (op, args) in [
        ("post_message", json!({ "body": "no" })),
        ("dm_bot", json!({ "bot_id": "bot_CustomBot_0", "message": "no" })),
        ("leave_channel", json!({})),
    ] {
        let args = fixture.args(args);
        assert_eq!(fixture.alice.refusal(op, args).await, "NOT_MEMBER", "{op}");
    }
    // With an invite she takes the seat again, and is an admin at once.
    let ops = json!([{ "type": "new_invite", "slot_id": "s1" }]);
    let invite = fixture.update(ops).await.unwrap()["invites"][0].clone();
    let joined = fixture.alice.call("join_channel", json!({ "invite_code": invite })).await;
    assert_eq!(joined["view"]["slots"][1]["admin"], true);
    fixture.alice_posts("back").await;
}

#[tokio::test]
async fn a_closed_channel_is_read_only() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_code": QUIET, "bots_change": "owner" })).await;
    let view = fixture.update(json!([{ "type": "close" }])).await.unwrap()["view"].clone();
    assert_eq!(view["closed"], true);
    let at = fixture.channel_id.clone();
    read_until(&mut fixture.bob, &at, "the end", |message| message["body"]["type"] == "close_applied").await;
    let size = fixture.size().await;
    for (op, args) in [
        ("post_message", json!({ "body": "wait" })),
        ("dm_bot", json!({ "bot_id": "bot_CustomBot_0", "message": "wait" })),
        ("leave_channel", json!({})),
    ] {
        let args = fixture.args(args);
        assert_eq!(fixture.bob.refusal(op, args).await, "CHANNEL_CLOSED", "{op}");
    }
    for op in every_op() {
        assert_eq!(fixture.update(json!([op])).await.unwrap_err(), "CHANNEL_CLOSED", "{op}");
    }
    let mut carol = fixture.stranger().await;
    let join = json!({ "invite_code": fixture.created["invites"][1] });
    assert_eq!(carol.refusal("join_channel", join).await, "CHANNEL_CLOSED");
    let rejoin = json!({ "invite_code": fixture.joined["rejoin_token"] });
    assert_eq!(carol.refusal("join_channel", rejoin.clone()).await, "CHANNEL_CLOSED");
    // Reading is still possible.
    assert_eq!(of_type(&fixture.bob_reads().await, "close_applied").len(), 1);
    let args = fixture.args(json!({}));
    assert_eq!(fixture.bob.call("get_channel_info", args).await["view"], view);
    let code = fixture.args(json!({ "bot_id": "bot_CustomBot_0" }));
    fixture.bob.call("get_bot_code", code).await;
    assert_eq!(fixture.bob.call("join_channel", rejoin).await["slot_id"], "s2");
    assert_eq!(fixture.size().await, size);
}

#[tokio::test]
async fn a_closed_slot_stays_empty() {
    let mut fixture = TwoPlayerChannel::create().await;
    let closed = fixture.update(json!([{ "type": "close_slot", "slot_id": "s3" }])).await.unwrap();
    assert_eq!(closed["view"]["slots"][3]["closed"], true);
    let mut carol = fixture.stranger().await;
    let join = json!({ "invite_code": fixture.created["invites"][1] });
    assert_eq!(carol.refusal("join_channel", join).await, "INVITE_INVALID");
    for op in [
        json!({ "type": "new_invite", "slot_id": "s3" }),
        json!({ "type": "yield_slot", "slot_id": "s3", "to": "invite" }),
        json!({ "type": "close_slot", "slot_id": "s3" }),
    ] {
        assert_eq!(fixture.update(json!([op])).await.unwrap_err(), "BAD_OP", "{op}");
    }
}

#[tokio::test]
async fn a_slot_can_be_yielded_to_a_player_or_a_bot() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner" })).await;
    // The empty bot slot becomes a seat.
    let ops = json!([{ "type": "yield_slot", "slot_id": "s0", "to": "invite" }]);
    let updated = fixture.update(ops).await.unwrap();
    assert_eq!(updated["view"]["slots"][0]["kind"], "invite");
    let mut carol = fixture.stranger().await;
    let join = json!({ "invite_code": updated["invites"][0] });
    assert_eq!(carol.call("join_channel", join).await["slot_id"], "s0");
    // Its player or an admin can turn a seat into a bot slot.
    let own = fixture.bob_updates(json!([{ "type": "yield_slot", "slot_id": "s2", "to": "bot" }])).await.unwrap();
    assert_eq!(
        (&own["view"]["slots"][2]["kind"], &own["view"]["slots"][2]["filled_by"]),
        (&json!("bot"), &Value::Null)
    );
    assert!(own.get("invites").is_none());
    fixture.update(json!([{ "type": "yield_slot", "slot_id": "s0", "to": "bot" }])).await.unwrap();
    let log = fixture.alice_reads().await;
    assert_eq!(of_type(&log, "member:leave")[0]["body"]["by"], "s2");
    assert_eq!(of_type(&log, "member:kick")[0]["body"]["by"], "s1");
    let attach = fixture.args(with(preset(), json!({ "name": "GuessBot" })));
    assert_eq!(fixture.alice.call("attach_bot", attach).await["slot_id"], "s0");
}

#[tokio::test]
async fn a_player_can_yield_only_the_own_seat() {
    let mut fixture = TwoPlayerChannel::create().await;
    let before = fixture.size().await;
    for ops in [
        json!([{ "type": "yield_slot", "slot_id": "s1", "to": "invite" }]),
        json!([{ "type": "yield_slot", "slot_id": "s3", "to": "invite" }]),
        json!([{ "type": "new_invite", "slot_id": "s2" }]),
        json!([{ "type": "yield_slot", "slot_id": "s2", "to": "invite" }, { "type": "rename", "name": "Bob's" }]),
        json!([{ "type": "yield_slot", "slot_id": "s2", "to": "invite" }, { "type": "close_slot", "slot_id": "s2" }]),
    ] {
        assert_eq!(fixture.bob_updates(ops.clone()).await.unwrap_err(), "NOT_ADMIN", "{ops}");
    }
    assert_eq!(fixture.size().await, before);
    let ops = json!([{ "type": "yield_slot", "slot_id": "s2", "to": "invite" }]);
    let yielded = fixture.bob_updates(ops).await.unwrap();
    let mut carol = fixture.stranger().await;
    let join = json!({ "invite_code": yielded["invites"][0] });
    assert_eq!(carol.call("join_channel", join).await["slot_id"], "s2");
}
