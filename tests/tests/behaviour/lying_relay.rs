//! The stdio server shows nothing of a relay that contradicts itself, keeps the evidence, and goes on refusing.

use std::path::{Path, PathBuf};

use mcp_multiplayer_protocol::checkpoint::Checkpoint;
use mcp_multiplayer_protocol::merkle::TreeHead;
use mcp_multiplayer_protocol::{Hash, SigningKey};
use mcp_multiplayer_tests::{LyingRelay, StdioClient};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::boards::BOARD_BOT;
use crate::fixture::{TwoPlayerChannel, in_time, read_until, with};

/// Bob, whose model plays through a stdio server, behind somebody who can lie.
struct Deceived {
    channel: TwoPlayerChannel,
    relay: LyingRelay,
    bob: StdioClient,
    data_dir: TempDir,
}

impl Deceived {
    /// Bob has read everything up to two posts of alice's, truthfully.
    async fn create(more: Value) -> Self {
        let mut channel = TwoPlayerChannel::create_with(&[], more).await;
        let relay = LyingRelay::start(channel.relay.address()).await.unwrap();
        let data_dir = tempfile::tempdir().unwrap();
        let (bob, _) = StdioClient::launch_at(relay.address(), &channel.bob_token, data_dir.path()).await.unwrap();
        for text in ["first", "second"] {
            channel.alice_posts(text).await;
        }
        let mut deceived = Self { channel, relay, bob, data_dir };
        let read = deceived.read(0).await.unwrap();
        assert_eq!(texts(&read), ["first", "second"]);
        deceived
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        let arguments = with(json!({ "channel_id": self.channel.channel_id }), arguments);
        let text = in_time(tool, self.bob.call_tool(tool, arguments)).await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn read(&mut self, cursor: u64) -> anyhow::Result<Value> {
        self.call("sync_messages", json!({ "cursor": cursor, "timeout_ms": 0 })).await
    }

    /// Checks that a call is refused because the relay contradicts itself, without a word of the lie, and that the evidence is kept.
    fn assert_caught(&self, result: anyhow::Result<Value>, lie: &str) -> String {
        let error = result.expect_err(lie).to_string();
        assert!(error.contains("RELAY_CONTRADICTION"), "{lie}: {error}");
        assert!(!error.contains("FORGED"), "{lie}: {error}");
        let evidence = self.evidence().unwrap_or_else(|| panic!("no evidence of {lie}: {error}"));
        assert!(error.contains(evidence.to_str().unwrap()), "{lie}: {error}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&evidence).unwrap().permissions().mode() & 0o777, 0o600);
        }
        error
    }

    fn evidence(&self) -> Option<PathBuf> {
        find(self.data_dir.path(), "contradiction.json")
    }
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find_map(|path| if path.is_dir() { find(&path, name) } else { Some(path).filter(|path| path.ends_with(name)) })
}

fn texts(result: &Value) -> Vec<&str> {
    result["messages"].as_array().unwrap().iter().filter_map(|message| message["text"].as_str()).collect()
}

/// The entries beside a result that have a text.
fn posts(result: &mut Value) -> Vec<&mut Value> {
    let entries = result["log"]["entries"].as_array_mut().into_iter().flatten();
    entries.filter(|entry| entry["body"]["text"].is_string()).collect()
}

/// Name and effect of a lie about a result.
type Lie = (&'static str, fn(&mut Value));

/// Lies about the log, of which bob has seen everything but the last two posts.
fn lies_about_the_log() -> Vec<Lie> {
    vec![
        ("altered text", |result| {
            for post in posts(result) {
                post["body"]["text"] = "FORGED".into();
            }
        }),
        ("replaced body with another salt", |result| {
            for post in posts(result) {
                post["body"]["text"] = "FORGED".into();
                post["salt"] = "07".repeat(32).into();
            }
        }),
        ("another sender", |result| {
            for post in posts(result) {
                post["sender"] = "s2".into();
            }
        }),
        ("another time", |result| {
            for post in posts(result) {
                post["ts"] = "2036-01-01T00:00:00.000Z".into();
            }
        }),
        ("omitted message", |result| {
            result["log"]["entries"].as_array_mut().unwrap().pop();
            result["cursor"] = (result["cursor"].as_u64().unwrap() - 1).into();
        }),
        ("message left out, but passed by the cursor", |result| {
            let entries = result["log"]["entries"].as_array_mut().unwrap();
            let last = entries.last_mut().unwrap();
            *last = json!({ "leaf": serde_json::from_value::<mcp_multiplayer_protocol::operation::LogEntry>(last.clone())
                .unwrap().restore("chn_0123456789abcdef".parse().unwrap(), 1).unwrap().leaf_hash() });
        }),
        ("dropped entry", |result| {
            let entries = result["log"]["entries"].as_array_mut().unwrap();
            let third = entries.iter().position(|entry| entry["body"]["text"] == "third").unwrap();
            entries.remove(third);
        }),
        ("entry reduced to its hash", |result| {
            for post in posts(result) {
                *post = json!({ "leaf": Hash::of(&[b"FORGED"]) });
            }
        }),
        ("invented post", |result| {
            let entries = result["log"]["entries"].as_array_mut().unwrap();
            let mut invented = entries.last().unwrap().clone();
            invented["body"]["text"] = "FORGED".into();
            entries.insert(entries.len() - 1, invented);
        }),
        ("invented post after the end", |result| {
            let entries = result["log"]["entries"].as_array_mut().unwrap();
            let mut invented = entries.last().unwrap().clone();
            invented["body"]["text"] = "FORGED".into();
            entries.push(invented);
            result["cursor"] = (result["cursor"].as_u64().unwrap() + 1).into();
        }),
        ("another reader", |result| result["log"]["reader"][0]["slot_id"] = "s1".into()),
    ]
}

#[tokio::test]
async fn lies_about_new_entries_are_caught() {
    for (name, lie) in lies_about_the_log() {
        let mut deceived = Deceived::create(json!({})).await;
        let cursor = deceived.channel.size().await;
        deceived.channel.alice_posts("third").await;
        deceived.channel.alice_posts("fourth").await;
        deceived.relay.lie(move |operation, result| {
            if operation == "sync_messages" {
                lie(result);
            }
        });
        let result = deceived.read(cursor).await;
        if name == "omitted message" {
            // The cursor is before it, so nothing is claimed that is not so: the message comes with the next answer.
            assert_eq!(texts(&result.unwrap()), ["third"]);
            deceived.relay.be_honest();
            assert_eq!(texts(&deceived.read(cursor + 1).await.unwrap()), ["fourth"]);
            continue;
        }
        let error = deceived.assert_caught(result, name);
        // Everything about this channel goes on failing, truth or not, also in another process.
        deceived.relay.be_honest();
        for (tool, arguments) in
            [("sync_messages", json!({ "timeout_ms": 0 })), ("post_message", json!({ "body": "x" }))]
        {
            assert_eq!(
                deceived.call(tool, arguments).await.unwrap_err().to_string()[tool.len()..],
                error["sync_messages".len()..]
            );
        }
        let token = &deceived.channel.bob_token;
        let launched = StdioClient::launch_at(deceived.relay.address(), token, deceived.data_dir.path()).await;
        deceived.bob = launched.unwrap().0;
        let result = deceived.read(0).await;
        deceived.assert_caught(result, name);
        // Until the person removes the folder that the error names.
        let evidence = deceived.evidence().unwrap();
        let evidence: Value = serde_json::from_slice(&std::fs::read(evidence).unwrap()).unwrap();
        assert!(evidence["received_checkpoint"].as_str().unwrap().contains(&deceived.channel.channel_id));
        assert!(evidence["verified_checkpoint"].as_str().unwrap().contains(&deceived.channel.channel_id));
        std::fs::remove_dir_all(deceived.evidence().unwrap().parent().unwrap()).unwrap();
        assert_eq!(texts(&deceived.read(0).await.unwrap()), ["first", "second", "third", "fourth"]);
    }
}

#[tokio::test]
async fn lies_about_entries_that_were_read_before_are_caught() {
    for name in ["altered text", "replaced body with another salt", "another sender", "entry reduced to its hash"] {
        let (_, lie) = lies_about_the_log().into_iter().find(|(other, _)| *other == name).unwrap();
        let mut deceived = Deceived::create(json!({})).await;
        deceived.relay.lie(move |_, result| lie(result));
        let result = deceived.read(0).await;
        deceived.assert_caught(result, name);
    }
}

#[tokio::test]
async fn the_board_and_the_turn_are_those_of_the_log() {
    let mut deceived = Deceived::create(json!({ "bot_code": BOARD_BOT })).await;
    deceived.channel.alice_posts("offer").await;
    read_until(&mut deceived.channel.alice, &deceived.channel.channel_id, "the board", |message| {
        message["body"]["text"] == "offer done"
    })
    .await;
    deceived.relay.lie(|operation, result| {
        if operation == "get_board" {
            result["board"]["rows"]["1"] = "OOO".into();
            result["turn"] = json!(["s1"]);
            result["actions"] = json!(["FORGED"]);
        }
    });
    let shown = deceived.call("show_board", json!({})).await.unwrap();
    assert_eq!((&shown["turn"], &shown["actions"]), (&json!(["s2"]), &json!(["b1", "c1"])));
    assert_eq!(shown["your_turn"], true);

    let other = Hash::of(&[b"another board"]).to_string();
    deceived.relay.lie(move |operation, result| {
        if operation == "get_board" {
            result["board_hash"] = other.clone().into();
        }
    });
    let result = deceived.call("show_board", json!({})).await;
    deceived.assert_caught(result, "the drawing of another board");
}

#[tokio::test]
async fn a_withheld_body_is_caught() {
    let mut deceived = Deceived::create(json!({})).await;
    deceived.channel.alice_posts("third").await;
    deceived.relay.lie(|_, result| {
        for post in posts(result) {
            let content = json!({ "salt": post["salt"], "body": post["body"] });
            let content: mcp_multiplayer_protocol::Content = serde_json::from_value(content).unwrap();
            post["body_hash"] = content.hash().to_string().into();
            post.as_object_mut().unwrap().retain(|name, _| !["salt", "body"].contains(&name.as_str()));
        }
    });
    let result = deceived.read(0).await;
    deceived.assert_caught(result, "withheld body");
}

#[tokio::test]
async fn forged_views_and_messages_beside_the_log_are_never_shown() {
    let mut deceived = Deceived::create(json!({})).await;
    deceived.relay.lie(|_, result| {
        result["messages"] = json!([{ "id": 99, "sender": "s1", "kind": "user", "body": { "text": "FORGED" } }]);
        for name in ["view", "bots", "terms", "terms_hash"] {
            result[name] = json!({ "name": "FORGED" });
        }
    });
    let read = deceived.read(0).await.unwrap();
    let info = deceived.call("get_channel_info", json!({})).await.unwrap();
    assert!(!read.to_string().contains("FORGED") && !info.to_string().contains("FORGED"), "{read} {info}");
    assert_eq!(info["view"]["name"], "Game");
}

#[tokio::test]
async fn an_old_checkpoint_is_caught() {
    let mut deceived = Deceived::create(json!({})).await;
    let cursor = deceived.channel.size().await;
    deceived.channel.alice_posts("third").await;
    let args = deceived.channel.args(json!({ "cursor": cursor, "timeout_ms": 0 }));
    let mut bob = deceived.channel.bob_ws().await;
    bob.call("sync_messages", args).await;
    let old = bob.take_checkpoint();
    deceived.channel.alice_posts("fourth").await;
    assert_eq!(texts(&deceived.read(cursor).await.unwrap()), ["third", "fourth"]);
    // It was signed for this log, and is true as far as it goes.
    deceived.relay.lie(move |_, result| {
        result["checkpoint"] = old.clone().into();
        result["cursor"] = (cursor + 1).into();
    });
    let result = deceived.read(cursor + 1).await;
    deceived.assert_caught(result, "old checkpoint");
}

#[tokio::test]
async fn posts_that_are_not_in_the_log_as_sent_are_caught() {
    let lies: [Lie; 2] = [
        ("acknowledged another entry", |result| {
            result["msg_id"] = (result["msg_id"].as_u64().unwrap() - 1).into();
        }),
        ("acknowledged what does not exist", |result| {
            result["msg_id"] = (result["msg_id"].as_u64().unwrap() + 1).into();
        }),
    ];
    for (name, lie) in lies {
        let mut deceived = Deceived::create(json!({})).await;
        deceived.relay.lie(move |operation, result| {
            if operation == "post_message" {
                lie(result);
            }
        });
        let result = deceived.call("post_message", json!({ "body": "hello" })).await;
        deceived.assert_caught(result, name);
    }
    let mut deceived = Deceived::create(json!({})).await;
    deceived.relay.misquote(|operation, args| {
        if operation == "post_message" {
            args["body"] = "FORGED".into();
        }
    });
    let result = deceived.call("post_message", json!({ "body": "hello", "data": { "n": 1 } })).await;
    deceived.assert_caught(result, "posted something else");
}

#[tokio::test]
async fn other_terms_than_the_accepted_ones_are_caught() {
    let channel = TwoPlayerChannel::create().await;
    let relay = LyingRelay::start(channel.relay.address()).await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let token = channel.relay.create_token("carol").await.unwrap();
    let (bob, _) = StdioClient::launch_at(relay.address(), &token, data_dir.path()).await.unwrap();
    let mut deceived = Deceived { channel, relay, bob, data_dir };
    let invite = deceived.channel.created["invites"][1].clone();
    let preview = json!({ "invite_code": invite, "preview": true });
    let preview = in_time("preview", deceived.bob.call_tool("join_channel", preview)).await.unwrap();
    let preview: Value = serde_json::from_str(&preview).unwrap();
    // The terms that carol was shown have another hash; the relay accepts the true ones in carol's name.
    let (true_hash, shown) = (preview["terms_hash"].clone(), Hash::of(&[b"other terms"]));
    deceived.relay.misquote(move |operation, args| {
        if operation == "join_channel" {
            args["terms_hash"] = true_hash.clone();
        }
    });
    let join = json!({ "invite_code": invite, "terms_hash": shown });
    let result = in_time("join", deceived.bob.call_tool("join_channel", join)).await.map(Value::from);
    deceived.assert_caught(result, "other terms");
}

#[tokio::test]
async fn forged_sources_are_caught() {
    let source = "class CustomBot:\n    def on_message(self, msg):\n        pass\n";
    let mut deceived = Deceived::create(json!({ "bot_code": source })).await;
    let args = json!({ "bot_id": "bot_CustomBot_0" });
    let code = deceived.call("get_bot_code", args.clone()).await.unwrap();
    assert_eq!(code["inline_code"], source);
    deceived.relay.lie(|operation, result| {
        if operation == "get_bot_code" {
            let forged = format!("{}# FORGED\n", result["inline_code"].as_str().unwrap());
            result["code_hash"] = Hash::of(&[forged.as_bytes()]).to_string().into();
            result["inline_code"] = forged.into();
        }
    });
    let result = deceived.call("get_bot_code", args.clone()).await;
    deceived.assert_caught(result, "source of another hash");

    let mut deceived = Deceived::create(json!({ "bot_code": source })).await;
    deceived.relay.lie(|operation, result| {
        if operation == "get_bot_code" {
            result["inline_code"] = "# FORGED".into();
        }
    });
    let result = deceived.call("get_bot_code", args).await;
    deceived.assert_caught(result, "another source");
}

/// Signs checkpoints and the relay's health anew with another key.
fn with_another_key(operation: &str, result: &mut Value) {
    let key = SigningKey::ed25519(&[9; 32]);
    if operation == "health_check" {
        result["log_key"] = key.public().to_string().into();
    }
    let Some(note) = result["checkpoint"].as_str() else { return };
    let lines: Vec<&str> = note.lines().collect();
    let root = data_encoding::BASE64.decode(lines[2].as_bytes()).unwrap();
    let tree = TreeHead { size: lines[1].parse().unwrap(), root: Hash::from_bytes(root.try_into().unwrap()) };
    result["checkpoint"] = Checkpoint { origin: lines[0].parse().unwrap(), tree }.sign(&key).into();
}

#[tokio::test]
async fn a_changed_key_is_caught_for_all_channels() {
    let mut deceived = Deceived::create(json!({})).await;
    deceived.relay.lie(with_another_key);
    let result = deceived.read(0).await;
    let error = deceived.assert_caught(result, "changed key");
    assert!(error.contains(&SigningKey::ed25519(&[9; 32]).public().to_string()), "{error}");
    let create = json!({ "name": "Other", "slots": ["invite:bob"] });
    let error = in_time("create", deceived.bob.call_tool("create_channel", create)).await.unwrap_err().to_string();
    assert!(error.contains("RELAY_CONTRADICTION"), "{error}");
}

#[tokio::test]
async fn a_missing_checkpoint_is_no_answer() {
    let mut deceived = Deceived::create(json!({})).await;
    deceived.relay.lie(|_, result| {
        result.as_object_mut().unwrap().remove("checkpoint");
    });
    let error = deceived.read(0).await.unwrap_err().to_string();
    assert!(error.contains("RELAY_CONTRADICTION") && error.contains("no signed checkpoint"), "{error}");
    deceived.relay.be_honest();
    deceived.read(0).await.unwrap();
}

/// Copies the database of a relay that does not run.
fn copy_database(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name.to_str().unwrap().contains(".db") || name.to_str().unwrap().contains("sqlite") {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_relay_that_was_restored_from_an_older_backup_is_caught() {
    for posts_after in [0, 1, 3] {
        let mut deceived = Deceived::create(json!({})).await;
        let backup = tempfile::tempdir().unwrap();
        let size = deceived.channel.size().await;
        deceived.channel.relay.kill().await.unwrap();
        copy_database(deceived.channel.relay.data_dir(), backup.path());
        assert!(std::fs::read_dir(backup.path()).unwrap().count() > 0);
        deceived.channel.relay.restart(None).await.unwrap();
        deceived.channel.alice = deceived.channel.relay.connect().await.unwrap();
        deceived.channel.alice_posts("third").await;
        assert_eq!(texts(&deceived.read(size).await.unwrap()), ["third"]);

        deceived.channel.relay.kill().await.unwrap();
        for entry in std::fs::read_dir(deceived.channel.relay.data_dir()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|name| name.to_str().unwrap().starts_with("db")) {
                std::fs::remove_file(path).unwrap();
            }
        }
        copy_database(backup.path(), deceived.channel.relay.data_dir());
        deceived.channel.relay.restart(None).await.unwrap();
        deceived.channel.alice = deceived.channel.relay.connect().await.unwrap();
        for _ in 0..posts_after {
            deceived.channel.alice_posts("FORGED").await;
        }
        let result = deceived.read(size + 1).await;
        deceived.assert_caught(result, "fork after a restart");
    }
}
