//! Budgets of stored bytes, and the floor of free disk space: nobody can fill the disk, and what is full still comes to an
//! end.

use std::path::Path;

use http_body_util::Full;
use hyper::{Request, StatusCode};
use mcp_multiplayer_tests::{HttpClient, RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, outcome, read_until, with_text};

/// Has a last word, and answers joins, but not messages.
const REFEREE: &str = "
class Referee:
    def on_message(self, msg):
        pass
    def on_join(self, player_id):
        self.ctx.post('bot', {'text': 'welcome ' + player_id})
    def on_close(self):
        self.ctx.post('bot', {'text': 'the secret was 42'})
";

/// Posts 10 KB at a time until the relay refuses it, and returns the code of the refusal.
async fn fill(client: &mut WsClient, channel_id: &str) -> String {
    for number in 0..10 {
        let body = format!("{number} {}", "x".repeat(10_000));
        let args = json!({ "channel_id": channel_id, "body": body, "idempotency_key": format!("key-{number}") });
        if let Err(code) = outcome(client.try_call("post_message", args).await) {
            return code;
        }
    }
    panic!("the channel is not full");
}

fn is_closed(message: &Value) -> bool {
    message["body"]["type"] == "close_applied"
}

async fn readiness(relay: &RelayProcess) -> (StatusCode, String) {
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let request = Request::get("/readyz").header("host", "localhost").body(Full::default()).unwrap();
    let response = http.send(request).await.unwrap();
    (response.status(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test]
async fn a_full_channel_is_read_and_closed_but_gets_nothing_new() {
    let create = json!({ "bot_code": REFEREE, "bots_change": "owner" });
    let mut fixture = TwoPlayerChannel::create_with(&["--channel-stored-bytes", "60000"], create).await;
    let at = fixture.channel_id.clone();
    assert_eq!(fill(&mut fixture.bob, &at).await, "QUOTA_EXCEEDED");
    let bot_id = fixture.created["bots"][0]["bot_id"].clone();
    let bot = json!({ "name": "Other", "inline_code": REFEREE });
    for (op, args) in [
        ("post_message", json!({ "body": "one more" })),
        ("dm_bot", json!({ "bot_id": bot_id, "message": "psst" })),
        ("attach_bot", bot.clone()),
        ("update_channel", json!({ "ops": [{ "type": "set_bot", "slot_id": "s0", "bot": bot }] })),
        ("update_channel", json!({ "ops": [{ "type": "rename", "name": "Finals" }] })),
        ("update_channel", json!({ "ops": [{ "type": "new_invite", "slot_id": "s3" }] })),
    ] {
        let args = fixture.args(args);
        assert_eq!(fixture.alice.refusal(op, args).await, "QUOTA_EXCEEDED", "{op}");
    }
    // A repeat of a post that was stored is answered as before.
    let repeat = json!({ "channel_id": at, "body": format!("0 {}", "x".repeat(10_000)), "idempotency_key": "key-0" });
    fixture.bob.call("post_message", repeat).await;

    // Carol joins and is kicked, although the referee's hook does not run.
    let mut carol = fixture.stranger().await;
    carol.call("join_channel", json!({ "invite_code": fixture.created["invites"][1] })).await;
    let is_skipped = |message: &Value| {
        let body = &message["body"];
        body["type"] == "bot:skipped" && body["hook"] == "on_join" && body["reason"] == "budget"
    };
    let log = read_until(&mut fixture.bob, &at, "the skipped hook", is_skipped).await;
    assert!(with_text(&log, "welcome s3").is_empty());
    fixture.update(json!([{ "type": "kick", "slot_id": "s3" }])).await.unwrap();

    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let log = read_until(&mut fixture.bob, &at, "the end", is_closed).await;
    assert_eq!(with_text(&log, "the secret was 42").len(), 1);
    // The owner can go on elsewhere.
    fixture.alice.call("create_channel", json!({ "name": "Next", "slots": ["invite:alice"] })).await;
}

#[tokio::test]
async fn the_channels_of_one_owner_have_a_budget_together() {
    let flags = ["--principal-stored-bytes", "60000"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    let create = |name: &str| json!({ "name": name, "slots": ["invite:player"], "join_as": "player" });
    let other = fixture.alice.call("create_channel", create("other")).await;
    let at = fixture.channel_id.clone();
    assert_eq!(fill(&mut fixture.bob, &at).await, "QUOTA_EXCEEDED");
    for _ in 0..2 {
        // Bob filled the channel, but it is Alice's.
        fixture.bob.call("create_channel", create("bob's own")).await;
        assert_eq!(fixture.alice.refusal("create_channel", create("more")).await, "QUOTA_EXCEEDED");
        let post = json!({ "channel_id": other["channel_id"], "body": "hello" });
        assert_eq!(fixture.alice.refusal("post_message", post).await, "QUOTA_EXCEEDED");
        // After a restart, the relay knows the sum from the database.
        fixture.relay.restart(None).await.unwrap();
        (fixture.alice, fixture.bob) = (fixture.relay.connect().await.unwrap(), fixture.bob_ws().await);
    }
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
}

fn configure(file: &Path, settings: &str) {
    std::fs::write(file, settings).unwrap();
}

#[tokio::test]
async fn below_the_floor_of_free_disk_space_nothing_new_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    configure(&file, "");
    let relay = RelayProcess::start_with(&["--config", file.to_str().unwrap()]).await.unwrap();
    let mut fixture = TwoPlayerChannel::create_on(relay, json!({ "bot_code": REFEREE })).await;
    assert_eq!(readiness(&fixture.relay).await, (StatusCode::OK, "ready\n".to_owned()));

    configure(&file, &format!("disk_free_bytes = {}", i64::MAX));
    fixture.relay.restart(None).await.unwrap();
    (fixture.alice, fixture.bob) = (fixture.relay.connect().await.unwrap(), fixture.bob_ws().await);
    let ready = readiness(&fixture.relay).await;
    assert_eq!(ready, (StatusCode::SERVICE_UNAVAILABLE, "the disk is almost full\n".to_owned()));
    let post = fixture.args(json!({ "body": "hello" }));
    assert_eq!(fixture.bob.refusal("post_message", post).await, "STORAGE_FULL");
    let create = json!({ "name": "more", "slots": ["invite:player"] });
    assert_eq!(fixture.alice.refusal("create_channel", create).await, "STORAGE_FULL");
    let mut carol = fixture.stranger().await;
    carol.call("join_channel", json!({ "invite_code": fixture.created["invites"][1] })).await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the end", is_closed).await;
    assert_eq!(with_text(&log, "the secret was 42").len(), 1);
}
