//! Small things that save a caller a second call.

use mcp_multiplayer_tests::Failure;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, outcome};

async fn error(client: &mut mcp_multiplayer_tests::WsClient, op: &str, args: Value) -> Value {
    match client.try_call(op, args).await {
        Err(Failure::Refused(error)) => error,
        other => panic!("{op}: {other:?}"),
    }
}

#[tokio::test]
async fn empty_messages_are_refused() {
    let mut fixture = TwoPlayerChannel::with_bot("class B:\n    def on_message(self, msg):\n        pass").await;
    for (op, args) in [
        ("post_message", json!({ "body": " \n" })),
        ("post_message", json!({})),
        ("post_message", json!({ "body": "", "data": {} })),
        ("dm_bot", json!({ "bot_id": "bot_CustomBot_0", "message": "" })),
    ] {
        let args = fixture.args(args);
        assert_eq!(outcome(fixture.bob.try_call(op, args.clone()).await), Err("INVALID_REQUEST".to_owned()), "{args}");
    }
    let data = fixture.args(json!({ "data": { "move": 7 } }));
    fixture.bob.call("post_message", data).await;
}

#[tokio::test]
async fn a_dm_may_have_data() {
    let source = "
class B:
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'private', {'got': msg})
";
    let mut fixture = TwoPlayerChannel::with_bot(source).await;
    let args = json!({ "bot_id": "bot_CustomBot_0", "message": "bid", "data": { "amount": 7 }, "wait_ms": 20_000 });
    let args = fixture.args(args);
    let answer = fixture.bob.call("dm_bot", args).await;
    let got = &answer["messages"].as_array().unwrap().last().unwrap()["body"]["got"];
    assert_eq!((&got["amount"], &got["text"]), (&json!(7), &json!("bid")));
}

#[tokio::test]
async fn a_wrong_seat_is_told_which_seats_the_caller_holds() {
    let mut fixture = TwoPlayerChannel::create().await;
    let args = fixture.args(json!({ "body": "hi", "slot_id": "s1" }));
    let refused = error(&mut fixture.bob, "post_message", args).await;
    assert_eq!(refused["code"], "SEAT_AMBIGUOUS");
    assert!(refused["message"].as_str().unwrap().contains("s2 (bob)"), "{refused}");
}

#[tokio::test]
async fn codes_are_accepted_in_any_case_and_other_texts_are_explained() {
    let fixture = TwoPlayerChannel::create().await;
    let mut carol = fixture.stranger().await;
    let link = fixture.created["invite_links"][1].as_str().unwrap();
    let refused = error(&mut carol, "join_channel", json!({ "invite_code": "the red house" })).await;
    assert_eq!(refused["code"], "INVITE_INVALID");
    assert!(refused["message"].as_str().unwrap().contains("neither an invite code nor a rejoin token"), "{refused}");
    let (site, code) = link.split_once('#').unwrap();
    let shouted = format!("{site}#{}", code.to_uppercase());
    let joined = carol.call("join_channel", json!({ "invite_code": shouted })).await;
    let token = joined["rejoin_token"].as_str().unwrap().to_uppercase();
    assert_eq!(carol.call("join_channel", json!({ "invite_code": token })).await["slot_id"], "s3");

    let leave = fixture.args(json!({}));
    carol.call("leave_channel", leave).await;
    let refused = error(&mut carol, "join_channel", json!({ "invite_code": code })).await;
    assert!(refused["message"].as_str().unwrap().contains("was used"), "{refused}");
}

#[tokio::test]
async fn answers_contain_what_the_next_call_needs() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner" })).await;
    let created = &fixture.created;
    assert_eq!(created["invites_by_label"], json!({ "bob": created["invites"][0], "carol": created["invites"][1] }));
    // An inline bot has the name of its class.
    let source = "class Echo:\n    def on_message(self, msg):\n        pass";
    let set = json!([{ "type": "set_bot", "slot_id": "s0", "bot": { "inline_code": source } }]);
    let updated = fixture.update(set).await.unwrap();
    assert_eq!(updated["bots"][0]["bot_id"], "bot_Echo_0");
}

#[tokio::test]
async fn a_host_who_takes_a_seat_has_a_part_in_the_draws() {
    let relay = mcp_multiplayer_tests::RelayProcess::start().await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    let create = json!({ "name": "Guess", "slots": ["bot:r", "invite:alice"], "bot_preset": "GuessBot" });
    let create = crate::fixture::with(create, json!({ "join_as": "alice", "entropy": "three dice: 2 6 1" }));
    let created = alice.call("create_channel", create.clone()).await;
    let start = crate::fixture::of_type(created["messages"].as_array().unwrap(), "game_start")[0].clone();
    assert_eq!(start["body"]["entropy_from"], json!(["s1"]), "{start}");
    let create = crate::fixture::with(create, json!({ "join_as": null }));
    assert_eq!(alice.refusal("create_channel", create).await, "INVALID_REQUEST");
}

#[tokio::test]
async fn numbers_that_would_change_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let (text, channel) = ("10000000000000000000000000000000000000000", fixture.channel_id.clone());
    for number in [text, "9007199254740992", "1e300"] {
        let args = format!(r#"{{"channel_id":"{channel}","body":"n","data":{{"n":{number}}}}}"#);
        let args: Value = serde_json::from_str(&args).unwrap();
        assert_eq!(
            outcome(fixture.bob.try_call("post_message", args).await),
            Err("INVALID_REQUEST".to_owned()),
            "{number}"
        );
    }
}

#[tokio::test]
async fn nobody_can_pass_for_the_relay_a_preset_or_another_player() {
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner" })).await;
    for slots in [json!(["invite:system"]), json!(["invite:alice", "invite:аlice"]), json!(["invite:s1", "invite:b"])]
    {
        let create = json!({ "name": "Masks", "slots": slots });
        assert_eq!(fixture.bob.refusal("create_channel", create).await, "INVALID_REQUEST", "{slots}");
    }
    let source =
        "class GuessBot:\n    def on_message(self, msg):\n        self.ctx.post('bot', {'type': 'seed:reveal'})";
    let attach = fixture.args(json!({ "name": "GuessBot", "inline_code": source }));
    assert_eq!(outcome(fixture.alice.try_call("attach_bot", attach).await), Err("BOT_REJECTED".to_owned()));

    let post = fixture.args(json!({ "body": "x", "data": { "type": "seed:reveal", "seed": "00" } }));
    assert_eq!(outcome(fixture.bob.try_call("post_message", post).await), Err("INVALID_REQUEST".to_owned()));
    let attach = fixture.args(json!({ "name": "Honest", "inline_code": source }));
    fixture.alice.call("attach_bot", attach).await;
    fixture.bob_posts("go").await;
    let at = fixture.channel_id.clone();
    let failed = |message: &Value| message["body"]["type"] == "bot:error";
    let log = crate::fixture::read_until(&mut fixture.bob, &at, "the refusal", failed).await;
    assert_eq!(crate::fixture::of_type(&log, "bot:error")[0]["body"]["reason"], "ValueError");
}
