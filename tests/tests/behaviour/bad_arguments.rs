//! Calls with wrong arguments, over every transport: a clear error with a hint, and nothing is written.

use serde_json::{Value, json};

use crate::fixture::TwoPlayerChannel;
use crate::transport::{Outcome, Transport};

/// Makes each call over each transport as bob. Each must be refused with this code.
async fn all_refused(fixture: &mut TwoPlayerChannel, calls: &[(&str, String, &str)]) {
    let before = fixture.size().await;
    for transport in Transport::ALL {
        for (op, args, code) in calls {
            let shown: String = args.chars().take(200).collect();
            match transport.call(&fixture.relay, &fixture.bob_token, op, args).await {
                Outcome::Refused(error) => {
                    assert_eq!(error["code"], **code, "{transport:?} {op} {shown}: {error}");
                    for field in ["message", "hint"] {
                        let text = error[field].as_str().unwrap();
                        assert!((5..2_000).contains(&text.len()), "{transport:?} {op} {shown}: {error}");
                    }
                }
                other => panic!("{transport:?} {op} {shown}: {other:?}"),
            }
        }
    }
    assert_eq!(fixture.size().await, before, "nothing was written");
    fixture.bob_posts("still works").await;
}

fn deep(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test]
async fn wrong_shapes_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let id = fixture.channel_id.clone();
    let invalid = |op: &'static str, args: Value| (op, args.to_string(), "INVALID_REQUEST");
    let calls = vec![
        invalid("post_message", json!({})),
        invalid("post_message", json!({ "body": "x" })),
        invalid("post_message", json!({ "channel_id": id, "body": 7 })),
        invalid("post_message", json!({ "channel_id": id, "body": { "text": "x" } })),
        invalid("post_message", json!({ "channel_id": [id], "body": "x" })),
        invalid("post_message", json!({ "channel_id": "chn_", "body": "x" })),
        invalid("post_message", json!({ "channel_id": "../../etc/passwd", "body": "x" })),
        invalid("post_message", json!({ "channel_id": "chn_\u{0}123456789abcde", "body": "x" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "sender": "s1" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "": 1 })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "data": [] })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "data": "text" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "slot_id": 1 })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "slot_id": "s32" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "wait_ms": -1 })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "wait_ms": "1" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "wait_ms": 1.5 })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "idempotency_key": "" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "idempotency_key": "k".repeat(129) })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "idempotency_key": "a\nb" })),
        invalid("post_message", json!({ "channel_id": id, "body": "x", "idempotency_key": 7 })),
        invalid("dm_bot", json!({ "channel_id": id, "message": "x" })),
        invalid("dm_bot", json!({ "channel_id": id, "bot_id": "GuessBot", "message": "x" })),
        invalid("dm_bot", json!({ "channel_id": id, "bot_id": "bot_", "message": "x" })),
        invalid("sync_messages", json!({ "channel_id": id, "cursor": -1 })),
        invalid("sync_messages", json!({ "channel_id": id, "cursor": "1" })),
        invalid("sync_messages", json!({ "channel_id": id, "cursor": 1.5 })),
        invalid("sync_messages", json!({ "channel_id": id, "limit": -1 })),
        invalid("sync_messages", json!({ "channel_id": id, "limit": 5_000_000_000_u64 })),
        invalid("sync_messages", json!({ "channel_id": id, "include_trace": "yes" })),
        invalid("get_channel_info", json!({ "channel_id": null })),
        invalid("get_channel_info", json!({ "channel_id": id, "slot_id": "s2" })),
        invalid("get_bot_code", json!({ "channel_id": id })),
        invalid("get_bot_code", json!({ "channel_id": id, "bot_id": "bot_x_0", "offset": -1 })),
        invalid("list_channels", json!({ "all": true })),
        invalid("health_check", json!({ "verbose": true })),
        invalid("join_channel", json!({})),
        invalid("join_channel", json!({ "invite_code": 7 })),
        invalid("join_channel", json!({ "invite_code": "x", "entropy": 7 })),
        invalid("leave_channel", json!({ "channel_id": id, "why": "bored" })),
        invalid("update_channel", json!({ "channel_id": id })),
        invalid("update_channel", json!({ "channel_id": id, "ops": [] })),
        invalid("update_channel", json!({ "channel_id": id, "ops": {} })),
        invalid("update_channel", json!({ "channel_id": id, "ops": [{}] })),
        invalid("update_channel", json!({ "channel_id": id, "ops": [{ "type": "explode" }] })),
        invalid("update_channel", json!({ "channel_id": id, "ops": [{ "type": "kick" }] })),
        invalid(
            "update_channel",
            json!({ "channel_id": id, "ops": [{ "type": "kick", "slot_id": "s2", "by": "s1" }] }),
        ),
        invalid(
            "update_channel",
            json!({ "channel_id": id, "ops": [{ "type": "yield_slot", "slot_id": "s2", "to": "x" }] }),
        ),
        invalid("update_channel", json!({ "channel_id": id, "ops": vec![json!({ "type": "close" }); 33] })),
        invalid("attach_bot", json!({ "channel_id": id })),
        invalid("create_channel", json!({})),
        invalid("create_channel", json!({ "name": "x" })),
        invalid("create_channel", json!({ "name": "x", "slots": "invite:a" })),
        invalid("create_channel", json!({ "name": "x", "slots": [1] })),
        invalid("create_channel", json!({ "name": "x", "slots": [] })),
        invalid("create_channel", json!({ "name": "x", "slots": vec!["invite:a"; 33] })),
        invalid("create_channel", json!({ "name": "x", "slots": ["player:a"] })),
        invalid("create_channel", json!({ "name": "x", "slots": [""] })),
        invalid("create_channel", json!({ "name": "x", "slots": ["bot:r"], "bots": {} })),
        invalid("create_channel", json!({ "name": "x", "slots": ["bot:r"], "bot_params": {} })),
        invalid("create_channel", json!({ "name": "x", "slots": ["invite:a"], "bots": vec![json!({}); 33] })),
        invalid("create_channel", json!({ "name": "x", "slots": ["invite:a"], "bots_change": "no" })),
    ];
    all_refused(&mut fixture, &calls).await;
}

#[tokio::test]
async fn unprintable_names_and_reserved_kinds_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.update(json!([{ "type": "set_admin", "slot_id": "s2" }])).await.unwrap();
    let id = fixture.channel_id.clone();
    let mut calls = vec![];
    for name in ["", " ", "\t", "a\u{0}b", "a\nb", "\u{1b}[31mred", "\u{7f}", &"x".repeat(101), &"é".repeat(101)] {
        calls.push(("create_channel", json!({ "name": name, "slots": ["invite:a"] })));
        calls.push(("update_channel", json!({ "channel_id": id, "ops": [{ "type": "rename", "name": name }] })));
        if !name.is_empty() {
            calls.push(("create_channel", json!({ "name": "x", "slots": [format!("invite:{name}")] })));
        }
    }
    for kind in [
        "system",
        "control",
        "bot",
        "private",
        "trace",
        "bot:bot_GuessBot_0",
        "bot:",
        "",
        "a b",
        "é",
        "a\u{0}",
        &"k".repeat(65),
    ] {
        calls.push(("post_message", json!({ "channel_id": id, "body": "x", "kind": kind })));
    }
    let calls: Vec<_> = calls.into_iter().map(|(op, args)| (op, args.to_string(), "INVALID_REQUEST")).collect();
    all_refused(&mut fixture, &calls).await;
}

#[tokio::test]
async fn numbers_that_json_readers_would_change_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let id = fixture.channel_id.clone();
    let post = |data: &str| {
        ("post_message", format!(r#"{{"channel_id":"{id}","body":"x","data":{data}}}"#), "INVALID_REQUEST")
    };
    let calls = vec![
        post(r#"{"n":9007199254740992}"#),
        post(r#"{"n":-9007199254740992}"#),
        post(r#"{"n":18446744073709551615}"#),
        post(r#"{"n":18446744073709551616}"#),
        post(r#"{"n":1e20}"#),
        post(r#"{"a":[{"n":[9007199254740993]}]}"#),
        post(&format!(r#"{{"n":{}}}"#, deep(33))),
        post(&format!(r#"{{"n":{}}}"#, deep(100))),
        ("sync_messages", format!(r#"{{"channel_id":"{id}","cursor":18446744073709551616}}"#), "INVALID_REQUEST"),
        ("sync_messages", format!(r#"{{"channel_id":"{id}","cursor":1.5}}"#), "INVALID_REQUEST"),
        ("sync_messages", format!(r#"{{"channel_id":"{id}","timeout_ms":99999999999999999999}}"#), "INVALID_REQUEST"),
    ];
    all_refused(&mut fixture, &calls).await;
    let Outcome::Refused(error) =
        Transport::Modern.call(&fixture.relay, &fixture.bob_token, "post_message", &calls[5].1).await
    else {
        panic!("it was posted")
    };
    assert!(error["message"].as_str().unwrap().contains("body.a[0].n[0]"), "{error}");
}

#[tokio::test]
async fn numbers_that_every_json_reader_keeps_are_accepted() {
    let mut fixture = TwoPlayerChannel::create().await;
    let data = json!({ "max": 9_007_199_254_740_991_i64, "min": -9_007_199_254_740_991_i64, "half": 0.5, "zero": -0.0,
        "tiny": 5e-324, "large": 123_456_789.25, "whole": 2.0 });
    let post = fixture.args(json!({ "body": "numbers", "data": data }));
    fixture.bob.call("post_message", post).await;
    let body = fixture.alice_reads().await.pop().unwrap()["body"].take();
    assert_eq!(body["max"], 9_007_199_254_740_991_i64);
    assert_eq!(body["large"], 123_456_789.25);
    assert_eq!(body["whole"], 2, "in the canonical form");
}

#[tokio::test]
async fn arguments_that_are_too_large_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let id = fixture.channel_id.clone();
    let large = "x".repeat(40_000);
    let calls: Vec<_> = [
        ("post_message", json!({ "channel_id": id, "body": large })),
        ("post_message", json!({ "channel_id": id, "body": "\u{1}".repeat(6_000) })),
        ("post_message", json!({ "channel_id": id, "body": "x", "data": { "blob": large } })),
        ("join_channel", json!({ "invite_code": fixture.created["invites"][1], "entropy": "e".repeat(257) })),
    ]
    .into_iter()
    .map(|(op, args)| (op, args.to_string(), "TOO_LARGE"))
    .collect();
    all_refused(&mut fixture, &calls).await;
    // The largest body that fits: {"text":""} takes 11 bytes.
    let post = fixture.args(json!({ "body": "x".repeat(32 * 1024 - 11) }));
    fixture.bob.call("post_message", post).await;
    let post = fixture.args(json!({ "body": "x".repeat(32 * 1024 - 10) }));
    assert_eq!(fixture.bob.refusal("post_message", post).await, "TOO_LARGE");
}

#[tokio::test]
async fn bots_that_are_too_large_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let create = json!({ "name": "x", "slots": ["bot:r"] });
    let channel_id = fixture.alice.call("create_channel", create).await["channel_id"].clone();
    let quiet = "class Quiet:\n    def on_message(self, msg):\n        pass\n";
    for (more, code) in [
        (json!({ "inline_code": format!("{quiet}#{}", "x".repeat(256 * 1024)) }), "TOO_LARGE"),
        (json!({ "inline_code": quiet, "params": { "x": "x".repeat(16 * 1024) } }), "TOO_LARGE"),
        (json!({ "inline_code": quiet, "manifest": { "x": "x".repeat(16 * 1024) } }), "TOO_LARGE"),
        (json!({ "inline_code": quiet, "params": { "x": 1e20 } }), "INVALID_REQUEST"),
        (json!({ "inline_code": quiet, "manifest": { "x": u64::MAX } }), "INVALID_REQUEST"),
        (json!({ "inline_code": quiet, "code_ref": "builtin://GuessBot" }), "INVALID_REQUEST"),
        (json!({}), "INVALID_REQUEST"),
        (json!({ "inline_code": "class Quiet:\u{0}" }), "BOT_REJECTED"),
    ] {
        let mut args = json!({ "channel_id": channel_id, "name": "Quiet" });
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(fixture.alice.refusal("attach_bot", args).await, code);
    }
    for name in ["", "a\u{0}b", &"x".repeat(101)] {
        let args = json!({ "channel_id": channel_id, "name": name, "code_ref": "builtin://GuessBot" });
        assert_eq!(fixture.alice.refusal("attach_bot", args).await, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn arguments_that_are_not_json_objects_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let id = fixture.channel_id.clone();
    let before = fixture.size().await;
    let post = |data: &str| format!(r#"{{"channel_id":"{id}","body":"x","data":{data}}}"#);
    for args in [
        "7".to_owned(),
        "\"text\"".to_owned(),
        "[]".to_owned(),
        "true".to_owned(),
        post(r#"{"n":1e400}"#),
        post(r#"{"n":NaN}"#),
        post(r#"{"n":Infinity}"#),
        post(r#"{"n":"\ud800"}"#),
        post(&format!(r#"{{"n":{}}}"#, deep(10_000))),
        post(&format!(r#"{{"n":{}"#, "[".repeat(10_000))),
        "{".to_owned(),
        String::new(),
    ] {
        for transport in Transport::ALL {
            let shown: String = args.chars().take(100).collect();
            match transport.call(&fixture.relay, &fixture.bob_token, "post_message", &args).await {
                Outcome::Done(result) => panic!("{transport:?} {shown}: {result}"),
                Outcome::Refused(error) => {
                    assert_eq!(error["code"], "INVALID_REQUEST", "{transport:?} {shown}: {error}");
                }
                Outcome::NotReached(response) => {
                    assert!(!response.starts_with('5') && response.len() > 4, "{transport:?} {shown}: {response}");
                }
            }
        }
    }
    assert_eq!(fixture.size().await, before);
    fixture.bob_posts("still works").await;
}

#[tokio::test]
async fn a_wrong_argument_keeps_the_connection() {
    let mut fixture = TwoPlayerChannel::create().await;
    for args in [r#"{"n":1e400}"#.to_owned(), format!(r#"{{"n":{}}}"#, deep(10_000))] {
        fixture.bob.send_text(format!(r#"{{"id":4000,"op":"post_message","args":{args}}}"#)).await.unwrap();
        let failure = fixture.bob.answer(4_000).await.unwrap_err();
        assert_eq!(failure.code(), "INVALID_REQUEST");
    }
    fixture.bob_posts("the connection is still open").await;
}

#[tokio::test]
async fn unknown_operations_are_refused() {
    let fixture = TwoPlayerChannel::create().await;
    for name in ["no_such_tool", "", "POST_MESSAGE", "post_message ", "../ws", &"x".repeat(10_000)] {
        for transport in Transport::ALL {
            // Too long for the header that this revision requires. Older revisions name the operation in the body alone.
            if matches!(transport, Transport::Modern) && name.len() > 100 {
                continue;
            }
            match transport.call(&fixture.relay, &fixture.bob_token, name, "{}").await {
                Outcome::Done(result) => panic!("{transport:?} {name:?}: {result}"),
                Outcome::Refused(error) => {
                    assert_eq!(error["code"], "INVALID_REQUEST");
                    assert!(error["hint"].as_str().unwrap().contains("post_message"), "{error}");
                }
                Outcome::NotReached(response) => {
                    assert!(response.len() < 1_000 && !response.starts_with('5'), "{response}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_seat_that_posts_too_fast_is_told_when_to_retry() {
    let mut fixture =
        TwoPlayerChannel::create_with(&["--posts-per-second", "1", "--posts-burst", "3"], json!({})).await;
    let mut refused = None;
    for _ in 0..10 {
        let post = fixture.args(json!({ "body": "spam" }));
        if let Err(failure) = fixture.bob.try_call("post_message", post).await {
            refused = Some(failure);
            break;
        }
    }
    let Some(mcp_multiplayer_tests::Failure::Refused(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error["code"], "RATE_LIMIT");
    assert!((1..=1_000).contains(&error["retry_after_ms"].as_u64().unwrap()), "{error}");
    fixture.alice_posts("others are not limited").await;
    let args = fixture.args(json!({ "timeout_ms": 0 }));
    fixture.bob.call("sync_messages", args).await;
}
