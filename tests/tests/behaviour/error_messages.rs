//! The errors that people and models read, in one snapshot. Each says what is wrong and what to do next.

use std::fmt::Write as _;

use mcp_multiplayer_tests::Failure;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, with};

#[tokio::test]
async fn errors_say_what_is_wrong_and_what_to_do() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut mallory = fixture.stranger().await;
    let at = fixture.args(json!({}));
    let invite = &fixture.created["invites"];
    let mut calls = vec![
        ("a wrong type", "bob", "post_message", with(at.clone(), json!({ "body": 7 }))),
        ("an unknown argument", "bob", "post_message", with(at.clone(), json!({ "body": "x", "sender": "s1" }))),
        ("a missing argument", "bob", "post_message", json!({ "body": "x" })),
        ("a malformed id", "bob", "post_message", json!({ "channel_id": "lobby", "body": "x" })),
        ("an unknown operation", "bob", "shout", json!({})),
        ("a reserved kind", "bob", "post_message", with(at.clone(), json!({ "body": "x", "kind": "system" }))),
        ("an invalid kind", "bob", "post_message", with(at.clone(), json!({ "body": "x", "kind": "my move" }))),
        (
            "a number too large",
            "bob",
            "post_message",
            with(at.clone(), json!({ "body": "x", "data": { "n": [u64::MAX] } })),
        ),
        ("a message too large", "bob", "post_message", with(at.clone(), json!({ "body": "x".repeat(40_000) }))),
        ("an unknown bot", "bob", "dm_bot", with(at.clone(), json!({ "bot_id": "bot_Nobody_0", "message": "x" }))),
        ("not a member", "mallory", "post_message", with(at.clone(), json!({ "body": "x" }))),
        ("an invalid invite", "mallory", "join_channel", json!({ "invite_code": "inv_0" })),
        ("a used invite", "mallory", "join_channel", json!({ "invite_code": invite[0] })),
        ("an invalid rejoin token", "mallory", "join_channel", json!({ "invite_code": "rejoin_0" })),
        ("not an admin", "bob", "update_channel", with(at.clone(), json!({ "ops": [{ "type": "close" }] }))),
        (
            "the bots are settled",
            "alice",
            "attach_bot",
            with(at.clone(), json!({ "name": "B", "code_ref": "GuessBot" })),
        ),
        (
            "an op that does not fit the slot",
            "alice",
            "update_channel",
            with(at.clone(), json!({ "ops": [{ "type": "kick", "slot_id": "s0" }] })),
        ),
        ("no ops", "alice", "update_channel", with(at.clone(), json!({ "ops": [] }))),
        (
            "an invalid name",
            "alice",
            "update_channel",
            with(at.clone(), json!({ "ops": [{ "type": "rename", "name": "" }] })),
        ),
        ("no slots", "bob", "create_channel", json!({ "name": "x", "slots": [] })),
        ("an invalid slot", "bob", "create_channel", json!({ "name": "x", "slots": ["alice"] })),
        ("an unknown seat", "bob", "create_channel", json!({ "name": "x", "slots": ["invite:a"], "join_as": "b" })),
        (
            "parameters without a bot",
            "bob",
            "create_channel",
            json!({ "name": "x", "slots": ["bot:r"], "bot_params": {} }),
        ),
        (
            "an unknown preset",
            "bob",
            "create_channel",
            json!({ "name": "x", "slots": ["bot:r"], "bot_preset": "CheckersBot" }),
        ),
    ];
    let workshop = json!({ "name": "x", "slots": ["bot:r", "invite:a"] });
    let bobs = json!({ "channel_id": fixture.bob.call("create_channel", workshop.clone()).await["channel_id"] });
    let alices = json!({ "channel_id": fixture.alice.call("create_channel", workshop).await["channel_id"] });
    let bot = |code: &str| with(alices.clone(), json!({ "name": "B", "inline_code": code }));
    calls.extend([
        ("an owner without a seat", "bob", "post_message", with(bobs, json!({ "body": "x" }))),
        ("a bot without code", "alice", "attach_bot", with(alices.clone(), json!({ "name": "B" }))),
        ("a forbidden import", "alice", "attach_bot", bot("import os\n")),
        ("a syntax error", "alice", "attach_bot", bot("class B:\n    def on_init(self)\n")),
        ("no bot class", "alice", "attach_bot", bot("x = 1\n")),
        ("on_init fails", "alice", "attach_bot", bot("class B:\n    def on_init(self):\n        1 / 0\n")),
        ("an invalid offset", "alice", "get_bot_code", with(alices, json!({ "bot_id": "bot_B_0", "offset": 7_000 }))),
    ]);
    let keyed = with(at.clone(), json!({ "body": "x", "idempotency_key": "k1" }));
    fixture.alice.call("post_message", keyed).await;
    calls.push((
        "a used key",
        "alice",
        "post_message",
        with(at.clone(), json!({ "body": "y", "idempotency_key": "k1" })),
    ));
    let mut text = String::new();
    for (what, who, op, args) in calls {
        let client = match who {
            "alice" => &mut fixture.alice,
            "bob" => &mut fixture.bob,
            _ => &mut mallory,
        };
        write_error(&mut text, what, client.try_call(op, args).await);
    }
    fixture.bob.call("join_channel", json!({ "invite_code": fixture.created["invites"][1] })).await;
    let post = with(at.clone(), json!({ "body": "x" }));
    write_error(&mut text, "several seats", fixture.bob.try_call("post_message", post).await);
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let post = with(at, json!({ "body": "x", "slot_id": "s3" }));
    write_error(&mut text, "a closed channel", fixture.bob.try_call("post_message", post).await);
    insta::assert_snapshot!(text);
}

fn write_error(text: &mut String, what: &str, result: Result<Value, Failure>) {
    let Err(Failure::Refused(error)) = result else { panic!("{what}: {result:?}") };
    let field = |name: &str| error[name].as_str().unwrap().to_owned();
    writeln!(text, "{what}\n    {}: {}\n    {}", field("code"), field("message"), field("hint")).unwrap();
}
