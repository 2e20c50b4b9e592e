//! A partner's seat: its terms, its end, and what a restart leaves of it.

use mcp_multiplayer_tests::{RelayProcess, StdioClient, WsClient};
use serde_json::{Value, json};

use super::{Practice, assert_no_violation, assert_one_move_per_turn, verify_with_replay};
use crate::fixture::{in_time, of_type, outcome, with};

#[tokio::test]
async fn the_stdio_server_verifies_a_log_with_a_partner() {
    let relay = RelayProcess::start().await.unwrap();
    let (mut alice, _) = StdioClient::launch(&relay, &relay.local_token().unwrap()).await.unwrap();
    let slots = ["bot:referee", "invite:alice", "practice:bob"];
    let create = json!({ "name": "Guess", "slots": slots, "join_as": "alice", "bot_preset": "GuessBot" });
    let created: Value = serde_json::from_str(&alice.call_tool("create_channel", create).await.unwrap()).unwrap();
    assert_eq!(created["view"]["slots"][2]["filled_by"], "program", "{created}");
    let channel_id = &created["channel_id"];
    let mut page = json!({ "cursor": 0 });
    in_time("the partner's first guess", async {
        while !page.to_string().contains("bob guessed 50") {
            let sync = json!({ "channel_id": channel_id, "cursor": page["cursor"] });
            page = serde_json::from_str(&alice.call_tool("sync_messages", sync).await.unwrap()).unwrap();
        }
    })
    .await;
    let receipt = alice.call_tool("get_receipt", json!({ "channel_id": channel_id })).await.unwrap();
    let summary: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!(summary["fails"], json!([]), "{summary}");
}

#[tokio::test]
async fn a_partner_goes_on_after_kill_9_without_a_doubled_move() {
    let mut game =
        Practice::create(json!({ "bot_preset": "GuessBot", "bot_params": { "range": [1, 1_000_000] } })).await;
    // At these points the relay dies: before, while and after the referee judges alice's guess, and after the partner's
    // answer is durable (the second reply; the first one is for alice).
    for (n, failpoint) in
        ["bot.before_hook@1", "bot.after_hook@1", "bot.after_commit@1", "reply@2"].into_iter().enumerate()
    {
        game.reads_until("alice's turn", |message| {
            message["body"]["player"] == "s1" && message["body"]["turn_id"] == json!(2 * n + 2)
        })
        .await;
        game.relay.restart(Some(failpoint)).await.unwrap();
        game.alice = game.relay.connect().await.unwrap();
        let guess =
            json!({ "body": "guess 1", "data": { "turn_id": 2 * n + 2 }, "idempotency_key": format!("alice-{n}") });
        let guess = game.args(guess);
        // The reply may or may not come before the end.
        let _ = game.alice.try_call("post_message", guess.clone()).await;
        in_time(failpoint, game.relay.wait_for_exit()).await.unwrap();
        game.relay.restart(None).await.unwrap();
        game.alice = game.relay.connect().await.unwrap();
        game.alice.call("post_message", guess).await;
    }
    let log = game.plays_until("game_end", |_| "guess 1".to_owned()).await;
    assert_eq!(of_type(&log, "game_end")[0]["body"]["winner"], "s2");
    assert_no_violation(&log, "s2");
    assert_one_move_per_turn(&log, "s2");
    let report = verify_with_replay(&game.relay, &game.channel_id).await;
    assert!(report.contains("were run again here"), "{report}");
}

#[tokio::test]
async fn a_kicked_partner_stays_away() {
    let mut game = Practice::create(json!({})).await;
    let kick = json!({ "ops": [{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }] });
    let kick = game.args(kick);
    let updated = game.alice.call("update_channel", kick).await;
    assert_eq!(updated["view"]["slots"][2]["filled_by"], Value::Null);
    let token = game.relay.create_token("carol").await.unwrap();
    let mut carol = WsClient::connect(game.relay.address(), &token).await.unwrap();
    let joined = carol.call("join_channel", json!({ "invite_code": updated["invites"][0] })).await;
    assert_eq!(joined["view"]["slots"][2]["filled_by"], "player");
    game.relay.restart(None).await.unwrap();
    game.alice = game.relay.connect().await.unwrap();
    let log = game.reads().await;
    let joins = of_type(&log, "member:join");
    assert_eq!(joins.iter().filter(|join| join["body"]["program"] == true).count(), 1, "{log:#?}");
}

#[tokio::test]
async fn a_partner_accepts_changed_terms() {
    let mut game = Practice::create(json!({ "require_terms": true, "bots_change": "owner" })).await;
    assert_eq!(of_type(&game.reads().await, "terms:accepted").len(), 2);
    let set = json!({ "ops": [{ "type": "set_bot", "slot_id": "s0", "bot": { "code_ref": "builtin://GuessBot" } }] });
    let set = game.args(set);
    let attached = game.alice.call("update_channel", set).await;
    assert!(attached["view"]["slots"][1].get("accepted").is_none(), "{attached}");
    // Alice accepts as well, so that the game begins.
    let terms_hash = game.alice.call("get_channel_info", game.args(json!({}))).await["terms_hash"].clone();
    let accept = json!({ "invite_code": game.created["rejoin_token"], "terms_hash": terms_hash });
    game.alice.call("join_channel", accept).await;
    let log = game.plays_until("judge", |_| "guess 1".to_owned()).await;
    let accepted: Vec<_> =
        of_type(&log, "terms:accepted").iter().map(|each| &each["body"]["slot_id"]).cloned().collect();
    assert_eq!((accepted.len(), accepted.iter().filter(|slot_id| *slot_id == "s2").count()), (4, 2), "{log:#?}");
}

#[tokio::test]
async fn the_seat_of_a_partner_is_for_nobody_else() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    let create = |slots: Value, join_as: &str| json!({ "name": "Practice", "slots": slots, "join_as": join_as });
    let slots = json!(["bot:referee", "invite:alice", "practice:bob", "invite:carol", "practice"]);
    let refused = outcome(alice.try_call("create_channel", create(slots.clone(), "bob")).await);
    assert_eq!(refused, Err("INVALID_REQUEST".to_owned()));
    let twins = json!(["invite:alice", "practice:alice"]);
    assert_eq!(
        outcome(alice.try_call("create_channel", create(twins, "alice")).await),
        Err("INVALID_REQUEST".to_owned())
    );
    let args = with(create(slots, "alice"), json!({ "idempotency_key": "once" }));
    let created = alice.call("create_channel", args.clone()).await;
    assert_eq!(created["invites_by_label"], json!({ "carol": created["invites"][0] }));
    assert_eq!(created["view"]["slots"][4]["label"], "practice_4");
    let repeated = alice.call("create_channel", args).await;
    assert_eq!((&repeated["channel_id"], &repeated["invites"]), (&created["channel_id"], &created["invites"]));
}
