//! Bots: attaching them, errors in them, and checking their code.

use std::time::{Duration, Instant};

use mcp_multiplayer_tests::{Failure, RelayProcess, WsClient};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fixture::{TwoPlayerChannel, in_time, of_type, read, read_until, with};

const ECHO: &str = "
class Echo:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'echo ' + msg['body']['text']})
";

/// Answers every message of another bot.
const CHATTERBOX: &str = "
class Chatterbox:
    def on_message(self, msg):
        if msg['sender'].startswith('bot:') or msg['body']['text'] == 'start':
            self.ctx.post('bot', {'text': 'and you?'})
";

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

async fn error(client: &mut WsClient, op: &str, args: Value) -> Value {
    match client.try_call(op, args.clone()).await {
        Err(Failure::Refused(error)) => error,
        other => panic!("{op} {args}: {other:?}"),
    }
}

/// A broken installation is reported to the operator, who can repair it, and not as an error of the request or the bot.
#[tokio::test]
async fn a_worker_that_does_not_start_is_reported_to_operator_and_players() {
    for (flag, broken, reason) in [
        ("--bot-worker", "/nonexistent/mcp-multiplayer-bot", "cannot start /nonexistent/mcp-multiplayer-bot"),
        ("--bot-python", "/nonexistent/python3", "/nonexistent/python3 does not exist"),
    ] {
        let relay = RelayProcess::start_verbose(&[flag, broken]).await.unwrap();
        in_time("the report to the operator", async {
            while !relay.logged().unwrap().contains("bots cannot be run") {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let logged = relay.logged().unwrap();
        assert!(logged.contains(reason) && logged.contains("remedy"), "{logged}");

        let mut alice = relay.connect().await.unwrap();
        assert_eq!(alice.call("health_check", json!({})).await["sandbox"], "none");
        let create = json!({ "name": "Game", "slots": ["bot:r", "invite:a"], "bot_preset": "GuessBot" });
        let refused = error(&mut alice, "create_channel", create).await;
        assert_eq!(refused["code"], "BOTS_UNAVAILABLE", "{refused}");
        assert!(refused["hint"].as_str().unwrap().contains("operator"), "{refused}");
        let at = workshop(&mut alice).await;
        let refused = error(&mut alice, "attach_bot", with(at, json!({ "name": "E", "inline_code": ECHO }))).await;
        assert_eq!(refused["code"], "BOTS_UNAVAILABLE", "{refused}");
    }
}

/// A channel with one slot for a bot and no players.
async fn workshop(client: &mut WsClient) -> Value {
    let created = client.call("create_channel", json!({ "name": "Workshop", "slots": ["bot:r", "invite:a"] })).await;
    json!({ "channel_id": created["channel_id"] })
}

#[tokio::test]
async fn code_can_be_attached_where_the_sandbox_is_active() {
    let mut fixture = TwoPlayerChannel::create().await;
    let at = workshop(&mut fixture.bob).await;
    let attach = with(at, json!({ "name": "Echo", "inline_code": ECHO }));
    assert_eq!(fixture.bob.call("attach_bot", attach).await["bot_id"], "bot_Echo_0");

    // Health reports and the log describe the sandbox.
    let health = fixture.bob.call("health_check", json!({})).await;
    assert_eq!(health["sandbox_report"]["self_test"], "passed", "{health}");
    let log = read(&mut fixture.bob, &fixture.channel_id).await;
    assert!(of_type(&log, "bot:attach").is_empty());
    let mut refereed = TwoPlayerChannel::with_bot(ECHO).await;
    let log = refereed.bob_reads().await;
    let attached = &of_type(&log, "bot:attach")[0]["body"];
    assert_eq!((&attached["sandbox"], &attached["sandbox_report"]), (&health["sandbox"], &health["sandbox_report"]));
}

#[tokio::test]
async fn only_presets_run_where_the_sandbox_is_not_active() {
    // As on a platform without any sandbox layer.
    let flags = ["--bot-sandbox-disable", "zygote"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    let health = fixture.bob.call("health_check", json!({})).await;
    assert_eq!((&health["sandbox"], &health["sandbox_report"]["self_test"]), (&json!("process"), &json!("not tested")));
    let at = workshop(&mut fixture.bob).await;
    let attach = with(at.clone(), json!({ "name": "Echo", "inline_code": ECHO }));
    let refused = error(&mut fixture.bob, "attach_bot", attach.clone()).await;
    assert_eq!(refused["code"], "BOT_REJECTED");
    assert!(refused["hint"].as_str().unwrap().contains("GuessBot"), "{refused}");
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": { "inline_code": ECHO } }]);
    let update = with(at.clone(), json!({ "ops": ops }));
    assert_eq!(error(&mut fixture.bob, "update_channel", update).await["code"], "BOT_REJECTED");
    let create = json!({ "name": "x", "slots": ["bot:r", "invite:a"], "bot_code": ECHO });
    let created = fixture.bob.call("create_channel", create).await;
    assert_eq!(created["bots"], json!([]));
    assert!(created["bot_errors"][0].as_str().unwrap().contains("presets only"), "{created}");
    // Presets can be attached by everybody.
    let attach_preset = with(at, json!({ "name": "GuessBot", "code_ref": "builtin://GuessBot" }));
    assert_eq!(fixture.bob.call("attach_bot", attach_preset).await["bot_id"], "bot_GuessBot_0");

    // Without namespaces the kernel's filters are enough, unless the operator requires more.
    let contained = ["--bot-sandbox-disable", "namespaces"];
    let mut fixture = TwoPlayerChannel::create_with(&contained, json!({})).await;
    let at = workshop(&mut fixture.bob).await;
    let attach = with(at, json!({ "name": "Echo", "inline_code": ECHO }));
    assert_eq!(fixture.bob.call("attach_bot", attach).await["bot_id"], "bot_Echo_0");
    let health = fixture.bob.call("health_check", json!({})).await;
    assert_eq!(health["sandbox"], "kernel");
    assert!(health["sandbox_report"]["missing"][0].as_str().unwrap().starts_with("namespaces: "), "{health}");
    let strict = [&contained[..], &["--bot-sandbox-minimum", "full"]].concat();
    let mut fixture = TwoPlayerChannel::create_with(&strict, json!({})).await;
    let at = workshop(&mut fixture.bob).await;
    let attach = with(at, json!({ "name": "Echo", "inline_code": ECHO }));
    assert_eq!(error(&mut fixture.bob, "attach_bot", attach).await["code"], "BOT_REJECTED");

    // The operator can allow unsandboxed bots.
    let open = [&flags[..], &["--bot-allow-unsandboxed"]].concat();
    let mut fixture = TwoPlayerChannel::create_with(&open, json!({})).await;
    let at = workshop(&mut fixture.bob).await;
    let attach = with(at, json!({ "name": "Echo", "inline_code": ECHO }));
    assert_eq!(fixture.bob.call("attach_bot", attach).await["bot_id"], "bot_Echo_0");
}

#[tokio::test]
async fn code_that_cannot_run_is_rejected_with_the_reason() {
    let mut fixture = TwoPlayerChannel::create().await;
    let at = workshop(&mut fixture.alice).await;
    for (source, reason) in [
        ("x = 1\n", "class"),
        ("", "class"),
        ("class Bot:\n    pass\n", ""),
        ("class Bot:\n    def on_message(self, msg)\n        pass\n", "(line 2)"),
        (
            "import os\n\nclass Bot:\n    def on_message(self, msg):\n        pass\n",
            "Import of 'os' is not allowed (line 1)",
        ),
        ("class Bot:\n    def on_init(self):\n        import subprocess\n", "'subprocess' is not allowed (line 3)"),
        ("class Bot:\n    def on_init(self):\n        eval('1')\n", "(line 3)"),
        ("class Bot:\n    def on_init(self):\n        self.__class__\n", "(line 3)"),
        ("raise ValueError('at once')\nclass Bot:\n    def on_init(self):\n        pass\n", "at once"),
        ("class Bot:\n    def on_init(self):\n        raise ValueError('too late')\n", "too late (line 3)"),
        (
            "class Bot:\n    def __init__(self, ctx, params):\n        1 / 0\n    def on_init(self):\n        pass\n",
            "(line 3)",
        ),
    ] {
        let attach = with(at.clone(), json!({ "name": "Bot", "inline_code": source }));
        let refused = error(&mut fixture.alice, "attach_bot", attach).await;
        assert_eq!(refused["code"], "BOT_REJECTED", "{source}: {refused}");
        assert!(refused["message"].as_str().unwrap().contains(reason), "{source}: {refused}");
        assert!(!refused["hint"].as_str().unwrap().is_empty(), "{source}");

        let create = json!({ "name": "x", "slots": ["bot:r", "invite:a"], "bot_code": source });
        let created = fixture.alice.call("create_channel", create).await;
        assert_eq!(created["bots"], json!([]), "{source}");
        assert_eq!(created["view"]["slots"][0]["filled_by"], Value::Null, "{source}");
        assert!(created["bot_errors"][0].as_str().unwrap().contains(reason), "{source}: {created}");
    }
    let info = fixture.alice.call("get_channel_info", at).await;
    assert_eq!(info["bots"], json!([]));
}

#[tokio::test]
async fn a_bot_for_an_unknown_version_of_the_api_is_rejected() {
    let mut fixture = TwoPlayerChannel::create().await;
    let at = workshop(&mut fixture.alice).await;
    for api in [json!(2), json!(0), json!("1"), json!(null)] {
        let bot = json!({ "name": "Echo", "inline_code": ECHO, "manifest": { "api": api } });
        let refused = error(&mut fixture.alice, "attach_bot", with(at.clone(), bot)).await;
        assert_eq!(refused["code"], "BOT_REJECTED", "{api}: {refused}");
        assert_eq!(
            refused["message"],
            format!("The bot's manifest asks for version {api} of the bot API, and this relay has version 1.")
        );
        assert!(refused["hint"].as_str().unwrap().starts_with("Write \"api\": 1 in the manifest"), "{refused}");
    }
    let bot = json!({ "name": "Echo", "inline_code": ECHO, "manifest": { "api": 1 } });
    fixture.alice.call("attach_bot", with(at.clone(), bot)).await;
    let code = fixture.alice.call("get_bot_code", with(at, json!({ "bot_id": "bot_Echo_0" }))).await;
    assert_eq!(code["manifest"]["api"], 1);
}

#[tokio::test]
async fn a_bot_that_fails_to_start_is_detached_in_the_log() {
    let mut fixture =
        TwoPlayerChannel::with_bot("class Bot:\n    def on_init(self):\n        raise ValueError('no dice')\n").await;
    let log = fixture.bob_reads().await;
    let (failed, detached) = (of_type(&log, "bot:error")[0].clone(), of_type(&log, "bot:detach")[0].clone());
    assert_eq!(
        (&failed["kind"], &failed["body"]["hook"], &failed["body"]["line"]),
        (&json!("control"), &json!("on_init"), &json!(3))
    );
    assert_eq!(failed["body"]["text"], "CustomBot failed in on_init: ValueError (line 3)");
    // The exception's message goes only to the caller who attached the bot.
    assert!(fixture.created["bot_errors"][0].as_str().unwrap().contains("ValueError: no dice (line 3)"));
    assert!(!format!("{log:?}").contains("no dice"), "{log:?}");
    assert_eq!(detached["body"]["reason"], "on_init failed");
    assert_eq!(fixture.joined["bots"], json!([]));
    fixture.bob_posts("the channel works without a referee").await;
}

#[tokio::test]
async fn a_bot_without_on_init_starts() {
    let mut fixture = TwoPlayerChannel::create().await;
    let at = workshop(&mut fixture.alice).await;
    let began = Instant::now();
    let attach = with(at, json!({ "name": "Echo", "inline_code": ECHO }));
    assert_eq!(fixture.alice.call("attach_bot", attach).await["bot_id"], "bot_Echo_0");
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "it does not wait for a hook that does not exist: {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_error_for_an_unknown_preset_lists_the_presets() {
    let mut fixture = TwoPlayerChannel::create().await;
    let at = workshop(&mut fixture.alice).await;
    let attach = with(at, json!({ "name": "B", "code_ref": "builtin://CheckersBot" }));
    let refused = error(&mut fixture.alice, "attach_bot", attach).await;
    assert_eq!(refused["code"], "BOT_REJECTED");
    assert!(refused["message"].as_str().unwrap().contains("CheckersBot"));
    assert!(refused["hint"].as_str().unwrap().contains("GuessBot"));
    let create = json!({ "name": "x", "slots": ["bot:r"], "bot_preset": "CheckersBot" });
    assert_eq!(fixture.alice.refusal("create_channel", create).await, "BOT_REJECTED");
}

#[tokio::test]
async fn a_failed_hook_is_visible_to_all_without_the_exceptions_message() {
    let source = "
class Fragile:
    def on_init(self):
        self.ctx.set_state({'word': 'xyzzy'})
    def on_message(self, msg):
        if msg['body']['text'] == 'break':
            {}[self.ctx.get_state()['word']]
        self.ctx.post('bot', {'text': 'fine'})
    def on_private_message(self, slot_id, msg):
        int(msg['text'])
";
    let relay = RelayProcess::start_verbose(&[]).await.unwrap();
    let mut fixture = TwoPlayerChannel::create_on(relay, json!({ "bot_code": source })).await;
    let dm = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": "plugh" }));
    let msg_id = fixture.bob.call("dm_bot", dm).await["msg_id"].clone();
    let broken = fixture.bob_posts("break").await;
    fixture.bob_posts("go on").await;
    let log = read_until(&mut fixture.alice, &fixture.channel_id, "the answer", |m| m["body"]["text"] == "fine").await;
    let failed = of_type(&log, "bot:error");
    let bodies: Vec<&Value> = failed.iter().map(|message| &message["body"]).collect();
    let error = |hook: &str, reason: &str, line: u32| {
        json!({
            "type": "bot:error", "bot_id": "bot_CustomBot_0", "hook": hook, "reason": reason, "line": line,
            "text": format!("CustomBot failed in {hook}: {reason} (line {line})"),
        })
    };
    assert_eq!(bodies, [&error("on_message", "KeyError", 7)], "{bodies:?}");
    assert!(!format!("{log:?}").contains("xyzzy"), "{log:?}");
    // The operator's log has the message, except of a hook for a private message.
    let logged = fixture.relay.logged().unwrap();
    assert!(logged.contains("KeyError: 'xyzzy'") && !logged.contains("plugh"), "{logged}");
    let ran = of_type(&log, "bot:ran").into_iter().find(|m| m["body"]["trigger"] == msg_id).unwrap();
    assert!(ran["body"].get("result").is_none(), "{ran}");
    let ran = of_type(&log, "bot:ran").into_iter().find(|m| m["body"]["trigger"] == broken).unwrap();
    assert_eq!(ran["body"]["result"]["outcome"], "error");
}

#[tokio::test]
async fn a_hook_that_takes_too_long_blocks_nobody() {
    let source = "
class Slow:
    def on_message(self, msg):
        while msg['body']['text'] == 'loop':
            pass
        self.ctx.post('bot', {'text': 'echo ' + msg['body']['text']})
";
    let mut fixture = TwoPlayerChannel::create_with(&["--bot-hook-ms", "300"], json!({ "bot_code": source })).await;
    let create = json!({ "name": "Other", "slots": ["bot:r", "invite:a"], "join_as": "a", "bot_code": ECHO });
    let other_channel = fixture.alice.call("create_channel", create).await["channel_id"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        fixture.bob_posts("loop").await;
    }
    // While it loops, posts are accepted and bots of other channels answer.
    let posted = fixture.bob_posts("after").await;
    fixture.alice.call("post_message", json!({ "channel_id": other_channel, "body": "hi" })).await;
    read_until(&mut fixture.alice, &other_channel, "the other bot", |m| m["body"]["text"] == "echo hi").await;
    let log = read_until(&mut fixture.bob, &fixture.channel_id, "the bot", |m| m["body"]["text"] == "echo after").await;
    let failed = of_type(&log, "bot:error");
    assert_eq!(failed.len(), 5);
    assert!(
        failed.iter().all(|message| message["id"].as_u64().unwrap() > posted),
        "each comes after the posts that were made meanwhile"
    );
    assert!(of_type(&log, "bot:ran").iter().filter(|m| m["body"]["result"]["outcome"] == "timeout").count() == 5);
}

/// Creates a channel with a bot that loops for ever when somebody posts, and posts to it.
async fn start_looping_bot(client: &mut WsClient) -> String {
    let source = "class Loops:\n    def on_message(self, msg):\n        while True: pass\n";
    let create = json!({ "name": "Loop", "slots": ["bot:r", "invite:a"], "join_as": "a", "bot_code": source });
    let channel_id = client.call("create_channel", create).await["channel_id"].as_str().unwrap().to_owned();
    client.call("post_message", json!({ "channel_id": channel_id, "body": "loop", "wait_ms": 0 })).await;
    channel_id
}

#[tokio::test]
async fn many_looping_bots_delay_neither_other_bots_nor_new_channels() {
    let mut fixture = TwoPlayerChannel::with_bot(ECHO).await;
    let mut mallory = fixture.stranger().await;
    let mut looping = vec![];
    for _ in 0..16 {
        looping.push(start_looping_bot(&mut mallory).await);
    }
    let create = json!({ "name": "Other", "slots": ["bot:r", "invite:a"], "join_as": "a", "bot_code": ECHO });
    let created = fixture.bob.call("create_channel", create).await;
    assert!(created["bot_errors"].is_null(), "{created}");
    fixture.bob_posts("hi").await;
    read_until(&mut fixture.bob, &fixture.channel_id, "the echo", |m| m["body"]["text"] == "echo hi").await;
    // All that happened while the hooks of the looping bots were running: none has reached its limit.
    for channel_id in &looping {
        let log = read(&mut mallory, channel_id).await;
        assert!(of_type(&log, "bot:error").is_empty(), "{log:?}");
    }
}

#[tokio::test]
async fn bots_receive_the_posts_of_other_bots() {
    let listener = "
class Listener:
    def on_message(self, msg):
        if msg['sender'].startswith('bot:'):
            self.ctx.post('bot', {'text': 'heard ' + msg['sender_label'] + ' say ' + msg['body']['text']})
";
    let mut fixture = TwoPlayerChannel::create().await;
    let bots = json!([{ "name": "Echo", "inline_code": ECHO, "slot": "bot:right" }, { "name": "Listener", "inline_code": listener }]);
    let create =
        json!({ "name": "Duet", "slots": ["bot:left", "bot:right", "invite:a"], "join_as": "a", "bots": bots });
    let created = fixture.alice.call("create_channel", create).await;
    assert_eq!(created["bots"][0]["slot_id"], "s1");
    assert_eq!(created["bots"][1]["slot_id"], "s0");
    let channel_id = created["channel_id"].as_str().unwrap().to_owned();
    let posted = fixture.alice.call("post_message", json!({ "channel_id": channel_id, "body": "hi" })).await;
    // Echo then echoes Listener, and so on up to the maximum depth.
    let log =
        read_until(&mut fixture.alice, &channel_id, "the listener", |m| m["body"]["text"] == "heard Echo say echo hi")
            .await;
    let echo = log.iter().find(|m| m["body"]["text"] == "echo hi").unwrap();
    assert_eq!(echo["sender"], "bot:bot_Echo_0");
    assert!(echo["id"].as_u64() > posted["msg_id"].as_u64());
}

#[tokio::test]
async fn chains_of_bot_posts_end() {
    let mut fixture = TwoPlayerChannel::create().await;
    let bots = json!([{ "name": "Left", "inline_code": CHATTERBOX }, { "name": "Right", "inline_code": CHATTERBOX }]);
    let create = json!({ "name": "Duet", "slots": ["bot:l", "bot:r", "invite:a"], "join_as": "a", "bots": bots });
    let channel_id = fixture.alice.call("create_channel", create).await["channel_id"].as_str().unwrap().to_owned();
    fixture.alice.call("post_message", json!({ "channel_id": channel_id, "body": "start" })).await;
    let said = |log: &[Value]| log.iter().filter(|m| m["body"]["text"] == "and you?").count();
    // Each bot starts a chain of eight posts.
    in_time("sixteen posts", async {
        while said(&read(&mut fixture.alice, &channel_id).await) < 16 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The log up to the next post shows that there were no more.
    fixture.alice.call("post_message", json!({ "channel_id": channel_id, "body": "start" })).await;
    in_time("sixteen more", async {
        while said(&read(&mut fixture.alice, &channel_id).await) < 32 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let log = read(&mut fixture.alice, &channel_id).await;
    let second = log.iter().rposition(|m| m["body"]["text"] == "start").unwrap();
    assert_eq!(said(&log[..second]), 16);
}

#[tokio::test]
async fn code_is_read_in_parts_and_its_hashes_match() {
    let mut fixture = TwoPlayerChannel::create().await;
    // Characters of two bytes, so that a part could end within one.
    let source = format!("NOTE = '''{}'''\n{ECHO}", "aé".repeat(40_000));
    let bot = json!({ "name": "Long", "inline_code": source, "manifest": { "summary": "Long.", "z": 1, "a": [1.0, "é"] },
        "params": { "b": 2, "a": 1 }, "version": "3.1" });
    let create = json!({ "name": "x", "slots": ["bot:r", "invite:a"], "bots": [bot], "join_as": "a" });
    let created = fixture.alice.call("create_channel", create).await;
    let at = json!({ "channel_id": created["channel_id"], "bot_id": created["bots"][0]["bot_id"] });
    let (mut read, mut offset, mut parts) = (String::new(), json!(0), 0);
    let code = loop {
        let code = fixture.alice.call("get_bot_code", with(at.clone(), json!({ "offset": offset }))).await;
        read.push_str(code["inline_code"].as_str().unwrap());
        parts += 1;
        if code.get("next_offset").is_none() {
            break code;
        }
        offset = code["next_offset"].clone();
    };
    assert!(read == source && parts == 4, "{parts} parts");
    assert_eq!(code["code_hash"], hash(&source));
    // RFC 8785: members sorted by name, 1.0 as 1, no spaces.
    let manifest = r#"{"a":[1,"é"],"hooks":["on_message"],"summary":"Long.","z":1}"#;
    assert_eq!(code["manifest_hash"], hash(manifest));
    assert_eq!(code["params_hash"], hash(r#"{"a":1,"b":2}"#));
    assert_eq!((&code["version"], &code["params"]), (&json!("3.1"), &json!({ "a": 1, "b": 2 })));
    let attach = &of_type(created["messages"].as_array().unwrap(), "bot:attach")[0]["body"];
    for field in ["code_hash", "manifest_hash", "params_hash"] {
        assert_eq!(attach[field], code[field], "{field}");
    }
    assert_eq!(created["bots"][0]["code_hash"], code["code_hash"]);
    for offset in [12, 10_000_000, u64::MAX] {
        let args = with(at.clone(), json!({ "offset": offset }));
        assert_eq!(fixture.alice.refusal("get_bot_code", args).await, "INVALID_REQUEST", "{offset}");
    }
}

#[tokio::test]
async fn a_part_of_the_code_is_below_60000_characters() {
    let mut fixture = TwoPlayerChannel::create().await;
    // A comment of characters that take twice the space in JSON.
    let quiet = "class Quiet:\n    def on_message(self, msg):\n        pass\n";
    let source = format!("{quiet}# {}\n", "\"\\\t".repeat(30_000));
    let large = json!({ "x": "x".repeat(16_000) });
    let bot = json!({ "name": "Long", "inline_code": source, "manifest": large, "params": large });
    let create = json!({ "name": "x", "slots": ["bot:r", "invite:a"], "bots": [bot] });
    let created = fixture.alice.call("create_channel", create).await;
    let at = json!({ "channel_id": created["channel_id"], "bot_id": created["bots"][0]["bot_id"] });
    let (mut read, mut offset) = (String::new(), json!(0));
    while offset.is_u64() {
        let code = fixture.alice.call("get_bot_code", with(at.clone(), json!({ "offset": offset }))).await;
        assert!(code.to_string().len() < 60_000, "{}", code.to_string().len());
        read.push_str(code["inline_code"].as_str().unwrap());
        offset = code["next_offset"].clone();
    }
    assert_eq!(hash(&read), hash(&source));
}

#[tokio::test]
async fn the_code_of_a_preset_is_its_source() {
    let mut fixture =
        TwoPlayerChannel::create_with(&[], json!({ "bot_preset": "GuessBot", "bot_params": { "range": [1, 7] } }))
            .await;
    let args = fixture.args(json!({ "bot_id": "bot_GuessBot_0" }));
    let code = fixture.bob.call("get_bot_code", args).await;
    assert_eq!((&code["code_ref"], &code["params"]), (&json!("builtin://GuessBot"), &json!({ "range": [1, 7] })));
    assert!(code.get("inline_code").is_none());
    assert_eq!(code["code_hash"], hash(code["source"].as_str().unwrap()));
    let args = fixture.args(json!({ "bot_id": "bot_GuessBot_1" }));
    assert_eq!(fixture.bob.refusal("get_bot_code", args).await, "BOT_NOT_FOUND");
}

#[tokio::test]
async fn params_override_those_of_the_manifest() {
    let source = "
class Shower:
    def on_init(self):
        self.ctx.post('bot', {'text': 'ready', 'params': self.params})
";
    let mut fixture = TwoPlayerChannel::create().await;
    let at = workshop(&mut fixture.alice).await;
    let attach = json!({ "name": "Shower", "inline_code": source, "params": { "b": "params", "c": "params" },
        "manifest": { "params": { "a": "manifest", "b": "manifest" } } });
    let attached = fixture.alice.call("attach_bot", with(at.clone(), attach)).await;
    let log = read(&mut fixture.alice, at["channel_id"].as_str().unwrap()).await;
    let merged = json!({ "a": "manifest", "b": "params", "c": "params" });
    assert_eq!(log.iter().find(|m| m["body"]["text"] == "ready").unwrap()["body"]["params"], merged);
    let code = fixture.alice.call("get_bot_code", with(at, json!({ "bot_id": attached["bot_id"] }))).await;
    assert_eq!(code["params"], merged);
}

#[tokio::test]
async fn a_bot_that_is_attached_late_receives_joins_for_present_players() {
    let source = "
class Greeter:
    def on_init(self):
        self.ctx.post('bot', {'text': 'hello'})
    def on_join(self, player_id):
        self.ctx.post('bot', {'text': 'hello ' + player_id})
    def on_leave(self, player_id):
        self.ctx.post('bot', {'text': 'bye ' + player_id})
";
    let mut fixture = TwoPlayerChannel::create_with(&[], json!({ "bots_change": "owner" })).await;
    let attach = fixture.args(json!({ "name": "Greeter", "inline_code": source }));
    fixture.alice.call("attach_bot", attach).await;
    let mut carol = fixture.stranger().await;
    carol.call("join_channel", json!({ "invite_code": fixture.joined["rejoin_token"] })).await;
    let leave = fixture.args(json!({}));
    carol.call("leave_channel", leave).await;
    let log =
        read_until(&mut fixture.alice, &fixture.channel_id, "the bot's goodbye", |m| m["body"]["text"] == "bye s2")
            .await;
    let said: Vec<&str> =
        log.iter().filter(|m| m["kind"] == "bot").filter_map(|m| m["body"]["text"].as_str()).collect();
    assert_eq!(said, ["hello", "hello s1", "hello s2", "bye s2"], "a rejoin is not a join");
}

#[tokio::test]
async fn attaching_completes_when_its_caller_disconnects() {
    let mut fixture = TwoPlayerChannel::create().await;
    for _ in 0..10 {
        let at = workshop(&mut fixture.alice).await;
        let channel_id = at["channel_id"].as_str().unwrap().to_owned();
        let mut client = fixture.relay.connect().await.unwrap();
        let ready = "class Ready:\n    def on_init(self):\n        self.ctx.post('bot', {'text': 'ready'})\n";
        let id = client.send("attach_bot", with(at, json!({ "name": "Ready", "inline_code": ready }))).await.unwrap();
        // Cancels the call and disconnects as soon as an entry of the bot is visible.
        let mut watcher = fixture.relay.connect().await.unwrap();
        in_time("the attach", async {
            let args = json!({ "channel_id": channel_id, "cursor": 1 });
            watcher.call("sync_messages", args).await
        })
        .await;
        client.send_text(json!({ "cancel": id }).to_string()).await.unwrap();
        drop(client);
        read_until(&mut watcher, &channel_id, "the bot", |m| m["body"]["text"] == "ready").await;
    }
}
