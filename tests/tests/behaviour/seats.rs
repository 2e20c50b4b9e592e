//! Seats belong to principals: joining, rejoining, moving and leaving.

use mcp_multiplayer_tests::{Failure, WsClient};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type};

async fn join(client: &mut WsClient, code: &Value) -> Value {
    client.call("join_channel", json!({ "invite_code": code })).await
}

async fn join_refused(client: &mut WsClient, code: &Value) -> String {
    client.refusal("join_channel", json!({ "invite_code": code })).await
}

#[tokio::test]
async fn the_creator_can_take_a_seat_at_once() {
    let fixture = TwoPlayerChannel::create().await;
    let created = &fixture.created;
    assert_eq!(created["slot_id"], "s1");
    assert!(created["rejoin_token"].as_str().unwrap().starts_with("rejoin_"));
    assert_eq!(created["cursor"], 2);
    assert_eq!(created["view"]["owner"], "s1");
    assert_eq!(created["view"]["slots"][1]["filled_by"], "player");
    assert_eq!(created["view"]["slots"][1]["admin"], true);
    assert_eq!(created["invites"].as_array().unwrap().len(), 2, "the creator's own slot needs no invite");
    assert_eq!(fixture.joined["view"]["slots"][2]["admin"], false);
}

#[tokio::test]
async fn join_as_names_an_invite_slot() {
    let mut fixture = TwoPlayerChannel::create().await;
    for label in ["referee", "dave", "s1", ""] {
        let args = json!({ "name": "x", "slots": ["bot:referee", "invite:alice"], "join_as": label });
        assert_eq!(fixture.alice.refusal("create_channel", args).await, "INVALID_REQUEST", "{label}");
    }
}

#[tokio::test]
async fn several_seats_of_one_principal_need_slot_id() {
    let mut fixture = TwoPlayerChannel::create().await;
    let second = join(&mut fixture.bob, &fixture.created["invites"][1]).await;
    assert_eq!(second["slot_id"], "s3");
    assert_ne!(second["rejoin_token"], fixture.joined["rejoin_token"]);

    let post = fixture.args(json!({ "body": "as whom?" }));
    let Err(Failure::Refused(error)) = fixture.bob.try_call("post_message", post).await else {
        panic!("it was posted")
    };
    assert_eq!(error["code"], "SEAT_AMBIGUOUS");
    assert!(error["message"].as_str().unwrap().contains("s2 (bob), s3 (carol)"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("slot_id"), "{error}");
    for op in ["sync_messages", "leave_channel"] {
        let args = fixture.args(json!({}));
        assert_eq!(fixture.bob.refusal(op, args).await, "SEAT_AMBIGUOUS", "{op}");
    }

    for slot_id in ["s2", "s3"] {
        let args = fixture.args(json!({ "body": slot_id, "slot_id": slot_id }));
        fixture.bob.call("post_message", args).await;
    }
    let args = fixture.args(json!({ "body": "hi", "slot_id": "s1" }));
    assert_eq!(fixture.bob.refusal("post_message", args).await, "SEAT_AMBIGUOUS", "that seat is alice's");
    let said = fixture.alice_reads().await;
    for slot_id in ["s2", "s3"] {
        assert!(said.iter().any(|m| m["sender"] == slot_id && m["body"]["text"] == slot_id));
    }
    let args = fixture.args(json!({}));
    assert_eq!(fixture.bob.call("get_channel_info", args).await["your_slots"], json!(["s2", "s3"]));

    // With one seat left, slot_id is not needed.
    let leave = fixture.args(json!({ "slot_id": "s3" }));
    fixture.bob.call("leave_channel", leave).await;
    fixture.bob_posts("s2 again").await;
}

#[tokio::test]
async fn a_rejoin_by_another_principal_moves_the_seat() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut carol = fixture.stranger().await;
    let token = fixture.joined["rejoin_token"].clone();
    let moved = join(&mut carol, &token).await;
    assert_eq!(moved["slot_id"], "s2");
    assert_eq!(moved["rejoin_token"], token, "the token belongs to the tenure");

    let post = fixture.args(json!({ "body": "mine" }));
    assert_eq!(fixture.bob.refusal("post_message", post.clone()).await, "NOT_MEMBER");
    for op in ["get_channel_info", "leave_channel"] {
        let args = fixture.args(json!({}));
        assert_eq!(fixture.bob.refusal(op, args).await, "NOT_MEMBER", "{op}");
    }
    assert_eq!(fixture.bob.call("list_channels", json!({})).await["total_channels"], 0);
    carol.call("post_message", post).await;

    let log = fixture.alice_reads().await;
    let rejoins = of_type(&log, "member:rejoin");
    assert_eq!(rejoins.len(), 1);
    assert_eq!(rejoins[0]["body"]["slot_id"], "s2");
    let joins = of_type(&log, "member:join");
    assert_ne!(rejoins[0]["body"]["player"], joins[1]["body"]["player"]);
    assert_eq!(log.last().unwrap()["sender"], "s2");

    // The token is valid as long as the tenure, so the former holder can take the seat back.
    assert_eq!(join(&mut fixture.bob, &token).await["slot_id"], "s2");
    fixture.bob_posts("back").await;
    let args = fixture.args(json!({ "body": "still here?" }));
    assert_eq!(carol.refusal("post_message", args).await, "NOT_MEMBER");
}

#[tokio::test]
async fn a_rejoin_by_the_holder_changes_nothing() {
    let fixture = TwoPlayerChannel::create().await;
    let before = fixture.size().await;
    let mut bob = fixture.bob_ws().await;
    for _ in 0..3 {
        let again = join(&mut bob, &fixture.joined["rejoin_token"]).await;
        assert_eq!(again["slot_id"], "s2");
        assert_eq!(again["rejoin_token"], fixture.joined["rejoin_token"]);
    }
    assert_eq!(fixture.size().await, before);
}

#[tokio::test]
async fn a_join_whose_reply_was_lost_can_be_repeated() {
    let mut fixture = TwoPlayerChannel::create().await;
    let before = fixture.size().await;
    let again = join(&mut fixture.bob, &fixture.created["invites"][0]).await;
    for field in ["channel_id", "slot_id", "rejoin_token"] {
        assert_eq!(again[field], fixture.joined[field], "{field}");
    }
    assert_eq!(fixture.size().await, before);
}

#[tokio::test]
async fn an_invite_fills_one_slot_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let used = fixture.created["invites"][0].clone();
    let mut carol = fixture.stranger().await;
    assert_eq!(join_refused(&mut carol, &used).await, "SLOT_ALREADY_FILLED");
    assert_eq!(join_refused(&mut fixture.alice, &used).await, "SLOT_ALREADY_FILLED");
    // After its player has left, a used code is invalid, even for the one who used it.
    let args = fixture.args(json!({}));
    fixture.bob.call("leave_channel", args).await;
    assert_eq!(join_refused(&mut fixture.bob, &used).await, "INVITE_INVALID");
    assert_eq!(join_refused(&mut carol, &used).await, "INVITE_INVALID");
}

#[tokio::test]
async fn concurrent_redemptions_fill_a_seat_once() {
    let mut fixture = TwoPlayerChannel::create().await;
    let (mut carol, mut dave) = (fixture.stranger().await, fixture.stranger().await);
    let args = json!({ "invite_code": fixture.created["invites"][1] });
    let (first, second) =
        tokio::join!(carol.try_call("join_channel", args.clone()), dave.try_call("join_channel", args));
    let codes: Vec<String> = [first, second]
        .into_iter()
        .map(|result| result.map_or_else(|f| f.code().to_owned(), |_| "ok".to_owned()))
        .collect();
    assert!(codes.contains(&"ok".to_owned()) && codes.contains(&"SLOT_ALREADY_FILLED".to_owned()), "{codes:?}");
    assert_eq!(of_type(&fixture.alice_reads().await, "member:join").len(), 3);
}

#[tokio::test]
async fn a_replaced_invite_is_invalid() {
    let mut fixture = TwoPlayerChannel::create().await;
    let old = fixture.created["invites"][1].clone();
    let new = fixture.update(json!([{ "type": "new_invite", "slot_id": "s3" }])).await.unwrap()["invites"][0].clone();
    assert_ne!(old, new);
    let mut carol = fixture.stranger().await;
    assert_eq!(join_refused(&mut carol, &old).await, "INVITE_INVALID");
    assert_eq!(join(&mut carol, &new).await["slot_id"], "s3");
}

#[tokio::test]
async fn an_invite_link_is_accepted_like_its_code() {
    let fixture = TwoPlayerChannel::create().await;
    let link = fixture.created["invite_links"][1].as_str().unwrap();
    let expected =
        format!("http://{}/join#{}", fixture.relay.address(), fixture.created["invites"][1].as_str().unwrap());
    assert_eq!(link, expected);
    let mut carol = fixture.stranger().await;
    assert_eq!(join(&mut carol, &json!(format!("  {link}\n"))).await["slot_id"], "s3");
}

#[tokio::test]
async fn a_rejoin_token_ends_with_its_tenure() {
    for end in ["leave", "kick", "yield"] {
        let mut fixture = TwoPlayerChannel::create().await;
        let token = fixture.joined["rejoin_token"].clone();
        let invite = match end {
            "leave" => {
                let args = fixture.args(json!({}));
                assert_eq!(fixture.bob.call("leave_channel", args).await, json!({ "ok": true }));
                let ops = json!([{ "type": "new_invite", "slot_id": "s2" }]);
                fixture.update(ops).await.unwrap()["invites"][0].clone()
            }
            "kick" => {
                let ops = json!([{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }]);
                fixture.update(ops).await.unwrap()["invites"][0].clone()
            }
            _ => {
                let ops = json!([{ "type": "yield_slot", "slot_id": "s2", "to": "invite" }]);
                fixture.bob_updates(ops).await.unwrap()["invites"][0].clone()
            }
        };
        assert_eq!(join_refused(&mut fixture.bob, &token).await, "REJOIN_TOKEN_INVALID", "{end}");
        let mut carol = fixture.stranger().await;
        assert_eq!(join_refused(&mut carol, &token).await, "REJOIN_TOKEN_INVALID", "{end}");
        // The next tenure has a token of its own, also for the same player.
        let again = join(&mut fixture.bob, &invite).await;
        assert_eq!(again["slot_id"], "s2", "{end}");
        assert_ne!(again["rejoin_token"], token, "{end}");
        assert_eq!(join_refused(&mut fixture.bob, &token).await, "REJOIN_TOKEN_INVALID", "{end}");
    }
}

#[tokio::test]
async fn seats_survive_a_restart() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.relay.restart(None).await.unwrap();
    let mut bob = fixture.bob_ws().await;
    let args = fixture.args(json!({ "body": "still in s2" }));
    bob.call("post_message", args).await;
    let mut carol = fixture.stranger().await;
    assert_eq!(join(&mut carol, &fixture.joined["rejoin_token"]).await["slot_id"], "s2");
    assert_eq!(join(&mut carol, &fixture.created["invites"][1]).await["slot_id"], "s3");
}
