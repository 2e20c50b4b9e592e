//! Seats belong to principals: joining, rejoining, moving and leaving.

use mcp_multiplayer_tests::{Failure, WsClient};
use serde_json::{Value, json};

use crate::table::{Table, of_type};

async fn join(client: &mut WsClient, code: &Value) -> Value {
    client.call("join_channel", json!({ "invite_code": code })).await
}

async fn join_refused(client: &mut WsClient, code: &Value) -> String {
    client.refusal("join_channel", json!({ "invite_code": code })).await
}

#[tokio::test]
async fn the_creator_can_take_a_seat_at_once() {
    let table = Table::set().await;
    let created = &table.created;
    assert_eq!(created["slot_id"], "s1");
    assert!(created["rejoin_token"].as_str().unwrap().starts_with("rejoin_"));
    assert_eq!(created["cursor"], 2);
    assert_eq!(created["view"]["owner"], "s1");
    assert_eq!(created["view"]["slots"][1]["filled_by"], "player");
    assert_eq!(created["view"]["slots"][1]["admin"], true);
    assert_eq!(created["invites"].as_array().unwrap().len(), 2, "the creator's own slot needs no invite");
    assert_eq!(table.joined["view"]["slots"][2]["admin"], false);
}

#[tokio::test]
async fn join_as_names_an_invite_slot() {
    let mut table = Table::set().await;
    for label in ["referee", "dave", "s1", ""] {
        let args = json!({ "name": "x", "slots": ["bot:referee", "invite:alice"], "join_as": label });
        assert_eq!(table.alice.refusal("create_channel", args).await, "INVALID_REQUEST", "{label}");
    }
}

#[tokio::test]
async fn several_seats_of_one_principal_need_slot_id() {
    let mut table = Table::set().await;
    let second = join(&mut table.bob, &table.created["invites"][1]).await;
    assert_eq!(second["slot_id"], "s3");
    assert_ne!(second["rejoin_token"], table.joined["rejoin_token"]);

    let post = table.here(json!({ "body": "as whom?" }));
    let Err(Failure::Refused(error)) = table.bob.try_call("post_message", post).await else { panic!("it was posted") };
    assert_eq!(error["code"], "SEAT_AMBIGUOUS");
    assert!(error["message"].as_str().unwrap().contains("s2 (bob), s3 (carol)"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("slot_id"), "{error}");
    for op in ["sync_messages", "leave_channel"] {
        let args = table.here(json!({}));
        assert_eq!(table.bob.refusal(op, args).await, "SEAT_AMBIGUOUS", "{op}");
    }

    for slot_id in ["s2", "s3"] {
        let args = table.here(json!({ "body": slot_id, "slot_id": slot_id }));
        table.bob.call("post_message", args).await;
    }
    let args = table.here(json!({ "body": "hi", "slot_id": "s1" }));
    assert_eq!(table.bob.refusal("post_message", args).await, "NOT_MEMBER", "that seat is alice's");
    let said = table.alice_reads().await;
    for slot_id in ["s2", "s3"] {
        assert!(said.iter().any(|m| m["sender"] == slot_id && m["body"]["text"] == slot_id));
    }
    let args = table.here(json!({}));
    assert_eq!(table.bob.call("get_channel_info", args).await["your_slots"], json!(["s2", "s3"]));

    // With one seat left, slot_id is not needed.
    let leave = table.here(json!({ "slot_id": "s3" }));
    table.bob.call("leave_channel", leave).await;
    table.bob_says("s2 again").await;
}

#[tokio::test]
async fn a_rejoin_by_another_principal_moves_the_seat() {
    let mut table = Table::set().await;
    let mut carol = table.stranger().await;
    let token = table.joined["rejoin_token"].clone();
    let moved = join(&mut carol, &token).await;
    assert_eq!(moved["slot_id"], "s2");
    assert_eq!(moved["rejoin_token"], token, "the token belongs to the tenure");

    let post = table.here(json!({ "body": "mine" }));
    assert_eq!(table.bob.refusal("post_message", post.clone()).await, "NOT_MEMBER");
    for op in ["sync_messages", "get_channel_info", "leave_channel"] {
        let args = table.here(json!({}));
        assert_eq!(table.bob.refusal(op, args).await, "NOT_MEMBER", "{op}");
    }
    assert_eq!(table.bob.call("list_channels", json!({})).await["total_channels"], 0);
    carol.call("post_message", post).await;

    let log = table.alice_reads().await;
    let rejoins = of_type(&log, "member:rejoin");
    assert_eq!(rejoins.len(), 1);
    assert_eq!(rejoins[0]["body"]["slot_id"], "s2");
    let joins = of_type(&log, "member:join");
    assert_ne!(rejoins[0]["body"]["player"], joins[1]["body"]["player"]);
    assert_eq!(log.last().unwrap()["sender"], "s2");

    // The token is valid as long as the tenure, so the former holder can take the seat back.
    assert_eq!(join(&mut table.bob, &token).await["slot_id"], "s2");
    table.bob_says("back").await;
    let args = table.here(json!({ "body": "still here?" }));
    assert_eq!(carol.refusal("post_message", args).await, "NOT_MEMBER");
}

#[tokio::test]
async fn a_rejoin_by_the_holder_changes_nothing() {
    let table = Table::set().await;
    let before = table.size().await;
    let mut bob = table.bob_again().await;
    for _ in 0..3 {
        let again = join(&mut bob, &table.joined["rejoin_token"]).await;
        assert_eq!(again["slot_id"], "s2");
        assert_eq!(again["rejoin_token"], table.joined["rejoin_token"]);
    }
    assert_eq!(table.size().await, before);
}

#[tokio::test]
async fn a_join_whose_reply_was_lost_can_be_repeated() {
    let mut table = Table::set().await;
    let before = table.size().await;
    let again = join(&mut table.bob, &table.created["invites"][0]).await;
    for field in ["channel_id", "slot_id", "rejoin_token"] {
        assert_eq!(again[field], table.joined[field], "{field}");
    }
    assert_eq!(table.size().await, before);
}

#[tokio::test]
async fn an_invite_fills_one_slot_once() {
    let mut table = Table::set().await;
    let used = table.created["invites"][0].clone();
    let mut carol = table.stranger().await;
    assert_eq!(join_refused(&mut carol, &used).await, "SLOT_ALREADY_FILLED");
    assert_eq!(join_refused(&mut table.alice, &used).await, "SLOT_ALREADY_FILLED");
    // After its player has left, a used code is invalid, even for the one who used it.
    let args = table.here(json!({}));
    table.bob.call("leave_channel", args).await;
    assert_eq!(join_refused(&mut table.bob, &used).await, "INVITE_INVALID");
    assert_eq!(join_refused(&mut carol, &used).await, "INVITE_INVALID");
}

#[tokio::test]
async fn concurrent_redemptions_fill_a_seat_once() {
    let mut table = Table::set().await;
    let (mut carol, mut dave) = (table.stranger().await, table.stranger().await);
    let args = json!({ "invite_code": table.created["invites"][1] });
    let (first, second) =
        tokio::join!(carol.try_call("join_channel", args.clone()), dave.try_call("join_channel", args));
    let codes: Vec<String> = [first, second]
        .into_iter()
        .map(|result| result.map_or_else(|f| f.code().to_owned(), |_| "ok".to_owned()))
        .collect();
    assert!(codes.contains(&"ok".to_owned()) && codes.contains(&"SLOT_ALREADY_FILLED".to_owned()), "{codes:?}");
    assert_eq!(of_type(&table.alice_reads().await, "member:join").len(), 3);
}

#[tokio::test]
async fn a_replaced_invite_is_invalid() {
    let mut table = Table::set().await;
    let old = table.created["invites"][1].clone();
    let new = table.update(json!([{ "type": "new_invite", "slot_id": "s3" }])).await.unwrap()["invites"][0].clone();
    assert_ne!(old, new);
    let mut carol = table.stranger().await;
    assert_eq!(join_refused(&mut carol, &old).await, "INVITE_INVALID");
    assert_eq!(join(&mut carol, &new).await["slot_id"], "s3");
}

#[tokio::test]
async fn an_invite_link_is_accepted_like_its_code() {
    let table = Table::set().await;
    let link = table.created["invite_links"][1].as_str().unwrap();
    let expected = format!("http://{}/join#{}", table.relay.address(), table.created["invites"][1].as_str().unwrap());
    assert_eq!(link, expected);
    let mut carol = table.stranger().await;
    assert_eq!(join(&mut carol, &json!(format!("  {link}\n"))).await["slot_id"], "s3");
}

#[tokio::test]
async fn a_rejoin_token_ends_with_its_tenure() {
    for end in ["leave", "kick", "yield"] {
        let mut table = Table::set().await;
        let token = table.joined["rejoin_token"].clone();
        let invite = match end {
            "leave" => {
                let args = table.here(json!({}));
                assert_eq!(table.bob.call("leave_channel", args).await, json!({ "ok": true }));
                let ops = json!([{ "type": "new_invite", "slot_id": "s2" }]);
                table.update(ops).await.unwrap()["invites"][0].clone()
            }
            "kick" => {
                let ops = json!([{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }]);
                table.update(ops).await.unwrap()["invites"][0].clone()
            }
            _ => {
                let ops = json!([{ "type": "yield_slot", "slot_id": "s2", "to": "invite" }]);
                table.bob_updates(ops).await.unwrap()["invites"][0].clone()
            }
        };
        assert_eq!(join_refused(&mut table.bob, &token).await, "REJOIN_TOKEN_INVALID", "{end}");
        let mut carol = table.stranger().await;
        assert_eq!(join_refused(&mut carol, &token).await, "REJOIN_TOKEN_INVALID", "{end}");
        // The next tenure has a token of its own, also for the same player.
        let again = join(&mut table.bob, &invite).await;
        assert_eq!(again["slot_id"], "s2", "{end}");
        assert_ne!(again["rejoin_token"], token, "{end}");
        assert_eq!(join_refused(&mut table.bob, &token).await, "REJOIN_TOKEN_INVALID", "{end}");
    }
}

#[tokio::test]
async fn seats_survive_a_restart() {
    let mut table = Table::set().await;
    table.relay.restart(None).await.unwrap();
    let mut bob = table.bob_again().await;
    let args = table.here(json!({ "body": "still in s2" }));
    bob.call("post_message", args).await;
    let mut carol = table.stranger().await;
    assert_eq!(join(&mut carol, &table.joined["rejoin_token"]).await["slot_id"], "s2");
    assert_eq!(join(&mut carol, &table.created["invites"][1]).await["slot_id"], "s3");
}
