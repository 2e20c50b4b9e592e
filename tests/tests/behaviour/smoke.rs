//! The shortest way through the product: a game over WebSocket, seen over HTTP.

use mcp_multiplayer_tests::RelayProcess;
use serde_json::json;

#[tokio::test]
async fn the_call_that_posts_a_move_returns_the_judgement() {
    let relay = RelayProcess::start().await.unwrap();
    let (mut alice, mut bob) = (relay.connect().await.unwrap(), relay.http().await.unwrap());
    let slots = ["bot:referee", "invite:alice", "invite:bob"];
    let created = alice
        .call(
            "create_channel",
            json!({ "name": "Guess", "slots": slots, "bot_preset": "GuessBot", "join_as": "alice" }),
        )
        .await;
    let joined = bob.call_tool("join_channel", json!({ "invite_code": created["invites"][0] })).await.unwrap();
    let commitment = joined["messages"].as_array().unwrap().iter().find(|m| m["body"]["type"] == "bot:commit");
    assert!(commitment.is_some(), "{joined}");
    let args = json!({ "channel_id": created["channel_id"], "body": "guess 50", "slot_id": "s1",
        "wait_ms": 5_000, "cursor": joined["cursor"] });
    let posted = alice.call("post_message", args).await;
    assert!(posted["messages"].as_array().unwrap().iter().any(|m| m["body"]["type"] == "judge"), "{posted}");
    assert!(alice.call("health_check", json!({})).await["status"] == "ok");
}
